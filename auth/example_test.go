package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// The smallest server that takes both schemes: Basic credentials of a client, and
// the tokens that the client gets for them.
func Example() {
	secret, hash := auth.GenerateSecret()
	clients, err := auth.Clients(auth.Client{ID: "reports", Secrets: []auth.Secret{{Hash: hash}}})
	if err != nil {
		panic(err)
	}
	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
	if err != nil {
		panic(err)
	}
	iss, err := issuer.New(issuer.Options{
		URL:      "https://api.example.com",
		Audience: "https://api.example.com",
		Key:      auth.Key{ID: "1", Key: []byte("a secret of at least 32 bytes ...")},
		Basic:    basic,
	})
	if err != nil {
		panic(err)
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{}, iss.Trust())
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/whoami", auth.Require(basic, tokens)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprintln(w, p.Subject, "by", p.Scheme)
	})))

	token, _, err := iss.Token(auth.Principal{Subject: "reports"})
	if err != nil {
		panic(err)
	}
	call := func(credentials func(*http.Request)) {
		r := httptest.NewRequest("GET", "/whoami", nil)
		credentials(r)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
		for _, challenge := range w.Header()["Www-Authenticate"] {
			fmt.Print("\n    ", challenge)
		}
	}
	call(func(r *http.Request) { r.SetBasicAuth("reports", secret) })
	call(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	call(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"A") })
	// Output:
	// 200 reports by Basic
	// 200 reports by Bearer
	// 401 {"error":"unauthorized","message":"Missing or invalid credentials"}
	//     Basic realm="api", charset="UTF-8"
	//     Bearer realm="api", error="invalid_token"
}
