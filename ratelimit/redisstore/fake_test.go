package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// fakeRedis does what the script does, with the process's clock, so that this
// package's own part can be tested without a server. That the script does the
// same on a real one is tested in internal/integration.
type fakeRedis struct {
	mu       sync.Mutex
	start    time.Time
	full     map[string]time.Duration
	known    bool // the script
	commands []string
	keys     []string
	reply    any   // answered instead, if not nil
	err      error // answered instead, if not nil
}

func newFakeRedis() *fakeRedis {
	return &fakeRedis{start: time.Now(), full: make(map[string]time.Duration)}
}

func (f *fakeRedis) do(_ context.Context, args ...any) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	command, key := args[0].(string), args[3].(string)
	f.commands = append(f.commands, command)
	f.keys = append(f.keys, key)
	if f.err != nil || f.reply != nil {
		return f.reply, f.err
	}
	switch {
	case len(args) < 7 || len(args) > 8 || args[2] != 1:
		return nil, fmt.Errorf("ERR %d arguments, %v keys", len(args), args[2])
	case command == "EVALSHA" && !f.known:
		return nil, errors.New("NOSCRIPT No matching script. Please use EVAL.")
	case command == "EVAL":
		f.known = true
	}
	interval, span, cost := args[4].(int64), args[5].(int64), args[6].(int)
	rate := ratelimit.Rate{Limit: 1, Period: time.Duration(interval), Burst: int(span / interval)}
	now := time.Since(f.start)
	next, state := rate.Take(f.full[key], now, cost)
	taken := cost
	if len(args) == 8 && state.Allowed {
		more := min(args[7].(int), state.Remaining)
		next, _ = rate.Take(next, now, more)
		taken += more
	}
	debt := int64(min(max(next-now, 0), time.Duration(span)))
	if state.Allowed {
		f.full[key] = next
	} else {
		debt, taken = -1-debt, 0
	}
	if len(args) == 8 {
		return []any{debt, int64(taken)}, nil
	}
	return debt, nil
}
