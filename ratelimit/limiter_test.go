package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ratelimit"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store := newMemory(t, 1)
	var missing *ratelimit.Memory
	policies := func(p ...ratelimit.Policy) ratelimit.Options { return ratelimit.Options{Policies: p} }
	tests := map[string]struct {
		store ratelimit.Store
		key   ratelimit.KeyFunc
		opts  ratelimit.Options
		want  string // part of the error
	}{
		"no store":             {key: alice, want: "required"},
		"a nil Memory":         {store: missing, key: alice, want: "required"},
		"no key":               {store: store, want: "required"},
		"a negative limit":     {store: store, key: alice, opts: policies(ratelimit.Policy{Limit: -1}), want: "limit is below 1"},
		"a negative burst":     {store: store, key: alice, opts: policies(ratelimit.Policy{Burst: -1}), want: "burst is below 1"},
		"a negative period":    {store: store, key: alice, opts: policies(ratelimit.Policy{Period: -1}), want: "period is out of range"},
		"an overflow":          {store: store, key: alice, opts: policies(ratelimit.Policy{Limit: 1, Burst: 1 << 62}), want: "too long"},
		"a limit without end":  {store: store, key: alice, opts: policies(ratelimit.Policy{Limit: 1 << 62}), want: "nanosecond"},
		"a name with a colon":  {store: store, key: alice, opts: policies(ratelimit.Policy{Name: "a:b"}), want: `"a:b"`},
		"a name of 65 letters": {store: store, key: alice, opts: policies(ratelimit.Policy{Name: strings.Repeat("a", 65)}), want: "name"},
		"two policies of one name": {
			store: store, key: alice, opts: policies(ratelimit.Policy{}, ratelimit.Policy{Name: "default"}), want: `two policies are named "default"`,
		},
		"a key that is nil":              {store: store, key: alice, opts: policies(ratelimit.Policy{Also: []ratelimit.KeyFunc{nil}}), want: "a key is nil"},
		"a negative timeout":             {store: store, key: alice, opts: ratelimit.Options{Timeout: -1}, want: "timeout"},
		"a negative number of instances": {store: store, key: alice, opts: ratelimit.Options{Instances: -1}, want: "instances"},
		"open and closed":                {store: store, key: alice, opts: ratelimit.Options{FailOpen: true, FailClosed: true}, want: "exclude"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ratelimit.New(tt.store, tt.key, tt.opts)
			if err == nil || !strings.HasPrefix(err.Error(), "ratelimit: New: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New error = %v, want one that starts with the func and says %q", err, tt.want)
			}
		})
	}
}

func TestDefaultsOfAPolicy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy           ratelimit.Policy
		limit, remaining int
	}{
		"the contract":        {ratelimit.Policy{}, 100, 200},
		"a limit":             {ratelimit.Policy{Limit: 7}, 7, 7},
		"a burst":             {ratelimit.Policy{Burst: 7}, 100, 7},
		"a limit and a burst": {ratelimit.Policy{Limit: 7, Burst: 9}, 7, 9},
		"a period":            {ratelimit.Policy{Period: time.Hour}, 100, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.policy.Cost = func(*http.Request) int { return 0 }
			d, err := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{tt.policy}}).Check(httptest.NewRequest("GET", "/", nil))
			if err != nil || d.Limit != tt.limit || d.Remaining != tt.remaining || d.Policy != "default" {
				t.Errorf("Check = %+v, %v, want limit %d and remaining %d", d, err, tt.limit, tt.remaining)
			}
		})
	}
}

// named is a key that the request names, for tests.
var named = ratelimit.Header("X-Key")

func request(key string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if key != "" {
		r.Header.Set("X-Key", key)
	}
	return r
}

func TestEachKeyHasItsOwnBucket(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 1}}})
	for _, key := range []string{"alice", "bob", "alice:", "default", ":", "ali", "bobalice"} {
		if _, err := l.Check(request(key)); err != nil {
			t.Errorf("first request of %q: %v, want it allowed", key, err)
		}
		if _, err := l.Check(request(key)); err == nil {
			t.Errorf("second request of %q was allowed, want it refused", key)
		}
	}
}

// "without a key all requests are counted under one shared key"
func TestRequestsWithoutAKeyShareABucket(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 2}}})
	for i, allowed := range []bool{true, true, false, false} {
		if d, _ := l.Check(request("")); d.Allowed != allowed {
			t.Errorf("request %d without a key: %+v, want allowed: %t", i, d, allowed)
		}
	}
	if _, err := l.Check(request("alice")); err != nil {
		t.Errorf("a request with a key: %v, want it allowed", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{Name: "two", Limit: 2, Period: time.Minute}}})
		r := request("")
		reset := func(s int64) time.Time { return time.Unix(epoch+s, 0) }
		want := []ratelimit.Decision{
			{Allowed: true, Remaining: 1, Reset: reset(30)},
			{Allowed: true, Reset: reset(60)},
			{Reset: reset(60), RetryAfter: 30 * time.Second},
		}
		for i, want := range want {
			want.Policy, want.Cost, want.Limit, want.Period, want.Next = "two", 1, 2, time.Minute, 30*time.Second
			got, err := l.Check(r)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Check %d mismatch (-want +got):\n%s", i, diff)
			}
			e, refused := errors.AsType[*apierror.Error](err)
			if refused == want.Allowed {
				t.Errorf("Check %d error = %v, want one if refused", i, err)
			}
			if refused && (e.Status != 429 || e.Details.Code != "rate_limit_exceeded" || e.Header.Get("Retry-After") != "30") {
				t.Errorf("Check %d error = %v with %v, want the contract's 429", i, e, e.Header)
			}
		}
	})
}

func TestCheckOfACostAboveTheBurst(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{Cost: func(*http.Request) int { return 201 }}}})
	d, err := l.Check(request(""))
	e, _ := errors.AsType[*apierror.Error](err)
	if d.Allowed || d.RetryAfter >= 0 || e == nil || e.Details.Code != "cost_exceeds_burst" || e.Header.Get("Retry-After") != "" {
		t.Errorf("Check = %+v, %v, want cost_exceeds_burst without Retry-After", d, err)
	}
}

func TestPoliciesCountAllOrNothing(t *testing.T) {
	t.Parallel()
	store := newMemory(t, 10)
	// The key of the wide one is shared, so that its bucket can be looked at.
	wide := ratelimit.Policy{Name: "wide", Limit: 10, Period: time.Hour, Key: func(*http.Request) (string, bool) { return "all", true }}
	narrow := ratelimit.Policy{Name: "narrow", Limit: 2, Period: time.Hour}
	for name, policies := range map[string][]ratelimit.Policy{
		"the wide one first": {wide, narrow}, "the narrow one first": {narrow, wide},
	} {
		l, err := ratelimit.New(store, named, ratelimit.Options{Policies: policies})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, _ = l.Check(request(name))
		}
	}
	// Two callers were allowed two requests each; six were refused.
	rate := ratelimit.Rate{Limit: 10, Period: time.Hour, Burst: 10}
	if s := take(t, store, "wide:all", 0, rate); s.Remaining != 6 {
		t.Errorf("the shared bucket has %d left, want 6", s.Remaining)
	}
}

func TestHooksAndContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testHooksAndContext)
}

func testHooksAndContext(t *testing.T) {
	var told, found []ratelimit.Decision
	l := newLimiter(t, alice, ratelimit.Options{
		Policies:   []ratelimit.Policy{{Limit: 1}},
		InContext:  true,
		OnDecision: func(_ *http.Request, d ratelimit.Decision) { told = append(told, d) },
		Denied: func(w http.ResponseWriter, _ *http.Request, d ratelimit.Decision) {
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, d.Policy)
		},
	})
	h := l.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if d, ok := ratelimit.FromContext(r.Context()); ok {
			found = append(found, d)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), request(""))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, request(""))
	if len(told) != 2 || !told[0].Allowed || told[1].Allowed {
		t.Errorf("OnDecision was told %+v, want one allowed and one refused", told)
	}
	if diff := cmp.Diff(told[:1], found); diff != "" {
		t.Errorf("FromContext mismatch (-want +got):\n%s", diff)
	}
	if rec.Code != http.StatusTeapot || rec.Body.String() != "default" || rec.Header().Get("Retry-After") != "60" {
		t.Errorf("Denied answered %d %q %v, want 418 with the header fields", rec.Code, rec.Body, rec.Header())
	}
}

func TestFromContextWithoutADecision(t *testing.T) {
	t.Parallel()
	if d, ok := ratelimit.FromContext(context.Background()); ok {
		t.Errorf("FromContext = %+v, true, want false", d)
	}
}

func TestARefusalAsProblemDetails(t *testing.T) {
	t.Parallel()
	h := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 1}}}).Handler(nothing)
	h.ServeHTTP(httptest.NewRecorder(), request(""))
	r := request("")
	r.Header.Set("Accept", "application/problem+json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	const body = `{"title":"Too Many Requests","status":429,"detail":"Rate limit exceeded","error":"too_many_requests","details":{"code":"rate_limit_exceeded"}}`
	if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Content-Type") != "application/problem+json" ||
		rec.Header().Get("Retry-After") != "60" || rec.Header().Get("X-RateLimit-Limit") != "1" {
		t.Errorf("answer = %d %v, want a 429 of problem details with the header fields", rec.Code, rec.Header())
	}
	if diff := cmp.Diff(body, rec.Body.String()); diff != "" {
		t.Errorf("body mismatch (-want +got):\n%s", diff)
	}
}

func TestNewContextKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	type key struct{}
	base, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	outer := ratelimit.NewContext(base, ratelimit.Decision{Policy: "outer"})
	inner, stop := context.WithCancel(ratelimit.NewContext(outer, ratelimit.Decision{Policy: "inner"}))
	defer stop()
	for name, ctx := range map[string]context.Context{"outer": outer, "inner": inner} {
		if d, ok := ratelimit.FromContext(ctx); !ok || d.Policy != name {
			t.Errorf("FromContext = %+v, %t, want the decision of %s", d, ok, name)
		}
		if got := ctx.Value(key{}); got != "kept" {
			t.Errorf("Value in %s = %v, want kept", name, got)
		}
	}
	cancel()
	<-inner.Done()
}

func TestOnAServer(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 1, Period: time.Hour}}})
	server := httptest.NewServer(l.Handler(http.HandlerFunc(hello)))
	t.Cleanup(server.Close)
	for _, status := range []int{200, 429} {
		res, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status || res.Header.Get("X-RateLimit-Limit") != "1" || res.Header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("answer = %d %v, want %d with the header fields", res.StatusCode, res.Header, status)
		}
	}
}

func TestAnAllowedRequestAllocatesNothing(t *testing.T) {
	ip := ipKey(t, ratelimit.IPOptions{})
	joined := generous
	joined.Also = []ratelimit.KeyFunc{ip, ratelimit.Header("X-Tenant")}
	tests := map[string][]ratelimit.Policy{
		"one policy":   {generous},
		"two policies": {generous, {Name: "b", Limit: generous.Limit, Period: time.Second}},
		"joined keys":  {joined},
		"by address":   {{Limit: generous.Limit, Period: time.Second, Key: ip}},
		"with a plan":  {{Plan: func(*http.Request) ratelimit.Rate { return ratelimit.Rate{Limit: generous.Limit, Period: time.Second} }}},
		"in a shadow":  {generous, {Name: "b", Limit: 1, Shadow: true}},
	}
	for name, policies := range tests {
		t.Run(name, func(t *testing.T) {
			h := newLimiter(t, alice, ratelimit.Options{Policies: policies}).Handler(nothing)
			if got := allocations(h); got != 0 {
				t.Errorf("an allowed request allocates %v times, want 0", got)
			}
		})
	}
}

func TestARefusedRequestAllocatesNothing(t *testing.T) {
	tests := map[string]ratelimit.Policy{
		"rate_limit_exceeded": stingy,
		"cost_exceeds_burst":  {Cost: func(*http.Request) int { return 201 }},
	}
	for name, policy := range tests {
		t.Run(name, func(t *testing.T) {
			h := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{policy}}).Handler(nothing)
			if got := allocations(h); got != 0 {
				t.Errorf("a refused request allocates %v times, want 0", got)
			}
		})
	}
}

// Header values are kept up to bursts of some thousands.
func TestALargePlanAllocatesNothing(t *testing.T) {
	h := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 5000, Period: time.Hour}}}).Handler(nothing)
	w := discard{make(http.Header)}
	spend := func(key string) func() {
		r := request(key)
		return func() {
			for range 4000 {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		}
	}
	spend("alice")()
	// AllocsPerRun runs it once more, before it counts.
	bob := spend("bob")
	runs := 0
	if got := testing.AllocsPerRun(1, func() {
		if runs++; runs == 2 {
			bob()
		}
	}); got > 40 { // of 4000: the instants of the resets are new
		t.Errorf("4000 requests of a plan of 5000 allocate %v times, want next to nothing", got)
	}
}

func TestFailingClosedAllocatesNoAnswer(t *testing.T) {
	store := newFaulty(t)
	store.fail(refuse)
	h := guarded(t, store, ratelimit.Options{FailClosed: true}).Handler(nothing)
	for range 10 {
		h.ServeHTTP(httptest.NewRecorder(), request(""))
	}
	// The bucket and its key, which the store would be asked for.
	if got := allocations(h); got > 2 {
		t.Errorf("a 503 allocates %v times, want 2", got)
	}
}

func allocations(h http.Handler) float64 {
	r := httptest.NewRequest("GET", "/", nil)
	w := discard{make(http.Header)}
	return testing.AllocsPerRun(1000, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
}
