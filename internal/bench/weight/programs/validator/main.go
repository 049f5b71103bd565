// Command validator is a server that checks a body with encoding/json and
// validator/v10.
package main

import (
	"encoding/json"
	"log"
	"net/http"

	"github.com/go-playground/validator/v10"
)

type leadInput struct {
	Name string `json:"name" validate:"required"`
}

func main() {
	v := validator.New()
	http.HandleFunc("POST /leads", func(w http.ResponseWriter, r *http.Request) {
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
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
