package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
)

const (
	issuerURL = "https://issuer.example"
	audience  = "https://api.example"
)

var hmacKey = []byte("0123456789abcdef0123456789abcdef")

// The keys that tests share; making one costs more than a test.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type object = map[string]any

// goodClaims are those of a token that is accepted.
func goodClaims() object {
	now := time.Now().Unix()
	return object{"iss": issuerURL, "aud": audience, "sub": "alice", "exp": now + 3600, "iat": now - 1}
}

func with(o object, members ...any) object {
	for i := 0; i < len(members); i += 2 {
		o[members[i].(string)] = members[i+1]
	}
	return o
}

func without(o object, name string) object {
	delete(o, name)
	return o
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// text returns v as it is if it is a string, and as JSON otherwise.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(must(json.Marshal(v)))
}

// forge signs any header and claims, given as an object or as text.
func forge(method jwt.SigningMethod, key, header, claims any) string {
	return forgeText(method, key, encode([]byte(text(header))), encode([]byte(text(claims))))
}

func forgeText(method jwt.SigningMethod, key any, header, claims string) string {
	signed := header + "." + claims
	return signed + "." + encode(must(method.Sign(signed, key)))
}

// hs256 signs with the key that the issuer of newJWT has.
func hs256(header, claims any) string {
	return forge(jwt.SigningMethodHS256, hmacKey, header, claims)
}

func goodToken() string { return hs256(object{"alg": "HS256"}, goodClaims()) }

func hmacIssuer() auth.Issuer {
	return auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"HS256"}, Keys: []auth.Key{{Key: hmacKey}},
	}
}

func newJWT(t testing.TB, opts auth.JWTOptions, issuers ...auth.Issuer) *auth.JWT {
	t.Helper()
	if len(issuers) == 0 {
		issuers = []auth.Issuer{hmacIssuer()}
	}
	j, err := auth.NewJWT(opts, issuers...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func newBasic(t testing.TB, opts auth.BasicOptions, clients ...auth.Client) *auth.Basic {
	t.Helper()
	list, err := auth.Clients(clients...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := auth.NewBasic(list, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request returns a GET with the Authorization fields.
func request(authorization ...string) *http.Request {
	r := httptest.NewRequest("GET", "/leads", nil)
	if len(authorization) > 0 {
		r.Header["Authorization"] = authorization
	}
	return r
}

func basicField(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// hashOf is the hash that a table of tokens has.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return encode(sum[:])
}
