// Command nethttp is the baseline: the standard library's server with one route.
package main

import (
	"log"
	"net/http"
)

func main() {
	http.HandleFunc("POST /leads", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
