// Package authtest tests services that package auth guards: with an issuer that
// tests mint tokens at, with a principal out of thin air, and with a list of
// hostile credentials that must all be refused.
//
//	iss := authtest.NewIssuer(t)
//	tokens, err := auth.NewJWT(auth.JWTOptions{}, iss.Trust())
//	r.Header.Set("Authorization", "Bearer "+iss.Token("alice"))
//
// [Attack] runs the list against a handler as it is wired in your service:
//
//	func TestAttack(t *testing.T) {
//		iss := authtest.NewIssuer(t)
//		authtest.Attack(t, newServer(iss.Trust()), iss)
//	}
//
// An [Issuer] is safe for concurrent use.
package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
)

// Issuer signs tokens with ES256 and serves its keys and its discovery document
// over HTTP, on a loopback address. Make one with [NewIssuer].
type Issuer struct {
	URL      string // the iss claim, and where it listens
	Audience string // the aud claim

	tb      testing.TB
	down    atomic.Bool
	fetched atomic.Int32 // requests to what the tokens of Attack name

	mu    sync.Mutex
	count int
	key   *ecdsa.PrivateKey
	keyID string
	set   *auth.KeySet
	text  []byte
}

// NewIssuer starts an issuer that ends with the test. With
// [github.com/tenetkit/tenet/auth/jwks.Discover] a service finds its keys at URL.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, Audience: "https://api.test"}
	i.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		_, _ = w.Write(i.text)
	})
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("/evil", func(w http.ResponseWriter, _ *http.Request) {
		i.fetched.Add(1)
		_, _ = io.WriteString(w, `{"keys":[]}`)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Trust returns what [auth.NewJWT] needs to accept the tokens. The keys do not go
// over HTTP.
func (i *Issuer) Trust() auth.Issuer {
	return auth.Issuer{
		URL:        i.URL,
		Audiences:  []string{i.Audience},
		Algorithms: []string{"ES256"},
		KeySource: func(context.Context, string) (*auth.KeySet, error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			return i.set, nil
		},
	}
}

// Rotate replaces the key. Tokens of the old one are good no longer.
func (i *Issuer) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatalf("authtest: Rotate: %v", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	i.key, i.keyID = key, fmt.Sprintf("key-%d", i.count)
	i.text, err = jwk.MarshalSet([]jwk.Key{{ID: i.keyID, Algorithm: "ES256", Key: &key.PublicKey}})
	if err == nil {
		i.set, err = auth.NewKeySet(auth.Key{ID: i.keyID, Algorithm: "ES256", Key: &key.PublicKey})
	}
	if err != nil {
		i.tb.Fatalf("authtest: Rotate: %v", err)
	}
}

// SetDown makes the issuer drop its connections, or answer again. Tokens can be
// minted all the same.
func (i *Issuer) SetDown(down bool) { i.down.Store(down) }

// Token returns a token for the subject, good for an hour. Claims are added to
// its own or replace them; a nil value takes one away.
func (i *Issuer) Token(subject string, claims ...map[string]any) string {
	all := i.claims(subject)
	for _, c := range claims {
		maps.Copy(all, c)
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return i.sign(i.header(), all)
}

func (i *Issuer) claims(subject string) map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": i.URL, "aud": i.Audience, "sub": subject, "iat": now, "exp": now + 3600, "jti": rand.Text(),
	}
}

func (i *Issuer) header() map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	return map[string]any{"alg": "ES256", "kid": i.keyID, "typ": "at+jwt"}
}

// sign signs any header and claims: a string is taken as it is, anything else as
// JSON.
func (i *Issuer) sign(header, claims any) string {
	i.mu.Lock()
	key := i.key
	i.mu.Unlock()
	return signWith(jwt.SigningMethodES256, key, encode(header), encode(claims))
}

func signWith(method jwt.SigningMethod, key any, header, claims string) string {
	signed := header + "." + claims
	signature, err := method.Sign(signed, key)
	if err != nil {
		panic("authtest: " + err.Error()) // the keys are made here
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func encode(v any) string {
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			panic("authtest: " + err.Error()) // a claim that is no JSON
		}
		text = string(data)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// As returns a handler that serves every request as if p had sent it, for tests
// of what comes behind [auth.Require].
func As(p auth.Principal, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
	})
}
