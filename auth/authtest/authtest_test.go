package authtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/authtest"
	"github.com/tenetkit/tenet/auth/jwks"
)

var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	subject, _ := auth.Subject(r)
	_, _ = io.WriteString(w, subject)
})

func newJWT(t *testing.T, issuers ...auth.Issuer) *auth.JWT {
	t.Helper()
	tokens, err := auth.NewJWT(auth.JWTOptions{}, issuers...)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// Both ways to wire it hold: alone, and next to Basic and another issuer.
func TestAttack(t *testing.T) {
	t.Parallel()
	iss, other := authtest.NewIssuer(t), authtest.NewIssuer(t)
	clients, err := auth.Clients()
	if err != nil {
		t.Fatal(err)
	}
	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("alone", func(t *testing.T) {
		authtest.Attack(t, auth.Require(newJWT(t, iss.Trust()))(whoami), iss)
	})
	t.Run("with Basic and another issuer", func(t *testing.T) {
		authtest.Attack(t, apierror.Recover(apierror.Options{})(auth.Require(basic, newJWT(t, other.Trust(), iss.Trust()))(whoami)), iss)
	})
	t.Run("keys by discovery", func(t *testing.T) {
		keys, err := jwks.Discover(iss.URL, jwks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		trust := iss.Trust()
		trust.KeySource = keys.Keys
		authtest.Attack(t, auth.Require(newJWT(t, trust))(whoami), iss)
	})
}

// Attack finds what a handler of a few lines misses.
func TestAttackFindsHoles(t *testing.T) {
	t.Parallel()
	iss := authtest.NewIssuer(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{}); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(401)
		}
	})
	if failed, all := authtest.Failures(h, iss); failed < 40 || failed == all {
		t.Errorf("a handler that does not verify passes: %d of %d attacks got in", failed, all)
	}
	if failed, all := authtest.Failures(auth.Require(newJWT(t, iss.Trust()))(whoami), iss); failed > 0 || all < 70 {
		t.Errorf("%d of %d attacks got in, want none of 70 or more", failed, all)
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	iss := authtest.NewIssuer(t)
	tokens := newJWT(t, iss.Trust())
	status := func(token string) int {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		auth.Require(tokens)(whoami).ServeHTTP(w, r)
		return w.Code
	}
	token := iss.Token("alice", map[string]any{"scope": "read", "jti": nil})
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"good":        {token, 200},
		"expired":     {iss.Token("alice", map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), 401},
		"without aud": {iss.Token("alice", map[string]any{"aud": nil}), 401},
	} {
		if got := status(tt.token); got != tt.want {
			t.Errorf("%s = %d, want %d", name, got, tt.want)
		}
	}
	iss.Rotate()
	if got := status(token); got != 401 {
		t.Errorf("a token of the old key = %d, want 401", got)
	}
	if got := status(iss.Token("alice")); got != 200 {
		t.Errorf("a token of the new key = %d, want 200", got)
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	authtest.As(auth.Principal{Subject: "alice"}, whoami).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Body.String() != "alice" {
		t.Errorf("subject = %q, want alice", w.Body)
	}
}

// The three lines that a test needs to call a guarded handler.
func Example() {
	t := new(testing.T) // a test has its own

	iss := authtest.NewIssuer(t)
	tokens, err := auth.NewJWT(auth.JWTOptions{}, iss.Trust())
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+iss.Token("alice"))

	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	auth.Require(tokens)(whoami).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 alice
}
