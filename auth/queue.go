package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

var errBusy = apierror.Unavailable(time.Second).Wrap(errors.New("auth: too many secrets wait to be hashed"))

// hashQueue lets few slow hashes run at a time and one for each credential, so
// that a crowd of callers costs no more than the processors can bear.
type hashQueue struct {
	slots chan struct{}
	limit int // of flights, those that wait for a slot included

	mu      sync.Mutex
	flights map[digest]*flight
}

type flight struct {
	done   chan struct{}
	shared bool // under mu: whether others wait for it
	hash   string
	err    error
}

func (q *hashQueue) init(hashes, waiting int) {
	q.slots = make(chan struct{}, hashes)
	q.limit = hashes + waiting
	q.flights = make(map[digest]*flight)
}

// do returns what f returns, or what the call of f for the same key that is
// under way returns. It is a 503 if too many other credentials wait.
func (q *hashQueue) do(ctx context.Context, key digest, f func() (string, error)) (hash string, first bool, err error) {
	q.mu.Lock()
	if other, ok := q.flights[key]; ok {
		other.shared = true
		q.mu.Unlock()
		select {
		case <-other.done:
			return other.hash, false, other.err
		case <-ctx.Done():
			return "", false, unavailable(ctx.Err())
		}
	}
	if len(q.flights) >= q.limit {
		q.mu.Unlock()
		return "", false, errBusy
	}
	mine := &flight{done: make(chan struct{}), err: errBusy} // if f panics
	q.flights[key] = mine
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		if q.flights[key] == mine {
			delete(q.flights, key)
		}
		q.mu.Unlock()
		close(mine.done)
	}()
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		// If nobody else waits for this one, its place is better given to another.
		q.mu.Lock()
		if !mine.shared {
			delete(q.flights, key)
			q.mu.Unlock()
			return "", false, unavailable(ctx.Err())
		}
		q.mu.Unlock()
		q.slots <- struct{}{}
	}
	defer func() { <-q.slots }()
	mine.hash, mine.err = f()
	return mine.hash, true, mine.err
}
