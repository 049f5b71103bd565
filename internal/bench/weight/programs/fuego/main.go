// Command fuego is a server of one operation on fuego.
package main

import (
	"log"

	"github.com/go-fuego/fuego"
)

type leadInput struct {
	Name string `json:"name" validate:"required"`
}

func main() {
	s := fuego.NewServer(fuego.WithAddr("127.0.0.1:8080"))
	fuego.Post(s, "/leads", func(c fuego.ContextWithBody[leadInput]) (leadInput, error) { return c.Body() })
	log.Fatal(s.Run())
}
