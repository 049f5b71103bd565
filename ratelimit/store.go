package ratelimit

import "context"

// A Store keeps buckets, one for each key. All implementations are safe for
// concurrent use; package ratelimittest tests them.
//
// A store that cannot keep every [Rate] has another method,
//
//	CheckRate(Rate) error
//
// which [New] asks about each policy.
//
// A store that can decide some requests out of its own memory, without waiting for
// anything, has a method that returns how, which spares them the guard against a
// store that is down:
//
//	Held(asked Store) func(key string, cost int, rate Rate) (State, bool)
//
// The func answers as Take does, or reports false to have Take called; the cost is
// from 1 to the burst. Held returns nil where asked is another store than its own,
// one that has it by embedding and a Take of its own.
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

// rateChecker and holder are the methods that a store may have besides.
type rateChecker interface {
	CheckRate(rate Rate) error
}

type holder interface {
	Held(asked Store) func(key string, cost int, rate Rate) (State, bool)
}
