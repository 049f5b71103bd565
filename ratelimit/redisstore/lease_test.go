package redisstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

const term = 100 * time.Millisecond

var leased = redisstore.Options{Lease: term}

func take(tb testing.TB, store ratelimit.Store, cost int, rate ratelimit.Rate) ratelimit.State {
	tb.Helper()
	s, err := store.Take(tb.Context(), "k", cost, rate)
	if err != nil {
		tb.Fatalf("Take(%d, %+v) error = %v", cost, rate, err)
	}
	return s
}

func TestLeasedStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		return newStore(t, newFakeRedis(), leased)
	}, ratelimittest.Options{Cautious: true, Bubble: true})
}

func TestABusyKeyTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeRedis()
		store := newStore(t, fake, leased)
		rate := ratelimit.Rate{Limit: 1_000_000, Period: time.Second, Burst: 1_000_000}
		const requests = 10_000
		for range requests {
			if s := take(t, store, 1, rate); !s.Allowed {
				t.Fatalf("Take = %+v, want it allowed", s)
			}
			time.Sleep(100 * time.Microsecond)
		}
		if got := float64(len(fake.commands)) / requests; got > 0.06 {
			t.Errorf("%.3f round trips a request, want at most 0.06", got)
		}
	})
}

func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeRedis()
		store := newStore(t, fake, leased)
		take(t, store, 200, contract)
		fake.commands = nil
		const requests = 10_000
		allowed := 0
		for range requests { // over a second, in which one request comes back
			if take(t, store, 1, contract).Allowed {
				allowed++
			}
			time.Sleep(100 * time.Microsecond)
		}
		if got := float64(len(fake.commands)) / requests; got > 0.001 {
			t.Errorf("%.4f round trips a refused request, want at most 0.001", got)
		}
		if allowed != 1 {
			t.Errorf("%d requests were allowed, want 1", allowed)
		}
	})
}

// A key that is asked now and then takes nothing in advance.
func TestAQuietKeyIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, newFakeRedis(), leased)
		slow := ratelimit.Rate{Limit: 20, Period: time.Hour, Burst: 20}
		for n := 1; n <= 20; n++ {
			if s := take(t, store, 1, slow); !s.Allowed || s.Remaining != 20-n {
				t.Fatalf("request %d = %+v, want %d remaining", n, s, 20-n)
			}
			time.Sleep(term)
		}
	})
}

// "leased exceeds it by at most ceil(lease time / T)", in every span of time: the
// admissions of three processes are kept, and each pair of them is looked at.
func TestLeasesExceedTheBucketByNoMoreThanALease(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			rate := ratelimit.Rate{Limit: 10 + rng.IntN(200), Period: time.Second, Burst: 20 + rng.IntN(200)}
			fake := newFakeRedis()
			start := time.Now()
			var at []time.Duration
			var mu sync.Mutex
			var workers sync.WaitGroup
			for id := range uint64(3) {
				store := newStore(t, fake, leased)
				workers.Go(func() {
					rng := rand.New(rand.NewPCG(seed, id))
					for time.Since(start) < 3*time.Second {
						// Bursts and pauses, so that lots are lost and taken anew.
						for range rng.IntN(60) {
							if take(t, store, 1, rate).Allowed {
								mu.Lock()
								at = append(at, time.Since(start))
								mu.Unlock()
							}
						}
						time.Sleep(time.Duration(rng.IntN(80)) * time.Millisecond)
					}
				})
			}
			workers.Wait()
			more := int((term + rate.Interval() - 1) / rate.Interval())
			for i := range at {
				for j := i; j < len(at); j++ {
					most := rate.Burst + int((at[j]-at[i])/rate.Interval()) + more
					if got := j - i + 1; got > most {
						t.Fatalf("seed %d, %+v: %d requests were admitted in %v, want at most %d", seed, rate, got, at[j]-at[i], most)
					}
				}
			}
		})
	}
}

func TestWhatIsLeftOfALotIsLostWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, newFakeRedis(), redisstore.Options{Lease: term, Lot: 8})
		slow := ratelimit.Rate{Limit: 100, Period: 1000 * time.Hour, Burst: 100}
		for range 8 { // lots of 1, 2, 4 and 8
			take(t, store, 1, slow)
		}
		time.Sleep(term)
		allowed := 0
		for range 100 {
			if take(t, store, 1, slow).Allowed {
				allowed++
			}
		}
		if allowed < 100-15 || allowed > 100-8 {
			t.Errorf("%d requests were allowed after the lease, want the 92 that were left but for the 7 of a lot", allowed)
		}
	})
}

// "A charge given back is seen by the other processes within a second."
func TestWhatIsGivenBackIsSeenByOtherProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeRedis()
		one, other := newStore(t, fake, leased), newStore(t, fake, leased)
		slow := ratelimit.Rate{Limit: 10, Period: 10 * time.Hour, Burst: 10}
		take(t, one, 10, slow)
		if s := take(t, other, 1, slow); s.Allowed {
			t.Fatalf("Take = %+v, want an empty bucket", s)
		}
		take(t, one, -5, slow)
		if s := take(t, one, 1, slow); !s.Allowed {
			t.Errorf("Take where it was given back = %+v, want it allowed", s)
		}
		time.Sleep(time.Second)
		if s := take(t, other, 1, slow); !s.Allowed {
			t.Errorf("Take in another process after a second = %+v, want it allowed", s)
		}
	})
}

func TestAPlanThatChangesDropsTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, newFakeRedis(), leased)
		for range 10 {
			take(t, store, 1, contract)
		}
		small := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 2}
		allowed := 0
		for range 10 {
			if take(t, store, 1, small).Allowed {
				allowed++
			}
		}
		if allowed > 2 {
			t.Errorf("%d requests were allowed under the smaller plan, want at most 2", allowed)
		}
	})
}

func TestManyKeysAreForgottenWithoutHarm(t *testing.T) {
	t.Parallel()
	store := newStore(t, newFakeRedis(), leased)
	slow := ratelimit.Rate{Limit: 1, Period: 1000 * time.Hour, Burst: 1}
	first := func(n int, allowed bool) {
		for i := range n {
			s, err := store.Take(t.Context(), strconv.Itoa(i), 1, slow)
			if err != nil || s.Allowed != allowed {
				t.Fatalf("key %d: Take = %+v, %v, want allowed: %t", i, s, err, allowed)
			}
		}
	}
	first(140_000, true) // more than is remembered
	first(1000, false)
}

// Calls for one key wait for each other; those that have waited too long must not
// call on top of it.
func TestCallsThatHaveWaitedTooLongGiveUp(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	called, release := make(chan struct{}, 10), make(chan struct{})
	store, err := redisstore.New(func(context.Context, ...any) (any, error) {
		calls.Add(1)
		called <- struct{}{}
		<-release
		return nil, errors.New("i/o timeout")
	}, leased)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for range 10 {
		workers.Go(func() {
			if _, err := store.Take(ctx, "k", 1, contract); err == nil {
				t.Error("Take error = nil, want one")
			}
		})
	}
	<-called
	cancel()
	close(release)
	workers.Wait()
	if got := calls.Load(); got != 1 {
		t.Errorf("%d calls, want 1", got)
	}
}

func BenchmarkLeasedTake(b *testing.B) {
	store := newStore(b, newFakeRedis(), redisstore.Options{Lease: time.Second})
	for name, rate := range map[string]ratelimit.Rate{
		"allowed": {Limit: 1_000_000_000, Period: time.Second, Burst: 1_000_000},
		"refused": {Limit: 1, Period: time.Hour, Burst: 1},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = store.Take(b.Context(), "default:alice", 1, rate)
			}
		})
	}
}
