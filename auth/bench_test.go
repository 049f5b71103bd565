package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
)

// nothing is a handler and a ResponseWriter that cost nothing.
type nothing struct{ h http.Header }

func (nothing) ServeHTTP(http.ResponseWriter, *http.Request) {}
func (n nothing) Header() http.Header                        { return n.h }
func (nothing) Write(b []byte) (int, error)                  { return len(b), nil }
func (nothing) WriteHeader(int)                              {}

// run calls h with r once, as a benchmark does again and again.
func run(h http.Handler, w nothing, r *http.Request) func() {
	return func() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

// cases are the paths of a request through Require.
func cases(t testing.TB) map[string]func() {
	asymmetric := func(name string, private, public any) func() {
		j := newJWT(t, auth.JWTOptions{CacheSize: -1}, auth.Issuer{
			URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{name}, Keys: []auth.Key{{ID: "1", Key: public}},
		})
		token := forge(jwt.GetSigningMethod(name), private, object{"alg": name, "kid": "1", "typ": "at+jwt"}, benchClaims())
		return run(auth.Require(j)(nothing{}), nothing{http.Header{}}, request("Bearer "+token))
	}
	token := hs256(object{"alg": "HS256", "typ": "at+jwt"}, benchClaims())
	bad := token[:len(token)-20] + strings.Repeat("A", 20)
	seen := newJWT(t, auth.JWTOptions{})
	unseen := newJWT(t, auth.JWTOptions{CacheSize: -1})
	basic := newBasic(t, auth.BasicOptions{},
		auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: sha256Hash()}}}, auth.Client{ID: "slow", Secrets: []auth.Secret{{Hash: bcryptHash()}}})
	w := nothing{http.Header{}}
	with := func(a auth.Authenticator, field ...string) func() {
		return run(auth.Require(a)(nothing{}), w, request(field...))
	}
	both := auth.Require(basic, seen)(nothing{})
	return map[string]func(){
		"HS256 unseen":   with(unseen, "Bearer "+token),
		"HS256 seen":     with(seen, "Bearer "+token),
		"HS256 bad":      with(seen, "Bearer "+bad),
		"too long":       with(seen, "Bearer "+strings.Repeat("A", 880_000)),
		"RS256 unseen":   asymmetric("RS256", rsaKey(), &rsaKey().PublicKey),
		"ES256 unseen":   asymmetric("ES256", ecKey(), &ecKey().PublicKey),
		"EdDSA unseen":   asymmetric("EdDSA", edKey(), edKey().Public()),
		"Basic sha256":   with(basic, basicField("bob", "open sesame")),
		"Basic seen":     with(basic, basicField("slow", "open sesame")),
		"Basic wrong":    with(newBasic(t, auth.BasicOptions{MaxFailures: -1}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: sha256Hash()}}}), basicField("bob", "x")),
		"no credentials": run(both, w, request()),
		"both seen":      run(both, w, request("Bearer "+token)),
	}
}

func benchClaims() object {
	return with(goodClaims(), "scope", "leads:read leads:write", "client_id", "app", "jti", "3f1c2d9a-0b1e-4c8d-9a57-0f3b2c1d4e5f")
}

func BenchmarkRequire(b *testing.B) {
	for name, f := range cases(b) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			f()
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// What the figures are measured against.
func BenchmarkRaw(b *testing.B) {
	token := hs256(object{"alg": "HS256", "typ": "at+jwt"}, benchClaims())
	dot := strings.LastIndexByte(token, '.')
	signed, sig := []byte(token[:dot]), token[dot+1:]
	_ = sig
	b.Run("HMAC", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := hmac.New(sha256.New, hmacKey)
			m.Write(signed)
			m.Sum(nil)
		}
	})
	for name, key := range map[string][2]any{"RS256": {rsaKey(), &rsaKey().PublicKey}, "ES256": {ecKey(), &ecKey().PublicKey}, "EdDSA": {edKey(), edKey().Public()}} {
		method := jwt.GetSigningMethod(name)
		sig := must(method.Sign(string(signed), key[0]))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := method.Verify(string(signed), sig, key[1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("golang-jwt", func(b *testing.B) {
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuerURL), jwt.WithAudience(audience), jwt.WithExpirationRequired())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parser.ParseWithClaims(token, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return hmacKey, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("request_copy", func(b *testing.B) {
		r := request()
		b.ReportAllocs()
		for b.Loop() {
			r.WithContext(auth.NewContext(r.Context(), auth.Principal{Subject: "a"}))
		}
	})
}
