package ouscopetest_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

var implies = map[string][]string{"admin": {"editor"}, "editor": {"reader"}}

// service mounts the handwritten leads behind a scoper.
func service(t *testing.T, opts ouscope.Options) ouscopetest.Service {
	t.Helper()
	t.Parallel()
	directory := &editable{}
	opts.Implies = implies
	if opts.CacheTTL == 0 {
		opts.CacheTTL = -1
	}
	scoper, err := ouscope.New(directory, ouscopetest.Subject, opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return ouscopetest.Service{
		Handler: routes(t, scoper, directory, &leads{scoper: scoper}, admin.Options{}), Path: "/leads", ImportPath: "/leads/import", Admin: true,
		Replace: directory.Replace, Mode: opts.Mode,
	}
}

func routes(t *testing.T, scoper *ouscope.Scoper, store admin.Store, l *leads, opts admin.Options) http.Handler {
	t.Helper()
	office, err := admin.New(scoper, store, opts)
	if err != nil {
		t.Fatalf("admin.New: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units", office.UnitsHandler())
	mux.Handle("/org-units/{id}", office.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/role-assignments", office.AssignmentsHandler())
	mux.Handle("/role-assignments/{id}", office.AssignmentsHandler())
	mux.Handle("/leads", scoper.Handler(l))
	mux.Handle("/leads/{id}", scoper.Handler(l))
	mux.Handle("POST /leads/import", scoper.Handler(apierror.Handler(l.accept)))
	mux.Handle("/jobs/{id}", apierror.Handler(l.watch))
	return mux
}

// editable is a directory in memory whose units and roles admin can change.
type editable struct {
	ouscopetest.Directory
	mu          sync.Mutex // of a change
	assignments []ouscope.Assignment
}

func (e *editable) Replace(ctx context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.replace(ctx, units, assignments)
}

func (e *editable) replace(ctx context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error {
	e.assignments = slices.Clone(assignments)
	return e.Directory.Replace(ctx, units, assignments)
}

func (e *editable) SaveUnit(ctx context.Context, was, now ouscope.Unit) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	units, _ := e.Units(ctx)
	units = slices.Clone(units)
	find := func(id string) int { return slices.IndexFunc(units, func(u ouscope.Unit) bool { return u.ID == id }) }
	for parent := now.Parent; parent != ""; parent = units[find(parent)].Parent {
		if parent == now.ID {
			return apierror.ValidationFailed(apierror.FieldError{Field: "parent", Code: "parent"})
		}
	}
	if i := find(now.ID); i < 0 {
		units = append(units, now)
	} else if units[i] = now; was.ID == "" {
		return apierror.Conflict("", "changed", "")
	}
	return e.replace(ctx, units, e.assignments)
}

func (e *editable) Held(_ context.Context, _ string, units []string, offset, limit int) ([]ouscope.Assignment, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := slices.DeleteFunc(slices.Clone(e.assignments), func(a ouscope.Assignment) bool { return !slices.Contains(units, a.Unit) })
	from := min(offset, len(held))
	return held[from:min(from+limit, len(held))], len(held), nil
}

func (e *editable) Grant(ctx context.Context, a ouscope.Assignment) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	units, _ := e.Units(ctx)
	return e.replace(ctx, units, append(e.assignments, a))
}

func (e *editable) Revoke(ctx context.Context, id string, check func(ouscope.Assignment) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.assignments, func(a ouscope.Assignment) bool { return a.ID == id })
	if i < 0 {
		return apierror.NotFound("")
	}
	if err := check(e.assignments[i]); err != nil {
		return err
	}
	units, _ := e.Units(ctx)
	return e.replace(ctx, units, slices.Delete(slices.Clone(e.assignments), i, i+1))
}

func TestAHandwrittenServiceIsIsolated(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "exact", "granted"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
				return service(t, ouscope.Options{Mode: mode})
			})
		})
	}
}

// With the cache on, Invalidate makes every change be seen at once.
func TestAServiceWithCachedGrantsIsIsolated(t *testing.T) {
	t.Parallel()
	ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
		t.Parallel()
		directory := &editable{}
		scoper, err := ouscope.New(directory, ouscopetest.Subject, ouscope.Options{Implies: implies, CacheTTL: time.Hour, MissingStatus: 400, ActiveField: "ouId"})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		return ouscopetest.Service{
			Handler: routes(t, scoper, directory, &leads{scoper: scoper}, admin.Options{}), Path: "/leads", ImportPath: "/leads/import", Admin: true, ActiveField: "ouId",
			Replace: func(ctx context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error {
				defer scoper.Invalidate()
				return directory.Replace(ctx, units, assignments)
			},
		}
	})
}

// Browsers keep their choices in signed cookies; each caller has a jar.
func TestAServiceWithCookiesIsIsolated(t *testing.T) {
	t.Parallel()
	ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
		s := service(t, ouscope.Options{CookieKeys: [][]byte{[]byte(strings.Repeat("k", 32))}, CookieHost: true})
		s.Handler = jars(s.Handler)
		return s
	})
}

// jars sends each caller's cookie along, as a browser does.
func jars(next http.Handler) http.Handler {
	var kept sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := ouscopetest.Subject(r)
		if cookie, ok := kept.Load(who); ok {
			r.AddCookie(cookie.(*http.Cookie))
		}
		next.ServeHTTP(w, r)
		if line := w.Header().Get("Set-Cookie"); line != "" {
			w.Header().Del("Set-Cookie")
			if cookie, err := http.ParseSetCookie(line); err != nil || cookie.MaxAge < 0 {
				kept.Delete(who)
			} else {
				kept.Store(who, cookie)
			}
		}
	})
}

func TestMemoryChoices(t *testing.T) {
	t.Parallel()
	ouscopetest.TestChoices(t, func(*testing.T) ouscope.ChoiceStore { return &choices{units: map[[2]string]string{}} })
}

// choices is the smallest store that keeps the promises.
type choices struct {
	mu    sync.Mutex
	units map[[2]string]string
}

func (c *choices) Choice(_ context.Context, organization, subject string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.units[[2]string{organization, subject}], nil
}

func (c *choices) SetChoice(_ context.Context, organization, subject, unit string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.units[[2]string{organization, subject}] = unit
	return nil
}
