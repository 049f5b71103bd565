package ratelimit

import "time"

// StepWallClock makes the limiter see a wall clock that was set by d, which
// synctest cannot do apart from the monotonic one.
func (l *Limiter) StepWallClock(d time.Duration) { l.step = d }
