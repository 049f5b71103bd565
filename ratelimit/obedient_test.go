package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
)

// run lets an obedient client send as much as it may for ten minutes and returns
// what was served and refused.
func run(h http.Handler) (served, refused int) {
	client := ratelimittest.Client{Handler: h}
	r := httptest.NewRequest("GET", "/", nil)
	end := time.Now().Add(10 * time.Minute)
	for {
		res := client.Do(r)
		if !time.Now().Before(end) {
			return served, refused
		}
		if res.StatusCode == http.StatusOK {
			served++
		} else {
			refused++
		}
	}
}

// "A client that keeps to the headers never sees a 429."
func TestAClientThatKeepsToTheHeadersNeverSeesA429(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		p := ratelimit.Policy{Limit: 1 + rng.IntN(300), Period: time.Duration(20_000+rng.IntN(300_000)) * time.Millisecond}
		p.Burst = p.Limit + rng.IntN(2*p.Limit)
		start := time.Duration(rng.Int64N(int64(time.Minute)))
		t.Run(fmt.Sprintf("%d per %v burst %d", p.Limit, p.Period, p.Burst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(start)
				served, refused := run(newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{p}}).Handler(nothing))
				if refused != 0 {
					t.Errorf("%d of %d requests were refused, want none", refused, served+refused)
				}
				ideal := float64(p.Burst) + float64(p.Limit)*float64(10*time.Minute)/float64(p.Period)
				// The last period of the ten minutes may end before its Reset.
				if want := 0.9 * (ideal - float64(p.Limit)); float64(served) < want {
					t.Errorf("%d requests were served, want at least %.0f of the ideal %.0f", served, want, ideal)
				}
				if float64(served) > ideal {
					t.Errorf("%d requests were served, want at most the ideal %.0f", served, ideal)
				}
			})
		})
	}
}

// distant is a store that is asked over a slow network.
type distant struct{ ratelimit.Store }

func (d distant) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	time.Sleep(7 * time.Millisecond)
	defer time.Sleep(7 * time.Millisecond)
	return d.Store.Take(ctx, key, cost, rate)
}

func TestAnObedientClientIsNotRefusedByADistantStore(t *testing.T) {
	t.Parallel()
	for start := range 20 {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Duration(start) * 51 * time.Millisecond)
			l := guarded(t, distant{newMemory(t, 1)}, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 7, Period: 10 * time.Second}}})
			served, refused := run(l.Handler(nothing))
			if refused != 0 || served < 370 {
				t.Errorf("%d requests were served and %d refused, want 370 and none", served, refused)
			}
		})
	}
}

func TestAnObedientClientIsNotRefusedUnderSeveralPolicies(t *testing.T) {
	t.Parallel()
	tests := map[string][]ratelimit.Policy{
		"a minute and an hour": {{}, {Name: "hour", Limit: 1000, Period: time.Hour}},
		"the wide one first":   {{Name: "hour", Limit: 1000, Period: time.Hour}, {Limit: 7, Burst: 9}},
		"the same twice":       {{Name: "a", Limit: 10}, {Name: "b", Limit: 10}},
		"a second and a day":   {{Name: "second", Limit: 3, Period: time.Second}, {Name: "day", Limit: 90, Period: 24 * time.Hour}},
	}
	for name, policies := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(123456789)
				if _, refused := run(newLimiter(t, alice, ratelimit.Options{Policies: policies}).Handler(nothing)); refused != 0 {
					t.Errorf("%d requests were refused, want none", refused)
				}
			})
		})
	}
}

// A key that is looked up somewhere takes its time, which must not be missing from
// the reset.
func TestAnObedientClientIsNotRefusedWhereKeysAreSlow(t *testing.T) {
	t.Parallel()
	slow := func(*http.Request) (string, bool) {
		time.Sleep(300 * time.Millisecond)
		return "alice", true
	}
	for name, policy := range map[string]ratelimit.Policy{
		"a request a second": {Limit: 1, Period: time.Second},
		"the contract":       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newLimiter(t, slow, ratelimit.Options{Policies: []ratelimit.Policy{policy}}).Handler(nothing)
				if served, refused := run(h); refused != 0 {
					t.Errorf("%d requests were served and %d refused, want none refused", served, refused)
				}
			})
		})
	}
}

func TestAClientThatWaitsForRetryAfterIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(987654321)
		h := newLimiter(t, alice, ratelimit.Options{}).Handler(nothing)
		r := httptest.NewRequest("GET", "/", nil)
		client := ratelimittest.Client{Handler: h}
		for range 5 {
			rec := httptest.NewRecorder()
			for rec.Code == http.StatusOK { // greedily, until refused
				rec = httptest.NewRecorder()
				h.ServeHTTP(rec, r)
			}
			client.Do(r) // refused too, and told when to come back
			if res := client.Do(r); res.StatusCode != http.StatusOK {
				t.Fatalf("status after Retry-After = %d, want 200", res.StatusCode)
			}
		}
	})
}
