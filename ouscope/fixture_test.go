package ouscope_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

// acme is the organization of most tests.
func acme() []ouscope.Unit {
	return []ouscope.Unit{
		{ID: "de", Organization: "acme", Parent: "emea", Name: "Germany", Slug: "de"},
		{ID: "uk", Organization: "acme", Parent: "emea", Name: "United Kingdom", Slug: "uk"},
		{ID: "us", Organization: "acme", Parent: "amer", Name: "United States", Slug: "us"},
		{ID: "ca", Organization: "acme", Parent: "amer", Name: "Canada", Slug: "ca"},
		{ID: "acme", Organization: "acme", Name: "Acme", Slug: "acme"},
		{ID: "emea", Organization: "acme", Parent: "acme", Name: "EMEA", Slug: "emea"},
		{ID: "amer", Organization: "acme", Parent: "acme", Name: "Americas", Slug: "amer"},
		{ID: "apac", Organization: "acme", Parent: "acme", Name: "APAC", Slug: "apac"},
		{ID: "uk2", Organization: "acme", Parent: "apac", Name: "Ukraine", Slug: "uk2"},
		{ID: "other", Organization: "other", Name: "Other", Slug: "other"},
	}
}

var roles = map[string][]string{"admin": {"editor"}, "editor": {"reader"}}

// team grants roles: "admin acme editor emea!" is admin on acme and editor on
// emea alone.
func team(grants map[string]string) []ouscope.Assignment {
	var all []ouscope.Assignment
	for subject, text := range grants {
		fields := strings.Fields(text)
		for pair := range slices.Chunk(fields, 2) {
			unit, alone := strings.CutSuffix(pair[1], "!")
			all = append(all, ouscope.Assignment{Subject: subject, Role: pair[0], Unit: unit, NoInherit: alone})
		}
	}
	return all
}

// A directory can be changed under way. It counts how often it is read.
type directory struct {
	mu          sync.Mutex
	units       []ouscope.Unit
	assignments []ouscope.Assignment
	reads       int
	err         error
}

func (d *directory) Units(context.Context) ([]ouscope.Unit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	return slices.Clone(d.units), d.err
}

func (d *directory) Assignments(_ context.Context, subject string) ([]ouscope.Assignment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	var own []ouscope.Assignment
	for _, a := range d.assignments {
		if a.Subject == subject {
			own = append(own, a)
		}
	}
	return own, d.err
}

func (d *directory) set(change func(*directory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// subject takes the caller from a header, as a test may and no server should.
func subject(r *http.Request) (string, bool) {
	s := r.Header.Get("Subject")
	return s, s != ""
}

// A service is the endpoints of /org-units and one handler that tells its scope.
type service struct {
	scoper *ouscope.Scoper
	dir    *directory
	mux    *http.ServeMux
}

func newService(t testing.TB, grants map[string]string, opts ouscope.Options) *service {
	t.Helper()
	dir := &directory{units: acme(), assignments: team(grants)}
	return serviceOn(t, dir, opts)
}

func serviceOn(t testing.TB, dir *directory, opts ouscope.Options) *service {
	t.Helper()
	s := serviceOnDirectory(t, dir, opts)
	s.dir = dir
	return s
}

func serviceOnDirectory(t testing.TB, dir ouscope.Directory, opts ouscope.Options) *service {
	t.Helper()
	if opts.Implies == nil {
		opts.Implies = roles
	}
	if opts.CacheTTL == 0 {
		opts.CacheTTL = -1
	}
	scoper, err := ouscope.New(dir, subject, opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units", scoper.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/scope", scoper.Handler(http.HandlerFunc(tellScope)))
	mux.Handle("/editors", scoper.Require("editor")(http.HandlerFunc(tellScope)))
	return &service{scoper: scoper, mux: mux}
}

// tellScope answers with the active unit and the units of the scope.
func tellScope(w http.ResponseWriter, r *http.Request) {
	s := ouscope.FromContext(r.Context())
	_, _ = w.Write([]byte(s.Active() + ": " + strings.Join(s.IDs(), " ")))
}

// do sends a request; a body makes it JSON.
func (s *service) do(subject, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if subject != "" {
		r.Header.Set("Subject", subject)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

// scope returns what the subject's scope is, or the status and code of the
// refusal.
func (s *service) scope(subject string) string {
	return outcome(s.do(subject, http.MethodGet, "/scope", ""))
}

func (s *service) activate(subject, unit string) string {
	body, _ := json.Marshal(map[string]string{"org_unit_id": unit})
	return outcome(s.do(subject, http.MethodPost, "/org-units/active", string(body)))
}

// outcome is the body of an answer that succeeded, and status and code of one
// that did not.
func outcome(w *httptest.ResponseRecorder) string {
	if w.Code < 400 {
		return w.Body.String()
	}
	var body struct {
		Error   string
		Details struct{ Code, Field string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	var text strings.Builder
	text.WriteString(http.StatusText(w.Code))
	for _, more := range []string{body.Details.Code, body.Details.Field} {
		if more != "" {
			text.WriteString(", " + more)
		}
	}
	return text.String()
}

// units reads a list of /org-units as "emea(-) uk(emea)*": id, parent, active.
func units(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var list struct {
		Data []struct {
			ID, Name, Slug string
			Parent         *string
			Active         bool
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	var all []string
	for _, u := range list.Data {
		parent := "-"
		if u.Parent != nil {
			parent = *u.Parent
		}
		text := u.ID + "(" + parent + ")"
		if u.Active {
			text += "*"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}
