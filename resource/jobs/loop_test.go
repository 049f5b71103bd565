package jobs_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// A queue that is never empty does not keep what has ended for ever.
func TestFinishedJobsGoWhileOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store, Workers: 1, MaxPerSubject: 100, Keep: time.Minute})
		h := operate(t, runner, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) {
			time.Sleep(10 * time.Second)
			return nil, nil
		}})
		first := begin(t, h, "")
		time.Sleep(time.Millisecond)
		for range 59 {
			begin(t, h, "")
		}
		time.Sleep(5 * time.Minute)
		if rec := send(runner.Handler(), "GET", first, "ada"); rec.Code != 404 {
			t.Errorf("GET of a job that has ended five minutes ago, and is kept for one = %d %s, want 404", rec.Code, rec.Body)
		}
		store.mu.Lock()
		got := len(store.jobs)
		store.mu.Unlock()
		if got > 45 {
			t.Errorf("%d jobs are kept, of 60 that were added and about 20 that are older than a minute", got)
		}
		closing(t, runner)
	})
}

// sluggish is a store that takes a second to hand out a job.
type sluggish struct{ *fakeStore }

func (s sluggish) Claim(ctx context.Context, operations []string, token string, lease time.Time) (*jobstore.Job, error) {
	time.Sleep(time.Second)
	return s.fakeStore.Claim(ctx, operations, token, lease)
}

// A process that is about to end begins no job but the one that it is asking for.
func TestCloseBeginsNoJob(t *testing.T) {
	t.Parallel()
	for range 20 { // what is ready at the same time is taken by chance
		synctest.Test(t, func(t *testing.T) {
			runner := newRunner(t, jobs.Options{Store: sluggish{newFakeStore()}, Workers: 10})
			var began atomic.Int32
			h := operate(t, runner, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) {
				began.Add(1)
				return nil, nil
			}})
			for range 10 {
				begin(t, h, "")
			}
			time.Sleep(time.Second / 2)
			if err := runner.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
			if n := began.Load(); n > 1 {
				t.Errorf("%d jobs were begun behind Close", n)
			}
		})
	}
}

// What cannot be an id is asked of nobody: PostgreSQL would not even compare it.
func TestIDsThatAreNoneAreNotLookedFor(t *testing.T) {
	t.Parallel()
	asked := errors.New("the store was asked")
	store := newFakeStore()
	store.fail = func(string) error { return asked }
	runner := newRunner(t, jobs.Options{Store: store})
	want := `{"error":"not_found","message":"Resource not found"}`
	for _, method := range []string{"GET", "DELETE"} {
		for _, id := range []string{"%00", "%FF", "a", "A-B", "'", strings.Repeat("A", 65)} {
			if rec := send(runner.Handler(), method, "/jobs/"+id, "ada"); rec.Code != 404 || rec.Body.String() != want {
				t.Errorf("%s /jobs/%s = %d %s, want 404 %s", method, id, rec.Code, rec.Body, want)
			}
		}
	}
}

// A job that is canceled while its attempt fails does not wait for the next one.
func TestACanceledJobDoesNotWaitForItsNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store})
		closing(t, runner)
		h := operate(t, runner, jobs.Operation{Wait: time.Hour, Run: func(context.Context, string, []byte) (any, error) {
			time.Sleep(500 * time.Millisecond)
			return nil, errors.New("down")
		}})
		location := begin(t, h, "")
		time.Sleep(100 * time.Millisecond)
		// Another process is asked.
		other := newRunner(t, jobs.Options{Store: store})
		if rec := send(other.Handler(), "DELETE", location, "ada"); rec.Code != 202 {
			t.Fatalf("DELETE = %d %s, want 202", rec.Code, rec.Body)
		}
		time.Sleep(5 * time.Second)
		if got, want := withoutTimes(t, runner, location), `"failed","errors":[{"code":"canceled","message":"The job was canceled"}]}`; got != want {
			t.Errorf("the job is %s, want %s", got, want)
		}
	})
}

// A process may take over its own job, whose claim it has lost, while the work that
// it began first still goes on. The end of that work is not the end of the other.
func TestAProcessThatTakesOverItsOwnJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store, Workers: 2, Lease: time.Minute})
		var runs atomic.Int32
		gate, canceled := make(chan struct{}), make(chan struct{})
		location := begin(t, operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			if runs.Add(1) == 1 {
				<-gate // whatever its context says
				return nil, nil
			}
			select {
			case <-ctx.Done():
				close(canceled)
			case <-time.After(time.Hour):
			}
			return nil, ctx.Err()
		}}), "")
		time.Sleep(time.Second)
		store.setFail(func(string) error { return errDown })
		time.Sleep(2 * time.Minute)
		store.setFail(nil)
		time.Sleep(2 * time.Second)
		if got, want := withoutTimes(t, runner, location), `"running","attempts":2}`; got != want {
			t.Fatalf("the job is %s, want %s", got, want)
		}
		close(gate)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := runner.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want context.DeadlineExceeded", err)
		}
		select {
		case <-canceled:
		default:
			t.Error("Close has not canceled the work that still ran")
		}
		if got, want := withoutTimes(t, runner, location), `"queued"}`; got != want {
			t.Errorf("the job is %s, want %s for another process", got, want)
		}
	})
}
