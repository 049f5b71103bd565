package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tenetkit/tenet/auth"
)

// A secret is replaced without downtime: the new one is added, the old one gets
// an end, and both are good until then.
func Example_rotation() {
	oldSecret, oldHash := auth.GenerateSecret()
	newSecret, newHash := auth.GenerateSecret()
	clients, err := auth.Clients(auth.Client{ID: "reports", Secrets: []auth.Secret{
		{Hash: oldHash, NotAfter: time.Now().Add(24 * time.Hour)},
		{Hash: newHash},
	}})
	if err != nil {
		panic(err)
	}
	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
	if err != nil {
		panic(err)
	}
	h := auth.Require(basic)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := auth.Subject(r)
		fmt.Fprintln(w, subject)
	}))
	for _, secret := range []string{oldSecret, newSecret} {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth("reports", secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 reports
	// 200 reports
}
