package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ratelimit"
)

func main() {
	secret, hash := auth.GenerateSecret()
	clients, err1 := auth.Clients(auth.Client{ID: "robot", Secrets: []auth.Secret{{Hash: hash}}})
	basic, err2 := auth.NewBasic(clients, auth.BasicOptions{})
	counts, err3 := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	limiter, err4 := ratelimit.New(counts, auth.Subject, ratelimit.Options{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello/{name}", auth.Require(basic)(limiter.Handler(apierror.Handler(hello))))
	fmt.Printf("curl -i -u robot:%s http://127.0.0.1:8080/hello/Ada\n", secret)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", apierror.Recover(apierror.Options{})(apierror.Mux(mux))))
}

func hello(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("name") == "Bob" {
		return apierror.NotFound("No such person")
	}
	_, err := fmt.Fprintf(w, "Hello, %s!\n", r.PathValue("name"))
	return err
}
