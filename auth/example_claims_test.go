package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// Claims of one's own are a struct, which may embed golang-jwt's registered ones.
func ExampleClaims() {
	type claims struct {
		jwt.RegisteredClaims
		Tenant string `json:"tenant"`
	}
	iss, err := issuer.New(issuer.Options{
		URL:      "https://api.example.com",
		Audience: "https://api.example.com",
		Key:      auth.Key{Key: []byte("a secret of at least 32 bytes ...")},
		Claims: func(auth.Principal) (map[string]any, error) {
			return map[string]any{"tenant": "acme"}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{}, iss.Trust())
	if err != nil {
		panic(err)
	}
	h := auth.Require(tokens)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		own, err := auth.Claims[claims](p)
		fmt.Println(own.Subject, own.Tenant, err)
	}))

	token, _, err := iss.Token(auth.Principal{Subject: "alice"})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	h.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// alice acme <nil>
}

// A token is withdrawn before it ends by its id, its subject, its client or the
// time it was issued at. The hook is asked on every request.
func ExampleJWTOptions_revoked() {
	var revoked sync.Map // of token ids; a service keeps them until they have expired
	iss, err := issuer.New(issuer.Options{
		URL:      "https://api.example.com",
		Audience: "https://api.example.com",
		Key:      auth.Key{Key: []byte("a secret of at least 32 bytes ...")},
	})
	if err != nil {
		panic(err)
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{
		Revoked: func(_ context.Context, p auth.Principal) (bool, error) {
			_, found := revoked.Load(p.TokenID)
			return found, nil
		},
	}, iss.Trust())
	if err != nil {
		panic(err)
	}
	token, _, err := iss.Token(auth.Principal{Subject: "alice"})
	if err != nil {
		panic(err)
	}
	h := auth.Require(tokens)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		revoked.Store(p.TokenID, true) // a logout
	}))
	for range 2 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 401
}
