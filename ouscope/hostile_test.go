package ouscope_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
)

// chain returns n units, each below the one before.
func chain(n int) []ouscope.Unit {
	units := make([]ouscope.Unit, n)
	for i := range units {
		units[i] = ouscope.Unit{ID: fmt.Sprintf("unit-%06d", i)}
		if i > 0 {
			units[i].Parent = units[i-1].ID
		}
	}
	return units
}

// Only what is below a role can be chosen, however deep it is.
func TestTheEndsOfADeepTree(t *testing.T) {
	t.Parallel()
	const depth = 100_000
	units := chain(depth)
	dir, err := ouscope.NewMemory(units, []ouscope.Assignment{{Subject: "ann", Unit: units[1].ID, Role: "reader"}})
	if err != nil {
		t.Fatalf("NewMemory: %v", err)
	}
	s := serviceOnDirectory(t, dir, ouscope.Options{CacheTTL: time.Hour})
	last := units[depth-1].ID
	if got, want := s.activate("ann", last), `{"id":"`+last+`"`; !strings.HasPrefix(got, want) {
		t.Errorf("choosing the last = %s, want %s", got, want)
	}
	if got, want := s.scope("ann"), last+": "+last; got != want {
		t.Errorf("scope = %.50s, want %s", got, want)
	}
	if got, want := s.activate("ann", units[0].ID), "Forbidden, org_unit_forbidden"; got != want {
		t.Errorf("choosing the top = %s, want %s", got, want)
	}
}

// Who walks through a deep tree, unit by unit, makes the server keep no list of
// each of its subtrees.
func TestListsOfADeepTreeAreNotAllKept(t *testing.T) {
	const depth = 2000 // 2 million ids in all subtrees
	units := chain(depth)
	dir, err := ouscope.NewMemory(units, []ouscope.Assignment{{Subject: "ann", Unit: units[0].ID, Role: "reader"}})
	if err != nil {
		t.Fatalf("NewMemory: %v", err)
	}
	scoper, err := ouscope.New(dir, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	if _, err := scoper.For(t.Context(), "ann", ""); err != nil {
		t.Fatalf("For: %v", err)
	}
	before := heap()
	for i := range units {
		scope, err := scoper.For(t.Context(), "ann", units[i].ID)
		if _, args := scope.SQL("sqlite", "org_unit", 1); err != nil || len(args) != 1 {
			t.Fatalf("For(%s): %v", units[i].ID, err)
		}
	}
	if grown := int64(heap() - before); grown > 16<<20 {
		t.Errorf("the heap has grown by %d MiB, want at most 16", grown>>20)
	}
	runtime.KeepAlive(scoper)
}

// What panics in a func of the user's is the request's own misfortune: the next
// one is served, and nothing is let through.
func TestAPanicOfTheUsersKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"units", "assignments", "choice", "subject", "bound"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := &panicking{directory: &directory{units: acme(), assignments: team(map[string]string{"ann": "editor emea"})}}
			scoper, err := ouscope.New(p, func(r *http.Request) (string, bool) {
				p.now("subject")
				return subject(r)
			}, ouscope.Options{Choices: p, Bound: func(*http.Request) (string, bool) {
				p.now("bound")
				return "", false
			}})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			h := scoper.Handler(http.HandlerFunc(tellScope))
			send := func() (body string, panicked any) {
				defer func() { panicked = recover() }()
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Subject", "ann")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Body.String(), nil
			}
			p.where = what
			for range 3 {
				if body, panicked := send(); panicked != what || body != "" {
					t.Fatalf("the request answered %q and panicked with %v, want %s", body, panicked, what)
				}
			}
			p.where = ""
			if body, panicked := send(); body != "emea: de emea uk" || panicked != nil {
				t.Errorf("the next request answered %q and panicked with %v", body, panicked)
			}
		})
	}
}

// A panicking directory and store of choices panics where it is told to.
type panicking struct {
	*directory
	where string
}

func (p *panicking) now(where string) {
	if where == p.where {
		panic(where)
	}
}

func (p *panicking) Units(ctx context.Context) ([]ouscope.Unit, error) {
	p.now("units")
	return p.directory.Units(ctx)
}

func (p *panicking) Assignments(ctx context.Context, subject string) ([]ouscope.Assignment, error) {
	p.now("assignments")
	return p.directory.Assignments(ctx, subject)
}

func (p *panicking) Choice(context.Context, string, string) (string, error) {
	p.now("choice")
	return "", nil
}

func (p *panicking) SetChoice(context.Context, string, string, string) error { return nil }
