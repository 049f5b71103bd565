package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

// whoami answers with the subject, or with nobody.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	subject, ok := auth.Subject(r)
	if !ok {
		subject = "nobody"
	}
	fmt.Fprint(w, subject)
})

const unauthorized = `{"error":"unauthorized","message":"Missing or invalid credentials"}`

// personal is an Authenticator of one's own: access tokens told apart by prefix.
type personal struct{}

func (personal) Authenticate(r *http.Request) (auth.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer pat_")
	switch {
	case !ok:
		return auth.Principal{}, auth.ErrNoCredentials
	case token == "slow":
		return auth.Principal{}, apierror.TooManyRequests("", "", time.Second)
	case token == "wrapped":
		return auth.Principal{}, fmt.Errorf("not mine: %w", auth.ErrNoCredentials)
	case token != "good":
		return auth.Principal{}, errors.New("no such token: " + token)
	}
	return auth.Principal{Scheme: "Bearer", Subject: "carol"}, nil
}

func (personal) Challenge(err error) string {
	if errors.Is(err, auth.ErrNoCredentials) {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}

func TestRequire(t *testing.T) {
	t.Parallel()
	secret, hash := auth.GenerateSecret()
	basic := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}})
	tokens := newJWT(t, auth.JWTOptions{Realm: "leads"})
	const b, bad = `Basic realm="api", charset="UTF-8"`, `Bearer realm="leads", error="invalid_token"`
	tests := map[string]struct {
		fields     []string
		optional   bool
		status     int
		body       string
		challenges []string
	}{
		"Basic":              {fields: []string{basicField("bob", secret)}, status: 200, body: "bob"},
		"Bearer":             {fields: []string{"Bearer " + goodToken()}, status: 200, body: "alice"},
		"one's own":          {fields: []string{"Bearer pat_good"}, status: 200, body: "carol"},
		"no credentials":     {status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"an unknown scheme":  {fields: []string{"Digest x"}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"an empty field":     {fields: []string{""}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"a wrong secret":     {fields: []string{basicField("bob", "x")}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"a bad token":        {fields: []string{"Bearer x"}, status: 401, body: unauthorized, challenges: []string{bad, b}},
		"one's own, bad":     {fields: []string{"Bearer pat_bad"}, status: 401, body: unauthorized, challenges: []string{`Bearer error="invalid_token"`, b}},
		"one's own, another": {fields: []string{"Bearer pat_wrapped"}, status: 401, body: unauthorized, challenges: []string{bad, b}},
		"one's own answer":   {fields: []string{"Bearer pat_slow"}, status: 429, body: `{"error":"too_many_requests","message":"Rate limit exceeded"}`},
		"two fields":         {fields: []string{basicField("bob", secret), "Bearer x"}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"optional, none":     {optional: true, status: 200, body: "nobody"},
		"optional, good":     {optional: true, fields: []string{basicField("bob", secret)}, status: 200, body: "bob"},
		"optional, bad":      {optional: true, fields: []string{basicField("bob", "x")}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
		"optional, unknown":  {optional: true, fields: []string{"Digest x"}, status: 401, body: unauthorized, challenges: []string{"Bearer", b}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type decision struct {
				Subject string
				Refused bool
			}
			var audited []decision
			opts := auth.Options{Optional: tt.optional, Audit: func(_ *http.Request, p auth.Principal, err error) {
				audited = append(audited, decision{p.Subject, err != nil})
			}}
			h := opts.Require(personal{}, basic, tokens)(whoami)
			for range 2 { // the second refusal is made from the first
				w := serve(h, request(tt.fields...))
				if w.Code != tt.status || w.Body.String() != tt.body {
					t.Errorf("answer = %d %s, want %d %s", w.Code, w.Body, tt.status, tt.body)
				}
				if diff := cmp.Diff(tt.challenges, w.Header()["Www-Authenticate"]); diff != "" {
					t.Errorf("challenges mismatch (-want +got):\n%s", diff)
				}
			}
			want := decision{Refused: tt.status != 200}
			if tt.status == 200 && tt.body != "nobody" {
				want.Subject = tt.body
			}
			if diff := cmp.Diff([]decision{want, want}, audited); diff != "" {
				t.Errorf("audit mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequirePanics(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]auth.Authenticator{
		"none": nil, "nil": {nil}, "a nil pointer": {(*auth.JWT)(nil)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: Require did not panic", name)
				}
			}()
			auth.Require(list...)
		}()
	}
}

func TestRequireScopeAndRole(t *testing.T) {
	t.Parallel()
	both := auth.Principal{Scheme: "Bearer", Subject: "a", Scopes: []string{"read", "write"}, Roles: []string{"admin"}}
	one := auth.Principal{Scheme: "Bearer", Subject: "a", Scopes: []string{"read"}}
	client := auth.Principal{Scheme: "Basic", Subject: "a"}
	scopes := auth.RequireScope("read", "write")
	const insufficient = `{"error":"forbidden","message":"No permission to access this resource","details":{"code":"insufficient_scope"}}`
	tests := map[string]struct {
		middleware func(http.Handler) http.Handler
		principal  *auth.Principal
		status     int
		body       string
		challenge  []string
	}{
		"all scopes":                {scopes, &both, 200, "a", nil},
		"one of two":                {scopes, &one, 403, insufficient, []string{`Bearer error="insufficient_scope", scope="read write"`}},
		"a client without":          {scopes, &client, 403, insufficient, nil},
		"nobody":                    {scopes, nil, 401, unauthorized, []string{`Bearer realm="api"`}},
		"the role":                  {auth.RequireRole("admin"), &both, 200, "a", nil},
		"not the role":              {auth.RequireRole("admin"), &one, 403, strings.Replace(insufficient, "insufficient_scope", "missing_role", 1), nil},
		"a predicate":               {auth.RequireFunc("no_unit", func(p auth.Principal) bool { return p.Unit != "" }), &one, 403, strings.Replace(insufficient, "insufficient_scope", "no_unit", 1), nil},
		"a predicate that says yes": {auth.RequireFunc("", func(auth.Principal) bool { return true }), &one, 200, "a", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request()
			if tt.principal != nil {
				r = r.WithContext(auth.NewContext(r.Context(), *tt.principal))
			}
			w := serve(tt.middleware(whoami), r)
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("answer = %d %s, want %d %s", w.Code, w.Body, tt.status, tt.body)
			}
			if diff := cmp.Diff(tt.challenge, w.Header()["Www-Authenticate"]); diff != "" {
				t.Errorf("challenge mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	r := request()
	if p, ok := auth.FromContext(r.Context()); ok || p.Subject != "" {
		t.Errorf("FromContext of an empty context = %+v, %v", p, ok)
	}
	if s, ok := auth.Subject(r); ok || s != "" {
		t.Errorf("Subject of an anonymous request = %q, %v", s, ok)
	}
	r = r.WithContext(auth.NewContext(r.Context(), auth.Principal{Scheme: "Own"}))
	if s, ok := auth.Subject(r); ok || s != "" {
		t.Errorf("Subject of a principal without one = %q, %v", s, ok)
	}
	if p, ok := auth.FromContext(r.Context()); !ok || p.Scheme != "Own" {
		t.Errorf("FromContext = %+v, %v", p, ok)
	}
	r = r.WithContext(auth.NewContext(r.Context(), auth.Principal{Subject: "inner"}))
	if s, ok := auth.Subject(r); !ok || s != "inner" {
		t.Errorf("Subject = %q, %v, want the innermost", s, ok)
	}
}

// A type of one's own that embeds a JWT and replaces Authenticate is asked by that.
type needsID struct{ *auth.JWT }

func (n needsID) Authenticate(r *http.Request) (auth.Principal, error) {
	p, err := n.JWT.Authenticate(r)
	if err == nil && p.TokenID == "" {
		return auth.Principal{}, errors.New("a token without jti")
	}
	return p, err
}

func TestEmbeddedAuthenticator(t *testing.T) {
	t.Parallel()
	w := serve(auth.Require(needsID{newJWT(t, auth.JWTOptions{})})(whoami), request("Bearer "+goodToken()))
	if w.Code != 401 || w.Body.String() != unauthorized {
		t.Errorf("answer = %d %s, want the 401 of one's own Authenticate", w.Code, w.Body)
	}
}

// The 401 behind an optional Require offers the schemes of the service.
func TestAnonymousRefusedFurtherIn(t *testing.T) {
	t.Parallel()
	basic, tokens := newBasic(t, auth.BasicOptions{Realm: "leads"}), newJWT(t, auth.JWTOptions{Realm: "leads"})
	h := auth.Options{Optional: true}.Require(basic, tokens)(auth.RequireScope("write")(whoami))
	w := serve(h, request())
	want := []string{`Basic realm="leads", charset="UTF-8"`, `Bearer realm="leads"`}
	if diff := cmp.Diff(want, w.Header()["Www-Authenticate"]); diff != "" || w.Code != 401 || w.Body.String() != unauthorized {
		t.Errorf("answer = %d %s, challenges mismatch (-want +got):\n%s", w.Code, w.Body, diff)
	}
}

// What can never work, or breaks the header, is refused when it is made.
func TestMiddlewareRefusesAtConstruction(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"no predicate":          func() { auth.RequireFunc("code", nil) },
		"no scope":              func() { auth.RequireScope() },
		"an empty scope":        func() { auth.RequireScope("") },
		"two scopes in one":     func() { auth.RequireScope("read write") },
		"a scope with a quote":  func() { auth.RequireScope(`a"b`) },
		"a scope with line end": func() { auth.RequireScope("a\r\nX: y") },
		"an empty role":         func() { auth.RequireRole("") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	if _, err := auth.NewBasic(must(auth.Clients()), auth.BasicOptions{MaxAddressFailures: 10}); err == nil {
		t.Error("MaxAddressFailures without Address = nil error")
	}
}

// A scheme without a challenge adds no empty field.
type silent struct{}

func (silent) Authenticate(*http.Request) (auth.Principal, error) {
	return auth.Principal{}, auth.ErrNoCredentials
}
func (silent) Challenge(error) string { return "" }

func TestNoEmptyChallenge(t *testing.T) {
	t.Parallel()
	w := serve(auth.Require(silent{}, newJWT(t, auth.JWTOptions{}))(whoami), request())
	if diff := cmp.Diff([]string{`Bearer realm="api"`}, w.Header()["Www-Authenticate"]); diff != "" {
		t.Errorf("challenges mismatch (-want +got):\n%s", diff)
	}
}
