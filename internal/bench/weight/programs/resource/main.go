// Command resource is a server of one resource in memory.
package main

import (
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/resource"
)

type lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type leadInput struct {
	Name string `json:"name" validate:"required"`
}

func main() {
	store, err1 := resource.NewMemory[lead]("")
	leads, err2 := resource.New[lead, leadInput]("/leads", store, resource.Options{Unscoped: true})
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	http.Handle("/leads", leads)
	http.Handle("/leads/{id}", leads)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
