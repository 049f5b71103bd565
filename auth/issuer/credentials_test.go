package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// ask sends a token request of the client.
func ask(h http.Handler, id, secret, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const grant = "grant_type=client_credentials"

// RFC 6749, section 2.3.1: id and secret come as they are or encoded as in a form.
func TestEncodedCredentials(t *testing.T) {
	t.Parallel()
	hash := must(auth.HashSecret("50% + a: b"))
	clients := must(auth.Clients(auth.Client{ID: "app@example", Secrets: []auth.Secret{{Hash: hash}}}))
	iss := newIssuer(t, issuer.Options{Basic: must(auth.NewBasic(clients, auth.BasicOptions{}))})
	for name, tt := range map[string]struct {
		id, secret string
		status     int
	}{
		"as they are":       {"app@example", "50% + a: b", 200},
		"encoded":           {"app%40example", "50%25+%2B+a%3A+b", 200},
		"encoded twice":     {"app%2540example", "50%25+%2B+a%3A+b", 401},
		"broken":            {"app%4", "50%25+%2B+a%3A+b", 401},
		"a colon in the id": {"app%3A", "50%25+%2B+a%3A+b", 401},
		"wrong":             {"app%40example", "51%25", 401},
	} {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(tt.id, tt.secret)
		w := httptest.NewRecorder()
		iss.TokenHandler().ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s = %d %s, want %d", name, w.Code, w.Body, tt.status)
		}
	}
}

// Encoded credentials (RFC 6749, section 2.3.1) are good however often they come:
// that they are none as they stand is not held against their client.
func TestEncodedCredentialsAreNotBraked(t *testing.T) {
	t.Parallel()
	const plain = "50% + a/b=" // neither encoded nor hard to guess
	for name, hash := range map[string]string{
		"a fast hash": "$sha256$" + sha256Of(plain),
		"a slow hash": "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0c2FsdA$" + pbkdf2Of(plain),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const literal = "a%2Bb" // reads as if it were encoded
				clients := must(auth.Clients(
					auth.Client{ID: "app@example", Secrets: []auth.Secret{{Hash: hash}, {Hash: "$sha256$" + sha256Of(literal)}}},
					auth.Client{ID: "other"},
				))
				basic := must(auth.NewBasic(clients, auth.BasicOptions{
					Address:            func(*http.Request) string { return "192.0.2.1" }, // one for all
					MaxAddressFailures: 10,
				}))
				h := newIssuer(t, issuer.Options{Basic: basic}).TokenHandler()
				id, secret := neturl.QueryEscape("app@example"), neturl.QueryEscape(plain)
				for n := range 400 {
					if w := ask(h, id, secret, grant); w.Code != 200 {
						t.Fatalf("encoded, request %d = %d %s", n, w.Code, w.Body)
					}
				}
				for n := range 400 {
					if w := ask(h, "app@example", plain, grant); w.Code != 200 {
						t.Fatalf("as they are, request %d = %d %s", n, w.Code, w.Body)
					}
				}
				for n := range 400 {
					if w := ask(h, "app@example", literal, grant); w.Code != 200 {
						t.Fatalf("as they are, though they read as encoded, request %d = %d %s", n, w.Code, w.Body)
					}
				}
				// They leave the address as it was: others may still fail.
				if w := ask(h, "other", "wrong", grant); w.Code != 401 {
					t.Errorf("another client = %d %s, want 401", w.Code, w.Body)
				}
				// Nobody locks them out, either.
				for range 400 {
					ask(h, id, "wrong%21", grant)
				}
				if w := ask(h, id, "wrong%21", grant); w.Code != 429 || w.Header().Get("Retry-After") == "" ||
					!strings.Contains(w.Body.String(), `"error":"too_many_requests"`) {
					t.Errorf("after 400 failures = %d %v %s, want 429", w.Code, w.Header(), w.Body)
				}
				if w := ask(h, id, secret, grant); w.Code != 200 {
					t.Errorf("encoded, while a stranger fails = %d %s", w.Code, w.Body)
				}
			})
		})
	}
}

// Decoding makes nothing of what is refused without it.
func TestEncodedCredentialsAreReadStrictly(t *testing.T) {
	t.Parallel()
	clients := must(auth.Clients(auth.Client{ID: "app", Secrets: []auth.Secret{{Hash: "$sha256$" + sha256Of("x:y")}}}))
	h := newIssuer(t, issuer.Options{Basic: must(auth.NewBasic(clients, auth.BasicOptions{}))}).TokenHandler()
	if w := ask(h, "app", "x%3Ay", grant); w.Code != 200 {
		t.Errorf("encoded = %d %s, want 200", w.Code, w.Body)
	}
	if w := ask(h, "app%3Ax", "y", grant); w.Code != 401 {
		t.Errorf("a colon that moves the end of the id = %d %s, want 401", w.Code, w.Body)
	}
	r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(grant))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", "x%3Ay")
	r.Header.Add("Authorization", "Basic eDp5")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("two fields = %d %s, want 401", w.Code, w.Body)
	}
}

// The first time, too, a fast hash lets the right secret in while a stranger fails.
func TestEncodedCredentialsBehindAStranger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const plain = "50% + a/b="
		clients := must(auth.Clients(auth.Client{ID: "app", Secrets: []auth.Secret{{Hash: "$sha256$" + sha256Of(plain)}}}))
		h := newIssuer(t, issuer.Options{Basic: must(auth.NewBasic(clients, auth.BasicOptions{}))}).TokenHandler()
		for range 400 {
			ask(h, "app", "wrong", grant)
		}
		if w := ask(h, "app", "wrong", grant); w.Code != 429 {
			t.Fatalf("after 400 failures = %d %s, want 429", w.Code, w.Body)
		}
		if w := ask(h, "app", neturl.QueryEscape(plain), grant); w.Code != 200 {
			t.Errorf("encoded, while a stranger fails = %d %s", w.Code, w.Body)
		}
	})
}

// A wrong secret counts as one failure, and as two only where it is two guesses.
func TestFailuresAreCounted(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]int{"wrong": 300, "50% wrong": 300, "wr%6Fng": 150, "wrong+": 150} {
		t.Run(secret, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				basic, _ := basicFor(t, auth.Client{ID: "app"})
				h := newIssuer(t, issuer.Options{Basic: basic}).TokenHandler()
				n := 0
				for ; n < 1000 && ask(h, "app", secret, grant).Code == 401; n++ {
				}
				if n < want-1 || n > want+1 {
					t.Errorf("%d refusals before the first 429, want about %d", n, want)
				}
			})
		})
	}
}

// What the store says is told, whichever way the credentials are read.
func TestEncodedCredentialsStoreDown(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{"a%40b", "a@b"} {
		basic := must(auth.NewBasic(func(_ context.Context, id string) (auth.Client, error) {
			if id == fails {
				return auth.Client{}, errors.New("down")
			}
			return auth.Client{}, nil
		}, auth.BasicOptions{}))
		w := ask(newIssuer(t, issuer.Options{Basic: basic}).TokenHandler(), "a%40b", "x", grant)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("with a store that fails for %s = %d %s, want 503", fails, w.Code, w.Body)
		}
	}
}

// The hook is told of the OAuth scopes that were granted, not of all that are held.
func TestAudit(t *testing.T) {
	t.Parallel()
	basic, credentials := basicFor(t, auth.Client{ID: "reports", Scopes: []string{"leads:read", "leads:write"}})
	type call struct {
		ClientID string
		Scopes   []string
		Failed   bool
	}
	var calls []call
	h := newIssuer(t, issuer.Options{Basic: basic, Audit: func(_ *http.Request, p auth.Principal, err error) {
		calls = append(calls, call{p.ClientID, p.Scopes, err != nil})
	}}).TokenHandler()
	for _, form := range []string{grant, grant + "&scope=leads:read+admin", grant + "&scope=admin", "", grant + "&client_secret=x"} {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", credentials)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	ask(h, "reports", "wrong", grant)
	all := []string{"leads:read", "leads:write"}
	want := []call{
		{"reports", all, false},
		{"reports", all[:1], false},
		{"reports", all, true},
		{"reports", all, true},
		{"reports", all, true},
		{"", nil, true},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
}
