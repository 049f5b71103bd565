// Package ratelimittest tests implementations of [ratelimit.Store], and has a
// client that acts on the header fields of package ratelimit:
//
//	func TestStore(t *testing.T) {
//		ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store { return mystore.New() }, ratelimittest.Options{})
//	}
package ratelimittest

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// Options describes the store under test. The zero value is a token bucket that
// may do network I/O.
type Options struct {
	// Window says that the store counts in windows instead of buckets: the
	// burst is always the limit, and everything is given back at once.
	Window bool

	// Cautious says that the store may tell less than what remains, for
	// example because it has taken some in advance. It must allow all of it
	// even so.
	Cautious bool

	// Bubble runs each test in a bubble of [synctest], where waiting costs no
	// time. It is for stores without I/O and without goroutines of their own.
	// Without it the tests wait for about three seconds in all.
	Bubble bool
}

// TestStore tests that the stores made by newStore do what [ratelimit.Store]
// says. It calls newStore once for each subtest.
func TestStore(t *testing.T, newStore func(t *testing.T) ratelimit.Store, opts Options) {
	t.Helper()
	for name, test := range map[string]func(*suite){
		"a new key has a full bucket":                      (*suite).fullAtFirst,
		"the bucket is taken to the last request":          (*suite).takenToTheLast,
		"a refusal takes nothing":                          (*suite).refusalTakesNothing,
		"a cost above the burst is refused":                (*suite).costAboveBurst,
		"a cost of 0 only looks":                           (*suite).zeroLooks,
		"a negative cost is given back":                    (*suite).givenBack,
		"nothing is given back beyond a full bucket":       (*suite).neverBeyondFull,
		"keys do not share buckets":                        (*suite).keysApart,
		"the bucket is refilled when it says":              (*suite).refilled,
		"concurrent calls get no more than the bucket has": (*suite).concurrent,
	} {
		t.Run(name, func(t *testing.T) {
			run := func(t *testing.T) {
				test(&suite{T: t, store: newStore(t), opts: opts, key: "test:" + rand.Text()})
			}
			if opts.Bubble {
				synctest.Test(t, run)
				return
			}
			t.Parallel()
			run(t)
		})
	}
}

// suite is what one subtest works on.
type suite struct {
	*testing.T
	store ratelimit.Store
	opts  Options
	key   string
}

// slow is refilled so slowly that nothing comes back during a test.
var slow = ratelimit.Rate{Limit: 10, Period: 10 * time.Hour, Burst: 10}

func (s *suite) take(cost int, rate ratelimit.Rate) ratelimit.State {
	s.Helper()
	return s.takeFrom(s.key, cost, rate)
}

func (s *suite) takeFrom(key string, cost int, rate ratelimit.Rate) ratelimit.State {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	state, err := s.store.Take(ctx, key, cost, rate)
	if err != nil {
		s.Fatalf("Take(%q, %d, %+v) error = %v", key, cost, rate, err)
	}
	return state
}

// want takes cost from the slow bucket and compares what is told exactly.
func (s *suite) want(cost int, allowed bool, remaining int) ratelimit.State {
	s.Helper()
	got := s.take(cost, slow)
	less := s.opts.Cautious && got.Remaining >= 0 && got.Remaining < remaining
	if got.Allowed != allowed || got.Remaining != remaining && !less {
		s.Fatalf("Take(cost %d) = %+v, want Allowed %t and Remaining %d", cost, got, allowed, remaining)
	}
	if (got.Next == 0) != (got.Remaining == slow.Burst) || got.Next < 0 {
		s.Errorf("Take(cost %d).Next = %v with %d of %d remaining", cost, got.Next, remaining, slow.Burst)
	}
	if got.Reset < got.Next || got.Reset > slow.Period+time.Second {
		s.Errorf("Take(cost %d).Reset = %v, want it from Next (%v) to the period (%v)", cost, got.Reset, got.Next, slow.Period)
	}
	return got
}

func (s *suite) fullAtFirst() {
	if got := s.want(0, true, 10); got.Reset != 0 {
		s.Errorf("Reset of a full bucket = %v, want 0", got.Reset)
	}
}

func (s *suite) takenToTheLast() {
	for remaining := 9; remaining >= 0; remaining-- {
		s.want(1, true, remaining)
	}
	s.want(1, false, 0)
	s.want(1, false, 0)
}

func (s *suite) refusalTakesNothing() {
	s.want(7, true, 3)
	for range 5 {
		s.want(4, false, 3)
	}
	s.want(3, true, 0)
}

func (s *suite) costAboveBurst() {
	s.want(11, false, 10)
	s.want(1<<30, false, 10)
	s.want(10, true, 0)
	s.want(11, false, 0)
}

func (s *suite) zeroLooks() {
	s.want(0, true, 10)
	s.want(10, true, 0)
	s.want(0, true, 0)
	s.want(0, true, 0)
}

func (s *suite) givenBack() {
	s.want(10, true, 0)
	s.want(-4, true, 4)
	s.want(5, false, 4)
	s.want(4, true, 0)
}

func (s *suite) neverBeyondFull() {
	s.want(-5, true, 10)
	s.want(3, true, 7)
	s.want(-1<<30, true, 10)
	s.want(10, true, 0)
	s.want(1, false, 0)
}

func (s *suite) keysApart() {
	s.want(10, true, 0)
	for _, other := range []string{s.key + ":", s.key + "\x00", s.key + "é", s.key[:len(s.key)-1], s.key + ":a b"} {
		if got := s.takeFrom(other, 0, slow); got.Remaining != 10 {
			s.Errorf("Take(%q) = %+v after the bucket of %q was emptied, want a full one", other, got, s.key)
		}
	}
}

// refilled waits for what Next and Reset promise. In real time a call may come
// late and find more than was promised, never less.
func (s *suite) refilled() {
	rate := ratelimit.Rate{Limit: 5, Period: time.Second, Burst: 5}
	if !s.opts.Window {
		rate.Burst = 8
	}
	full := s.take(rate.Burst, rate)
	if !full.Allowed {
		s.Fatalf("Take(%d) = %+v, want it allowed", rate.Burst, full)
	}
	time.Sleep(full.Next)
	next := s.take(0, rate)
	if next.Remaining < 1 {
		s.Errorf("Remaining = %d after waiting for Next (%v), want 1 or more", next.Remaining, full.Next)
	}
	time.Sleep(next.Reset)
	if got := s.take(5, rate); !got.Allowed {
		s.Errorf("Take(5) = %+v after waiting for Reset, want it allowed", got)
	}
}

// concurrent lets 64 goroutines draw on one bucket. What is wrong with a fast store
// shows now and then alone: it is asked far more often in the same time.
func (s *suite) concurrent() {
	start := time.Now()
	s.together("few", 500)
	for round := 0; round < 5 && time.Since(start) < 10*time.Millisecond; round++ {
		s.together(strconv.Itoa(round), 20_000)
	}
}

// together asks for half as much again as a bucket of n holds.
func (s *suite) together(name string, n int) {
	rate := ratelimit.Rate{Limit: n, Period: 1000 * time.Hour, Burst: n}
	key := s.key + ":" + name
	const workers = 64
	each := n * 3 / 2 / workers
	var allowed atomic.Int64
	var running sync.WaitGroup
	begin := make(chan struct{})
	for range workers {
		running.Go(func() {
			<-begin
			for range each {
				state, err := s.store.Take(s.Context(), key, 1, rate)
				if err != nil {
					s.Errorf("Take error = %v", err)
					return
				}
				if state.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	close(begin)
	running.Wait()
	if got := int(allowed.Load()); got != n {
		s.Errorf("%d calls from %d goroutines: %d allowed, want %d", workers*each, workers, got, n)
	}
}
