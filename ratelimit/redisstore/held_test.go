package redisstore_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

func limiterOn(tb testing.TB, store ratelimit.Store, policies ...ratelimit.Policy) *ratelimit.Limiter {
	tb.Helper()
	l, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{Policies: policies, Instances: 2})
	if err != nil {
		tb.Fatalf("New error = %v", err)
	}
	return l
}

// A limiter tells the same whether the store decides out of its memory at once or
// is waited for.
func TestWhatIsHeldIsDecidedAsByTake(t *testing.T) {
	t.Parallel()
	cost := func(n int) func(*http.Request) int { return func(*http.Request) int { return n } }
	policies := map[string]ratelimit.Policy{
		"the contract":    {},
		"without a burst": {Limit: 50, Period: time.Second},
		"a cost of 3":     {Limit: 100, Period: time.Second, Burst: 200, Cost: cost(3)},
		"a cost of 0":     {Cost: cost(0)},
		"too high a cost": {Limit: 5, Burst: 5, Cost: cost(6)},
		"a shadow":        {Limit: 5, Shadow: true},
	}
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decisions := func(wrap func(ratelimit.Store) ratelimit.Store) (all []ratelimit.Decision) {
				synctest.Test(t, func(t *testing.T) {
					l := limiterOn(t, wrap(newStore(t, newFakeRedis(), leased)), policy)
					r := httptest.NewRequest("GET", "/", nil)
					for n := range 600 {
						d, _ := l.Check(r)
						all = append(all, d)
						time.Sleep(time.Duration(n%7) * time.Millisecond)
					}
				})
				return all
			}
			want := decisions(func(s ratelimit.Store) ratelimit.Store { return struct{ ratelimit.Store }{s} })
			got := decisions(func(s ratelimit.Store) ratelimit.Store { return s })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decisions mismatch (-waited for +at once):\n%s", diff)
			}
		})
	}
}

// counting embeds a Store and counts the requests in a Take of its own, which the
// limiter must not pass by.
type counting struct {
	*redisstore.Store
	taken int
}

func (c *counting) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	c.taken++
	return c.Store.Take(ctx, key, cost, rate)
}

func TestAStoreAroundALeasedOneIsAskedEachTime(t *testing.T) {
	t.Parallel()
	store := &counting{Store: newStore(t, newFakeRedis(), leased)}
	l := limiterOn(t, store)
	r := httptest.NewRequest("GET", "/", nil)
	for range 50 {
		_, _ = l.Check(r)
	}
	if store.taken != 50 {
		t.Errorf("Take was called %d times, want 50", store.taken)
	}
}

// Neither a goroutine nor a timer: the price of a store that may have to be waited
// for.
func TestWhatIsHeldCostsNoWaiting(t *testing.T) {
	fake := newFakeRedis()
	l := limiterOn(t, newStore(t, fake, redisstore.Options{Lease: time.Hour, Lot: 100_000}), ratelimit.Policy{Limit: 1_000_000, Burst: 1_000_000})
	r := httptest.NewRequest("GET", "/", nil)
	for range 5000 { // until the lot is large
		_, _ = l.Check(r)
	}
	before := len(fake.commands)
	allocs := testing.AllocsPerRun(500, func() {
		if d, err := l.Check(r); err != nil || d.Degraded {
			t.Fatalf("Check = %+v, %v", d, err)
		}
	})
	if len(fake.commands) > before {
		t.Fatalf("%d round trips", len(fake.commands)-before)
	}
	if allocs > 2 { // the key's text and the list of buckets
		t.Errorf("a request decided from memory allocates %v times, want at most 2", allocs)
	}
}
