package ratelimit

import (
	"errors"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// Options adjusts a [Limiter]. The zero value is the API contract and safe for
// production.
type Options struct {
	// Policies are applied together: a request passes if all of them allow it,
	// and a refused one is counted by none. List the narrow ones first, so that
	// a caller over its own limit does not touch a bucket that others share. If
	// empty, the zero [Policy].
	Policies []Policy

	// CapRemaining keeps X-RateLimit-Remaining at X-RateLimit-Limit at most,
	// for clients that do not expect burst credit there.
	CapRemaining bool

	// DraftHeaders adds the fields of the IETF's draft, RateLimit-Policy and
	// RateLimit, for the policy that the other fields describe. The t counts
	// the seconds until one more request can be sent.
	DraftHeaders bool

	// InContext puts the [Decision] into the request's context for
	// [FromContext]. It costs a copy of the request.
	InContext bool

	// OnDecision is told every decision, for metrics. It is called before the
	// request is served or refused, on the request's goroutine.
	OnDecision func(*http.Request, Decision)

	// Denied answers requests that are refused, instead of the contract's 429
	// and 503. The header fields are already set.
	Denied func(http.ResponseWriter, *http.Request, Decision)

	// Timeout bounds how long a request waits for the store, all policies
	// together. If zero, 25 milliseconds. [Memory] is not waited for.
	Timeout time.Duration

	// Instances is the number of processes that share the store. While it is
	// down each of them enforces its share of every policy on its own. If zero,
	// 1: the whole policy.
	Instances int

	// FailOpen lets every request pass while the store is down, without header
	// fields. Whoever can break the store can then remove the limit.
	FailOpen bool

	// FailClosed answers every request that a policy applies to with 503 while
	// the store is down. Policies with Shadow refuse nothing even then.
	FailClosed bool

	// OnOutage is told once when the store is found to be down, with the error,
	// and once when it is back, with nil. It is called on a request's goroutine
	// and must not block.
	OnOutage func(error)
}

func (o Options) validate() error {
	switch {
	case o.Timeout < 0:
		return errors.New("the timeout is negative")
	case o.Instances < 0 || o.Instances > maxInstances:
		return errors.New("the number of instances is out of range")
	case o.FailOpen && o.FailClosed:
		return errors.New("FailOpen and FailClosed exclude each other")
	}
	return nil
}

// A Limiter counts requests and refuses those above its policies. It is
// immutable and safe for concurrent use.
type Limiter struct {
	policies []policy
	opts     Options
	memory   *Memory       // the store itself, if it is one
	guard    *guard        // what stands before any other store
	step     time.Duration // added to the wall clock by tests
}

// New returns a Limiter that counts requests in store under key. It fails if
// store or key is nil, if an option is out of range, if a policy is not valid (see
// [Rate.Validate]) or has the name of another, or if the store cannot keep it.
func New(store Store, key KeyFunc, opts Options) (*Limiter, error) {
	memory, inMemory := store.(*Memory)
	if store == nil || key == nil || inMemory && memory == nil {
		return nil, errors.New("ratelimit: New: store and key are required")
	}
	policies, err := compilePolicies(opts.Policies, store, key)
	if err != nil {
		return nil, errors.New("ratelimit: New: " + err.Error())
	}
	if err := opts.validate(); err != nil {
		return nil, errors.New("ratelimit: New: " + err.Error())
	}
	l := &Limiter{policies: policies, opts: opts, memory: memory}
	if !inMemory {
		l.guard = newGuard(store, opts)
	}
	return l, nil
}

// Handler returns middleware that serves a request with next if the policies
// allow it, and otherwise answers 429. The header fields are set on both.
func (l *Limiter) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := l.decide(r)
		d.writeHeaders(w.Header())
		if l.opts.DraftHeaders {
			l.writeDraftHeaders(w.Header(), &d)
		}
		if !d.Allowed {
			l.deny(w, r, d)
			return
		}
		if l.opts.InContext {
			r = r.WithContext(NewContext(r.Context(), d))
		}
		next.ServeHTTP(w, r)
	})
}

// Check counts the request as [Limiter.Handler] does and leaves the answer to
// the caller. For a request that is refused the error is the [*apierror.Error]
// to answer with, which carries Retry-After.
func (l *Limiter) Check(r *http.Request) (Decision, error) {
	d := l.decide(r)
	return d, d.err()
}

func (l *Limiter) deny(w http.ResponseWriter, r *http.Request, d Decision) {
	switch {
	case l.opts.Denied != nil:
		l.opts.Denied(w, r, d)
	case d.Policy == "":
		apierror.Write(w, r, errDown)
	case d.RetryAfter < 0:
		apierror.Write(w, r, errCost)
	default:
		apierror.Write(w, r, errExceeded)
	}
}
