package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

func newMemory(tb testing.TB, keys int) *ratelimit.Memory {
	tb.Helper()
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: keys})
	if err != nil {
		tb.Fatalf("NewMemory(%d keys) error = %v", keys, err)
	}
	return store
}

func take(tb testing.TB, store ratelimit.Store, key string, cost int, rate ratelimit.Rate) ratelimit.State {
	tb.Helper()
	s, err := store.Take(tb.Context(), key, cost, rate)
	if err != nil {
		tb.Fatalf("Take(%q, %d, %+v) error = %v", key, cost, rate, err)
	}
	return s
}

func TestNewMemoryRefusesNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{-1, 1<<30 + 1} {
		if _, err := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: keys}); err == nil {
			t.Errorf("NewMemory(%d keys) error = nil, want one", keys)
		}
	}
}

func TestMemoryRefusesARateThatIsNotValid(t *testing.T) {
	t.Parallel()
	store := newMemory(t, 1)
	tests := map[string]ratelimit.Rate{
		"no limit":                   {Period: time.Minute, Burst: 1},
		"no period":                  {Limit: 1, Burst: 1},
		"no burst":                   {Limit: 1, Period: time.Minute},
		"a negative limit":           {Limit: -1, Period: time.Minute, Burst: 1},
		"more than one a nanosecond": {Limit: 11, Period: 10, Burst: 1},
		"more than 73 years":         {Limit: 1, Period: 365 * 24 * time.Hour, Burst: 74},
	}
	for name, rate := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := store.Take(t.Context(), "k", 1, rate); err == nil {
				t.Errorf("Take(%+v) = %+v, nil, want an error", rate, s)
			}
		})
	}
}

// Goroutines draw on one bucket over a simulated hour, most of the time several
// at one instant. They are admitted as often as the model says, to the request.
func TestMemoryAdmitsExactlyTheBucketTo64Goroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t, 1)
		rate := ratelimit.Rate{Limit: 100, Period: time.Minute, Burst: 50}
		m := newModel(rate)
		start := time.Now()
		var admitted, want int
		var mu sync.Mutex
		var workers sync.WaitGroup
		for id := range 64 {
			workers.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(id), 3))
				for range 500 {
					time.Sleep(time.Duration(rng.IntN(80)) * 200 * time.Millisecond)
					s := take(t, store, "k", 1, rate)
					mu.Lock()
					if s.Allowed {
						admitted++
					}
					if allowed, _ := m.take(time.Since(start), 1); allowed {
						want++
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		if admitted != want {
			t.Errorf("%d requests were admitted in %v, want the model's %d", admitted, time.Since(start), want)
		}
	})
}

// A call reads the clock before it comes to the bucket, and others may come between.
func TestMemoryCountsCallsThatComeLate(t *testing.T) {
	t.Parallel()
	const unit = 600 * time.Millisecond
	tests := map[string]struct {
		before, cost int // taken at one second, then a second late
		want         ratelimit.State
		left         int // at one second
	}{
		"one is taken":                         {before: 100, cost: 1, want: ratelimit.State{Allowed: true, Remaining: 97, Next: 400 * time.Millisecond, Reset: time.Second + unit}, left: 99},
		"one of an empty bucket is given back": {before: 200, cost: -1, left: 1},
		"a new key is told its reset":          {cost: 150, want: ratelimit.State{Allowed: true, Remaining: 50, Next: unit + time.Second, Reset: 31 * time.Second}, left: 50},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMemory(t, 1)
				time.Sleep(time.Second)
				take(t, store, "k", tt.before, contract)
				got := store.TakeAt(0, "k", tt.cost, contract)
				if tt.cost > 0 && got != tt.want {
					t.Errorf("TakeAt(0, cost %d) = %+v, want %+v", tt.cost, got, tt.want)
				}
				if got := take(t, store, "k", 0, contract); got.Remaining != tt.left {
					t.Errorf("%d are left, want %d", got.Remaining, tt.left)
				}
			})
		})
	}
}

// "at most burst + limit in any minute", to a caller who asks as often as it likes.
func TestAnyPeriodSeesAtMostBurstPlusLimit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		rate := ratelimit.Rate{Limit: 1 + rng.IntN(300), Period: time.Duration(1+rng.Int64N(100_000)) * time.Millisecond}
		rate.Burst = 1 + rng.IntN(2*rate.Limit)
		seed := rng.Uint64()
		t.Run(fmt.Sprintf("%d per %v burst %d", rate.Limit, rate.Period, rate.Burst), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newMemory(t, 1)
				rng := rand.New(rand.NewPCG(seed, 5))
				var at []time.Time
				for end := time.Now().Add(5 * rate.Period); time.Now().Before(end); {
					for take(t, store, "k", 1, rate).Allowed {
						at = append(at, time.Now())
					}
					// Mostly as soon as one is refilled, now and then after a pause.
					pause := rate.Interval()
					if rng.IntN(50) == 0 {
						pause = time.Duration(rng.Int64N(int64(rate.Period)))
					}
					time.Sleep(pause)
				}
				first := 0
				for i := range at {
					for at[i].Sub(at[first]) >= rate.Period {
						first++
					}
					if got, most := i-first+1, rate.Burst+rate.Limit; got > most {
						t.Fatalf("%d requests were admitted within %v, want at most %d", got, rate.Period, most)
					}
				}
				if len(at) < rate.Burst+2*rate.Limit {
					t.Errorf("%d requests were admitted in five periods, want %d or more", len(at), rate.Burst+2*rate.Limit)
				}
			})
		})
	}
}

// A schedule is a list of steps of three bytes each: how long to wait, for which
// of eight keys, and the cost.
func FuzzMemoryAgreesWithTheModel(f *testing.F) {
	f.Add(uint16(100), uint16(200), []byte{0, 0, 200, 1, 5, 1, 2, 9, 3, 0, 0, 0, 3, 1, 255})
	f.Add(uint16(7), uint16(3), []byte{2, 200, 2, 1, 77, 1, 0, 0, 128, 3, 3, 3, 64, 8, 1, 65, 9, 1})
	f.Fuzz(func(t *testing.T, limit, burst uint16, schedule []byte) {
		schedule = schedule[:min(len(schedule), 600)]
		synctest.Test(t, func(t *testing.T) {
			store := newMemory(t, 16)
			start := time.Now()
			rate := ratelimit.Rate{Limit: 1 + int(limit), Period: time.Minute, Burst: 1 + int(burst)}
			models := make([]*model, 8)
			for i := range models {
				models[i] = newModel(rate)
			}
			for ; len(schedule) >= 3; schedule = schedule[3:] {
				id, cost := schedule[1]%8, int(int8(schedule[2]))
				time.Sleep(time.Duration(schedule[0]) * rate.Interval() / 32)
				got := take(t, store, fmt.Sprint("key ", id), cost, rate)
				allowed, remaining := models[id].take(time.Since(start), cost)
				if got.Allowed != allowed || got.Remaining != remaining {
					t.Fatalf("%+v, key %d after %v: Take(cost %d) = %+v, want Allowed %t and Remaining %d",
						rate, id, time.Since(start), cost, got, allowed, remaining)
				}
			}
		})
	})
}

// "concurrent takes never admit more than the bucket": a key that is new to all
// goroutines at once must not get two buckets, in a table that is overcrowded too.
func TestMemoryGivesAKeyOneBucket(t *testing.T) {
	t.Parallel()
	const keys, burst = 200, 5
	for _, room := range []int{1, keys, 100 * keys} {
		t.Run(fmt.Sprintf("room for %d", room), func(t *testing.T) {
			t.Parallel()
			store := newMemory(t, room)
			rate := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: burst}
			var admitted [keys]atomic.Int64
			var workers sync.WaitGroup
			for range 16 {
				workers.Go(func() {
					for range burst {
						for i := range keys {
							if take(t, store, fmt.Sprint(i), 1, rate).Allowed {
								admitted[i].Add(1)
							}
						}
					}
				})
			}
			workers.Wait()
			for i := range keys {
				if got := admitted[i].Load(); got > burst || room >= keys && got < burst {
					t.Errorf("key %d was admitted %d times, want %d", i, got, burst)
				}
			}
		})
	}
}

// Goroutines that come with a new key at the very same moment.
func TestMemoryAddsAKeyOnce(t *testing.T) {
	t.Parallel()
	const keys, together = 20_000 / slowed, 3
	store := newMemory(t, keys)
	rate := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 1}
	var came [keys]atomic.Int32
	var admitted [keys]atomic.Int32
	var workers sync.WaitGroup
	for range together {
		workers.Go(func() {
			for i := range keys {
				key := strconv.Itoa(i)
				came[i].Add(1)
				for came[i].Load() < together {
					runtime.Gosched()
				}
				if take(t, store, key, 1, rate).Allowed {
					admitted[i].Add(1)
				}
			}
		})
	}
	workers.Wait()
	twice := 0
	for i := range keys {
		if admitted[i].Load() > 1 {
			twice++
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d keys were admitted twice, want none", twice, keys)
	}
}

// "A flood of keys never gives an attacker a fresh bucket sooner than waiting
// would", not even one that the table cannot hold.
func TestMemoryUnderAFloodOfKeysResetsNoBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t, 100)
		rng := rand.New(rand.NewPCG(5, 6))
		start := time.Now()
		admitted := 0
		for range 200 {
			for range 200 {
				// Keys come back, so that each can collect what it is given.
				take(t, store, fmt.Sprint("flood-", rng.IntN(2000)), 1+rng.IntN(3), contract)
				if take(t, store, "attacker", 1, contract).Allowed {
					admitted++
				}
			}
			time.Sleep(time.Second)
		}
		if most := 200 + int(time.Since(start)/contract.Interval()); admitted > most {
			t.Errorf("the attacker was admitted %d times, want at most the %d of one bucket", admitted, most)
		}
	})
}

func TestMemoryForgetsFullBucketsFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t, 16) // a single set of 32
		slow := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 10}
		take(t, store, "debtor", 10, slow)
		for i := range 1000 {
			if s := take(t, store, fmt.Sprint("passer-by ", i), 1, contract); s.Remaining != 199 {
				t.Fatalf("passer-by %d has %d left after its first request, want 199", i, s.Remaining)
			}
			// At most 20 of them are in debt at a time.
			time.Sleep(contract.Interval() / 20)
		}
		if s := take(t, store, "debtor", 0, slow); s.Remaining != 0 {
			t.Errorf("the debtor has %d requests left, want it remembered", s.Remaining)
		}
	})
}

// "at most 40 bytes a key, heap growth 0 while more keys arrive"
func TestMemoryGrowsByNothing(t *testing.T) {
	// Not parallel: it measures the heap.
	const keys = 100_000 / slowed
	perKey, growth := flood(t, keys, 10*keys)
	if perKey > 40 {
		t.Errorf("%d keys take %.1f bytes each, want at most 40", keys, perKey)
	}
	if growth > 64<<10 {
		t.Errorf("ten times as many keys took %d bytes more, want none", growth)
	}
}

// flood fills a store for a number of keys, lets more come, and returns what each of
// the first takes of the heap and what the others have added.
func flood(tb testing.TB, keys, more int) (perKey float64, growth int64) {
	tb.Helper()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	store := newMemory(tb, keys)
	name := make([]byte, 0, 32)
	arrive := func(n int, prefix string) {
		for i := range n {
			name = strconv.AppendInt(append(name[:0], prefix...), int64(i), 10)
			take(tb, store, string(name), 1, contract)
		}
	}
	arrive(keys, "known-")
	full := heap()
	arrive(more, "flood-")
	growth = heap() - full
	runtime.KeepAlive(store)
	return float64(full-before) / float64(keys), growth
}

func TestMemoryKeepsTheStatedNumberOfKeysApart(t *testing.T) {
	t.Parallel()
	const keys = 20_000
	store := newMemory(t, keys)
	rate := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 2}
	for i := range keys {
		take(t, store, fmt.Sprint(i), 1, rate)
	}
	wrong := 0
	for i := range keys {
		if take(t, store, fmt.Sprint(i), 0, rate).Remaining != 1 {
			wrong++
		}
	}
	// One set in ten thousand overflows, and a few of its 32 keys then share.
	if wrong > 20 {
		t.Errorf("%d of %d keys share a bucket, want at most 20", wrong, keys)
	}
}

func TestMemoryAllocatesNothing(t *testing.T) {
	store := newMemory(t, 100)
	ctx := context.Background()
	if got := testing.AllocsPerRun(1000, func() { _, _ = store.Take(ctx, "k", 1, contract) }); got != 0 {
		t.Errorf("Take allocates %v times, want 0", got)
	}
}
