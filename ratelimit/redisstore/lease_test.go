package redisstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
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
						pause := term
						if rng.IntN(4) == 0 {
							pause *= 5 // and leases end
						}
						time.Sleep(time.Duration(rng.Int64N(int64(pause))))
					}
				})
			}
			workers.Wait()
			checkBound(t, rate, at)
		})
	}
}

// The same where one process holds as much as it can for as long as it can, and
// the bucket is then emptied by both.
func TestWhatIsHeldIsSpentWithinTheLease(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{0, term / 2, term - 1, term, 2 * term, 20 * term} {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rate := ratelimit.Rate{Limit: 100, Period: time.Second, Burst: 200}
				fake := newFakeRedis()
				one, other := newStore(t, fake, leased), newStore(t, fake, leased)
				start := time.Now()
				var at []time.Duration
				spend := func(store ratelimit.Store, most int) {
					for range most {
						if take(t, store, 1, rate).Allowed {
							at = append(at, time.Since(start))
						}
					}
				}
				spend(one, 32) // lots of 1, 2, 4, 8, 16 and 32, of which 31 are left
				time.Sleep(pause)
				spend(one, 31)
				spend(other, 300)
				spend(one, 300)
				checkBound(t, rate, at)
			})
		})
	}
}

// checkBound looks at each span of time between two admissions.
func checkBound(t *testing.T, rate ratelimit.Rate, at []time.Duration) {
	t.Helper()
	more := int((term + rate.Interval() - 1) / rate.Interval())
	for i := range at {
		for j := i; j < len(at); j++ {
			most := rate.Burst + int((at[j]-at[i])/rate.Interval()) + more
			if got := j - i + 1; got > most {
				t.Fatalf("%+v: %d requests were admitted in %v, want at most %d", rate, got, at[j]-at[i], most)
			}
		}
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
		if allowed != 100-15 {
			t.Errorf("%d requests were allowed after the lease, want 85: all but the 8 before and the 7 that were left of a lot", allowed)
		}
	})
}

// A lease runs from the question, not from an answer that comes late.
func TestALeaseRunsFromTheQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeRedis()
		store, err := redisstore.New(func(ctx context.Context, args ...any) (any, error) {
			reply, err := fake.do(ctx, args...)
			time.Sleep(30 * time.Millisecond)
			return reply, err
		}, leased)
		if err != nil {
			t.Fatal(err)
		}
		slow := ratelimit.Rate{Limit: 100, Period: 1000 * time.Hour, Burst: 100}
		for range 4 { // lots of 1, 2 and 4, of which 3 are left
			take(t, store, 1, slow)
		}
		time.Sleep(term - 30*time.Millisecond)
		before := len(fake.commands)
		take(t, store, 1, slow)
		if got := len(fake.commands) - before; got != 1 {
			t.Errorf("%d commands for a request that comes a lease after the last lot was asked for, want 1", got)
		}
	})
}

// What is left of a lot and what is left in the bucket are both the caller's.
func TestACostIsTakenFromALotAndFromTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeRedis()
		store := newStore(t, fake, leased)
		slow := ratelimit.Rate{Limit: 16, Period: 1600 * time.Hour, Burst: 16}
		for range 4 { // lots of 1, 2 and 4, of which 3 are left
			take(t, store, 1, slow)
		}
		if s := take(t, store, 13, slow); s.Allowed {
			t.Errorf("Take(13) = %+v with 3 and 9 left, want it refused", s)
		}
		if s := take(t, store, 12, slow); !s.Allowed {
			t.Errorf("Take(12) = %+v with 3 and 9 left, want it allowed", s)
		}
		if s := take(t, store, 1, slow); s.Allowed {
			t.Errorf("Take(1) = %+v with nothing left, want it refused", s)
		}
	})
}

// "A bucket's quarter is never exceeded.", and [Options.Lot] neither.
func TestLotsAreBounded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lot, burst int
		want       int
	}{
		"by default":             {burst: 1000, want: 32},
		"by the option":          {lot: 5, burst: 1000, want: 5},
		"by a quarter":           {burst: 20, want: 5},
		"by less than a request": {burst: 3, want: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				most := 0
				fake := newFakeRedis()
				store, err := redisstore.New(func(ctx context.Context, args ...any) (any, error) {
					most = max(most, args[6].(int)+args[7].(int))
					return fake.do(ctx, args...)
				}, redisstore.Options{Lease: term, Lot: tt.lot})
				if err != nil {
					t.Fatal(err)
				}
				for range tt.burst {
					take(t, store, 1, ratelimit.Rate{Limit: tt.burst, Period: 1000 * time.Hour, Burst: tt.burst})
				}
				if most != tt.want {
					t.Errorf("%d requests were taken at a time, want at most and at last %d", most, tt.want)
				}
			})
		})
	}
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

func TestLeasesTakeABoundedPieceOfMemory(t *testing.T) {
	// Not parallel: it measures the heap.
	store, err := redisstore.New(func(_ context.Context, args ...any) (any, error) {
		return []any{int64(time.Second), int64(args[6].(int))}, nil
	}, leased)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	after := func(keys int) int64 {
		for range keys {
			n++
			if _, err := store.Take(t.Context(), strconv.Itoa(n), 1, contract); err != nil {
				t.Fatal(err)
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	full := after(180_000)
	if got := after(50_000) - full; got > 1<<19 {
		t.Errorf("50,000 more keys took %d bytes more, want none to speak of", got)
	}
	runtime.KeepAlive(store)
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
