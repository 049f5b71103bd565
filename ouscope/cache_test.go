package ouscope_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ouscope"
)

func TestGrantsAreReadAgainOnceTheCacheTimeIsOver(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ option, stale time.Duration }{
		"5 seconds by default": {0, 5 * time.Second},
		"the time that is set": {time.Minute, time.Minute},
		"no time at all":       {-1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := &directory{units: acme(), assignments: team(map[string]string{"ann": "editor emea"})}
				scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: tt.option})
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				s := &service{scoper: scoper, dir: dir, mux: http.NewServeMux()}
				s.mux.Handle("/scope", scoper.Handler(http.HandlerFunc(tellScope)))
				s.scope("ann")
				dir.set(func(d *directory) { d.units = without(d.units, is("uk")) })
				if tt.stale > 0 {
					time.Sleep(tt.stale - 1)
					if got, want := s.scope("ann"), "emea: de emea uk"; got != want {
						t.Errorf("scope within the cache time = %s, want %s", got, want)
					}
					time.Sleep(time.Nanosecond)
				}
				if got, want := s.scope("ann"), "emea: de emea"; got != want {
					t.Errorf("scope after the cache time = %s, want %s", got, want)
				}
				dir.set(func(d *directory) { d.assignments = nil })
				time.Sleep(tt.stale)
				if got, want := s.scope("ann"), "Forbidden, missing_role"; got != want {
					t.Errorf("scope after the cache time = %s, want %s", got, want)
				}
			})
		})
	}
}

// Grants that were read after the units are not used with those units for longer
// than these may be.
func TestUnitsAreReadAgainBeforeTheGrantsAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, map[string]string{"ann": "editor emea", "bob": "reader uk"}, ouscope.Options{CacheTTL: 5 * time.Second})
		s.scope("bob") // reads the units
		time.Sleep(4 * time.Second)
		s.scope("ann")
		s.dir.set(func(d *directory) { d.units = without(d.units, is("uk")) })
		time.Sleep(time.Second)
		if got, want := s.scope("ann"), "emea: de emea"; got != want {
			t.Errorf("scope = %s, want %s", got, want)
		}
	})
}

func TestTheDirectoryIsReadOncePerCacheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, map[string]string{"ann": "editor emea", "bob": "reader uk"}, ouscope.Options{CacheTTL: time.Second})
		for range 3 {
			for range 10 {
				s.scope("ann")
				s.scope("bob")
			}
			time.Sleep(time.Second)
		}
		if got, want := s.dir.reads, 3*3; got != want {
			t.Errorf("the directory was read %d times, want %d", got, want)
		}
	})
}

func TestInvalidateEndsARoleAtOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		subjects []string
		change   func(*directory)
		want     string // ann's scope
	}{
		"of the subject":       {[]string{"ann"}, func(d *directory) { d.assignments = nil }, "Forbidden, missing_role"},
		"of all":               {nil, func(d *directory) { d.assignments = nil }, "Forbidden, missing_role"},
		"of another subject":   {[]string{"bob"}, func(d *directory) { d.assignments = nil }, "emea: de emea uk"},
		"of a unit":            {nil, func(d *directory) { d.units = without(d.units, is("uk")) }, "emea: de emea"},
		"of several subjects":  {[]string{"bob", "ann"}, func(d *directory) { d.assignments = nil }, "Forbidden, missing_role"},
		"of a unit, by name":   {[]string{""}, func(d *directory) { d.units = without(d.units, is("uk")) }, "emea: de emea"},
		"of all, by the way":   {[]string{"bob", ""}, func(d *directory) { d.assignments = nil }, "Forbidden, missing_role"},
		"of a unit, of others": {[]string{"ann"}, func(d *directory) { d.units = without(d.units, is("uk")) }, "emea: de emea uk"},
		"of a subject unknown": {[]string{"\x00"}, func(*directory) {}, "emea: de emea uk"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": "editor emea"}, ouscope.Options{CacheTTL: time.Hour})
			s.scope("ann")
			s.dir.set(tt.change)
			s.scoper.Invalidate(tt.subjects...)
			if got := s.scope("ann"); got != tt.want {
				t.Errorf("scope = %s, want %s", got, tt.want)
			}
		})
	}
}

// A directory that hands out its own slice and changes it is noticed too.
func TestUnitsThatAreChangedInPlace(t *testing.T) {
	t.Parallel()
	dir := everybody{units: acme()}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Subject", "0")
	if scope, err := scoper.Resolve(r); err != nil || scope.Active() != "de" {
		t.Fatalf("Resolve = %q, %v, want de", scope.Active(), err)
	}
	dir.units[0].Disabled = true
	scoper.Invalidate()
	if scope, err := scoper.Resolve(r); err == nil {
		t.Errorf("Resolve after the unit was disabled = %q, want it refused", scope.Active())
	}
}

// A slow directory answers with what it read before the revocation: the answer
// may serve the request that asked, and none that begins after Invalidate.
func TestInvalidateOutrunsAReadingUnderWay(t *testing.T) {
	t.Parallel()
	for name, subjects := range map[string][]string{"of the subject": {"ann"}, "of all": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := &slowDirectory{directory: &directory{units: acme(), assignments: team(map[string]string{"ann": "editor emea"})}}
				scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: time.Hour})
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				s := &service{scoper: scoper, mux: http.NewServeMux()}
				s.mux.Handle("/scope", scoper.Handler(http.HandlerFunc(tellScope)))
				early := make(chan string, 1)
				go func() { early <- s.scope("ann") }()
				time.Sleep(1500 * time.Millisecond) // the units are read, the assignments under way
				dir.set(func(d *directory) { d.assignments = nil })
				scoper.Invalidate(subjects...)
				if got, want := s.scope("ann"), "Forbidden, missing_role"; got != want {
					t.Errorf("scope after Invalidate = %s, want %s", got, want)
				}
				if got, want := <-early, "emea: de emea uk"; got != want {
					t.Errorf("scope of the request before = %s, want %s", got, want)
				}
				if got, want := s.scope("ann"), "Forbidden, missing_role"; got != want {
					t.Errorf("scope after the early request ended = %s, want %s", got, want)
				}
			})
		})
	}
}

// slowDirectory reads at once and answers a second later.
type slowDirectory struct{ *directory }

func (d *slowDirectory) Units(ctx context.Context) ([]ouscope.Unit, error) {
	units, err := d.directory.Units(ctx)
	time.Sleep(time.Second)
	return units, err
}

func (d *slowDirectory) Assignments(ctx context.Context, subject string) ([]ouscope.Assignment, error) {
	assignments, err := d.directory.Assignments(ctx, subject)
	time.Sleep(time.Second)
	return assignments, err
}

func TestAClientThatLeavesDoesNotKeepOthersWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := &slowDirectory{directory: &directory{units: acme(), assignments: team(map[string]string{"ann": "editor uk"})}}
		scoper, err := ouscope.New(dir, subject, ouscope.Options{})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		request := func(ctx context.Context) *http.Request {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("Subject", "ann")
			return r
		}
		go func() { _, _ = scoper.Resolve(request(t.Context())) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := scoper.Resolve(request(ctx)); err == nil {
			t.Error("Resolve with a context that is over = nil, want an error")
		}
		if scope, err := scoper.Resolve(request(t.Context())); err != nil || scope.Active() != "uk" {
			t.Errorf("Resolve = %q, %v, want uk", scope.Active(), err)
		}
	})
}

// None of many racing checks is allowed after Invalidate has returned.
func TestNoCheckIsAllowedAfterInvalidateReturned(t *testing.T) {
	t.Parallel()
	rounds, checks := 2500, 100 // by four goroutines: a million
	if testing.Short() {
		rounds = 50
	}
	dir := &directory{units: acme()}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Subject", "ann")
	granted := team(map[string]string{"ann": "editor emea"})
	for round := range rounds {
		dir.set(func(d *directory) { d.assignments = granted })
		scoper.Invalidate()
		var revoked atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range checks {
					before := revoked.Load()
					scope, _ := scoper.Resolve(r)
					if before && scope.Contains("uk") {
						t.Error("a check was allowed after Invalidate returned")
					}
				}
			})
		}
		dir.set(func(d *directory) { d.assignments = nil })
		scoper.Invalidate([]string{"ann"}[:round%2]...)
		revoked.Store(true)
		wg.Wait()
	}
}

// Concurrent switches: each scope is that of one choice, never a mixture.
func TestConcurrentSwitches(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac", "bob": "admin acme"}, ouscope.Options{CacheTTL: time.Millisecond})
	s.activate("ann", "uk")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				if i%4 == 0 {
					s.activate("ann", "uk")
					s.activate("ann", "apac")
				}
				if got := s.scope("ann"); got != "uk: uk" && got != "apac: apac uk2" {
					t.Errorf("ann's scope = %s", got)
				}
				if got := s.scope("bob"); got != "acme: acme amer apac ca de emea uk uk2 us" {
					t.Errorf("bob's scope = %s", got)
				}
			}
		})
	}
	wg.Wait()
}

// More subjects than the cache holds are served all the same.
func TestManySubjects(t *testing.T) {
	t.Parallel()
	const subjects = 20_000
	dir := everybody{units: acme()}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for range 2 {
		for i := range subjects {
			name := fmt.Sprint(i)
			r.Header["Subject"] = []string{name}
			scope, err := scoper.Resolve(r)
			if err != nil || scope.Subject() != name || scope.Active() != acme()[i%9].ID {
				t.Fatalf("subject %s: %q, %q, %v", name, scope.Subject(), scope.Active(), err)
			}
		}
	}
}

// everybody grants subject 7 a role on unit 7 of nine, and so on.
type everybody struct{ units []ouscope.Unit }

func (d everybody) Units(context.Context) ([]ouscope.Unit, error) { return d.units, nil }

func (d everybody) Assignments(_ context.Context, subject string) ([]ouscope.Assignment, error) {
	var i int
	_, err := fmt.Sscan(subject, &i)
	return []ouscope.Assignment{{Subject: subject, Unit: d.units[i%9].ID, Role: "reader"}}, err
}
