package integration

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
)

const jsonType = "application/json; charset=utf-8"

type decisionKey struct{}

// An answer is what became of a request.
type answer struct {
	at       time.Time
	took     time.Duration
	degraded bool
}

// A comeback is the first answer from Redis to a request since then.
type comeback struct {
	since atomic.Pointer[time.Time]
	at    chan time.Time // holds one
}

func (c *comeback) seen(start, end time.Time) {
	if since := c.since.Load(); since != nil && start.After(*since) {
		select {
		case c.at <- end:
		default:
		}
	}
}

// A caller sends one request after the other, under a key of its own, and holds
// the header fields of an answer against those of the answers before.
type caller struct {
	t       *testing.T
	name    string
	handler http.Handler
	opts    ratelimit.Options
	healed  *comeback // if not nil
	answers []answer
	late    []time.Duration

	// What was last said to remain, by Redis and by the share; -1 at first.
	told map[bool]int
	owed int // requests that Redis may have counted, though nobody heard of it
}

func (c *caller) last() answer { return c.answers[len(c.answers)-1] }

func (c *caller) ask() {
	var d ratelimit.Decision
	r := httptest.NewRequestWithContext(context.WithValue(context.Background(), decisionKey{}, &d), "GET", "/", nil)
	r.Header.Set("X-Client", c.name)
	rec := httptest.NewRecorder()
	start := time.Now()
	c.handler.ServeHTTP(rec, r)
	end := time.Now()
	c.answers = append(c.answers, answer{at: start, took: end.Sub(start), degraded: d.Degraded})
	if c.healed != nil && !d.Degraded {
		c.healed.seen(start, end)
	}
	if wrong := c.examine(d, rec, start, end); wrong != "" {
		c.t.Errorf("%s, answer %d (degraded: %t): %s: %d %v %q", c.name, len(c.answers), d.Degraded, wrong, rec.Code, rec.Header(), rec.Body)
	}
}

// examine returns what is wrong with an answer, if anything.
func (c *caller) examine(d ratelimit.Decision, rec *httptest.ResponseRecorder, start, end time.Time) string {
	h, body := rec.Header(), rec.Body.String()
	if d.Degraded && (c.opts.FailOpen || c.opts.FailClosed) {
		c.owed++
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if h.Get(name) != "" {
				return "want no header fields about a bucket that nobody has seen"
			}
		}
		switch {
		case c.opts.FailOpen && (rec.Code != http.StatusOK || h.Get("Retry-After") != ""):
			return "want it served"
		case c.opts.FailClosed && (rec.Code != http.StatusServiceUnavailable || h.Get("Retry-After") != "1" ||
			h.Get("Content-Type") != jsonType || body != `{"error":"service_unavailable","message":"Service temporarily unavailable"}`):
			return "want a 503 with Retry-After: 1"
		}
		return ""
	}

	limit, burst := faultLimit, faultBurst
	if instances := cmp.Or(c.opts.Instances, 1); d.Degraded {
		limit, burst = limit/instances, burst/instances
	}
	if h.Get("X-RateLimit-Limit") != strconv.Itoa(limit) {
		return fmt.Sprintf("want the limit %d", limit)
	}
	remaining, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil || remaining < 0 || remaining >= burst {
		return fmt.Sprintf("want 0 to %d remaining", burst-1)
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || reset < start.Unix() || reset > end.Add(time.Second).Unix()+1 {
		return fmt.Sprintf("want a reset from %d to %d", start.Unix(), end.Add(time.Second).Unix()+1)
	}

	told, before := c.told[d.Degraded]
	owed := 0
	if !d.Degraded {
		owed = c.owed
	}
	switch rec.Code {
	case http.StatusOK:
		if h.Get("Retry-After") != "" || body != "" {
			return "want a plain answer"
		}
		told--
	case http.StatusTooManyRequests:
		if h.Get("Retry-After") != "1" || remaining != 0 || h.Get("Content-Type") != jsonType ||
			body != `{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limit_exceeded"}}` {
			return "want the contract's 429 with Retry-After: 1 and none remaining"
		}
		if before && told > owed {
			return fmt.Sprintf("%d were said to remain, and %d may have been counted since", told, owed)
		}
	default:
		return "want 200 or 429"
	}
	if before && remaining < told-owed {
		return fmt.Sprintf("want at least %d remaining", told-owed)
	}
	if d.Degraded {
		c.owed++
	} else if before && told > remaining {
		c.owed -= told - remaining
	}
	if c.told == nil {
		c.told = make(map[bool]int)
	}
	c.told[d.Degraded] = remaining
	return ""
}

// A control asks Redis like a request of a new process would, again and again.
type control struct {
	addr  string
	since time.Time

	mu     sync.Mutex
	failed []time.Time
}

func (c *control) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !c.answered() {
			c.mu.Lock()
			c.failed = append(c.failed, time.Now())
			c.mu.Unlock()
		}
		pause(50 * time.Millisecond)
	}
}

func (c *control) answered() bool {
	rdb := redis.NewClient(&redis.Options{Addr: c.addr, MaxRetries: -1, ContextTimeoutEnabled: true})
	defer rdb.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Millisecond)
	defer cancel()
	return rdb.Ping(ctx).Err() == nil
}

// returned is since when Redis has answered the control.
func (c *control) returned(before time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.since
	for _, at := range c.failed {
		if at.Before(before) {
			from = at
		}
	}
	return from
}

// outages is what OnOutage was told.
type outages struct {
	t    *testing.T
	mu   sync.Mutex
	list []outage
}

type outage struct {
	at  time.Time
	err error
}

func (o outage) String() string { return fmt.Sprintf("%s: %v", o.at.Format("05.000"), o.err) }

func (o *outages) told(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, outage{time.Now(), err})
}

func (o *outages) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = nil
}

// check wants one call for each change, and Redis not said to be back while it is
// broken.
func (o *outages) check(f fault, brokenAt, healAt time.Time) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	down := false
	for _, told := range o.list {
		if (told.err != nil) == down {
			o.t.Errorf("OnOutage was told %v, want an error and nil in turn", o.list)
			return
		}
		down = told.err != nil
		if !down && !f.harmless && told.at.After(brokenAt) && told.at.Before(healAt) {
			o.t.Errorf("OnOutage was told %v, want no end of the outage from %s to %s", o.list, brokenAt.Format("05.000"), healAt.Format("05.000"))
			return
		}
	}
	// There may be more outages than this one: a Redis that is merely late on a busy
	// machine is one to the limiter.
	if down || !f.harmless && len(o.list) == 0 {
		o.t.Errorf("OnOutage was told %v, want the outage and its end", o.list)
	}
}
