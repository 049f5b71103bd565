package ratelimit_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
)

var contract = ratelimit.Rate{Limit: 100, Period: time.Minute, Burst: 200}

func TestRateTake(t *testing.T) {
	t.Parallel()
	const unit = 600 * time.Millisecond // one request of the contract
	now := time.Hour
	tests := map[string]struct {
		rate ratelimit.Rate
		tat  time.Duration
		cost int
		next time.Duration
		want ratelimit.State
	}{
		"the first of a full bucket": {
			cost: 1, next: now + unit,
			want: ratelimit.State{Allowed: true, Remaining: 199, Next: unit},
		},
		"the whole burst": {
			cost: 200, next: now + 200*unit,
			want: ratelimit.State{Allowed: true, Next: unit, Reset: time.Minute},
		},
		"one of an empty bucket": {
			tat: now + 200*unit, cost: 1, next: now + 200*unit,
			want: ratelimit.State{Next: unit, Reset: time.Minute},
		},
		"a nanosecond before one is refilled": {
			tat: now + 199*unit + 1, cost: 1, next: now + 199*unit + 1,
			want: ratelimit.State{Next: 1, Reset: time.Minute - unit + 1},
		},
		"as soon as one is refilled": {
			tat: now + 199*unit, cost: 1, next: now + 200*unit,
			want: ratelimit.State{Allowed: true, Next: unit, Reset: time.Minute},
		},
		"a cost above the burst": {
			cost: 201,
			want: ratelimit.State{Remaining: 200},
		},
		"a look at a bucket that is half full": {
			tat: now + 100*unit, next: now + 100*unit,
			want: ratelimit.State{Allowed: true, Remaining: 100, Next: unit},
		},
		"a look at less than the limit": {
			tat: now + 101*unit, next: now + 101*unit,
			want: ratelimit.State{Allowed: true, Remaining: 99, Next: unit, Reset: unit},
		},
		"one given back": {
			tat: now + 3*unit, cost: -1, next: now + 2*unit,
			want: ratelimit.State{Allowed: true, Remaining: 198, Next: unit},
		},
		"more given back than was taken": {
			tat: now + 3*unit, cost: -4, next: now,
			want: ratelimit.State{Allowed: true, Remaining: 200},
		},
		"far more given back": {
			tat: now + 3*unit, cost: -1 << 62, next: now,
			want: ratelimit.State{Allowed: true, Remaining: 200},
		},
		"after the clock was set back by a year": {
			tat: now + 365*24*time.Hour, cost: 1, next: now + 365*24*time.Hour,
			want: ratelimit.State{Next: unit, Reset: time.Minute},
		},
		"a burst below the limit": {
			rate: ratelimit.Rate{Limit: 100, Period: time.Minute, Burst: 10}, cost: 10, next: now + 10*unit,
			want: ratelimit.State{Allowed: true, Next: unit, Reset: 10 * unit},
		},
		"an interval that is no whole number of nanoseconds": {
			rate: ratelimit.Rate{Limit: 3, Period: 10, Burst: 3}, cost: 3, next: now + 12,
			want: ratelimit.State{Allowed: true, Next: 4, Reset: 12},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate := tt.rate
			if rate == (ratelimit.Rate{}) {
				rate = contract
			}
			next, got := rate.Take(tt.tat, now, tt.cost)
			if next != tt.next {
				t.Errorf("Take(%v, %v, %d) keeps %v, want %v", tt.tat, now, tt.cost, next, tt.next)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Take(%v, %v, %d) mismatch (-want +got):\n%s", tt.tat, now, tt.cost, diff)
			}
		})
	}
}

// model is a bucket as one would explain it, in exact numbers.
type model struct {
	level, burst, interval *big.Rat
	at                     time.Duration
}

func newModel(rate ratelimit.Rate) *model {
	burst := new(big.Rat).SetInt64(int64(rate.Burst))
	return &model{level: new(big.Rat).Set(burst), burst: burst, interval: new(big.Rat).SetInt64(int64(rate.Interval()))}
}

func (m *model) take(now time.Duration, cost int) (allowed bool, remaining int) {
	grown := new(big.Rat).SetInt64(int64(now - m.at))
	m.at = now
	m.level.Add(m.level, grown.Quo(grown, m.interval))
	m.fill()
	left := new(big.Rat).Sub(m.level, new(big.Rat).SetInt64(int64(cost)))
	if cost <= 0 || left.Sign() >= 0 {
		allowed = true
		m.level = left
		m.fill()
	}
	return allowed, int(new(big.Int).Quo(m.level.Num(), m.level.Denom()).Int64())
}

func (m *model) fill() {
	if m.level.Cmp(m.burst) > 0 {
		m.level.Set(m.burst)
	}
}

// A schedule is a list of steps of three bytes each: how long to wait, in one of
// several units, and the cost.
func FuzzRateTakeAgreesWithTheModel(f *testing.F) {
	f.Add(uint16(100), uint32(60_000_000), uint16(200), []byte{0, 0, 200, 1, 5, 1, 2, 9, 3, 0, 0, 0, 3, 1, 255})
	f.Add(uint16(1), uint32(1), uint16(1), []byte{0, 1, 1, 0, 1, 1, 1, 1, 1})
	f.Add(uint16(7), uint32(1_000_003), uint16(3), []byte{2, 200, 2, 1, 77, 1, 0, 0, 128, 3, 3, 3})
	f.Fuzz(func(t *testing.T, limit uint16, micros uint32, burst uint16, schedule []byte) {
		rate := ratelimit.Rate{
			Limit:  1 + int(limit),
			Period: time.Duration(micros)*time.Microsecond + time.Duration(limit) + 1,
			Burst:  1 + int(burst),
		}
		schedule = schedule[:min(len(schedule), 600)]
		m := newModel(rate)
		var now, tat time.Duration
		for len(schedule) >= 3 {
			unit := []time.Duration{1, rate.Interval() / 16, rate.Interval(), rate.Period / 8}[schedule[0]%4]
			now += unit * time.Duration(schedule[1])
			cost := int(int8(schedule[2]))
			if schedule[0]&4 != 0 {
				cost *= rate.Burst / 100
			}
			schedule = schedule[3:]

			var got ratelimit.State
			tat, got = rate.Take(tat, now, cost)
			allowed, remaining := m.take(now, cost)
			if got.Allowed != allowed || got.Remaining != remaining {
				t.Fatalf("%+v at %v: Take(cost %d) = %+v, want Allowed %t and Remaining %d", rate, now, cost, got, allowed, remaining)
			}
			checkPromises(t, rate, tat, now, got)
		}
	})
}

// checkPromises asks the bucket at the instants that the state names, and a
// nanosecond before.
func checkPromises(t *testing.T, rate ratelimit.Rate, tat, now time.Duration, s ratelimit.State) {
	t.Helper()
	if s.Next > 0 {
		if _, early := rate.Take(tat, now+s.Next-1, 0); early.Remaining != s.Remaining {
			t.Fatalf("%+v: %d remaining before Next (%v), want %d", rate, early.Remaining, s.Next, s.Remaining)
		}
	}
	if _, next := rate.Take(tat, now+s.Next, 0); s.Next > 0 && next.Remaining != s.Remaining+1 {
		t.Fatalf("%+v: %d remaining at Next (%v), want %d", rate, next.Remaining, s.Next, s.Remaining+1)
	}
	enough := min(rate.Limit, rate.Burst)
	if _, reset := rate.Take(tat, now+s.Reset, 0); reset.Remaining < enough {
		t.Fatalf("%+v: %d remaining at Reset (%v), want %d", rate, reset.Remaining, s.Reset, enough)
	}
	if s.Reset > 0 {
		if _, early := rate.Take(tat, now+s.Reset-1, 0); early.Remaining >= enough {
			t.Fatalf("%+v: %d remaining before Reset (%v), want less than %d", rate, early.Remaining, s.Reset, enough)
		}
	}
}

// Whatever is put in, the arithmetic must not overflow, divide by zero or promise
// more than the burst.
func FuzzPolicyArithmetic(f *testing.F) {
	f.Add(100, int64(time.Minute), 200, int64(1), int64(2), 1)
	f.Add(1, int64(1)<<61, 1, int64(-1)<<63, int64(1)<<62, -1<<63)
	f.Add(1<<62, int64(1)<<62, 1<<62, int64(1)<<62, int64(0), 1<<62)
	f.Fuzz(func(t *testing.T, limit int, period int64, burst int, tat, now int64, cost int) {
		store, _ := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: 1})
		rate := ratelimit.Rate{Limit: limit, Period: time.Duration(period), Burst: burst}
		s, err := store.Take(t.Context(), "k", cost, rate)
		if err != nil {
			return // refused at construction
		}
		if s.Allowed != (cost <= burst) {
			t.Errorf("%+v: first Take(cost %d) = %+v", rate, cost, s)
		}
		// The instants of a process lie between its start and 73 years later.
		now = max(now, 0) >> 2
		_, s = rate.Take(time.Duration(tat), time.Duration(now), cost)
		if s.Remaining < 0 || s.Remaining > burst || s.Next < 0 || s.Reset < 0 ||
			s.Next > rate.Interval() || s.Reset > rate.Interval()*time.Duration(min(limit, burst)) {
			t.Errorf("%+v.Take(%d, %d, %d) = %+v, outside the contract", rate, tat, now, cost, s)
		}
	})
}
