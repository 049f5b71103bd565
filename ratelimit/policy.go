package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
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

	// Cost returns what a request costs. If nil, 1. A cost of 0 passes without
	// being counted, and a negative one counts as 0: what comes from a
	// caller's parameters must not refill a bucket.
	Cost func(*http.Request) int
}

// policy is a Policy made ready.
type policy struct {
	name string
	rate Rate
	key  KeyFunc
	cost func(*http.Request) int
}

// compile fills in the defaults of p and checks it.
func (p Policy) compile(store Store, key KeyFunc) (policy, error) {
	c := policy{name: p.Name, key: p.Key, cost: p.Cost}
	c.rate = Rate{Limit: p.Limit, Period: p.Period, Burst: p.Burst}
	if c.name == "" {
		c.name = "default"
	}
	if c.key == nil {
		c.key = key
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
	if !validName(c.name) {
		return policy{}, fmt.Errorf("policy name %q is not 1 to 64 letters, digits, '-', '_' or '.'", c.name)
	}
	if err := c.rate.validate(); err != nil {
		return policy{}, fmt.Errorf("policy %q: %w", c.name, err)
	}
	if checker, ok := store.(rateChecker); ok {
		if err := checker.CheckRate(c.rate); err != nil {
			return policy{}, fmt.Errorf("policy %q: %w", c.name, err)
		}
	}
	return c, nil
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
		if seen[c.name] {
			return nil, errors.New("two policies are named " + strconv.Quote(c.name))
		}
		seen[c.name] = true
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

// appendKey appends the bucket's key for the request. Names hold no colon, so no
// two policies or callers get the same one, and the shared bucket of those
// without a key is the bare name.
func (p *policy) appendKey(b []byte, r *http.Request) []byte {
	b = append(b, p.name...)
	if key, ok := p.key(r); ok {
		b = append(b, ':')
		b = append(b, key...)
	}
	return b
}

// costOf returns what the request costs, never less than 0.
func (p *policy) costOf(r *http.Request) int {
	if p.cost == nil {
		return 1
	}
	return max(p.cost(r), 0)
}
