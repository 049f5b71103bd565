package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

type status string

const (
	queued    status = "queued"
	running   status = "running"
	succeeded status = "succeeded"
	failed    status = "failed"
)

// maxKept is how many bytes the results of finished jobs may have together.
const maxKept = 32 << 20

// caller is whom a job belongs to.
type caller struct{ owner, unit string }

// job is one accepted piece of work. What changes is guarded by the Runner's
// lock.
type job struct {
	id string
	caller
	created time.Time

	status  status
	updated time.Time
	members []byte // of the progress, the result or the errors, each with a comma before it
	told    outcome

	attempts int // how often an Operation has been begun

	canceled bool // by its owner, while it ran

	work func(context.Context) (any, error) // nil once the job has begun
	ctx  context.Context
}

// accept puts j into the queue and sees to a worker. The error is to be answered:
// the subject has too many jobs, the queue is full, or the Runner closed.
func (run *Runner) accept(j *job) error {
	run.mu.Lock()
	defer run.mu.Unlock()
	// Workers that have started but not come to a job yet will take theirs out
	// of the queue.
	waiting := len(run.queue) - (run.working - len(run.running))
	switch {
	case run.closed:
		return apierror.Unavailable(run.opts.RetryAfter)
	case run.open[j.owner] >= run.opts.MaxPerSubject:
		return run.tooMany()
	case run.working >= run.opts.Workers && waiting >= run.opts.Queue:
		return apierror.Unavailable(run.opts.RetryAfter)
	}
	run.open[j.owner]++
	run.jobs[j.id] = j
	run.queue = append(run.queue, j)
	if run.working < run.opts.Workers {
		run.working++
		go run.worker()
	}
	return nil
}

func (run *Runner) tooMany() error {
	return apierror.TooManyRequests("too_many_jobs",
		"At most "+strconv.Itoa(run.opts.MaxPerSubject)+" jobs may wait or run at a time", run.opts.RetryAfter)
}

// worker runs jobs until there are none.
func (run *Runner) worker() {
	for {
		j, ctx, work := run.next()
		if j == nil {
			return
		}
		run.perform(ctx, j, work)
	}
}

// perform runs the work and encodes its result. A panic is an error with its
// stack, since one bad job must not end the process; work that ends its goroutine
// gets the worker a successor.
func (run *Runner) perform(ctx context.Context, j *job, work func(context.Context) (any, error)) {
	var out outcome
	err := errors.New("the job ended its goroutine")
	exited := true
	defer func() {
		if p := recover(); p != nil {
			exited = false
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			run.opts.Logger.LogAttrs(ctx, slog.LevelError, "job failed",
				slog.String("job", j.id), slog.String("cause", err.Error()))
		}
		run.finish(j, out, err)
		if exited {
			go run.worker()
		}
	}()
	result, failure := work(ctx)
	if out, err = outcomeOf(result); failure != nil {
		err = failure
	}
	exited = false
}

// next takes a job out of the queue. It returns nil where there is none, and
// the worker has been counted out.
func (run *Runner) next() (*job, context.Context, func(context.Context) (any, error)) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if len(run.queue) == 0 {
		run.working--
		if run.closed && run.working == 0 {
			close(run.idle)
		}
		return nil, nil, nil
	}
	j := run.queue[0]
	run.queue = slices.Delete(run.queue, 0, 1)
	ctx, cancel := context.WithCancel(j.ctx)
	run.running[j] = cancel
	work := j.work
	j.work, j.ctx = nil, nil
	j.status, j.updated = running, time.Now()
	return j, run.listen(ctx, j), work
}

func (run *Runner) finish(j *job, out outcome, err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if cancel := run.running[j]; cancel != nil {
		cancel()
	}
	delete(run.running, j)
	if err != nil && out.empty() {
		out = j.told
	}
	if j.status == failed { // given up by Close
		if run.jobs[j.id] == j { // and not forgotten yet
			run.kept -= len(j.members)
			j.members = out.with(run.lost())
			run.kept += len(j.members)
		}
		return
	}
	switch {
	case err == nil:
		j.status, j.members = succeeded, out.with(nil)
	case j.canceled:
		j.status, j.members = failed, out.with(canceled)
	default:
		j.status, j.members = failed, out.with(reasons(err))
	}
	run.end(j)
}

var canceled = []byte(`{"code":"canceled","message":"The job was canceled"}`)

// lost tells of a job that Close has given up.
func (run *Runner) lost() []byte { return reasons(apierror.Unavailable(run.opts.RetryAfter)) }

// cancel ends the job of whoever asks. It returns 204 for one that waited, and 202 for
// one that has been told to stop.
func (run *Runner) cancel(ctx context.Context, id string, by caller) (int, error) {
	run.mu.Lock()
	run.expire()
	j := run.jobs[id]
	if j == nil && run.durable != nil {
		run.mu.Unlock()
		return run.durable.cancel(ctx, id, by)
	}
	defer run.mu.Unlock()
	if j == nil || j.caller != by {
		return 0, errNoJob
	}
	switch j.status {
	case queued:
		if at := slices.Index(run.queue, j); at >= 0 {
			run.queue = slices.Delete(run.queue, at, at+1)
		}
		j.status, j.members = failed, outcome{}.with(canceled)
		run.end(j)
		return http.StatusNoContent, nil
	case running:
		j.canceled = true
		run.running[j]()
		return http.StatusAccepted, nil
	}
	return 0, errEnded
}

var errEnded = apierror.Conflict("", "finished", "The job has ended")

// end keeps a job as a finished one. The lock is held.
func (run *Runner) end(j *job) {
	j.updated = time.Now()
	j.work, j.ctx = nil, nil // what they hold on to can go
	if run.open[j.owner]--; run.open[j.owner] == 0 {
		delete(run.open, j.owner)
	}
	run.finished = append(run.finished, j)
	run.kept += len(j.members)
	run.expire()
}

// expire forgets finished jobs that are too old, too many or too large. The lock is held.
func (run *Runner) expire() {
	n := 0
	for rest := len(run.finished); rest > 0; rest-- {
		j := run.finished[n]
		if rest <= run.opts.KeepMost && time.Since(j.updated) < run.opts.Keep && run.kept <= maxKept {
			break
		}
		delete(run.jobs, j.id)
		run.kept -= len(j.members)
		n++
	}
	run.finished = slices.Delete(run.finished, 0, n)
}

// abandon fails all jobs that have not ended.
func (run *Runner) abandon() {
	run.mu.Lock()
	waiting, running := len(run.queue), len(run.running)
	for _, j := range run.queue {
		j.status, j.members = failed, outcome{}.with(run.lost())
		run.end(j)
	}
	run.queue = nil
	for j, cancel := range run.running {
		cancel()
		if j.status == failed {
			running-- // by a Close before
			continue
		}
		j.status, j.members = failed, j.told.with(run.lost())
		run.end(j)
	}
	run.mu.Unlock()
	if waiting+running > 0 {
		run.opts.Logger.LogAttrs(context.Background(), slog.LevelError, "jobs were given up",
			slog.Int("queued", waiting), slog.Int("running", running))
	}
}

// look returns the body that tells of the job of whoever asks, and whether it has ended.
func (run *Runner) look(ctx context.Context, id string, by caller) (body []byte, done bool, err error) {
	run.mu.Lock()
	run.expire()
	j := run.jobs[id]
	if j == nil && run.durable != nil {
		run.mu.Unlock()
		return run.durable.look(ctx, id, by)
	}
	defer run.mu.Unlock()
	if j == nil || j.caller != by {
		return nil, false, errNoJob
	}
	return state(j.id, j.status, j.created, j.updated, j.attempts, j.members), j.status == succeeded || j.status == failed, nil
}

func state(id string, s status, created, updated time.Time, attempts int, members []byte) []byte {
	b := make([]byte, 0, 180+len(members))
	b = append(b, `{"id":"`+id+`","status":"`+string(s)+`","created_at":"`...)
	b = micro(created).AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","updated_at":"`...)
	b = micro(updated).AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	if attempts > 1 {
		b = strconv.AppendInt(append(b, `,"attempts":`...), int64(attempts), 10)
	}
	b = append(b, members...)
	return append(b, '}')
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}
