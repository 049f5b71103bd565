package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Charge counts cost for a request that was already served, under the named
// policies or, without names, under all that apply to it: what an export turned
// out to cost beyond what it was let in for. The charge is never refused; a
// bucket that does not hold it is emptied.
//
// A negative cost is given back. A limit on failures alone takes 1 from every
// request and gives it back to those that succeed, so that guesses sent at the
// same time are counted too.
//
// The request has to have the keys that it was let in under. While the store is
// down the charge goes to this process's share, if there is one. The error names
// a policy that the Limiter does not have.
func (l *Limiter) Charge(r *http.Request, cost int, policies ...string) error {
	for _, name := range policies {
		if !slices.ContainsFunc(l.policies, func(p policy) bool { return p.Name == name }) {
			return errors.New("ratelimit: Charge: no policy is named " + strconv.Quote(name))
		}
	}
	buckets := l.buckets(nil, r)
	if len(policies) > 0 {
		buckets = slices.DeleteFunc(buckets, func(b bucket) bool { return !slices.Contains(policies, b.policy.Name) })
	}
	if len(buckets) == 0 {
		return nil
	}
	for i := range buckets {
		buckets[i].cost = cost
	}
	if l.memory != nil {
		b := backend{memory: l.memory, now: time.Since(l.memory.start)}
		// A Memory returns no errors.
		_, _ = charge(r.Context(), b, buckets)
		return nil
	}
	if _, ok := l.guard.ask(r.Context(), buckets, charge); !ok && l.guard.local != nil {
		l.guard.share(r.Context(), buckets, charge)
	}
	return nil
}

// tries bounds how often a charge asks for what a bucket has told it to hold: other
// requests may be faster, but not for ever.
const tries = 100

// charge takes the cost from every bucket, as far as the bucket holds it.
func charge(ctx context.Context, b backend, buckets []bucket) (verdict, error) {
	for i := range buckets {
		in := &buckets[i]
		cost := min(in.cost, in.rate.Burst)
		s, err := b.take(ctx, in, cost)
		for n := 0; n < tries && err == nil && !s.Allowed && s.Remaining > 0; n++ {
			s, err = b.take(ctx, in, min(cost, s.Remaining))
		}
		if err != nil {
			return verdict{}, err
		}
	}
	return verdict{}, nil
}
