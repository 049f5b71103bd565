package ululestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/tenetkit/tenet/ratelimit"
)

// Buckets is a [limiter.Store] that counts in the token buckets of a
// [ratelimit.Store], so that ulule's own drivers for gin, fasthttp and net/http
// gain bursts and header fields that a client can rely on: what they call
// remaining can be sent now, and at the second that they call reset a whole limit
// can. It is safe for concurrent use if the store is.
//
// What the drivers do is ulule's: a refusal has no Retry-After, and with a store that
// can fail they need an error handler, because their own panics. The program in
// examples/gin has both.
type Buckets struct {
	store ratelimit.Store
	burst int
}

// NewBuckets returns a limiter.Store that counts in store, in buckets that hold
// burst requests; if zero, the limit of the rate. It fails only if store is nil or
// burst negative.
func NewBuckets(store ratelimit.Store, burst int) (*Buckets, error) {
	if store == nil || burst < 0 {
		return nil, errors.New("ululestore: NewBuckets: a store and a burst of 0 or more are required")
	}
	return &Buckets{store: store, burst: burst}, nil
}

// Get implements [limiter.Store]: it takes one request from the bucket.
func (b *Buckets) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return b.take(ctx, key, 1, rate)
}

// Peek implements [limiter.Store]. Reached says that nothing is left.
func (b *Buckets) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	c, err := b.take(ctx, key, 0, rate)
	c.Reached = c.Remaining == 0
	return c, err
}

// Reset implements [limiter.Store]: it fills the bucket.
func (b *Buckets) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return b.take(ctx, key, minCost, rate)
}

// Increment implements [limiter.Store]: it takes count requests from the bucket
// at once, or none if the bucket does not hold them. A negative count is given
// back.
func (b *Buckets) Increment(ctx context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	return b.take(ctx, key, min(max(count, minCost), maxCost), rate)
}

// Costs beyond these are no different from them, and they fit an int anywhere.
const (
	maxCost = 1<<31 - 1
	minCost = -maxCost
)

func (b *Buckets) take(ctx context.Context, key string, cost int64, rate limiter.Rate) (limiter.Context, error) {
	bucket := ratelimit.Rate{Limit: int(rate.Limit), Period: rate.Period, Burst: b.burst}
	if b.burst == 0 {
		bucket.Burst = bucket.Limit
	}
	if int64(bucket.Limit) != rate.Limit {
		return limiter.Context{}, errors.New("ululestore: Buckets: the limit is out of range")
	}
	if err := b.check(bucket); err != nil {
		return limiter.Context{}, fmt.Errorf("ululestore: Buckets: %w", err)
	}
	s, err := b.store.Take(ctx, key, int(cost), bucket)
	if err != nil {
		return limiter.Context{}, fmt.Errorf("ululestore: Buckets: %w", err)
	}
	// Rounded up: at that second the limit is surely available.
	reset := time.Now().Add(s.Reset + time.Second - 1).Unix()
	return limiter.Context{Limit: rate.Limit, Remaining: int64(s.Remaining), Reset: reset, Reached: !s.Allowed}, nil
}

// check refuses what the store cannot keep. ulule tells the rate with each call
// and not before.
func (b *Buckets) check(rate ratelimit.Rate) error {
	if err := rate.Validate(); err != nil {
		return err
	}
	if checker, ok := b.store.(interface{ CheckRate(ratelimit.Rate) error }); ok {
		return checker.CheckRate(rate)
	}
	return nil
}
