package ratelimit_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// partly is a store of several servers, of which one may be down.
type partly struct {
	ratelimit.Store
	down func(ctx context.Context, key string, cost int) error
}

func (p *partly) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	if err := p.down(ctx, key, cost); err != nil {
		return ratelimit.State{}, err
	}
	// As a client does that heeds its context.
	if err := ctx.Err(); err != nil {
		return ratelimit.State{}, err
	}
	return p.Store.Take(ctx, key, cost, rate)
}

// "a request passes if all of them allow it, and a refused one is counted by none",
// which the 503 of a store that fails half way is too.
func TestARequestThatAStoreFailsHalfWayIsCountedByNone(t *testing.T) {
	t.Parallel()
	plain := []ratelimit.Policy{{Name: "a", Limit: 10}, {Name: "b", Limit: 10}, {Name: "c", Limit: 10}}
	shadowed := []ratelimit.Policy{{Name: "a", Limit: 10}, {Name: "b", Limit: 10}, {Name: "c", Limit: 10, Shadow: true}}
	narrow := []ratelimit.Policy{{Name: "a", Limit: 10}, {Name: "b", Limit: 10}, {Name: "c", Limit: 10, Cost: func(*http.Request) int { return 11 }}}
	tests := map[string]struct {
		policies []ratelimit.Policy
		down     func(ctx context.Context, key string, cost int) error
		want     map[string]int // what remains of the buckets
	}{
		"the last is refused": {
			policies: plain,
			down:     onlyFor("c", refuse),
			want:     map[string]int{"a": 10, "b": 10},
		},
		"the last does not answer in time": {
			policies: plain,
			down:     onlyFor("c", patient),
			want:     map[string]int{"a": 10, "b": 10},
		},
		"the shadow is refused": {
			policies: shadowed,
			down:     onlyFor("c", refuse),
			want:     map[string]int{"a": 10, "b": 10},
		},
		"the first cannot be given back": {
			policies: narrow,
			down: func(_ context.Context, key string, cost int) error {
				if strings.HasPrefix(key, "a") && cost < 0 {
					return errDown
				}
				return nil
			},
			want: map[string]int{"a": 9, "b": 10},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory(t, 100)
				l := guarded(t, &partly{memory, tt.down}, ratelimit.Options{FailClosed: true, Policies: tt.policies})
				if d, err := l.Check(request("")); err == nil || !d.Degraded {
					t.Fatalf("Check = %+v, %v, want a refusal because of the store", d, err)
				}
				synctest.Wait()
				for policy, want := range tt.want {
					rate := ratelimit.Rate{Limit: 10, Period: time.Minute, Burst: 10}
					if got := take(t, memory, policy+":alice", 0, rate); got.Remaining != want {
						t.Errorf("bucket of policy %s = %+v after the 503, want %d remaining", policy, got, want)
					}
				}
			})
		})
	}
}

func onlyFor(policy string, fault func(context.Context) error) func(context.Context, string, int) error {
	return func(ctx context.Context, key string, _ int) error {
		if strings.HasPrefix(key, policy) {
			return fault(ctx)
		}
		return nil
	}
}

// The same where the store takes after all, but when the 503 is out.
func TestARequestThatAStoreTakesTooLateIsCountedByNone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts ratelimit.Options
		want int // what remains in the store
	}{
		"refused":              {opts: ratelimit.Options{FailClosed: true}, want: 10},
		"served":               {opts: ratelimit.Options{FailOpen: true}, want: 9},
		"served by a share":    {want: 9},
		"refused by the store": {opts: ratelimit.Options{FailClosed: true}, want: 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty(t)
				tt.opts.Policies = []ratelimit.Policy{{Limit: 10, Period: 100 * time.Hour}}
				l := guarded(t, store, tt.opts)
				if tt.want == 0 {
					take(t, store, "default:alice", 10, ratelimit.Rate{Limit: 10, Period: 100 * time.Hour, Burst: 10})
				}
				store.fail(deaf)
				if d, _ := l.Check(request("")); !d.Degraded {
					t.Fatalf("Check = %+v, want it degraded", d)
				}
				store.fail(nil)
				time.Sleep(time.Minute)
				rate := ratelimit.Rate{Limit: 10, Period: 100 * time.Hour, Burst: 10}
				if got := take(t, store, "default:alice", 0, rate); got.Remaining != tt.want {
					t.Errorf("bucket = %+v, want %d remaining", got, tt.want)
				}
			})
		})
	}
}

// panicky panics when something is given back.
type panicky struct{ *faulty }

func (p panicky) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	if cost < 0 {
		panic("index out of range")
	}
	return p.faulty.Take(ctx, key, cost, rate)
}

func TestAStoreThatPanicsWhenItIsGivenSomethingBackHarmsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := panicky{newFaulty(t)}
		store.fail(deaf)
		l := guarded(t, store, ratelimit.Options{FailClosed: true})
		if d, err := l.Check(request("")); err == nil || !d.Degraded {
			t.Errorf("Check = %+v, %v, want a refusal because of the store", d, err)
		}
		store.fail(nil)
		time.Sleep(time.Minute)
		if d, err := l.Check(request("")); err != nil || d.Degraded {
			t.Errorf("Check = %+v, %v, want it counted in the store", d, err)
		}
	})
}
