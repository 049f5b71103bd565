package ratelimit

import (
	"errors"
	"time"
)

// A Rate is what a bucket holds and how fast it is refilled: at most Burst
// requests at once, Limit requests per Period over time.
type Rate struct {
	Limit  int
	Period time.Duration
	Burst  int
}

// A State is what a bucket holds after a [Store.Take].
type State struct {
	// Allowed reports whether the cost was taken.
	Allowed bool

	// Remaining is the greatest cost that could be taken now.
	Remaining int

	// Next is the time until Remaining grows, zero if the bucket is full.
	Next time.Duration

	// Reset is the time until min(Limit, Burst) can be taken, zero if they
	// can be taken now.
	Reset time.Duration
}

// maxSpan bounds the time that an empty bucket takes to fill (73 years), so that
// no sum of instants overflows.
const maxSpan = 1 << 61

// Validate reports what is wrong with r, if anything: a limit or a burst below 1,
// more than one request a nanosecond, a bucket that takes more than 73 years to
// refill. The other methods want a valid Rate.
func (r Rate) Validate() error {
	switch {
	case r.Limit < 1:
		return errors.New("the limit is below 1")
	case r.Burst < 1:
		return errors.New("the burst is below 1")
	case r.Period <= 0 || r.Period > maxSpan:
		return errors.New("the period is out of range")
	case int64(r.Limit) > int64(r.Period):
		return errors.New("the limit is above one request a nanosecond")
	case time.Duration(r.Burst) > maxSpan/r.Interval():
		return errors.New("the burst takes too long to refill")
	}
	return nil
}

// Interval is the time in which one request is refilled, rounded up so that a
// period never refills more than the limit.
func (r Rate) Interval() time.Duration {
	return (r.Period + time.Duration(r.Limit) - 1) / time.Duration(r.Limit)
}

// Take is the arithmetic of a bucket, for those who write a [Store]. The bucket
// is tat, the instant at which it will be full, and both instants count from any
// one origin. It returns the instant to keep, which is tat itself when nothing
// is to be changed, and the state to answer with.
//
// A positive cost is taken if the bucket holds it. A cost of 0 only looks. A
// negative cost is given back, never beyond a full bucket. An instant further
// ahead than an empty bucket can be, as a clock that was set back leaves behind,
// counts as an empty bucket.
//
// To describe a bucket whose debt (the time until it is full) is known call
// Take(debt, 0, 0).
func (r Rate) Take(tat, now time.Duration, cost int) (time.Duration, State) {
	interval := r.Interval()
	span := interval * time.Duration(r.Burst)
	debt := min(max(tat-now, 0), span)
	allowed := true
	switch {
	case cost > r.Burst:
		allowed = false
	case cost > 0:
		if spent := debt + time.Duration(cost)*interval; spent <= span {
			debt = spent
			tat = now + debt
		} else {
			allowed = false
		}
	case cost < -r.Burst:
		debt = 0
		tat = now
	case cost < 0:
		debt = max(debt+time.Duration(cost)*interval, 0)
		tat = now + debt
	}

	free := span - debt
	remaining := free / interval
	s := State{
		Allowed:   allowed,
		Remaining: int(remaining),
		Reset:     max(interval*time.Duration(min(r.Limit, r.Burst))-free, 0),
	}
	if debt > 0 {
		s.Next = interval - (free - remaining*interval)
	}
	return tat, s
}

// retry returns the time after which a bucket in state s holds cost, which is at
// most the burst.
func (r Rate) retry(s State, cost int) time.Duration {
	missing := cost - s.Remaining
	if missing <= 0 {
		return 0
	}
	wait := s.Next + time.Duration(missing-1)*r.Interval()
	if cost <= min(r.Limit, r.Burst) {
		// A window refills all at once, long before the bucket would.
		wait = min(wait, s.Reset)
	}
	return wait
}

// share returns the part of r that one of n equal instances may admit: the rate
// divided by n exactly, limit and burst rounded down but at least 1.
func (r Rate) share(n int) Rate {
	if n <= 1 {
		return r
	}
	// Cut to what is valid: a request in 73 years.
	interval := min(r.Interval(), maxSpan/time.Duration(n)) * time.Duration(n)
	limit := int(min(int64(max(r.Limit/n, 1)), int64(maxSpan/interval)))
	return Rate{Limit: limit, Period: interval * time.Duration(limit), Burst: max(r.Burst/n, 1)}
}
