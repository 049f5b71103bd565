package ratelimit_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// A call that was under way when the store went down says nothing about now.
func TestAnAnswerFromBeforeTheOutageDoesNotEndIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan error) // to one call at a time
		var told []error
		store := storeFunc(func(ctx context.Context) error {
			select {
			case err := <-answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		l, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
			OnOutage: func(err error) { told = append(told, err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() { _, _ = l.Check(httptest.NewRequest("GET", "/", nil)) })
		}
		synctest.Wait()
		for _, err := range []error{errDown, errDown, errDown, nil} { // the fourth was asked with the others
			answer <- err
			synctest.Wait()
		}
		asking.Wait()
		if !slices.Equal(told, []error{errDown}) {
			t.Errorf("OnOutage was told %v, want the outage alone", told)
		}
		if d, _ := l.Check(httptest.NewRequest("GET", "/", nil)); !d.Degraded {
			t.Error("the next request asks the store, want it to be down until a probe succeeds")
		}
	})
}

type storeFunc func(context.Context) error

func (f storeFunc) Take(ctx context.Context, _ string, _ int, rate ratelimit.Rate) (ratelimit.State, error) {
	if err := f(ctx); err != nil {
		return ratelimit.State{}, err
	}
	return ratelimit.State{Allowed: true, Remaining: rate.Burst}, nil
}

// A Redis that refuses writes (READONLY, OOM, NOREPLICAS, MISCONF) still refuses
// requests, because that writes nothing.
func TestARefusalDoesNotEndAnOutageOfWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := newMemory(t, 1000)
		readOnly := false
		var told []error
		store := takeFunc(func(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
			if readOnly && cost != 0 {
				s, err := inner.Take(ctx, key, 0, rate)
				if s.Remaining >= cost {
					return ratelimit.State{}, errDown
				}
				s.Allowed = false
				return s, err
			}
			return inner.Take(ctx, key, cost, rate)
		})
		l, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
			Policies: []ratelimit.Policy{{Limit: 1, Period: time.Hour, Burst: 2}},
			OnOutage: func(err error) { told = append(told, err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(client string) ratelimit.Decision {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Client", client)
			d, _ := l.Check(r)
			return d
		}
		for range 3 {
			ask("hot") // its bucket is empty now
		}
		readOnly = true
		for n := range 20 { // five seconds, with callers that are refused and others
			ask(string(rune('a' + n)))
			ask("hot")
			time.Sleep(250 * time.Millisecond)
		}
		if len(told) != 1 || told[0] == nil {
			t.Errorf("OnOutage was told %v while every write failed, want the outage once", told)
		}
		if d := ask("new"); !d.Degraded {
			t.Error("the store counts as healthy, want it to be down: it counts nothing")
		}
	})
}

type takeFunc func(context.Context, string, int, ratelimit.Rate) (ratelimit.State, error)

func (f takeFunc) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	return f(ctx, key, cost, rate)
}
