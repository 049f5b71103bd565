package ratelimit

import (
	"context"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// A Decision is what a [Limiter] found about one request. Of several policies it
// describes the tightest: the one that makes a refused request wait longest, or
// that lets the fewest of its like follow an allowed one.
type Decision struct {
	// Allowed reports whether the request may be served.
	Allowed bool

	// Degraded reports that the store could not be asked, so that
	// [Options] decided.
	Degraded bool

	// Policy names the policy described. It is empty if there is none to
	// describe: none but shadows applies to the request, or the store is down
	// and [Options] let everything or nothing pass.
	Policy string

	// Shadowed names the first policy with [Policy.Shadow] that would have
	// refused the request.
	Shadowed string

	// Cost is what the request costs under the policy.
	Cost int

	// Limit, Remaining and Reset are what the header fields say. Limit is
	// meant per Period.
	Limit     int
	Period    time.Duration
	Remaining int
	Reset     time.Time

	// RetryAfter is the time after which a refused request can be allowed. It
	// is negative if waiting does not help: the cost is above the burst.
	RetryAfter time.Duration

	// Next is the time until Remaining grows, zero if the bucket is full.
	Next time.Duration
}

const (
	codeExceeded    = "rate_limit_exceeded"
	codeCost        = "cost_exceeds_burst"
	messageExceeded = "Rate limit exceeded"
	messageCost     = "The request costs more than the limit allows at once"

	// unavailableFor is what a caller is told to wait while the store is down.
	unavailableFor = time.Second
)

// The answers, without the header fields that differ from request to request, so
// that refusing one builds nothing.
var (
	errExceeded = apierror.TooManyRequests(codeExceeded, messageExceeded, -1)
	errCost     = apierror.TooManyRequests(codeCost, messageCost, -1)
	errDown     = apierror.Unavailable(unavailableFor)
)

// err returns the answer to a refused request, or nil.
func (d *Decision) err() error {
	switch {
	case d.Allowed:
		return nil
	case d.Policy == "":
		return apierror.Unavailable(unavailableFor)
	case d.RetryAfter < 0:
		return errCost
	default:
		return apierror.TooManyRequests(codeExceeded, messageExceeded, d.RetryAfter)
	}
}

type decisionKey struct{}

// carrier is a context with a Decision, in one allocation.
type carrier struct {
	context.Context
	decision Decision
}

func (c *carrier) Value(key any) any {
	if key == (decisionKey{}) {
		return &c.decision
	}
	return c.Context.Value(key)
}

// NewContext returns a copy of ctx that carries d.
func NewContext(ctx context.Context, d Decision) context.Context {
	return &carrier{Context: ctx, decision: d}
}

// FromContext returns the Decision in ctx, which a [Limiter] puts there if
// [Options.InContext] says so, or false.
func FromContext(ctx context.Context) (Decision, bool) {
	d, ok := ctx.Value(decisionKey{}).(*Decision)
	if !ok {
		return Decision{}, false
	}
	return *d, true
}
