package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/auth"
)

// apiKeys accepts the keys that partners send in a field of their own.
type apiKeys map[string]string // from the key's hash to the partner, as a table has it

func (k apiKeys) Authenticate(r *http.Request) (auth.Principal, error) {
	switch keys := r.Header.Values("X-Api-Key"); len(keys) {
	case 0:
		return auth.Principal{}, auth.ErrNoCredentials
	case 1:
		if partner, ok := k[hashOf(keys[0])]; ok {
			return auth.Principal{Scheme: "ApiKey", Subject: partner}, nil
		}
	}
	return auth.Principal{}, errors.New("no such API key, or several")
}

func (apiKeys) Challenge(error) string { return `ApiKey realm="api"` }

// An Authenticator of one's own, for keys in another field than Authorization. For
// bearer tokens that are looked up there is package auth/opaque.
func ExampleAuthenticator() {
	keys := apiKeys{hashOf("7f3a"): "acme"}
	h := auth.Require(keys)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := auth.Subject(r)
		fmt.Fprint(w, subject)
	}))
	for _, key := range []string{"7f3a", "0000"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Api-Key", key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body, w.Header()["Www-Authenticate"])
	}
	// Output:
	// 200 acme []
	// 401 {"error":"unauthorized","message":"Missing or invalid credentials"} [ApiKey realm="api"]
}
