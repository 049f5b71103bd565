package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
		if err != nil {
			t.Fatalf("NewMemory error = %v", err)
		}
		return store
	}, ratelimittest.Options{Bubble: true})
}

// A caller who can choose the key must not fill the store with its text.
func TestStoresAreNotGivenLongKeys(t *testing.T) {
	t.Parallel()
	longest := 0
	store := recorder{Memory: newMemory(t, 100), told: func(key string) { longest = max(longest, len(key)) }}
	l, err := ratelimit.New(store, named, ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{{Limit: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", strings.Repeat("a", 248), strings.Repeat("a", 249), strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20)} {
		for i, allowed := range []bool{true, false} {
			if d, _ := l.Check(request(key)); d.Allowed != allowed {
				t.Errorf("request %d of a key of %d bytes = %+v, want allowed: %t", i, len(key), d, allowed)
			}
		}
	}
	if longest > 256 {
		t.Errorf("the store was given a key of %d bytes, want 256 at most", longest)
	}
}

// recorder is a store that tells the keys that it is given.
type recorder struct {
	*ratelimit.Memory
	told func(key string)
}

func (r recorder) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	r.told(key)
	return r.Memory.Take(ctx, key, cost, rate)
}

// What is behind the guard counts as exactly as a Memory does.
func TestStoresAreToldPolicyAndKey(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	l, err := ratelimit.New(store, named, ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{{Name: "x", Limit: 3, Period: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = l.Check(request("alice"))
	_, _ = l.Check(request(""))
	rate := ratelimit.Rate{Limit: 3, Period: time.Hour, Burst: 3}
	for key, want := range map[string]int{"x:alice": 2, "x": 2, "x:": 3, "x:bob": 3} {
		if got := take(t, store, key, 0, rate).Remaining; got != want {
			t.Errorf("bucket %q has %d left, want %d", key, got, want)
		}
	}
}

// racing is a store that refuses what its bucket holds again by the time it looks.
type racing struct{ calls atomic.Int64 }

func (r *racing) Take(_ context.Context, _ string, cost int, _ ratelimit.Rate) (ratelimit.State, error) {
	r.calls.Add(1)
	return ratelimit.State{Allowed: cost <= 0, Remaining: 5, Next: time.Second}, nil
}

func TestARefusalIsARefusalWhateverIsLeft(t *testing.T) {
	t.Parallel()
	store := &racing{}
	l := guarded(t, store, ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{{Limit: 5}}})
	rec := httptest.NewRecorder()
	l.Handler(http.HandlerFunc(hello)).ServeHTTP(rec, request(""))
	if rec.Code != http.StatusTooManyRequests || rec.Body.String() != exceededBody || rec.Header().Get("Retry-After") != "1" {
		t.Errorf("answer = %d %q, Retry-After %q, want 429 and 1", rec.Code, rec.Body, rec.Header().Get("Retry-After"))
	}
}

// A charge must not go on for ever where a store refuses for ever.
func TestAChargeEnds(t *testing.T) {
	t.Parallel()
	store := &racing{}
	l := guarded(t, store, ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{{Limit: 5}}})
	done := make(chan error, 1)
	go func() { done <- l.Charge(request(""), 5) }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Charge error = %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("Charge still asks the store after %d calls", store.calls.Load())
	}
}
