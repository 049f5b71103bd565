package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

// One check for each credential, so many at a time, and so many that wait.
func TestHashQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := auth.NewQueue(1, 2)
		runs, running, most := 0, 0, 0
		hash := func() (string, error) {
			runs++
			running++
			most = max(most, running)
			time.Sleep(time.Second)
			running--
			return "x", nil
		}
		var wg sync.WaitGroup
		start := time.Now()
		for key := range byte(3) {
			for range 5 {
				wg.Go(func() {
					if got, err := do(t.Context(), key, hash); got != "x" || err != nil {
						t.Errorf("credential %d = %q, %v", key, got, err)
					}
				})
			}
		}
		synctest.Wait()
		if _, err := do(t.Context(), 9, hash); !errors.Is(err, apierror.Unavailable(0)) {
			t.Errorf("a fourth credential = %v, want a 503", err)
		}
		wg.Wait()
		if runs != 3 || most != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("%d hashes, %d at a time, in %v; want 3, 1, 3s", runs, most, time.Since(start))
		}
		if _, err := do(t.Context(), 9, hash); err != nil {
			t.Errorf("afterwards = %v", err)
		}
	})
}

// A place in the queue whose caller has left is given to the next, unless others wait
// for the same credential.
func TestHashQueueLeavers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := auth.NewQueue(1, 2)
		runs := 0
		hash := func() (string, error) { runs++; time.Sleep(time.Second); return "x", nil }
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = do(t.Context(), 0, hash) })
		synctest.Wait()
		for key := range byte(2) {
			wg.Go(func() { _, _ = do(ctx, key+1, hash) })
		}
		synctest.Wait()
		wg.Go(func() {
			if _, err := do(t.Context(), 2, hash); err != nil {
				t.Errorf("one who waits for what a leaver began = %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if _, err := do(t.Context(), 7, hash); err != nil {
			t.Errorf("the next = %v, want the place of the one who left", err)
		}
		wg.Wait()
		if runs != 3 {
			t.Errorf("%d hashes, want 3: nobody waits for that of the leaver", runs)
		}
	})
}

// A check that panics frees its place, and those who waited for it are told to come back.
func TestHashQueuePanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		do := auth.NewQueue(1, 0)
		go func() {
			defer func() { _ = recover() }()
			_, _ = do(t.Context(), 1, func() (string, error) { time.Sleep(time.Second); panic("hash") })
		}()
		synctest.Wait()
		if _, err := do(t.Context(), 1, nil); !errors.Is(err, apierror.Unavailable(0)) {
			t.Errorf("the one who waited = %v, want a 503", err)
		}
		if got, err := do(t.Context(), 1, func() (string, error) { return "x", nil }); got != "x" || err != nil {
			t.Errorf("the next = %q, %v", got, err)
		}
	})
}
