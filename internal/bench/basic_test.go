package bench

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"testing"

	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/tenetkit/tenet/auth"
)

const (
	clientID     = "demo-emea"
	clientSecret = "correct horse battery staple"
)

// A storedSecret is a hash of clientSecret, as Tenet stores it, and what people
// write to check it by hand.
type storedSecret struct {
	phc   string
	check func(secret string) bool
}

func bcryptSecret(b *testing.B) storedSecret {
	hash, err := bcrypt.GenerateFromPassword([]byte(clientSecret), 10)
	if err != nil {
		b.Fatal(err)
	}
	return storedSecret{string(hash), func(secret string) bool {
		return bcrypt.CompareHashAndPassword(hash, []byte(secret)) == nil
	}}
}

func argon2idSecret(*testing.B) storedSecret {
	const memory, rounds = 19 * 1024, 2
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(clientSecret), salt, rounds, memory, 1, 32)
	b64 := base64.RawStdEncoding
	return storedSecret{
		"$argon2id$v=19$m=19456,t=2,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(sum),
		func(secret string) bool {
			return subtle.ConstantTimeCompare(argon2.IDKey([]byte(secret), salt, rounds, memory, 1, 32), sum) == 1
		},
	}
}

func sha256Secret(*testing.B) storedSecret {
	sum := sha256.Sum256([]byte(clientSecret))
	return storedSecret{"$sha256$" + base64.RawStdEncoding.EncodeToString(sum[:]), func(secret string) bool {
		have := sha256.Sum256([]byte(secret))
		return subtle.ConstantTimeCompare(have[:], sum[:]) == 1
	}}
}

// basicByHand is the middleware that people write around r.BasicAuth.
func basicByHand(check func(secret string) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, found := r.BasicAuth()
		if !found || id != clientID || !check(secret) {
			w.Header().Set("WWW-Authenticate", `Basic realm="api"`)
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// chiBasic and echoBasic are the middlewares of these frameworks. They compare with
// plain secrets: neither knows hashes.
func chiBasic(next http.Handler) http.Handler {
	return chimiddleware.BasicAuth("api", map[string]string{clientID: clientSecret})(next)
}

func echoBasic() http.Handler {
	e := quiet()
	e.Use(echomiddleware.BasicAuth(func(id, secret string, _ echo.Context) (bool, error) {
		return subtle.ConstantTimeCompare([]byte(id), []byte(clientID)) == 1 && subtle.ConstantTimeCompare([]byte(secret), []byte(clientSecret)) == 1, nil
	}))
	e.GET("/leads", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	return e
}

func basics(b *testing.B, stored storedSecret, opts auth.BasicOptions) []contender {
	b.Helper()
	clients, err := auth.Clients(auth.Client{ID: clientID, Secrets: []auth.Secret{{Hash: stored.phc}}})
	if err != nil {
		b.Fatal(err)
	}
	basic, err := auth.NewBasic(clients, opts)
	if err != nil {
		b.Fatal(err)
	}
	return []contender{
		{"tenet", auth.Require(basic)(ok)},
		{"by hand (text)", basicByHand(stored.check, ok)},
		{"chi, plain secrets (no body)", chiBasic(ok)},
		{"echo, plain secrets", echoBasic()},
	}
}

var storedSecrets = []struct {
	name string
	make func(*testing.B) storedSecret
}{{"bcrypt", bcryptSecret}, {"argon2id", argon2idSecret}, {"sha256", sha256Secret}}

// BenchmarkBasicSeen is a client that uses its secret again, by the hash that is
// stored of it: bcrypt of cost 10, argon2id of 19 MiB and two rounds, SHA-256.
func BenchmarkBasicSeen(b *testing.B) {
	for _, s := range storedSecrets {
		b.Run(s.name, func(b *testing.B) {
			r := request("GET", "/leads")
			r.SetBasicAuth(clientID, clientSecret)
			compete(b, r, http.StatusOK, append(basics(b, s.make(b), auth.BasicOptions{}), copied())...)
		})
	}
}
