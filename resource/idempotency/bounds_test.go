package idempotency_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/resource/idempotency"
)

// Large answers go before their time, the oldest first, and never in the place of
// small ones.
func TestLargeAnswersShareSomeMemory(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(0)
	lease := time.Now().UTC().Add(time.Minute).Truncate(time.Microsecond)
	keep := func(id string, answer []byte) {
		t.Helper()
		if taken, err := store.Begin(t.Context(), id, "request", lease); taken != nil || err != nil {
			t.Fatalf("Begin(%s) = %v, %v, want a claim", id, taken, err)
		}
		if err := store.Finish(t.Context(), id, lease, answer, lease); err != nil {
			t.Fatal(err)
		}
	}
	small, large := make([]byte, 1<<10), make([]byte, 1<<20)
	keep("small", small)
	for n := range 100 {
		keep(fmt.Sprint("large", n), large) // the same bytes, so that the test needs no memory
	}
	keep("huge", make([]byte, 65<<20))
	keep("after", large)
	for id, want := range map[string]bool{"small": true, "large0": false, "large99": false, "huge": false, "after": true} {
		taken, err := store.Begin(t.Context(), id, "request", lease)
		if err != nil || (taken != nil) != want {
			t.Errorf("Begin(%s) = %t, %v, want %t", id, taken != nil, err, want)
		}
	}
}

// stuck is a store that answers nothing but claims.
type stuck struct{ idempotency.Store }

func (stuck) Finish(ctx context.Context, _ string, _ time.Time, _ []byte, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

func (stuck) Release(ctx context.Context, _ string, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

// A store that hangs does not hang the requests for ever.
func TestAnAnswerDoesNotWaitForAStoreForEver(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{http.StatusCreated: "1 x", http.StatusInternalServerError: "1 x"} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			once, err := idempotency.New(subject, unit, stuck{idempotency.NewMemory(0)}, idempotency.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			rec := post(once(&counter{status: status}), "/things", "x", key)
			if rec.Code != status || rec.Body.String() != want || time.Since(start) > 5*time.Second {
				t.Errorf("POST = %d %s after %v, want %d %s after 5 seconds", rec.Code, rec.Body, time.Since(start), status, want)
			}
			if !strings.Contains(log.String(), context.DeadlineExceeded.Error()) {
				t.Errorf("the log says %q, want the cause", &log)
			}
		})
	}
}
