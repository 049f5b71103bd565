package apierror_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
)

// What the mux would answer in plain text or HTML comes in the contract's form.
func ExampleMux() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leads", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/reports/", func(http.ResponseWriter, *http.Request) {})
	root := apierror.Mux(mux)

	for _, line := range [][2]string{{"GET", "/nope"}, {"DELETE", "/leads"}, {"GET", "/reports"}} {
		w := httptest.NewRecorder()
		root.ServeHTTP(w, httptest.NewRequest(line[0], line[1], nil))
		fmt.Println(w.Code, w.Header()["Allow"], w.Header()["Location"], w.Body)
	}
	// Output:
	// 404 [] [] {"error":"not_found","message":"Resource not found"}
	// 405 [GET, HEAD] [] {"error":"method_not_allowed","message":"Method not allowed on this resource"}
	// 307 [] [/reports/]
}

// Other routers have a place for handlers of one's own; chi has r.NotFound.
func ExampleNotFoundHandler() {
	var notFound http.HandlerFunc = apierror.NotFoundHandler

	w := httptest.NewRecorder()
	notFound(w, httptest.NewRequest("GET", "/nope", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 404 {"error":"not_found","message":"Resource not found"}
}
