// Command huma is a server of one operation on huma.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type leadInput struct {
	Body struct {
		Name string `json:"name" minLength:"1"`
	}
}

func main() {
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("Leads", "1.0.0"))
	huma.Post(api, "/leads", func(_ context.Context, in *leadInput) (*leadInput, error) { return in, nil })
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", mux))
}
