package ratelimit

import (
	"hash/maphash"
	"time"
)

// StepWallClock makes the limiter see a wall clock that was set by d, which
// synctest cannot do apart from the monotonic one.
func (l *Limiter) StepWallClock(d time.Duration) { l.step = d }

// TakeAt takes as a call does that read the clock at now, in the time since the
// store was made, and comes to the bucket later.
func (m *Memory) TakeAt(now time.Duration, key string, cost int, rate Rate) State {
	return m.take(maphash.String(m.seed, key), now, cost, rate)
}
