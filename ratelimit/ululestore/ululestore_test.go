package ululestore_test

import (
	"testing"
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
