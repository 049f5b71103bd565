package resource_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

type Lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     *string   `json:"email"`
	Value     float64   `json:"value"`
	Active    bool      `json:"active"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type LeadInput struct {
	Name   string  `json:"name" validate:"required,max=200"`
	Email  *string `json:"email" validate:"omitempty,email"`
	Value  float64 `json:"value" validate:"gte=0"`
	Active bool    `json:"active"`
}

// units is a scope for tests: the units in reach, the first one active, and the
// roles that the caller holds on all of them or on one ("editor@uk").
type units struct {
	ids   []string
	roles []string
}

func (u units) Active() string {
	if len(u.ids) == 0 {
		return ""
	}
	return u.ids[0]
}
func (u units) Contains(unit string) bool { return slices.Contains(u.ids, unit) }
func (u units) IDs() []string             { return slices.Clone(u.ids) }
func (u units) HasRole(unit, role string) bool {
	return u.Contains(unit) && (slices.Contains(u.roles, role) || slices.Contains(u.roles, role+"@"+unit))
}
func (u units) SQL(string, string, int) (string, []any) { return "1=0", nil }

type scopeKey struct{}

// as returns the scope that the request's header X-Units names ("emea,uk;editor"),
// as a middleware would have put it into the context.
func scopeOf(r *http.Request) resource.Scope {
	if s, ok := r.Context().Value(scopeKey{}).(units); ok {
		return s
	}
	return nil
}

func within(r *http.Request, s units) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), scopeKey{}, s))
}

var editor = units{ids: []string{"emea", "uk"}, roles: []string{"reader", "editor"}}

func newLeads(t testing.TB, opts resource.Options) (*resource.Resource[Lead, LeadInput], resource.Store[Lead]) {
	t.Helper()
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	if opts.Scope == nil {
		opts.Scope = scopeOf
	}
	if opts.Filter == nil {
		opts.Filter = []string{"name", "email", "value", "active", "created_at", "updated_at"}
		opts.Sort = opts.Filter
	}
	leads, err := resource.New[Lead, LeadInput]("/leads", store, opts)
	if err != nil {
		t.Fatal(err)
	}
	return leads, store
}

var roles = resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"}

// do sends a request; headers are given as "Name: value".
func do(h http.Handler, scope units, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, within(r, scope))
	return rec
}

func serveURL(h http.Handler, scope units, u *url.URL) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/leads", nil)
	r.URL = u
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, within(r, scope))
	return rec
}

func newRequest(method, target, body, media string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", cmp.Or(media, "application/json"))
	return r
}

// answer returns what a client gets for an error.
func answer(r *http.Request, err error) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	answerTo(rec, r, err)
	return rec
}

func answerTo(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		apierror.Write(w, r, err)
	}
}

type creator struct{}

func (creator) Create(_ context.Context, _ resource.Scope, lead Lead) (Lead, error) { return lead, nil }
