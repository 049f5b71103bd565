package ouscope_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

type claims struct {
	jwt.RegisteredClaims
	Unit string `json:"ou,omitempty"` // set in tokens that are made for one unit
}

type claimsKey struct{}

// authenticate is the JWT middleware that the service has had all along.
func authenticate(key []byte) func(http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			var c claims
			_, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return key, nil })
			if err != nil {
				apierror.Write(w, r, apierror.Unauthorized("Bearer").Wrap(err))
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, c)))
		})
	}
}

// A service that has its own authentication gives ouscope two funcs: who the
// caller is, and which unit the token is bound to, if any.
func ExampleNew_ownAuthentication() {
	subject := func(r *http.Request) (string, bool) {
		c, ok := r.Context().Value(claimsKey{}).(claims)
		return c.Subject, ok && c.Subject != ""
	}
	bound := func(r *http.Request) (string, bool) {
		c, _ := r.Context().Value(claimsKey{}).(claims)
		return c.Unit, c.Unit != ""
	}
	directory, err := ouscope.NewMemory(acme(), []ouscope.Assignment{{Subject: "ann", Unit: "emea", Role: "editor"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	scoper, err := ouscope.New(directory, subject, ouscope.Options{Bound: bound})
	if err != nil {
		fmt.Println(err)
		return
	}
	key := []byte("a key of at least thirty-two bytes")
	api := authenticate(key)(scoper.Require("editor")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, ouscope.FromContext(r.Context()).IDs())
	})))

	for _, unit := range []string{"", "uk", "us"} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
			RegisteredClaims: jwt.RegisteredClaims{Subject: "ann", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))},
			Unit:             unit,
		}).SignedString(key)
		if err != nil {
			fmt.Println(err)
			return
		}
		r := httptest.NewRequest("GET", "/leads", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 [de emea uk]
	// 200 [uk]
	// 403 {"error":"forbidden","message":"Your roles do not permit this here","details":{"code":"missing_role"}}
}
