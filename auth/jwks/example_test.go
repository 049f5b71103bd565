package jwks_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/authtest"
	"github.com/tenetkit/tenet/auth/jwks"
)

// An issuer that rotates its key and goes down: the new key is good at once, and
// while nobody answers callers are served with the last set, those who were never
// seen before, too.
func Example() {
	iss := authtest.NewIssuer(new(testing.T)) // any OpenID Connect provider

	keys, err := jwks.Discover(iss.URL, jwks.Options{})
	if err != nil {
		panic(err)
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{}, auth.Issuer{
		URL:        iss.URL,
		Audiences:  []string{iss.Audience},
		Algorithms: []string{"ES256"},
		KeySource:  keys.Keys,
	})
	if err != nil {
		panic(err)
	}
	h := auth.Require(tokens)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := auth.Subject(r)
		fmt.Fprintln(w, subject)
	}))
	call := func(token string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	call(iss.Token("alice"))
	iss.Rotate()
	call(iss.Token("bob"))
	iss.SetDown(true)
	call(iss.Token("carol"))
	// Output:
	// 200 alice
	// 200 bob
	// 200 carol
}
