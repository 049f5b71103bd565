package ratelimit_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// holds reports whether the bucket holds the cost now, without taking it.
func (m *model) holds(now time.Duration, cost int) bool {
	_, remaining := m.take(now, 0)
	return cost <= remaining
}

// charge takes the cost, or what there is in whole requests.
func (m *model) charge(now time.Duration, cost int) {
	if allowed, remaining := m.take(now, cost); !allowed {
		m.take(now, remaining)
	}
}

// costHeader is a cost that the request names, for tests.
func costHeader(name string) func(*http.Request) int {
	return func(r *http.Request) int {
		n, _ := strconv.Atoi(r.Header.Get(name))
		return n
	}
}

// A schedule is a list of steps of four bytes each: how long to wait, what the
// request costs under two policies or is charged, and under which.
func FuzzLimiterAgreesWithTheModel(f *testing.F) {
	f.Add(uint8(100), uint8(200), uint8(10), uint8(3), false, []byte{0, 1, 1, 0, 0, 5, 2, 0, 3, 1, 1, 0, 0, 3, 250, 1, 9, 1, 3, 2, 200, 200, 3, 0})
	f.Add(uint8(5), uint8(5), uint8(1), uint8(1), true, []byte{0, 1, 1, 0, 0, 1, 1, 0, 40, 1, 2, 0, 1, 0, 128, 3, 0, 1, 1, 0})
	f.Fuzz(func(t *testing.T, limitA, burstA, limitB, burstB uint8, guarded bool, schedule []byte) {
		schedule = schedule[:min(len(schedule), 400)]
		synctest.Test(t, func(t *testing.T) {
			rates := [2]ratelimit.Rate{
				{Limit: 1 + int(limitA), Period: time.Minute, Burst: 1 + int(burstA)},
				{Limit: 1 + int(limitB), Period: time.Second, Burst: 1 + int(burstB)},
			}
			store := newMemory(t, 16)
			opts := ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "a", Limit: rates[0].Limit, Period: rates[0].Period, Burst: rates[0].Burst, Cost: costHeader("A")},
				{Name: "shadow", Limit: 1, Shadow: true},
				{Name: "b", Limit: rates[1].Limit, Period: rates[1].Period, Burst: rates[1].Burst, Cost: costHeader("B")},
			}}
			var behind ratelimit.Store = store
			if guarded {
				behind = struct{ ratelimit.Store }{store}
			}
			l, err := ratelimit.New(behind, alice, opts)
			if err != nil {
				t.Fatal(err)
			}
			models := [2]*model{newModel(rates[0]), newModel(rates[1])}
			start := time.Now()
			for ; len(schedule) >= 4; schedule = schedule[4:] {
				time.Sleep(time.Duration(schedule[0]) * rates[schedule[0]%2].Interval() / 32)
				now := time.Since(start)
				costs := [2]int{int(int8(schedule[1])), int(int8(schedule[2]))}
				r := request("")
				switch which := schedule[3] % 4; which {
				case 0, 1:
					r.Header.Set("A", strconv.Itoa(costs[0]))
					r.Header.Set("B", strconv.Itoa(costs[1]))
					costs[0], costs[1] = max(costs[0], 0), max(costs[1], 0)
					want := models[0].holds(now, costs[0]) && models[1].holds(now, costs[1])
					if want {
						models[0].take(now, costs[0])
						models[1].take(now, costs[1])
					}
					if d, _ := l.Check(r); d.Allowed != want || d.Degraded {
						t.Fatalf("%+v after %v: Check(costs %d) = %+v, want allowed: %t", rates, now, costs, d, want)
					}
				case 2, 3:
					models[which-2].charge(now, costs[0])
					if err := l.Charge(r, costs[0], []string{"a", "b"}[which-2]); err != nil {
						t.Fatal(err)
					}
				}
				for i, key := range []string{"a:alice", "b:alice"} {
					_, want := models[i].take(now, 0)
					if got := take(t, store, key, 0, rates[i]).Remaining; got != want {
						t.Fatalf("%+v after %v: bucket %s has %d left, want %d", rates, now, key, got, want)
					}
				}
			}
		})
	})
}
