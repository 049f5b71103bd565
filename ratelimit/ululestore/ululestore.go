// Package ululestore joins github.com/ulule/limiter and package ratelimit, either
// way round: any store of ulule's behind our middleware, and with [Buckets] our
// stores behind ulule's own drivers.
//
//	store, err := ululestore.New(memory.NewStore())
//	limiter, err := ratelimit.New(store, key, ratelimit.Options{
//		Policies: []ratelimit.Policy{{Limit: 100}},
//	})
//
// # What a window cannot do
//
// Such a store counts in fixed windows. A window cannot hold a burst, so
// [ratelimit.New] refuses a policy whose burst differs from its limit. Around the
// edge of two windows it admits up to twice the limit, and what was used is given
// back all at once at its end. The header fields tell the window's truth: they
// name the first second that is surely behind its end.
//
// # Atomicity
//
// In a [Store] a request of cost 1 is one atomic increment, which a window counts
// also when it refuses: what is given back after refusals may be of no use before
// its end. A greater cost is looked up first, so that a refusal takes nothing; two
// of them that race for the last of a window may both be refused, and neither is
// ever admitted above the limit.
package ululestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/tenetkit/tenet/ratelimit"
)

// A Store is a [ratelimit.Store] that counts in a [limiter.Store]. It is safe for
// concurrent use if that is.
type Store struct {
	windows limiter.Store
}

// New returns a Store that counts in windows. It fails only if windows is nil.
func New(windows limiter.Store) (*Store, error) {
	if windows == nil {
		return nil, errors.New("ululestore: New: a store is required")
	}
	return &Store{windows: windows}, nil
}

// CheckRate refuses what a window cannot keep: a burst that is not the limit, and
// a period that is not whole milliseconds, which the Redis driver would cut off.
func (s *Store) CheckRate(rate ratelimit.Rate) error {
	if rate.Burst != rate.Limit {
		return fmt.Errorf("a window of %d requests cannot hold a burst of %d", rate.Limit, rate.Burst)
	}
	if rate.Period%time.Millisecond != 0 {
		return fmt.Errorf("a window of %v is not whole milliseconds", rate.Period)
	}
	return nil
}

// Take implements [ratelimit.Store].
func (s *Store) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	window := limiter.Rate{Period: rate.Period, Limit: int64(rate.Limit)}
	if cost != 1 {
		return s.takeMany(ctx, key, int64(cost), window)
	}
	after, err := s.windows.Increment(ctx, key, 1, window)
	if err != nil {
		return ratelimit.State{}, fmt.Errorf("ululestore: Take: %w", err)
	}
	return state(after, !after.Reached), nil
}

func (s *Store) takeMany(ctx context.Context, key string, cost int64, window limiter.Rate) (ratelimit.State, error) {
	now, err := s.windows.Peek(ctx, key, window)
	if err != nil {
		return ratelimit.State{}, fmt.Errorf("ululestore: Take: %w", err)
	}
	// Giving back stops at a full window.
	cost = max(cost, now.Remaining-window.Limit)
	switch {
	case cost == 0:
		return state(now, true), nil
	case cost > now.Remaining:
		return state(now, false), nil
	}
	after, err := s.windows.Increment(ctx, key, cost, window)
	if err != nil {
		return ratelimit.State{}, fmt.Errorf("ululestore: Take: %w", err)
	}
	return state(after, cost < 0 || !after.Reached), nil
}

// state translates what the window says. Its end is told in seconds, rounded
// down: the window is surely over one second later.
func state(c limiter.Context, allowed bool) ratelimit.State {
	s := ratelimit.State{Allowed: allowed, Remaining: int(max(min(c.Remaining, c.Limit), 0))}
	if c.Remaining < c.Limit {
		s.Reset = max(time.Until(time.Unix(c.Reset+1, 0)), 0)
		s.Next = s.Reset
	}
	return s
}
