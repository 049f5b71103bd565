package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ratelimit"
)

var errDown = errors.New("connection refused")

// faulty is a store that fails as it is told.
type faulty struct {
	ratelimit.Store
	calls atomic.Int64
	mode  atomic.Pointer[func(context.Context) error]
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	return &faulty{Store: newMemory(t, 100)}
}

func (f *faulty) fail(mode func(context.Context) error) {
	if mode == nil {
		f.mode.Store(nil)
		return
	}
	f.mode.Store(&mode)
}

func (f *faulty) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	f.calls.Add(1)
	if mode := f.mode.Load(); mode != nil {
		if err := (*mode)(ctx); err != nil {
			return ratelimit.State{}, err
		}
	}
	return f.Store.Take(ctx, key, cost, rate)
}

func refuse(context.Context) error { return errDown }

// deaf takes two seconds whatever the deadline says.
func deaf(context.Context) error {
	time.Sleep(2 * time.Second)
	return nil
}

// patient gives up when it is told to.
func patient(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func broken(context.Context) error { panic("index out of range") }

// outages collects what OnOutage is told.
type outages struct {
	mu   sync.Mutex
	told []bool // true: down
}

func (o *outages) hook(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, err != nil)
}

func guarded(t *testing.T, store ratelimit.Store, opts ratelimit.Options) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(store, alice, opts)
	if err != nil {
		t.Fatalf("New error = %v", err)
	}
	return l
}

func TestAnOutageNeitherStallsNorLosesARequest(t *testing.T) {
	t.Parallel()
	tests := map[string]func(context.Context) error{
		"refused connections":                refuse,
		"a client that ignores the deadline": deaf,
		"a client that heeds the deadline":   patient,
		"a store that panics":                broken,
	}
	for name, mode := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty(t)
				var o outages
				l := guarded(t, store, ratelimit.Options{OnOutage: o.hook})
				store.fail(mode)
				waited := 0
				for i := range 100 {
					start := time.Now()
					d, err := l.Check(request(""))
					if err != nil || !d.Degraded {
						t.Fatalf("request %d = %+v, %v, want it served and degraded", i, d, err)
					}
					if took := time.Since(start); took > 25*time.Millisecond {
						t.Fatalf("request %d took %v, want at most 25ms", i, took)
					} else if took > 0 {
						waited++
					}
				}
				if waited > 3 {
					t.Errorf("%d requests waited, want the first 3 at most", waited)
				}

				// Back again: after the next probe everything is as before.
				store.fail(nil)
				time.Sleep(2 * time.Second)
				if d, err := l.Check(request("")); err != nil || d.Degraded {
					t.Errorf("request after 2s = %+v, %v, want it counted in the store", d, err)
				}
				if diff := cmp.Diff([]bool{true, false}, o.told); diff != "" {
					t.Errorf("OnOutage mismatch (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		l := guarded(t, store, ratelimit.Options{})
		store.fail(deaf)
		for range 3 {
			_, _ = l.Check(request(""))
		}
		store.calls.Store(0)
		for range 10 {
			time.Sleep(500 * time.Millisecond)
			var requests sync.WaitGroup
			for range 64 {
				requests.Go(func() { _, _ = l.Check(request("")) })
			}
			requests.Wait()
		}
		if got := store.calls.Load(); got > 10 {
			t.Errorf("%d calls of a store that is down in 5s, want at most 10", got)
		}
		time.Sleep(3 * time.Second) // for those that were left behind
	})
}

func TestOneSlowAnswerIsNoOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		var o outages
		l := guarded(t, store, ratelimit.Options{OnOutage: o.hook})
		for range 10 {
			store.fail(patient)
			if d, _ := l.Check(request("")); !d.Allowed || !d.Degraded {
				t.Errorf("slow request = %+v, want it allowed and degraded", d)
			}
			store.fail(nil)
			if d, _ := l.Check(request("")); !d.Allowed || d.Degraded {
				t.Errorf("next request = %+v, want it counted in the store", d)
			}
		}
		if len(o.told) != 0 {
			t.Errorf("OnOutage was told %v, want nothing", o.told)
		}
	})
}

func TestTheTimeoutIsForAllPoliciesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		l := guarded(t, store, ratelimit.Options{
			Timeout:  50 * time.Millisecond,
			Policies: []ratelimit.Policy{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		})
		store.fail(func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil })
		start := time.Now()
		d, err := l.Check(request(""))
		if took := time.Since(start); err != nil || !d.Degraded || took != 50*time.Millisecond {
			t.Errorf("Check = %+v, %v after %v, want a degraded answer after 50ms", d, err, took)
		}
		time.Sleep(time.Second)
	})
}

// The context of a call ends with it, which must not look like a timeout.
func TestAFastStoreIsNotTakenForASlowOne(t *testing.T) {
	t.Parallel()
	l := guarded(t, newFaulty(t), ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{generous}})
	var degraded atomic.Int64
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for range 4000 / slowed {
				if d, _ := l.Check(request("")); d.Degraded {
					degraded.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if got := degraded.Load(); got != 0 {
		t.Errorf("%d requests were decided without the store, want none", got)
	}
}

// "fall back to a local share of the limit"
func TestTheLocalShare(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy    ratelimit.Policy
		instances int
		admitted  int // at once
		limit     int // told
		minute    int // admitted after another minute
	}{
		"the whole policy by default":         {instances: 0, admitted: 200, limit: 100, minute: 100},
		"the whole policy of one":             {instances: 1, admitted: 200, limit: 100, minute: 100},
		"a half":                              {instances: 2, admitted: 100, limit: 50, minute: 50},
		"a third, rounded down":               {instances: 3, admitted: 66, limit: 33, minute: 33},
		"more instances than requests":        {policy: ratelimit.Policy{Limit: 3, Burst: 6}, instances: 9, admitted: 1, limit: 1, minute: 0},
		"a cost that is more than the share":  {policy: ratelimit.Policy{Limit: 10, Cost: func(*http.Request) int { return 8 }}, instances: 2, admitted: 1, limit: 5, minute: 1},
		"a cost that is more than the policy": {policy: ratelimit.Policy{Limit: 10, Cost: func(*http.Request) int { return 11 }}, instances: 2, limit: 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty(t)
				store.fail(refuse)
				l := guarded(t, store, ratelimit.Options{Instances: tt.instances, Policies: []ratelimit.Policy{tt.policy}})
				flood := func() (admitted int) {
					for range 500 {
						d, _ := l.Check(request(""))
						if d.Limit != tt.limit || !d.Degraded {
							t.Fatalf("Check = %+v, want a degraded one of limit %d", d, tt.limit)
						}
						if d.Allowed {
							admitted++
						}
					}
					return admitted
				}
				if got := flood(); got != tt.admitted {
					t.Errorf("%d requests were admitted at once, want %d", got, tt.admitted)
				}
				time.Sleep(time.Minute)
				if got := flood(); got != tt.minute {
					t.Errorf("%d requests were admitted a minute later, want %d", got, tt.minute)
				}
			})
		})
	}
}

// Also of policies at the edge of what can be told, a share is less than the whole.
func TestTheLocalShareOfAnExtremePolicy(t *testing.T) {
	t.Parallel()
	const most = time.Duration(1) << 61 // 73 years
	for name, policy := range map[string]ratelimit.Policy{
		"a request in 70 years":       {Limit: 1, Period: 70 * 365 * 24 * time.Hour},
		"two in 73 years":             {Limit: 2, Period: most},
		"three in 73 years":           {Limit: 3, Period: most, Burst: 2},
		"a burst of 73 years":         {Limit: 1, Period: time.Second, Burst: int(most / time.Second)},
		"one in each nanosecond":      {Limit: int(time.Second), Period: time.Second, Burst: int(most)},
		"a limit that no int exceeds": {Limit: int(most), Period: most, Burst: 1},
	} {
		for _, instances := range []int{2, 3, 1_000_000} {
			t.Run(fmt.Sprintf("%s for %d", name, instances), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					store := newFaulty(t)
					whole := guarded(t, store, ratelimit.Options{Policies: []ratelimit.Policy{policy}})
					store.fail(refuse)
					share := guarded(t, store, ratelimit.Options{Policies: []ratelimit.Policy{policy}, Instances: instances})
					all, _ := whole.Check(request(""))
					part, err := share.Check(request(""))
					if err != nil || !part.Degraded || part.Limit < 1 || part.Limit > all.Limit || part.Remaining > all.Remaining {
						t.Errorf("Check = %+v, %v, want it degraded and less than %+v", part, err, all)
					}
					if slower := part.Period / time.Duration(part.Limit); slower < all.Period/time.Duration(all.Limit) {
						t.Errorf("the share is refilled every %v, want it more slowly than every %v", slower, all.Period/time.Duration(all.Limit))
					}
					if part.Limit == all.Limit && part.Period == all.Period {
						t.Errorf("the share is %d per %v, want less than the whole", part.Limit, part.Period)
					}
				})
			})
		}
	}
}

func TestFailOpenAndFailClosed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts   ratelimit.Options
		status int
		retry  string
		body   string
	}{
		"open":   {opts: ratelimit.Options{FailOpen: true}, status: 200, body: "hello"},
		"closed": {opts: ratelimit.Options{FailClosed: true}, status: 503, retry: "1", body: `{"error":"service_unavailable","message":"Service temporarily unavailable"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newFaulty(t)
			store.fail(refuse)
			var told []ratelimit.Decision
			tt.opts.OnDecision = func(_ *http.Request, d ratelimit.Decision) { told = append(told, d) }
			h := guarded(t, store, tt.opts).Handler(http.HandlerFunc(hello))
			for range 300 {
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, request(""))
				if rec.Code != tt.status || rec.Body.String() != tt.body || rec.Header().Get("Retry-After") != tt.retry {
					t.Fatalf("answer = %d %q, Retry-After %q, want %d %q, %q",
						rec.Code, rec.Body, rec.Header().Get("Retry-After"), tt.status, tt.body, tt.retry)
				}
				if _, ok := rec.Header()["X-Ratelimit-Limit"]; ok {
					t.Fatalf("header = %v, want no rate limit: nothing was counted", rec.Header())
				}
			}
			if last := told[len(told)-1]; !last.Degraded || last.Policy != "" || last.Allowed != (tt.status == 200) {
				t.Errorf("OnDecision was told %+v, want a degraded decision without a policy", last)
			}
		})
	}
}

func TestCheckOfAClosedLimiterIsA503(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	store.fail(refuse)
	d, err := guarded(t, store, ratelimit.Options{FailClosed: true}).Check(request(""))
	e, _ := errors.AsType[*apierror.Error](err)
	if d.Allowed || e == nil || e.Status != 503 || e.Header.Get("Retry-After") != "1" {
		t.Errorf("Check = %+v, %v, want a 503 with Retry-After", d, err)
	}
}

// A caller that leaves must neither make the store's client drop its connection
// nor count as a failure of the store.
func TestACallerThatLeavesIsNoOutage(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	var o outages
	l := guarded(t, store, ratelimit.Options{Timeout: time.Minute, OnOutage: o.hook})
	store.fail(func(ctx context.Context) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if d, _ := l.Check(request("").WithContext(ctx)); d.Degraded {
			t.Errorf("Check = %+v, want it counted in the store", d)
		}
	}
	if len(o.told) != 0 {
		t.Errorf("OnOutage was told %v, want nothing", o.told)
	}
}

// A store that fails half way is asked no more for this request: whatever it was,
// the local share decides about all policies.
func TestAStoreThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	policies := []ratelimit.Policy{
		{Name: "a", Limit: 10, Period: time.Hour},
		{Name: "b", Limit: 1, Period: time.Hour},
		{Name: "c", Limit: 10, Period: time.Hour, Shadow: true},
	}
	for name, tt := range map[string]struct {
		calls   int64 // of the request that work
		before  int   // requests before
		allowed bool
	}{
		"at the first policy":  {calls: 0, allowed: true},
		"at the second policy": {calls: 1, allowed: true},
		"at the shadow":        {calls: 2, allowed: true},
		"at giving back":       {calls: 2, before: 1, allowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newFaulty(t)
			l := guarded(t, store, ratelimit.Options{Timeout: time.Minute, Policies: policies})
			for range tt.before {
				_, _ = l.Check(request(""))
			}
			works := tt.calls
			store.fail(func(context.Context) error {
				if works--; works < 0 {
					return errDown
				}
				return nil
			})
			if d, _ := l.Check(request("")); d.Allowed != tt.allowed || !d.Degraded || d.Policy != "b" {
				t.Errorf("Check = %+v, want a degraded decision, allowed: %t", d, tt.allowed)
			}
		})
	}
}
