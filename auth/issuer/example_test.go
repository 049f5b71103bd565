package issuer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
	"github.com/tenetkit/tenet/auth/jwks"
)

// A service that issues the tokens it accepts: a client gets one for its secret
// and calls with it.
func Example() {
	secret, hash := auth.GenerateSecret()
	clients, err := auth.Clients(auth.Client{
		ID: "reports", Secrets: []auth.Secret{{Hash: hash}}, Scopes: []string{"leads:read", "leads:write"},
	})
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
		Key:      auth.Key{Key: []byte("a secret of at least 32 bytes ...")},
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
	mux.Handle("/oauth/token", iss.TokenHandler())
	mux.Handle("/leads", auth.Require(tokens)(auth.RequireScope("leads:read")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			p, _ := auth.FromContext(r.Context())
			fmt.Fprintln(w, p.Subject, "may", p.Scopes)
		}))))

	r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader("grant_type=client_credentials&scope=leads:read"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("reports", secret)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		panic(err)
	}
	fmt.Println(w.Code, answer.TokenType, answer.ExpiresIn, answer.Scope)

	r = httptest.NewRequest("GET", "/leads", nil)
	r.Header.Set("Authorization", "Bearer "+answer.AccessToken)
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 200 Bearer 3600 leads:read
	// 200 reports may [leads:read]
}

// The next key is in the set before it signs, and the last one until its tokens
// have ended.
func ExampleIssuer_Rotate() {
	key := func(id string) auth.Key {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return auth.Key{ID: id, Key: k}
	}
	iss, err := issuer.New(issuer.Options{URL: "https://api.example.com", Audience: "https://api.example.com", Key: key("2026")})
	if err != nil {
		panic(err)
	}
	show := func() {
		w := httptest.NewRecorder()
		iss.KeySetHandler().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
		keys, err := jwks.ParseSet(w.Body.Bytes())
		if err != nil {
			panic(err)
		}
		var ids []string
		for _, k := range keys {
			ids = append(ids, k.ID)
		}
		fmt.Println(ids)
	}
	show()
	next := key("2027")
	if err := iss.Publish(next); err != nil {
		panic(err)
	}
	show()
	if err := iss.Rotate(next); err != nil { // a day later
		panic(err)
	}
	show()
	// Output:
	// [2026]
	// [2026 2027]
	// [2027 2026]
}
