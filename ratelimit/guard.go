package ratelimit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 25 * time.Millisecond
	maxInstances   = 1_000_000

	// failuresToOpen is the number of failures in a row after which the store
	// counts as down: one slow answer is no outage.
	failuresToOpen = 3

	// probeEvery is the time between two requests that try a store which is
	// down. All others do not wait for it.
	probeEvery = 500 * time.Millisecond

	// maxLeft bounds the calls that go on after nobody waits for them any more.
	// A client without timeouts of its own would otherwise pile them up for as
	// long as the store hangs.
	maxLeft = 1000
)

var errLeft = errors.New("ratelimit: too many calls of the store do not return")

// A guard stands between a Limiter and a store that can fail. It bounds the wait
// and remembers that the store is down, so that not every request finds out by
// waiting.
type guard struct {
	store     Store
	held      func(key string, cost int, rate Rate) (State, bool) // nil where the store has to be waited for
	timeout   time.Duration
	instances int
	onOutage  func(error)
	closed    bool    // what the store does not answer in time is refused
	local     *Memory // counts this process's share while the store is down; nil if it fails open or closed

	start    time.Time
	failures atomic.Int32 // in a row
	epoch    atomic.Int64 // changes of the state: odd while the store is down
	probeAt  atomic.Int64 // nanoseconds since start
	left     atomic.Int32 // calls that nobody waits for
	change   sync.Mutex   // orders changes of epoch and the calls of onOutage
	proof    []bucket
}

func newGuard(store Store, opts Options) *guard {
	g := &guard{
		store:     store,
		timeout:   opts.Timeout,
		instances: max(opts.Instances, 1),
		onOutage:  opts.OnOutage,
		closed:    opts.FailClosed,
		start:     time.Now(),
	}
	if g.timeout == 0 {
		g.timeout = defaultTimeout
	}
	if h, ok := store.(holder); ok {
		g.held = h.Held(store)
	}
	// A bucket that is full again at the next probe.
	g.proof = []bucket{{policy: &policy{}, rate: Rate{Limit: 1, Period: time.Millisecond, Burst: 1}, cost: 1, key: "#probe:" + rand.Text()}}
	if !opts.FailOpen && !opts.FailClosed {
		// The defaults are never refused.
		g.local, _ = NewMemory(MemoryOptions{})
	}
	return g
}

// A job is what is done with buckets: evaluate, charge or undo.
type job = func(context.Context, backend, []bucket) (verdict, error)

// ask does the job on the store, or reports false if the store is down or does
// not answer in time.
func (g *guard) ask(ctx context.Context, buckets []bucket, do job) (verdict, bool) {
	epoch := g.epoch.Load()
	down := epoch%2 == 1
	if down && !g.mayProbe() {
		return verdict{}, false
	}
	if g.left.Load() >= maxLeft {
		g.report(epoch, errLeft)
		return verdict{}, false
	}
	v, err := g.call(ctx, buckets, do)
	if err == nil && !writes(buckets, v) {
		// A store that can only be read still refuses, so this proves little.
		if !down {
			return v, true
		}
		_, err = g.call(ctx, g.proof, evaluate)
	}
	g.report(epoch, err)
	return v, err == nil
}

// recall decides a request from what the store holds in memory. It says nothing
// about the store's state, and while that is down the shares count.
func (g *guard) recall(buckets []bucket) (verdict, bool) {
	in := &buckets[0]
	if g.held == nil || len(buckets) > 1 || in.policy.Shadow || in.cost < 1 || in.cost > in.rate.Burst || g.epoch.Load()%2 == 1 {
		return verdict{}, false
	}
	s, ok := g.held(in.key, in.cost, in.rate)
	if !ok {
		return verdict{}, false
	}
	v := verdict{allowed: s.Allowed, shadowed: -1, state: s}
	if !s.Allowed {
		v.wait = max(in.rate.retry(s, in.cost), 1)
	}
	return v, true
}

// answer is what a job came to.
type answer struct {
	verdict verdict
	err     error
}

// writes reports whether the verdict was a debit.
func writes(buckets []bucket, v verdict) bool {
	return v.allowed && slices.ContainsFunc(buckets, func(b bucket) bool { return b.cost != 0 })
}

// call waits for the store until the timeout and not a moment longer: there are
// Redis clients that do not heed a deadline. The caller's own cancellation is
// kept from the store, since many clients drop the connection with it.
func (g *guard) call(ctx context.Context, buckets []bucket, do job) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.timeout)
	answers := make(chan answer, 1)
	var over atomic.Bool // for one side: the call has returned, or was left
	go func() {
		growStack()
		defer cancel()
		a := g.run(ctx, buckets, do)
		answers <- a
		if over.Swap(true) {
			if g.closed && a.verdict.allowed {
				// It was refused in the meantime.
				g.run(ctx, buckets, undo)
			}
			g.left.Add(-1)
		}
	}()
	select {
	case a := <-answers:
		return a.verdict, a.err
	case <-ctx.Done():
	}
	if over.Swap(true) { // the context ended because the call did
		a := <-answers
		return a.verdict, a.err
	}
	g.left.Add(1)
	return verdict{}, ctx.Err()
}

// growStack makes the stack of a new goroutine large enough for a Redis client in one
// step, while it is empty: growing it three times on the way was a fifth of what a
// request cost.
//
//go:noinline
func growStack() byte {
	var room [6 << 10]byte
	return room[len(os.Args)%len(room)] // keeps the compiler from leaving it out
}

// run does the job and takes a panic of the store for a failure.
func (g *guard) run(ctx context.Context, buckets []bucket, do job) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{err: fmt.Errorf("ratelimit: store panicked: %v", p)}
		}
	}()
	a.verdict, a.err = do(ctx, backend{store: g.store, timeout: g.timeout}, buckets)
	return a
}

// mayProbe reports whether this request is the one that tries the store again.
func (g *guard) mayProbe() bool {
	now := int64(time.Since(g.start))
	at := g.probeAt.Load()
	return now >= at && g.probeAt.CompareAndSwap(at, now+int64(probeEvery))
}

// report counts an answer of the store. One to a question from before the state
// changed says nothing about it.
func (g *guard) report(epoch int64, err error) {
	if g.epoch.Load() != epoch {
		return
	}
	down := epoch%2 == 1
	if err == nil {
		if g.failures.Load() != 0 {
			g.failures.Store(0)
		}
		if down {
			g.turn(epoch, nil)
		}
		return
	}
	if !down && g.failures.Add(1) >= failuresToOpen {
		g.turn(epoch, err)
	}
}

// turn ends an epoch.
func (g *guard) turn(epoch int64, err error) {
	g.change.Lock()
	defer g.change.Unlock()
	if g.epoch.Load() != epoch {
		return
	}
	g.failures.Store(0)
	g.probeAt.Store(int64(time.Since(g.start) + probeEvery))
	g.epoch.Store(epoch + 1)
	if g.onOutage != nil {
		g.onOutage(err)
	}
}

// share does the job on this process's share of the policies. The buckets are
// copied: a call that was given up may still read them.
func (g *guard) share(ctx context.Context, buckets []bucket, do job) ([]bucket, verdict) {
	shares := make([]bucket, len(buckets))
	for i, b := range buckets {
		b.hash = maphash.String(g.local.seed, b.key)
		full := b.rate.Burst
		b.rate = b.rate.share(g.instances)
		if b.cost <= full {
			// What the whole policy allows at once must not become impossible.
			b.cost = min(b.cost, b.rate.Burst)
		}
		shares[i] = b
	}
	// A Memory returns no errors.
	v, _ := do(ctx, backend{memory: g.local, now: time.Since(g.local.start)}, shares)
	return shares, v
}
