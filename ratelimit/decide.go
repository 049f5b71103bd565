package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"math"
	"net/http"
	"slices"
	"time"
)

// never is the wait for a cost that no bucket ever holds.
const never = math.MaxInt64

// A bucket is what one policy counts one request in.
type bucket struct {
	policy *policy
	rate   Rate
	cost   int
	hash   uint64 // of the key, for a Memory
	key    string // for any other store
}

// A verdict is what was found about all buckets of one request.
type verdict struct {
	allowed  bool
	tight    int // index of the bucket to tell the caller about, -1 without any
	shadowed int // index of the first shadow that would have refused, -1 without any
	state    State
	wait     time.Duration
}

// decide counts the request.
func (l *Limiter) decide(r *http.Request) Decision {
	var d Decision
	if l.memory != nil {
		var room [4]bucket
		buckets := l.buckets(room[:0], r)
		// Read after the keys, which may take their time: a reset that is
		// counted from an earlier instant would come too early.
		now := time.Now()
		b := backend{memory: l.memory, now: now.Sub(l.memory.start)}
		// A Memory returns no errors.
		v, _ := evaluate(r.Context(), b, buckets)
		d = l.describe(now, buckets, v)
	} else {
		d = l.decideGuarded(r)
	}
	if l.opts.OnDecision != nil {
		l.opts.OnDecision(r, d)
	}
	return d
}

func (l *Limiter) decideGuarded(r *http.Request) Decision {
	// Keys and costs are read here and not beside the waiting, since the
	// request belongs to the next handler once the waiting is given up.
	buckets := l.buckets(nil, r)
	if len(buckets) == 0 {
		// Nothing to ask, and no answer would say that the store is back.
		return Decision{Allowed: true}
	}
	if v, ok := l.guard.recall(buckets); ok {
		return l.describe(time.Now(), buckets, v)
	}
	if v, ok := l.guard.ask(r.Context(), buckets, evaluate); ok {
		// Counted from now, a reset is later than counted from the instant at
		// which the store was asked, and never too early.
		return l.describe(time.Now(), buckets, v)
	}
	if l.guard.local == nil {
		d := Decision{Allowed: l.opts.FailOpen || onlyShadows(buckets), Degraded: true}
		if !d.Allowed {
			d.RetryAfter = unavailableFor
		}
		return d
	}
	shares, v := l.guard.share(r.Context(), buckets, evaluate)
	d := l.describe(time.Now(), shares, v)
	d.Degraded = true
	return d
}

func onlyShadows(buckets []bucket) bool {
	return !slices.ContainsFunc(buckets, func(b bucket) bool { return !b.policy.Shadow })
}

// buckets appends what the request is counted in.
func (l *Limiter) buckets(list []bucket, r *http.Request) []bucket {
	for i := range l.policies {
		p := &l.policies[i]
		if p.Match != nil && !p.Match(r) {
			continue
		}
		b := bucket{policy: p, rate: p.rateOf(r), cost: p.costOf(r)}
		var room [128]byte
		key := p.appendKey(room[:0], r)
		if l.memory != nil {
			b.hash = maphash.Bytes(l.memory.seed, key)
		} else {
			b.key = keyText(key)
		}
		list = append(list, b)
	}
	return list
}

// maxKey is the length of the longest key that is kept as it is.
const maxKey = 256

// keyText returns the key under which a store that keeps keys finds the bucket.
// Callers may have a say in their keys: long ones are told by their hash. No
// other key starts with '#', because names do not.
func keyText(key []byte) string {
	if len(key) <= maxKey {
		return string(key)
	}
	sum := sha256.Sum256(key)
	return "#" + hex.EncodeToString(sum[:])
}

// describe turns a verdict into what the caller is told.
func (l *Limiter) describe(now time.Time, buckets []bucket, v verdict) Decision {
	d := Decision{Allowed: v.allowed}
	if v.shadowed >= 0 {
		d.Shadowed = buckets[v.shadowed].policy.Name
	}
	if v.tight < 0 {
		return d
	}
	b := &buckets[v.tight]
	d.Policy = b.policy.Name
	d.Cost = b.cost
	d.Limit = b.rate.Limit
	d.Period = b.rate.Period
	d.Next = v.state.Next
	d.Remaining = v.state.Remaining
	if l.opts.CapRemaining {
		d.Remaining = min(d.Remaining, d.Limit)
	}
	d.Reset = resetAt(now.Add(l.step), v.state.Reset)
	d.RetryAfter = v.wait
	if v.wait == never {
		d.RetryAfter = -1
	}
	return d
}

// backend is what keeps the buckets: a Memory, which needs no interface and no
// key, or any other store.
type backend struct {
	memory  *Memory
	now     time.Duration
	store   Store
	timeout time.Duration // for what is given back to the store after an error
}

func (b backend) take(ctx context.Context, in *bucket, cost int) (State, error) {
	if b.memory != nil {
		return b.memory.take(in.hash, b.now, cost, in.rate), nil
	}
	return b.store.Take(ctx, in.key, cost, in.rate)
}

// evaluate takes the cost from all buckets or from none, also where the store
// fails half way, as far as it still answers. After a refusal it only looks at the
// rest, because the caller has to wait for the slowest of them. Shadows are counted
// when everything else has allowed the request.
func evaluate(ctx context.Context, b backend, buckets []bucket) (verdict, error) {
	v := verdict{allowed: true, tight: -1, shadowed: -1}
	shadows := false
	for i := range buckets {
		in := &buckets[i]
		if in.policy.Shadow {
			shadows = true
			continue
		}
		s, wait, err := b.ask(ctx, in, v.allowed)
		if err != nil {
			if v.allowed {
				_, _ = undo(ctx, b, buckets[:i]) // the error before it is the one to tell
			}
			return verdict{}, err
		}
		switch {
		case v.allowed && wait > 0:
			if err := b.giveBack(ctx, buckets[:i]); err != nil {
				return verdict{}, err
			}
			v.allowed, v.tight, v.state, v.wait = false, i, s, wait
		case !v.allowed:
			if wait > v.wait {
				v.tight, v.state, v.wait = i, s, wait
			}
		case v.tight < 0 || in.tighter(s, &buckets[v.tight], v.state):
			v.tight, v.state = i, s
		}
	}
	for i := range buckets {
		if in := &buckets[i]; shadows && v.allowed && in.policy.Shadow {
			_, wait, err := b.ask(ctx, in, true)
			if err != nil {
				_, _ = undo(ctx, b, buckets)
				return verdict{}, err
			}
			if wait > 0 && v.shadowed < 0 {
				v.shadowed = i
			}
		}
	}
	return v, nil
}

// ask takes the cost from one bucket, or only looks at it, and returns how long
// to wait until the bucket holds the cost: zero if it was taken.
func (b backend) ask(ctx context.Context, in *bucket, take bool) (State, time.Duration, error) {
	cost := in.cost
	impossible := cost > in.rate.Burst
	if impossible || !take {
		cost = 0
	}
	s, err := b.take(ctx, in, cost)
	switch {
	case err != nil:
		return State{}, 0, err
	case impossible:
		return s, never, nil
	case take && s.Allowed:
		return s, 0, nil
	case take:
		// A store may refuse with enough in the bucket, after a race.
		return s, max(in.rate.retry(s, in.cost), 1), nil
	}
	return s, in.rate.retry(s, in.cost), nil
}

// giveBack returns what was taken from the buckets. An error, the first one, does
// not keep it from the rest: each may lie on a server of its own.
func (b backend) giveBack(ctx context.Context, buckets []bucket) error {
	var first error
	for i := range buckets {
		if in := &buckets[i]; !in.policy.Shadow && in.cost > 0 {
			if _, err := b.take(ctx, in, -in.cost); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

// undo gives back what was taken for a request that is refused after all, which may
// well be because the time is up.
func undo(ctx context.Context, b backend, buckets []bucket) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.timeout)
	defer cancel()
	return verdict{}, b.giveBack(ctx, buckets)
}

// tighter reports whether in, in state s, lets fewer such requests follow than the
// other bucket does.
func (in *bucket) tighter(s State, other *bucket, os State) bool {
	if a, b := in.follow(s), other.follow(os); a != b {
		return a < b
	}
	if s.Remaining != os.Remaining {
		return s.Remaining < os.Remaining
	}
	return s.Reset > os.Reset
}

// follow returns how many requests of the same cost the bucket holds. What costs
// nothing is never refused: the caller must not be told to wait for it.
func (in *bucket) follow(s State) int {
	if in.cost == 0 {
		return math.MaxInt
	}
	return s.Remaining / in.cost
}
