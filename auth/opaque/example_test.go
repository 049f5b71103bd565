package opaque_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/opaque"
)

// Personal access tokens: the table has their hashes, and a row that is deleted
// ends its token at once.
func Example() {
	token, hash := opaque.Generate("pat_")
	table := map[string]auth.Principal{hash: {Subject: "carol", Scopes: []string{"leads:read"}}}

	pats, err := opaque.New("pat_", func(_ context.Context, hash string) (auth.Principal, error) {
		return table[hash], nil
	}, opaque.Options{})
	if err != nil {
		panic(err)
	}
	h := auth.Require(pats)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := auth.Subject(r)
		fmt.Fprint(w, subject)
	}))
	call := func() {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body, w.Header()["Www-Authenticate"])
	}
	call()
	delete(table, hash)
	call()
	// Output:
	// 200 carol []
	// 401 {"error":"unauthorized","message":"Missing or invalid credentials"} [Bearer realm="api", error="invalid_token"]
}
