package ratelimit

import "context"

// A Store keeps buckets, one for each key. All implementations are safe for
// concurrent use; package ratelimittest tests them.
//
// A store that cannot keep every [Rate] has a second method,
//
//	CheckRate(Rate) error
//
// which [New] asks about each policy.
type Store interface {
	// Take takes cost from the bucket of key if the bucket holds it, which
	// must be one atomic step, and returns what the bucket holds afterwards.
	// A refusal takes nothing and is no error. A cost of 0 only looks and is
	// always allowed; a negative cost is given back, never beyond a full
	// bucket. A key that was never seen, or that was forgotten, has a full
	// bucket. The rate is valid and belongs to the call: it may differ from
	// the one before.
	//
	// An error means that nothing can be said about the bucket. The context
	// carries a deadline; a store that blocks past it is left behind.
	Take(ctx context.Context, key string, cost int, rate Rate) (State, error)
}

// rateChecker is the second method that a store may have.
type rateChecker interface {
	CheckRate(rate Rate) error
}
