package ouscopetest_test

import (
	"context"
	"net/http"
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
