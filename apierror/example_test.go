package apierror_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
)

func Example() {
	names := map[string]string{"7": "Gear"}

	mux := http.NewServeMux()
	mux.Handle("GET /widgets/{id}", apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		name, ok := names[r.PathValue("id")]
		if !ok {
			return apierror.NotFound("No such widget")
		}
		fmt.Fprintln(w, name)
		return nil
	}))
	root := apierror.Recover(apierror.Options{})(apierror.Mux(mux))

	for _, target := range []string{"/widgets/7", "/widgets/8", "/gadgets"} {
		w := httptest.NewRecorder()
		root.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		fmt.Print(w.Code, " ", w.Body, "\n")
	}
	// Output:
	// 200 Gear
	//
	// 404 {"error":"not_found","message":"No such widget"}
	// 404 {"error":"not_found","message":"Resource not found"}
}

func ExampleValidationFailed() {
	w := httptest.NewRecorder()
	apierror.Write(w, httptest.NewRequest("POST", "/leads", nil), apierror.ValidationFailed(
		apierror.FieldError{Field: "name", Code: "required", Message: "Name is required"},
	))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}
}
