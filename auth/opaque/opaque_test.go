package opaque_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/opaque"
)

const (
	unauthorized = `{"error":"unauthorized","message":"Missing or invalid credentials"}`
	challenge    = `Bearer realm="api"`
)

var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	fmt.Fprint(w, p.Scheme, " ", p.Subject)
})

func serve(h http.Handler, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	if len(fields) > 0 {
		r.Header["Authorization"] = fields
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTokens(t *testing.T) {
	t.Parallel()
	good, goodHash := opaque.Generate("pat_")
	old, oldHash := opaque.Generate("pat_")
	named, namedHash := opaque.Generate("pat_")
	lost, lostHash := opaque.Generate("pat_")
	busy, busyHash := opaque.Generate("pat_")
	pats, err := opaque.New("pat_", func(_ context.Context, hash string) (auth.Principal, error) {
		switch hash {
		case goodHash:
			return auth.Principal{Subject: "carol", Expires: time.Now().Add(time.Hour)}, nil
		case namedHash:
			return auth.Principal{Scheme: "PAT", Subject: "dave"}, nil
		case oldHash:
			return auth.Principal{Subject: "carol", Expires: time.Now().Add(-time.Second)}, nil
		case lostHash:
			return auth.Principal{}, errors.New("the database is down")
		case busyHash:
			return auth.Principal{}, apierror.TooManyRequests("", "", time.Second)
		}
		return auth.Principal{}, nil
	}, opaque.Options{})
	if err != nil {
		t.Fatal(err)
	}
	jwts, err := auth.NewJWT(auth.JWTOptions{}, auth.Issuer{
		URL: "i", Audiences: []string{"a"}, Algorithms: []string{"HS256"}, Keys: []auth.Key{{Key: make([]byte, 32)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const invalid = challenge + `, error="invalid_token"`
	tests := map[string]struct {
		fields    []string
		status    int
		body      string
		challenge string // the only one: both schemes are Bearer
	}{
		"a good one":                   {fields: []string{"Bearer " + good}, status: 200, body: "Bearer carol"},
		"the scheme in another case":   {fields: []string{"bEARER   " + good}, status: 200, body: "Bearer carol"},
		"one with a scheme of its own": {fields: []string{"Bearer " + named}, status: 200, body: "PAT dave"},
		"an unknown one":               {fields: []string{"Bearer pat_x"}, status: 401, body: unauthorized, challenge: invalid},
		"the prefix alone":             {fields: []string{"Bearer pat_"}, status: 401, body: unauthorized, challenge: invalid},
		"an old one":                   {fields: []string{"Bearer " + old}, status: 401, body: unauthorized, challenge: invalid},
		"its hash":                     {fields: []string{"Bearer pat_" + goodHash}, status: 401, body: unauthorized, challenge: invalid},
		"trailing space":               {fields: []string{"Bearer " + good + " "}, status: 401, body: unauthorized, challenge: invalid},
		"a very long one":              {fields: []string{"Bearer pat_" + strings.Repeat("a", 600)}, status: 401, body: unauthorized, challenge: invalid},
		"two fields":                   {fields: []string{"Bearer " + good, "Bearer " + good}, status: 401, body: unauthorized, challenge: challenge + `, error="invalid_request"`},
		"another prefix":               {fields: []string{"Bearer ghp_x"}, status: 401, body: unauthorized, challenge: invalid},
		"the prefix in another case":   {fields: []string{"Bearer PAT_x"}, status: 401, body: unauthorized, challenge: invalid},
		"no credentials":               {status: 401, body: unauthorized, challenge: challenge},
		"no answer from the table":     {fields: []string{"Bearer " + lost}, status: 503, body: `{"error":"service_unavailable","message":"Service temporarily unavailable"}`},
		"an answer of the func's own":  {fields: []string{"Bearer " + busy}, status: 429, body: `{"error":"too_many_requests","message":"Rate limit exceeded"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(auth.Require(pats, jwts)(whoami), tt.fields...)
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("answer = %d %s, want %d %s", w.Code, w.Body, tt.status, tt.body)
			}
			if got := strings.Join(w.Header()["Www-Authenticate"], "\n"); got != tt.challenge {
				t.Errorf("challenge = %s, want %s", got, tt.challenge)
			}
			if got := w.Header().Get("Retry-After") != ""; got != (tt.status == 503 || tt.status == 429) {
				t.Errorf("Retry-After = %q with status %d", w.Header().Get("Retry-After"), w.Code)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token, _ := opaque.Generate("pat_")
		end := time.Now().Add(time.Hour)
		pats, err := opaque.New("pat_", func(context.Context, string) (auth.Principal, error) {
			return auth.Principal{Subject: "carol", Expires: end}, nil
		}, opaque.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, wait := range []time.Duration{time.Hour - 1, 1} {
			time.Sleep(wait)
			got = append(got, serve(auth.Require(pats)(whoami), "Bearer "+token).Code)
		}
		if diff := cmp.Diff([]int{200, 401}, got); diff != "" {
			t.Errorf("statuses before and at the end (-want +got):\n%s", diff)
		}
	})
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	a, hashA := opaque.Generate("pat_")
	b, hashB := opaque.Generate("pat_")
	if !strings.HasPrefix(a, "pat_") || len(a) < 30 || a == b || hashA == hashB || !strings.HasPrefix(hashA, "$sha256$") {
		t.Errorf("Generate = %q with %q, then %q with %q", a, hashA, b, hashB)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	find := func(context.Context, string) (auth.Principal, error) { return auth.Principal{}, nil }
	tests := map[string]struct {
		prefix string
		find   opaque.FindFunc
		realm  string
	}{
		"no prefix":             {"", find, ""},
		"a space":               {"pat ", find, ""},
		"a line end":            {"pat\n", find, ""},
		"a letter beyond ASCII": {"pät_", find, ""},
		"that of JWTs":          {"eyJ", find, ""},
		"the first of JWTs":     {"e", find, ""},
		"no func":               {"pat_", nil, ""},
		"a bad realm":           {"pat_", find, "a\nb"},
	}
	for name, tt := range tests {
		if got, err := opaque.New(tt.prefix, tt.find, opaque.Options{Realm: tt.realm}); err == nil || got != nil {
			t.Errorf("%s: New = %v, %v, want an error", name, got, err)
		}
	}
}

// Whatever comes, only the token itself gets in, and only sound text is hashed.
func FuzzAuthenticate(f *testing.F) {
	token, hash := opaque.Generate("pat_")
	pats, err := opaque.New("pat_", func(_ context.Context, h string) (auth.Principal, error) {
		if h == hash {
			return auth.Principal{Subject: "carol"}, nil
		}
		return auth.Principal{}, nil
	}, opaque.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "Bearer", "Bearer " + token, "bearer  " + token, "Bearer pat_\x00", "Basic " + token, "Bearer " + token + "=", token} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{field}
		p, err := pats.Authenticate(r)
		scheme, rest, _ := strings.Cut(field, " ")
		if want := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(rest, " ") == token; (err == nil) != want || want != (p.Subject == "carol") {
			t.Errorf("Authenticate(%q) = %+v, %v, want success: %v", field, p, err, want)
		}
	})
}

func BenchmarkTokens(b *testing.B) {
	token, _ := opaque.Generate("pat_")
	pats, err := opaque.New("pat_", func(context.Context, string) (auth.Principal, error) {
		return auth.Principal{Subject: "carol"}, nil
	}, opaque.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := auth.Require(pats)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
