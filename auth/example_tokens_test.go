package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tenetkit/tenet/auth"
)

// personalTokens accepts access tokens that people make for their scripts. They
// begin with pat_, which tells them from a JWT.
type personalTokens map[string]string // from the token's hash to the user, as a table has it

func (t personalTokens) Authenticate(r *http.Request) (auth.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer pat_")
	if !ok {
		return auth.Principal{}, auth.ErrNoCredentials
	}
	user, ok := t[hashOf(token)]
	if !ok {
		return auth.Principal{}, errors.New("no such personal access token")
	}
	return auth.Principal{Scheme: "Bearer", Subject: user}, nil
}

func (personalTokens) Challenge(err error) string {
	if errors.Is(err, auth.ErrNoCredentials) {
		return `Bearer realm="api"`
	}
	return `Bearer realm="api", error="invalid_token"`
}

// An Authenticator of one's own, for opaque tokens. Next to [auth.JWT] it goes
// first and passes on what does not begin with its prefix.
func ExampleAuthenticator() {
	tokens := personalTokens{hashOf("7f3a"): "carol"}
	h := auth.Require(tokens)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, _ := auth.Subject(r)
		fmt.Fprint(w, subject)
	}))
	for _, field := range []string{"Bearer pat_7f3a", "Bearer pat_0000"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", field)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 carol
	// 401 {"error":"unauthorized","message":"Missing or invalid credentials"}
}
