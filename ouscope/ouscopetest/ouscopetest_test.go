package ouscopetest_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

var implies = map[string][]string{"admin": {"editor"}, "editor": {"reader"}}

// service mounts the handwritten leads behind a scoper.
func service(t *testing.T, opts ouscope.Options) ouscopetest.Service {
	t.Helper()
	t.Parallel()
	directory := &ouscopetest.Directory{}
	opts.Implies = implies
	if opts.CacheTTL == 0 {
		opts.CacheTTL = -1
	}
	scoper, err := ouscope.New(directory, ouscopetest.Subject, opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return ouscopetest.Service{Handler: routes(scoper, &leads{}), Path: "/leads", Replace: directory.Replace, Mode: opts.Mode}
}

func routes(scoper *ouscope.Scoper, l http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/org-units", scoper.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/leads", scoper.Handler(l))
	mux.Handle("/leads/{id}", scoper.Handler(l))
	return mux
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
		directory := &ouscopetest.Directory{}
		scoper, err := ouscope.New(directory, ouscopetest.Subject, ouscope.Options{Implies: implies, CacheTTL: time.Hour, MissingStatus: 400, ActiveField: "ouId"})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		return ouscopetest.Service{
			Handler: routes(scoper, &leads{}), Path: "/leads", ActiveField: "ouId",
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
