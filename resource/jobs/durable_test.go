package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/resource/jobs"
)

// closing closes the runner at the end of a bubble.
func closing(t *testing.T, runner *jobs.Runner) {
	t.Helper()
	t.Cleanup(func() {
		if err := runner.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestAJobSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		first := newRunner(t, jobs.Options{Store: store, Workers: 1})
		started := 0
		patient := jobs.Operation{Attempts: 1, Run: func(ctx context.Context, _ string, input []byte) (any, error) {
			started++
			jobs.Progress(ctx, told{Done: 1})
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		h := operate(t, first, patient)
		running := begin(t, h, "a")
		time.Sleep(time.Millisecond)
		waiting := begin(t, h, "b")
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := first.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want context.DeadlineExceeded", err)
		}
		for location, want := range map[string]string{running: `"queued","done":1}`, waiting: `"queued"}`} {
			if got := withoutTimes(t, first, location); got != want {
				t.Errorf("after the end of the process a job is %s, want %s", got, want)
			}
		}

		// The program starts anew, and its jobs with it.
		second := newRunner(t, jobs.Options{Store: store})
		closing(t, second)
		operate(t, second, jobs.Operation{Attempts: 1, Run: func(_ context.Context, subject string, input []byte) (any, error) {
			return map[string]string{"by": subject, "of": string(input)}, nil
		}})
		synctest.Wait()
		for location, of := range map[string]string{running: "a", waiting: "b"} {
			if got, want := withoutTimes(t, second, location), `"succeeded","by":"ada","of":"`+of+`"}`; got != want {
				t.Errorf("after a restart a job is %s, want %s", got, want)
			}
		}
		if started != 1 {
			t.Errorf("%d jobs ran before, want 1", started)
		}
	})
}

// A process that dies says nothing. Another takes its jobs over when their leases
// are over, and not before.
func TestAJobOfADeadProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &mortal{fakeStore: newFakeStore()}
		first := newRunner(t, jobs.Options{Store: store, Lease: time.Minute})
		dies := make(chan struct{})
		location := begin(t, operate(t, first, jobs.Operation{Run: func(ctx context.Context, _ string, input []byte) (any, error) {
			jobs.Progress(ctx, told{Done: 3})
			<-dies // not heeding its context
			return told{Done: 9}, nil
		}}), "input")
		time.Sleep(30 * time.Second)
		store.dead.Store(true)
		began := time.Now()
		var taken time.Duration
		second := newRunner(t, jobs.Options{Store: store.fakeStore, Lease: time.Minute})
		operate(t, second, jobs.Operation{Run: func(_ context.Context, subject string, input []byte) (any, error) {
			taken = time.Since(began)
			return map[string]string{"by": subject, "of": string(input)}, nil
		}})
		time.Sleep(58 * time.Second)
		if got := withoutTimes(t, second, location); got != `"running","done":3}` {
			t.Errorf("before the lease is over the job is %s", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		const want = `"succeeded","attempts":2,"by":"ada","of":"input"}`
		if got := withoutTimes(t, second, location); got != want || taken < 59*time.Second || taken > 61*time.Second {
			t.Errorf("after %v the job is %s, want it taken over after a minute: %s", taken, got, want)
		}
		store.dead.Store(false)
		close(dies)
		for _, runner := range []*jobs.Runner{first, second} {
			if err := runner.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if got := withoutTimes(t, second, location); got != want {
			t.Errorf("the dead process has changed the job to %s", got)
		}
	})
}

// Work that kills its process does not kill them all.
func TestAJobThatKillsProcessesIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		var began atomic.Int32
		dies := make(chan struct{})
		var location string
		var runners []*jobs.Runner
		for n := range 4 {
			way := &mortal{fakeStore: store}
			runner := newRunner(t, jobs.Options{Store: way, Lease: time.Minute})
			runners = append(runners, runner)
			h := operate(t, runner, jobs.Operation{Attempts: 2, Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
				began.Add(1)
				jobs.Progress(ctx, map[string]any{"done": 3, "errors": []int{4}})
				time.Sleep(2 * time.Second)
				way.dead.Store(true)
				<-dies
				return nil, nil
			}})
			if n == 0 {
				location = begin(t, h, "")
			}
			time.Sleep(70 * time.Second)
			synctest.Wait()
		}
		want := `"failed","attempts":2,"done":3,"errors":[{"code":"interrupted","message":"The server ended while the job ran"},4]}`
		if got := withoutTimes(t, runners[3], location); got != want || began.Load() != 2 {
			t.Errorf("after %d attempts the job is %s, want %s", began.Load(), got, want)
		}
		close(dies)
		for _, runner := range runners {
			if err := runner.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

// A process that cannot renew a claim stops its work before another begins it.
func TestWorkEndsBeforeItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		var log bytes.Buffer
		runner := newRunner(t, jobs.Options{Store: store, Lease: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		closing(t, runner)
		began := time.Now()
		var ended time.Duration
		h := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			if ended > 0 {
				return nil, nil
			}
			<-ctx.Done()
			ended = time.Since(began)
			return nil, nil
		}})
		location := begin(t, h, "")
		time.Sleep(1500 * time.Millisecond)
		store.setFail(func(string) error { return errDown })
		time.Sleep(55 * time.Second)
		synctest.Wait()
		if ended < 45*time.Second || ended > 52*time.Second {
			t.Errorf("the work was stopped after %v, want it before the lease of a minute is over, and not at once", ended)
		}
		store.setFail(nil)
		if got := withoutTimes(t, runner, location); got != `"running"}` {
			t.Errorf("what a lost claim led to was written down: %s", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := withoutTimes(t, runner, location); got != `"succeeded","attempts":2}` {
			t.Errorf("the job is %s, want succeeded at the second attempt", got)
		}
		if !strings.Contains(log.String(), "could not be renewed") || !strings.Contains(log.String(), "the store is down") {
			t.Errorf("the log says %s", &log)
		}
	})
}

func TestASilentStoreForAMomentDoesNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store})
		closing(t, runner)
		h := operate(t, runner, jobs.Operation{Attempts: 1, Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			time.Sleep(15 * time.Second)
			return nil, ctx.Err()
		}})
		location := begin(t, h, "")
		synctest.Wait()
		time.Sleep(time.Second)
		store.setFail(func(string) error { return errDown })
		if rec := send(runner.Handler(), "GET", location, "ada"); rec.Code != 500 {
			t.Errorf("GET while the store is down = %d %s, want 500", rec.Code, rec.Body)
		}
		if rec := send(h, "POST", "/import", "ada"); rec.Code != 500 || rec.Header().Get("Location") != "" {
			t.Errorf("POST while the store is down = %d %s, want 500", rec.Code, rec.Body)
		}
		time.Sleep(20 * time.Second) // it ends meanwhile
		store.setFail(nil)
		time.Sleep(2 * time.Second)
		if got := withoutTimes(t, runner, location); got != `"succeeded"}` {
			t.Errorf("the job is %s, want succeeded at the first attempt", got)
		}
	})
}

func TestProgressThatCouldNotBeKeptIsKeptLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store})
		closing(t, runner)
		h := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			time.Sleep(1500 * time.Millisecond)
			jobs.Progress(ctx, told{Done: 1})
			time.Sleep(10 * time.Second)
			return nil, nil
		}})
		location := begin(t, h, "")
		time.Sleep(1200 * time.Millisecond)
		store.setFail(func(string) error { return errDown })
		time.Sleep(2 * time.Second)
		store.setFail(nil)
		time.Sleep(2 * time.Second)
		if got := withoutTimes(t, runner, location); got != `"running","done":1}` {
			t.Errorf("the job is %s, want running and 1", got)
		}
	})
}

func TestOneProcessAtATimeRunsAJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		var mu sync.Mutex
		runs, now := map[string]int{}, map[string]int{}
		op := func() jobs.Operation {
			return jobs.Operation{Run: func(ctx context.Context, _ string, input []byte) (any, error) {
				mu.Lock()
				runs[string(input)]++
				now[string(input)]++
				if now[string(input)] > 1 {
					t.Errorf("job %s runs twice at a time", input)
				}
				mu.Unlock()
				time.Sleep(2 * time.Minute) // several leases
				mu.Lock()
				now[string(input)]--
				mu.Unlock()
				return nil, ctx.Err()
			}}
		}
		var locations []string
		var runners []*jobs.Runner
		for range 3 {
			runner := newRunner(t, jobs.Options{Store: store, Workers: 2, MaxPerSubject: 100})
			runners = append(runners, runner)
			h := operate(t, runner, op())
			for range 7 {
				locations = append(locations, begin(t, h, string(rune('a'+len(locations)))))
			}
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for _, location := range locations {
			if got := withoutTimes(t, runners[0], location); got != `"succeeded"}` {
				t.Errorf("a job is %s", got)
			}
		}
		if len(runs) != 21 {
			t.Errorf("%d jobs ran, want 21", len(runs))
		}
		for _, runner := range runners {
			if err := runner.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

func TestCancelInAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		here := newRunner(t, jobs.Options{Store: store, Workers: 1})
		there := newRunner(t, jobs.Options{Store: store}) // has no operation, and so runs nothing
		closing(t, here)
		closing(t, there)
		h := operate(t, here, jobs.Operation{Run: func(ctx context.Context, _ string, input []byte) (any, error) {
			if string(input) == "waits" {
				t.Error("a job that was canceled runs")
			}
			<-ctx.Done()
			time.Sleep(time.Second)
			return told{Done: 7}, ctx.Err()
		}})
		const canceled = `"errors":[{"code":"canceled","message":"The job was canceled"}]}`
		running := begin(t, h, "runs")
		synctest.Wait()
		waiting := begin(t, h, "waits")
		if rec := send(there.Handler(), "DELETE", running, "bob"); rec.Code != 404 {
			t.Errorf("DELETE as another = %d, want 404", rec.Code)
		}
		if rec := send(there.Handler(), "DELETE", waiting, "ada"); rec.Code != 204 || rec.Body.Len() > 0 {
			t.Errorf("DELETE of a job that waits = %d %s, want 204", rec.Code, rec.Body)
		}
		if got := withoutTimes(t, here, waiting); got != `"failed",`+canceled {
			t.Errorf("a job that was canceled while it waited is %s", got)
		}
		// Through another process: it is heard of within a second.
		if rec := send(there.Handler(), "DELETE", running, "ada"); rec.Code != 202 || !strings.Contains(rec.Body.String(), `"status":"running"`) {
			t.Errorf("DELETE of a job that runs = %d %s, want 202", rec.Code, rec.Body)
		}
		time.Sleep(2100 * time.Millisecond)
		if got := withoutTimes(t, there, running); got != `"failed","done":7,`+canceled {
			t.Errorf("a job that was canceled while it ran is %s", got)
		}
		if rec := send(there.Handler(), "DELETE", running, "ada"); rec.Code != 409 {
			t.Errorf("DELETE of a job that has ended = %d %s, want 409", rec.Code, rec.Body)
		}
		// Through the process that runs it: at once.
		running = begin(t, h, "runs")
		synctest.Wait()
		if rec := send(here.Handler(), "DELETE", running, "ada"); rec.Code != 202 {
			t.Errorf("DELETE of a job that runs = %d %s, want 202", rec.Code, rec.Body)
		}
		time.Sleep(1010 * time.Millisecond)
		if got := withoutTimes(t, there, running); got != `"failed","done":7,`+canceled {
			t.Errorf("a job that was canceled here is %s", got)
		}
	})
}

func TestAJobThatWasCanceledIsNotTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store})
		closing(t, runner)
		runs := 0
		h := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			runs++
			jobs.Progress(ctx, told{Done: 3})
			if runs == 1 {
				time.Sleep(1500 * time.Millisecond) // what it has told is kept by then
				store.setFail(func(method string) error {
					if method == "Renew" || method == "Leave" {
						return errDown
					}
					return nil
				})
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		location := begin(t, h, "")
		time.Sleep(2 * time.Second)
		if rec := send(runner.Handler(), "DELETE", location, "ada"); rec.Code != 202 {
			t.Errorf("DELETE = %d, want 202", rec.Code)
		}
		time.Sleep(28 * time.Second) // the end could not be written down
		store.setFail(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want := `"failed","done":3,"errors":[{"code":"canceled","message":"The job was canceled"}]}`
		if got := withoutTimes(t, runner, location); got != want || runs != 1 {
			t.Errorf("after %d attempts the job is %s, want %s", runs, got, want)
		}
	})
}

func TestBoundsInAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store, Workers: 1, Queue: 3, MaxPerSubject: 3, Keep: time.Minute})
		gate := make(chan struct{})
		h := operate(t, runner, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { <-gate; return nil, nil }})
		first := begin(t, h, "")
		synctest.Wait()
		begin(t, h, "")
		begin(t, h, "")
		if rec := send(h, "POST", "/import", "ada"); rec.Code != 429 || !strings.Contains(rec.Body.String(), `"code":"too_many_jobs"`) || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("POST of a fourth job = %d %s, want 429", rec.Code, rec.Body)
		}
		if rec := send(h, "POST", "/import", "bob"); rec.Code != 202 {
			t.Errorf("POST as another = %d %s, want 202", rec.Code, rec.Body)
		}
		if rec := send(h, "POST", "/import", "eve"); rec.Code != 503 || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("POST to a full queue = %d %s, want 503", rec.Code, rec.Body)
		}
		close(gate)
		time.Sleep(59 * time.Second)
		if got := withoutTimes(t, runner, first); got != `"succeeded"}` {
			t.Errorf("the job is %s", got)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if rec := send(runner.Handler(), "GET", first, "ada"); rec.Code != 404 || len(store.jobs) != 0 {
			t.Errorf("GET of a job that is kept no longer = %d, want 404; %d are left", rec.Code, len(store.jobs))
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestCloseWaitsForWhatRunsHere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		runner := newRunner(t, jobs.Options{Store: store, Workers: 1})
		h := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
			time.Sleep(5 * time.Second)
			return nil, ctx.Err()
		}})
		inMemory := start(t, runner, func(context.Context) (any, error) { time.Sleep(6 * time.Second); return 7, nil })
		running := begin(t, h, "")
		synctest.Wait()
		waiting := begin(t, h, "")
		began := time.Now()
		if err := runner.Close(t.Context()); err != nil || time.Since(began) != 6*time.Second {
			t.Errorf("Close: %v after %v, want nil after 6s", err, time.Since(began))
		}
		for location, want := range map[string]string{running: `"succeeded"}`, waiting: `"queued"}`, inMemory: `"succeeded","result":7}`} {
			if got := withoutTimes(t, runner, location); got != want {
				t.Errorf("after Close a job is %s, want %s", got, want)
			}
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}
