package idempotency_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/tenetkit/tenet/resource/idempotency"
)

// A client that got no answer sends the same request again.
func Example() {
	payments := 0
	pay := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		payments++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "payment %d", payments)
	})
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	unit := func(*http.Request) string { return "uk" }                  // ouscope.FromContext(r.Context()).Active()
	once, err := idempotency.New(caller, unit, idempotency.NewMemory(0), idempotency.Options{})
	if err != nil {
		log.Fatal(err)
	}
	h := once(pay)
	for range 2 {
		rec := post(h, "/payments", `{"amount":5}`, "Idempotency-Key: 5f0c2b1e")
		fmt.Println(rec.Code, rec.Body, "replayed:", rec.Header().Get("Idempotency-Replayed") == "true")
	}
	rec := post(h, "/payments", `{"amount":500}`, "Idempotency-Key: 5f0c2b1e")
	fmt.Println(rec.Code, rec.Body)
	// Output:
	// 201 payment 1 replayed: false
	// 201 payment 1 replayed: true
	// 422 {"error":"validation_failed","message":"The key was used for another request","details":{"field":"Idempotency-Key","code":"idempotency_key_reused"}}
}

// A service without organizational units says so.
func ExampleUnscoped() {
	caller := func(*http.Request) (string, bool) { return "ada", true } // auth.Subject
	once, err := idempotency.New(caller, idempotency.Unscoped, idempotency.NewMemory(0), idempotency.Options{Require: true})
	if err != nil {
		log.Fatal(err)
	}
	rec := post(once(http.NotFoundHandler()), "/payments", `{"amount":5}`)
	fmt.Println(rec.Code, rec.Body)
	// Output: 400 {"error":"bad_request","message":"Idempotency-Key is required","details":{"field":"Idempotency-Key","code":"required"}}
}
