// Command apierror is a server that answers with package apierror.
package main

import (
	"log"
	"net/http"

	"github.com/tenetkit/tenet/apierror"
)

func main() {
	mux := http.NewServeMux()
	mux.Handle("POST /leads", apierror.Handler(func(http.ResponseWriter, *http.Request) error { return apierror.NotFound("No such lead") }))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", apierror.Recover(apierror.Options{})(apierror.Mux(mux))))
}
