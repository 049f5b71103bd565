// Command chi is a server of one route on chi, with encoding/json and validator/v10.
package main

import (
	"encoding/json"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-playground/validator/v10"
)

type leadInput struct {
	Name string `json:"name" validate:"required"`
}

func main() {
	v := validator.New()
	router := chi.NewRouter()
	router.Use(middleware.RequestID, middleware.Recoverer)
	router.Post("/leads", func(w http.ResponseWriter, r *http.Request) {
		var in leadInput
		err := json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			err = v.Struct(in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(in)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", router))
}
