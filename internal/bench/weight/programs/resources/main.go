// Command resources is a server of two resources in memory: what the second one adds,
// others add too.
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

type deal struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Value     float64   `json:"value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type dealInput struct {
	Title string  `json:"title" validate:"required"`
	Value float64 `json:"value"`
}

func main() {
	store, err1 := resource.NewMemory[lead]("")
	leads, err2 := resource.New[lead, leadInput]("/leads", store, resource.Options{Unscoped: true})
	kept, err3 := resource.NewMemory[deal]("")
	deals, err4 := resource.New[deal, dealInput]("/deals", kept, resource.Options{Unscoped: true})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		log.Fatal(err)
	}
	http.Handle("/leads", leads)
	http.Handle("/leads/{id}", leads)
	http.Handle("/deals", deals)
	http.Handle("/deals/{id}", deals)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
