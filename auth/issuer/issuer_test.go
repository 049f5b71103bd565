package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

const (
	url    = "https://api.example.com"
	secret = "correct horse battery staple 1234"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// basicFor returns the check of one client and its Authorization field.
func basicFor(t *testing.T, client auth.Client) (*auth.Basic, string) {
	t.Helper()
	secret, hash := auth.GenerateSecret()
	client.Secrets = []auth.Secret{{Hash: hash}}
	clients, err := auth.Clients(client)
	if err != nil {
		t.Fatal(err)
	}
	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth(client.ID, secret)
	return basic, r.Header.Get("Authorization")
}

func newIssuer(t *testing.T, opts issuer.Options) *issuer.Issuer {
	t.Helper()
	if opts.URL == "" {
		opts.URL, opts.Audience = url, url
	}
	if opts.Key.Key == nil {
		opts.Key = auth.Key{ID: "1", Key: []byte(secret)}
	}
	iss, err := issuer.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return iss
}

func TestTokenHandler(t *testing.T) {
	t.Parallel()
	basic, credentials := basicFor(t, auth.Client{ID: "reports", Scopes: []string{"leads:read", "leads:write"}})
	iss := newIssuer(t, issuer.Options{Basic: basic})
	const form = "application/x-www-form-urlencoded"
	const challenge = `Basic realm="api", charset="UTF-8"`
	oauth := func(code, message string) string {
		return `{"error":"` + code + `","message":"` + message + `","error_description":"` + message + `"}`
	}
	tests := map[string]struct {
		method, query, contentType, body, accept string
		anonymous                                bool
		bad                                      bool
		status                                   int
		want                                     string // the body of a failure
		scope                                    string // of a success
		header                                   http.Header
	}{
		"all scopes when none is asked for": {
			contentType: form, body: "grant_type=client_credentials",
			status: 200, scope: "leads:read leads:write",
			header: http.Header{
				"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "Content-Type": {"application/json; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"},
			},
		},
		"scopes are cut to those held": {
			contentType: form + "; charset=UTF-8", body: "grant_type=client_credentials&scope=leads:write+admin+leads:write",
			status: 200, scope: "leads:write",
		},
		"an unknown parameter is ignored": {
			contentType: form, body: "grant_type=client_credentials&foo=bar&client_id=reports",
			status: 200, scope: "leads:read leads:write",
		},
		"an empty parameter counts as left out": {
			contentType: form, body: "grant_type=client_credentials&scope=",
			status: 200, scope: "leads:read leads:write",
		},
		"empty credentials in the body count as left out": {
			contentType: form, body: "grant_type=client_credentials&client_id=&client_secret=&client_assertion=",
			status: 200, scope: "leads:read leads:write",
		},
		"an assertion too": {
			contentType: form, body: "grant_type=client_credentials&client_assertion=x",
			status: 400, want: oauth("invalid_request", "Client credentials go into the Authorization header alone"),
		},
		"credentials in the body alone": {
			anonymous: true, contentType: form, body: "grant_type=client_credentials&client_id=reports&client_secret=x",
			status: 401, want: oauth("invalid_client", "Missing or invalid client credentials"),
			header: http.Header{"Www-Authenticate": {challenge}, "Cache-Control": {"no-store"}},
		},
		"an empty grant": {
			contentType: form, body: "grant_type=",
			status: 400, want: oauth("invalid_request", "grant_type is required"),
			header: http.Header{"Cache-Control": {"no-store"}, "Www-Authenticate": nil},
		},
		"an unknown parameter that is repeated": {
			contentType: form, body: "grant_type=client_credentials&foo=1&foo=2",
			status: 400, want: oauth("invalid_request", "A parameter is given more than once"),
		},
		"a scope with two spaces": {
			contentType: form, body: "grant_type=client_credentials&scope=leads:read++leads:write",
			status: 400, want: oauth("invalid_scope", "The scope is malformed"),
		},
		"a form in the query": {
			contentType: form, query: "?grant_type=client_credentials&scope=leads:read",
			status: 400, want: oauth("invalid_request", "grant_type is required"),
		},
		"a form in another character set": {
			contentType: form + "; charset=utf-16", body: "grant_type=client_credentials", status: 415,
			want: `{"error":"unsupported_media_type","message":"Content-Type must be application/x-www-form-urlencoded"}`,
		},
		"no scope that is held": {
			contentType: form, body: "grant_type=client_credentials&scope=admin",
			status: 400, want: oauth("invalid_scope", "The client holds none of the scopes that it asks for"),
		},
		"a malformed scope": {
			contentType: form, body: "grant_type=client_credentials&scope=%22",
			status: 400, want: oauth("invalid_scope", "The scope is malformed"),
		},
		"a repeated parameter is invalid_request": {
			contentType: form, body: "grant_type=client_credentials&grant_type=client_credentials",
			status: 400, want: oauth("invalid_request", "A parameter is given more than once"),
		},
		"a secret in the body too": {
			contentType: form, body: "grant_type=client_credentials&client_secret=x",
			status: 400, want: oauth("invalid_request", "Client credentials go into the Authorization header alone"),
		},
		"another client in the body": {
			contentType: form, body: "grant_type=client_credentials&client_id=other",
			status: 400, want: oauth("invalid_request", "Client credentials go into the Authorization header alone"),
		},
		"another grant": {
			contentType: form, body: "grant_type=password",
			status: 400, want: oauth("unsupported_grant_type", "Only the grant type client_credentials is supported"),
		},
		"no grant": {
			contentType: form, body: "scope=leads:read",
			status: 400, want: oauth("invalid_request", "grant_type is required"),
		},
		"nothing at all": {
			status: 400, want: oauth("invalid_request", "grant_type is required"),
		},
		"a form that does not decode": {
			contentType: form, body: "grant_type=%zz",
			status: 400, want: oauth("invalid_request", "The body is not a valid form"),
		},
		"no credentials": {
			anonymous: true, contentType: form, body: "grant_type=client_credentials",
			status: 401, want: oauth("invalid_client", "Missing or invalid client credentials"),
			header: http.Header{"Www-Authenticate": {challenge}, "Cache-Control": {"no-store"}},
		},
		"bad credentials": {
			bad: true, contentType: form, body: "grant_type=client_credentials",
			status: 401, want: oauth("invalid_client", "Missing or invalid client credentials"),
			header: http.Header{"Www-Authenticate": {challenge}},
		},
		"another method": {
			method: "GET", status: 405,
			want:   `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`,
			header: http.Header{"Allow": {"POST"}},
		},
		"JSON": {
			contentType: "application/json", body: `{"grant_type":"client_credentials"}`, status: 415,
			want: `{"error":"unsupported_media_type","message":"Content-Type must be application/x-www-form-urlencoded"}`,
		},
		"a huge body": {
			contentType: form, body: strings.Repeat("a", 70000), status: 413,
			want: `{"error":"content_too_large","message":"Request body is larger than 65536 bytes"}`,
		},
		"a caller who takes no JSON": {
			contentType: form, body: "grant_type=client_credentials", accept: "text/html", status: 406,
			want: `{"error":"not_acceptable","message":"Only application/json can be served"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method := tt.method
			if method == "" {
				method = "POST"
			}
			r := httptest.NewRequest(method, "/oauth/token"+tt.query, strings.NewReader(tt.body))
			for name, value := range map[string]string{"Content-Type": tt.contentType, "Accept": tt.accept} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			switch {
			case tt.bad:
				r.SetBasicAuth("reports", "wrong")
			case !tt.anonymous:
				r.Header.Set("Authorization", credentials)
			}
			w := httptest.NewRecorder()
			iss.TokenHandler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Fatalf("status = %d, want %d; body %s", w.Code, tt.status, w.Body)
			}
			for name, want := range tt.header {
				if diff := cmp.Diff(want, w.Header()[name]); diff != "" {
					t.Errorf("header %s mismatch (-want +got):\n%s", name, diff)
				}
			}
			if tt.status != 200 {
				if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
					t.Errorf("body mismatch (-want +got):\n%s", diff)
				}
				return
			}
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			token, _ := got["access_token"].(string)
			delete(got, "access_token")
			want := map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": tt.scope}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer mismatch (-want +got):\n%s", diff)
			}
			p := authenticate(t, must(auth.NewJWT(auth.JWTOptions{}, iss.Trust())), token)
			if p.Subject != "reports" || p.ClientID != "reports" || strings.Join(p.Scopes, " ") != tt.scope {
				t.Errorf("principal of the token = %+v", p)
			}
		})
	}
}

func authenticate(t *testing.T, tokens *auth.JWT, token string) auth.Principal {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	p, err := tokens.Authenticate(r)
	if err != nil {
		t.Fatalf("Authenticate: %v", err)
	}
	return p
}

// The middleware runs once the client is known, the first outermost.
func TestTokenHandlerMiddleware(t *testing.T) {
	t.Parallel()
	basic, credentials := basicFor(t, auth.Client{ID: "reports"})
	iss := newIssuer(t, issuer.Options{Basic: basic})
	var calls []string
	middleware := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				subject, _ := auth.Subject(r)
				calls = append(calls, name+" "+subject)
				next.ServeHTTP(w, r)
			})
		}
	}
	h := iss.TokenHandler(middleware("first"), middleware("second"))
	for _, field := range []string{credentials, "Basic eDp5"} {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", field)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if diff := cmp.Diff([]string{"first reports", "second reports"}, calls); diff != "" {
		t.Errorf("calls mismatch (-want +got):\n%s", diff)
	}
}

// An issuer without clients has no token endpoint.
func TestTokenHandlerWithoutBasic(t *testing.T) {
	t.Parallel()
	w := ask(newIssuer(t, issuer.Options{}).TokenHandler(), "a", "b", grant)
	if want := `{"error":"not_found","message":"Resource not found"}`; w.Code != 404 || w.Body.String() != want {
		t.Errorf("answer = %d %s, want 404 %s", w.Code, w.Body, want)
	}
}

// A store that does not answer is 503, not a wrong password.
func TestTokenHandlerStoreDown(t *testing.T) {
	t.Parallel()
	_, credentials := basicFor(t, auth.Client{ID: "reports"})
	errDown := errors.New("the table is locked")
	basic := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) {
		return auth.Client{}, errDown
	}, auth.BasicOptions{}))
	var audited error
	iss := newIssuer(t, issuer.Options{Basic: basic, Audit: func(_ *http.Request, _ auth.Principal, err error) { audited = err }})
	r := httptest.NewRequest("POST", "/oauth/token", nil)
	r.Header.Set("Authorization", credentials)
	w := httptest.NewRecorder()
	iss.TokenHandler().ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "service_unavailable") {
		t.Errorf("answer = %d %v %s, want the contract's 503", w.Code, w.Header(), w.Body)
	}
	if !errors.Is(audited, errDown) {
		t.Errorf("audited error = %v, want %v", audited, errDown)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := auth.Key{Key: []byte(secret)}
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	tests := map[string]issuer.Options{
		"no URL":                 {Audience: url, Key: good},
		"no audience":            {URL: url, Key: good},
		"no key":                 {URL: url, Audience: url},
		"a negative TTL":         {URL: url, Audience: url, Key: good, TTL: -time.Second},
		"a TTL of half a second": {URL: url, Audience: url, Key: good, TTL: time.Second / 2},
		"a short secret":         {URL: url, Audience: url, Key: auth.Key{Key: []byte("short")}},
		"a secret for RS256":     {URL: url, Audience: url, Key: auth.Key{Key: []byte(secret), Algorithm: "RS256"}},
		"a small RSA key":        {URL: url, Audience: url, Key: auth.Key{Key: small}},
		"a public key":           {URL: url, Audience: url, Key: auth.Key{Key: &must(rsa.GenerateKey(rand.Reader, 2048)).PublicKey}},
		"a nil key":              {URL: url, Audience: url, Key: auth.Key{Key: (*rsa.PrivateKey)(nil)}},
		"the algorithm none":     {URL: url, Audience: url, Key: auth.Key{Key: []byte(secret), Algorithm: "none"}},
		"retired of another kind": {
			URL: url, Audience: url, Key: good,
			Retired: []auth.Key{{ID: "old", Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}},
		},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := issuer.New(opts); err == nil || !strings.HasPrefix(err.Error(), "issuer: New: ") {
				t.Errorf("New = %v, want an error of its own", err)
			}
		})
	}
}

func TestOwnClaimsCannotReplaceTheIssuers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sub", "SUB", "exp", "roles", "cnf", "at_hash", "c_hash", "events"} {
		iss := newIssuer(t, issuer.Options{Claims: func(auth.Principal) (map[string]any, error) { return map[string]any{name: "x"}, nil }})
		if _, _, err := iss.Token(auth.Principal{Subject: "a"}); err == nil {
			t.Errorf("Token with an own claim %q = nil error", name)
		}
	}
}

// A principal that JSON cannot hold as it is would get the token of another.
func TestTokenRefusesInvalidUTF8(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, issuer.Options{})
	for _, p := range []auth.Principal{
		{},
		{Subject: "bob\xff"},
		{Subject: "bob", ClientID: "\xff"},
		{Subject: "bob", Unit: "\xff"},
		{Subject: "bob", Roles: []string{"editor", "\xff"}},
	} {
		if token, _, err := iss.Token(p); err == nil || !strings.HasPrefix(err.Error(), "issuer: Token: ") {
			t.Errorf("Token(%+v) = %q, %v, want an error", p, token, err)
		}
	}
}
