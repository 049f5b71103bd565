package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
)

// swapped is a store whose buckets can be lost.
type swapped struct {
	store atomic.Pointer[ratelimit.Memory]
}

func (s *swapped) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	store := s.store.Load()
	if store == nil {
		return ratelimit.State{}, errDown
	}
	return store.Take(ctx, key, cost, rate)
}

// "Redis killed and flushed under load: at most burst + instances x share burst",
// and what is refilled meanwhile: in the store, or else in the shares.
func TestAnOutageThatLosesAllBucketsIsBounded(t *testing.T) {
	t.Parallel()
	for instances := 1; instances <= 4; instances++ {
		synctest.Test(t, func(t *testing.T) {
			store := &swapped{}
			store.store.Store(newMemory(t, 10))
			var admitted atomic.Int64
			var workers sync.WaitGroup
			end := time.Now().Add(20 * time.Second)
			for id := range instances {
				l := guarded(t, store, ratelimit.Options{Instances: instances})
				workers.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(instances), uint64(id)))
					for time.Now().Before(end) {
						if d, _ := l.Check(request("")); d.Allowed {
							admitted.Add(1)
						}
						time.Sleep(time.Duration(1+rng.IntN(20)) * time.Millisecond)
					}
				})
			}
			time.Sleep(5 * time.Second) // the bucket is empty by now
			admitted.Store(0)
			down := time.Now()
			store.store.Store(nil)
			time.Sleep(5 * time.Second)
			store.store.Store(newMemory(t, 10))
			workers.Wait()

			share := 200 / instances
			// Each bucket, the store's and the shares', rounds what is refilled up.
			refilled := int(time.Since(down)/contract.Interval()) + 1 + instances
			if got, most := int(admitted.Load()), 200+instances*share+refilled; got > most {
				t.Errorf("%d instances admitted %d requests since the outage, want at most %d", instances, got, most)
			}
		})
	}
}

// A client without timeouts hangs for as long as the store does.
func TestCallsThatDoNotReturnDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		l := guarded(t, store, ratelimit.Options{})
		back := make(chan struct{})
		store.fail(func(context.Context) error { <-back; return nil })
		for range 10_000 {
			if d, err := l.Check(request("")); !d.Degraded {
				t.Fatalf("Check = %+v, %v, want it degraded", d, err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if got := store.calls.Load(); got > 1000 {
			t.Errorf("%d calls hang after 83m of an outage, want at most 1000", got)
		}

		close(back)
		time.Sleep(time.Second)
		if d, err := l.Check(request("")); err != nil || d.Degraded {
			t.Errorf("Check = %+v, %v once the store is back, want it counted there", d, err)
		}
	})
}

// Requests that no policy applies to have nothing to do with the store: they pass
// while it is down, and do not make it look as if it were back.
func TestRequestsWithoutAPolicyDoNotAskTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		store.fail(refuse)
		var o outages
		l := guarded(t, store, ratelimit.Options{FailClosed: true, OnOutage: o.hook, Policies: []ratelimit.Policy{{
			Match: func(r *http.Request) bool { return r.Method == "POST" },
		}}})
		h := l.Handler(http.HandlerFunc(hello))
		for range 3 {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("POST", "/", nil))
			if rec.Code != http.StatusServiceUnavailable {
				t.Fatalf("POST = %d, want 503", rec.Code)
			}
		}
		for range 5 {
			time.Sleep(time.Second) // by now the store could be probed
			get := httptest.NewRequest("GET", "/", nil)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, get)
			if rec.Code != http.StatusOK || rec.Body.String() != "hello" || rec.Header().Get("Retry-After") != "" {
				t.Errorf("GET = %d %q %v, want 200 without header fields", rec.Code, rec.Body, rec.Header())
			}
			if err := l.Charge(get, 1); err != nil {
				t.Errorf("Charge error = %v", err)
			}
		}
		if diff := cmp.Diff([]bool{true}, o.told); diff != "" {
			t.Errorf("OnOutage mismatch (-want +got):\n%s", diff)
		}
	})
}

// "Shadow counts without refusing", whatever the store does.
func TestAShadowAloneDoesNotFailClosed(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	store.fail(refuse)
	l := guarded(t, store, ratelimit.Options{FailClosed: true, Policies: []ratelimit.Policy{{Name: "a", Shadow: true}, {Name: "b", Shadow: true}}})
	h := l.Handler(http.HandlerFunc(hello))
	for range 5 {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, request(""))
		if rec.Code != http.StatusOK || rec.Body.String() != "hello" {
			t.Errorf("answer = %d %q, want 200", rec.Code, rec.Body)
		}
	}
	if d, err := l.Check(request("")); err != nil || !d.Allowed || !d.Degraded {
		t.Errorf("Check = %+v, %v, want it allowed and degraded", d, err)
	}
}
