package redisstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

const (
	defaultLot = 32

	// shards and keysPerShard bound what is remembered of keys: 131,072 of them.
	shards       = 64
	keysPerShard = 2048

	// maxMemory bounds how long an empty bucket is remembered, since another
	// process may have given something back to it.
	maxMemory = time.Second
)

// A lease is what a process holds and knows of one bucket.
type lease struct {
	mu     sync.Mutex
	rate   ratelimit.Rate
	tokens int           // taken in advance
	until  time.Duration // tokens can be used before
	lot    int           // what was asked for in advance the last time
	tat    time.Duration // the bucket will not be full before
	known  time.Duration // when tat was learnt
	fresh  bool          // nothing was learnt yet
}

// leases keeps the leases of a process.
type leases struct {
	start  time.Time
	term   time.Duration
	lot    int
	seed   maphash.Seed
	shards [shards]struct {
		mu     sync.Mutex
		byName map[string]*lease
	}
}

func newLeases(opts Options) *leases {
	l := &leases{start: time.Now(), term: opts.Lease, lot: opts.Lot, seed: maphash.MakeSeed()}
	if l.lot == 0 {
		l.lot = defaultLot
	}
	for i := range l.shards {
		l.shards[i].byName = make(map[string]*lease)
	}
	return l
}

// of returns the lease of key. To forget one is safe: its tokens are lost, and
// what it knew is asked again.
func (l *leases) of(key string) *lease {
	shard := &l.shards[maphash.String(l.seed, key)%shards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if held, ok := shard.byName[key]; ok {
		return held
	}
	if len(shard.byName) >= keysPerShard {
		for other := range shard.byName { // any one: the order is random
			delete(shard.byName, other)
			break
		}
	}
	held := &lease{fresh: true}
	shard.byName[key] = held
	return held
}

// takeLeased takes the cost from what is held in advance, refuses it if the
// bucket is known not to hold it, and asks Redis otherwise. Calls for one key wait
// for each other, so that one of them fetches for all.
func (s *Store) takeLeased(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	l := s.leases.of(key)
	l.mu.Lock()
	defer l.mu.Unlock()
	if state, ok := l.take(time.Since(s.leases.start), cost, rate); ok {
		return state, nil
	}
	if err := ctx.Err(); err != nil { // it was waiting for another call
		return ratelimit.State{}, fmt.Errorf("redisstore: Take: %w", err)
	}
	return s.fetch(ctx, l, key, cost, rate)
}

// take decides without Redis, if it can.
func (l *lease) take(now time.Duration, cost int, rate ratelimit.Rate) (ratelimit.State, bool) {
	if l.rate != rate {
		l.rate, l.tokens, l.lot, l.fresh = rate, 0, 0, true
	}
	if now >= l.until {
		l.tokens, l.lot = 0, 0
	}
	if cost > 0 && cost <= l.tokens {
		l.tokens -= cost
		_, state := rate.Take(l.tat, now, 0)
		return state, true
	}
	if !l.fresh && cost > 0 && now < l.known+maxMemory {
		need := cost
		if cost <= rate.Burst {
			need -= l.tokens
		}
		if _, state := rate.Take(l.tat, now, need); !state.Allowed {
			return state, true
		}
	}
	return ratelimit.State{}, false
}

// held is take for a caller that does not wait: not for Redis, and not for another
// call that does.
func (s *Store) held(key string, cost int, rate ratelimit.Rate) (ratelimit.State, bool) {
	l := s.leases.of(key)
	if !l.mu.TryLock() {
		return ratelimit.State{}, false
	}
	defer l.mu.Unlock()
	return l.take(time.Since(s.leases.start), cost, rate)
}

// fetch asks Redis for what is missing to the cost, and for some more.
func (s *Store) fetch(ctx context.Context, l *lease, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	if cost <= 0 || cost > rate.Burst {
		debt, allowed, err := s.takeExactly(ctx, key, cost, rate)
		if err != nil {
			return ratelimit.State{}, err
		}
		state := l.learn(s.leases, debt)
		state.Allowed = allowed
		return state, nil
	}
	// The lease begins before Redis is asked, so that it ends in time whenever
	// the answer comes. A lot that was used up within its lease was too small.
	start := time.Since(s.leases.start)
	lot := max(min(2*l.lot, s.leases.lot, rate.Burst/4), 1)
	interval := rate.Interval()
	span := interval * time.Duration(rate.Burst)
	need := cost - l.tokens
	reply, err := s.eval(ctx, key, int64(interval), int64(span), need, lot-1)
	if err != nil {
		return ratelimit.State{}, err
	}
	debt, taken, err := parseLease(reply, span, need, lot-1)
	if err != nil {
		return ratelimit.State{}, err
	}
	state := l.learn(s.leases, debt)
	state.Allowed = taken > 0
	if state.Allowed {
		l.tokens, l.lot = taken-need, lot
		l.until = start + s.leases.term
	}
	return state, nil
}

// learn remembers a bucket's debt. The answer is a little old by now, which errs
// on the side of the limit.
func (l *lease) learn(of *leases, debt time.Duration) ratelimit.State {
	l.known, l.fresh = time.Since(of.start), false
	l.tat = l.known + debt
	_, state := l.rate.Take(debt, 0, 0)
	return state
}

// parseLease reads the script's answer for a lease.
func parseLease(reply any, span time.Duration, need, more int) (debt time.Duration, taken int, err error) {
	pair, ok := reply.([]any)
	if !ok || len(pair) != 2 {
		return 0, 0, fmt.Errorf("redisstore: Take: reply is %T, not two integers", reply)
	}
	debt, allowed, err := parseReply(pair[0], span)
	if err != nil {
		return 0, 0, err
	}
	n, ok := pair[1].(int64)
	if !ok || allowed && (n < int64(need) || n > int64(need)+int64(more)) || !allowed && n != 0 {
		return 0, 0, fmt.Errorf("redisstore: Take: reply %v is out of range", reply)
	}
	return debt, int(n), nil
}
