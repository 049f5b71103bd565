package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A KeyFunc returns what a request is counted under, or false if the request has
// no key.
type KeyFunc = func(*http.Request) (string, bool)

// A Policy is one limit. The zero Policy is the API contract: 100 requests per
// minute, burst 200, for each key of the [Limiter].
type Policy struct {
	// Name tells policies apart in the store, in the [Decision] and in the
	// IETF's header fields: 1 to 64 letters, digits, '-', '_' or '.'. Limiters
	// on one store share the buckets of policies with the same name. If empty,
	// "default".
	Name string

	// Limit is the number of requests per Period. If zero, 100.
	Limit int

	// Period is the time in which Limit requests are refilled. If zero, a
	// minute.
	Period time.Duration

	// Burst is the number of requests that can be sent at once after a pause.
	// If zero, Limit; if Limit is zero too, 200.
	Burst int

	// Key counts requests under something else than the key of the Limiter.
	Key KeyFunc

	// Also are further keys: each combination of Key and these has a bucket of
	// its own.
	Also []KeyFunc

	// Cost returns what a request costs. If nil, 1. X-RateLimit-Remaining then
	// counts cost, not requests. A cost of 0 passes without being counted, and
	// a negative one counts as 0: what comes from a caller's parameters must
	// not refill a bucket.
	Cost func(*http.Request) int

	// Match reports whether the policy applies to a request. If nil, to all.
	Match func(*http.Request) bool

	// Plan returns the rate of the request's caller. The zero Rate, and one
	// that is not valid, stands for the policy's own; a Period of zero is the
	// policy's, a Burst of zero is the Limit. The bucket stays the caller's
	// when the plan changes.
	Plan func(*http.Request) Rate

	// Shadow counts without refusing: [Decision.Shadowed] tells what would
	// have been refused, the header fields say nothing of it. Requests that
	// other policies refuse are not counted.
	Shadow bool
}

// policy is a Policy made ready.
type policy struct {
	Policy
	rate    Rate
	draft   []string    // the value of RateLimit-Policy
	checker rateChecker // of the store, nil if it keeps any rate
}

// compile fills in the defaults of p and checks it.
func (p Policy) compile(store Store, key KeyFunc) (policy, error) {
	c := policy{Policy: p, rate: Rate{Limit: p.Limit, Period: p.Period, Burst: p.Burst}}
	c.checker, _ = store.(rateChecker)
	if c.Name == "" {
		c.Name = "default"
	}
	if c.Key == nil {
		c.Key = key
	}
	if c.rate.Burst == 0 {
		c.rate.Burst = p.Limit
		if p.Limit == 0 {
			c.rate.Burst = 200
		}
	}
	if c.rate.Limit == 0 {
		c.rate.Limit = 100
	}
	if c.rate.Period == 0 {
		c.rate.Period = time.Minute
	}
	if !validName(c.Name) {
		return policy{}, fmt.Errorf("policy name %q is not 1 to 64 letters, digits, '-', '_' or '.'", c.Name)
	}
	if slices.ContainsFunc(c.Also, func(k KeyFunc) bool { return k == nil }) {
		return policy{}, fmt.Errorf("policy %q: a key is nil", c.Name)
	}
	if err := c.check(c.rate); err != nil {
		return policy{}, fmt.Errorf("policy %q: %w", c.Name, err)
	}
	c.Also = slices.Clone(c.Also)
	c.draft = draftPolicy(c.Name, c.rate.Limit, c.rate.Period)
	return c, nil
}

// check reports why a rate cannot be enforced.
func (p *policy) check(rate Rate) error {
	if err := rate.Validate(); err != nil {
		return err
	}
	if p.checker != nil {
		return p.checker.CheckRate(rate)
	}
	return nil
}

// compilePolicies makes the policies of a Limiter ready, the contract's if there
// are none.
func compilePolicies(list []Policy, store Store, key KeyFunc) ([]policy, error) {
	if len(list) == 0 {
		list = []Policy{{}}
	}
	compiled := make([]policy, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, p := range list {
		c, err := p.compile(store, key)
		if err != nil {
			return nil, err
		}
		if seen[c.Name] {
			return nil, errors.New("two policies are named " + strconv.Quote(c.Name))
		}
		seen[c.Name] = true
		compiled = append(compiled, c)
	}
	return compiled, nil
}

func validName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// appendKey appends the bucket's key for the request. No two policies or callers
// get the same one: names hold neither ':' nor '+', and joined keys are told with
// their lengths. The shared bucket of those without a key is the bare name.
func (p *policy) appendKey(b []byte, r *http.Request) []byte {
	b = append(b, p.Name...)
	key, ok := p.Key(r)
	if len(p.Also) == 0 {
		if ok {
			b = append(b, ':')
			b = append(b, key...)
		}
		return b
	}
	b = append(b, '+')
	b = appendPart(b, key, ok)
	for _, also := range p.Also {
		key, ok := also(r)
		b = append(b, ',')
		b = appendPart(b, key, ok)
	}
	return b
}

func appendPart(b []byte, key string, ok bool) []byte {
	if !ok {
		return append(b, '-')
	}
	b = strconv.AppendInt(b, int64(len(key)), 10)
	b = append(b, ':')
	return append(b, key...)
}

// costOf returns what the request costs, never less than 0.
func (p *policy) costOf(r *http.Request) int {
	if p.Cost == nil {
		return 1
	}
	return max(p.Cost(r), 0)
}

// rateOf returns the rate of the request's caller.
func (p *policy) rateOf(r *http.Request) Rate {
	if p.Plan == nil {
		return p.rate
	}
	rate := p.Plan(r)
	if rate.Period == 0 {
		rate.Period = p.rate.Period
	}
	if rate.Burst == 0 {
		rate.Burst = rate.Limit
	}
	if p.check(rate) != nil {
		return p.rate
	}
	return rate
}
