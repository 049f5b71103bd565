package ululestore_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/ululestore"
)

// windows returns ulule's store in memory, without the goroutine that cleans it.
func windows() limiter.Store {
	return memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "test"})
}

func newStore(tb testing.TB) *ululestore.Store {
	tb.Helper()
	store, err := ululestore.New(windows())
	if err != nil {
		tb.Fatalf("New error = %v", err)
	}
	return store
}

func TestStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store { return newStore(t) },
		ratelimittest.Options{Window: true, Bubble: true})
}

func TestNewRefusesNil(t *testing.T) {
	t.Parallel()
	if _, err := ululestore.New(nil); err == nil {
		t.Error("New(nil) error = nil, want one")
	}
}

// Refused increments stay counted in a window, and yet nothing is refused to be
// given back.
func TestWhatIsGivenBackToAnOverfullWindowIsNoRefusal(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	rate := ratelimit.Rate{Limit: 3, Period: time.Hour, Burst: 3}
	for range 10 {
		if _, err := store.Take(t.Context(), "k", 1, rate); err != nil {
			t.Fatalf("Take error = %v", err)
		}
	}
	for range 3 {
		if s, err := store.Take(t.Context(), "k", -1, rate); err != nil || !s.Allowed || s.Remaining > 3 {
			t.Errorf("Take(-1) = %+v, %v, want it allowed", s, err)
		}
	}
}

// "what was used is given back all at once": whatever a request costs, it has to
// wait for the end of the window and not longer.
func TestRetryAfterIsTheEndOfTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := ratelimit.New(newStore(t), ratelimit.Header("X-Client"), ratelimit.Options{Policies: []ratelimit.Policy{{
			Limit: 5, Cost: func(*http.Request) int { return 4 },
		}}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		_, _ = l.Check(r)
		time.Sleep(10 * time.Second)
		d, err := l.Check(r)
		if err == nil || d.RetryAfter != 51*time.Second {
			t.Errorf("Check = %+v, %v, want it refused for 51s", d, err)
		}
		time.Sleep(d.RetryAfter)
		if d, err := l.Check(r); err != nil {
			t.Errorf("Check = %+v, %v after waiting for it, want it allowed", d, err)
		}
	})
}

func TestPoliciesThatAWindowCannotKeepAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy ratelimit.Policy
		ok     bool
	}{
		"the contract's burst":          {policy: ratelimit.Policy{}},
		"a burst above the limit":       {policy: ratelimit.Policy{Limit: 100, Burst: 200}},
		"a burst below the limit":       {policy: ratelimit.Policy{Limit: 100, Burst: 50}},
		"a fraction of a millisecond":   {policy: ratelimit.Policy{Limit: 1, Period: 1500 * time.Microsecond}},
		"a burst that is the limit":     {policy: ratelimit.Policy{Limit: 100, Burst: 100}, ok: true},
		"a limit and nothing more":      {policy: ratelimit.Policy{Limit: 100}, ok: true},
		"a period of some other length": {policy: ratelimit.Policy{Limit: 100, Period: time.Hour}, ok: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ratelimit.New(newStore(t), ratelimit.Header("X-Key"), ratelimit.Options{Policies: []ratelimit.Policy{tt.policy}})
			if (err == nil) != tt.ok {
				t.Errorf("New(%+v) error = %v, want none: %t", tt.policy, err, tt.ok)
			}
		})
	}
}
