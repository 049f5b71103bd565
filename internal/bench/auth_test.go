package bench

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/auth"
)

const (
	issuerURL = "https://api.example.com"
	audience  = "leads"
)

// claims are what a service asks of a token besides the registered ones.
type claims struct {
	jwt.RegisteredClaims
	Scope   string `json:"scope"`
	OrgUnit string `json:"org_unit,omitempty"`
}

func token(b *testing.B, subject string) string {
	b.Helper()
	now := time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuerURL, Subject: subject, Audience: jwt.ClaimStrings{audience}, ID: "9f86d081884c7d65",
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		},
		Scope: "leads:read leads:write",
	}).SignedString(secret)
	if err != nil {
		b.Fatal(err)
	}
	return signed
}

// bearer returns Tenet's check of tokens.
func bearer(b *testing.B, opts auth.JWTOptions) *auth.JWT {
	b.Helper()
	j, err := auth.NewJWT(opts, auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"HS256"},
		Keys: []auth.Key{{Algorithm: "HS256", Key: secret}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

type claimsKey struct{}

// byHand is the middleware that people write around golang-jwt.
func byHand(next http.Handler) http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuerURL), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		var c claims
		if _, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return secret, nil }); err != nil {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, &c)))
	})
}

// withJWTAuth is go-chi's pair of middlewares. It checks no iss and no aud.
func withJWTAuth(next http.Handler) http.Handler {
	ja := jwtauth.New("HS256", secret, nil)
	return jwtauth.Verifier(ja)(jwtauth.Authenticator(ja)(next))
}

func authenticators(b *testing.B, opts auth.JWTOptions, next http.Handler) []contender {
	b.Helper()
	return []contender{
		{"tenet", auth.Require(bearer(b, opts))(next)},
		{"golang-jwt (text)", byHand(next)},
		{"jwtauth (text)", withJWTAuth(next)},
	}
}

// BenchmarkTokenSeen is a client that uses its token again.
func BenchmarkTokenSeen(b *testing.B) {
	r := request("GET", "/leads", "Authorization", "Bearer "+token(b, "demo-emea"))
	compete(b, r, http.StatusOK, authenticators(b, auth.JWTOptions{}, ok)...)
}

// BenchmarkTokenUnseen remembers no token.
func BenchmarkTokenUnseen(b *testing.B) {
	r := request("GET", "/leads", "Authorization", "Bearer "+token(b, "demo-emea"))
	compete(b, r, http.StatusOK, authenticators(b, auth.JWTOptions{CacheSize: -1}, ok)...)
}

// BenchmarkTokenForged is a token whose signature is another's.
func BenchmarkTokenForged(b *testing.B) {
	good, other := token(b, "demo-emea"), token(b, "demo-admin")
	forged := good[:strings.LastIndexByte(good, '.')] + other[strings.LastIndexByte(other, '.'):]
	r := request("GET", "/leads", "Authorization", "Bearer "+forged)
	compete(b, r, http.StatusUnauthorized, authenticators(b, auth.JWTOptions{}, ok)...)
}

// BenchmarkNoCredentials is a request without any.
func BenchmarkNoCredentials(b *testing.B) {
	compete(b, request("GET", "/leads"), http.StatusUnauthorized, authenticators(b, auth.JWTOptions{}, ok)...)
}
