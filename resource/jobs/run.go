package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

type status string

const (
	queued    status = "queued"
	running   status = "running"
	succeeded status = "succeeded"
	failed    status = "failed"
)

// job is one accepted piece of work. What changes is guarded by the Runner's
// lock.
type job struct {
	id      string
	owner   string
	created time.Time

	status  status
	updated time.Time
	members []byte // of the result or the errors, each with a comma before it

	canceled bool // by its owner, while it ran

	work func(context.Context) (any, error) // nil once the job has begun
	ctx  context.Context
}

// accept puts j into the queue and sees to a worker. It reports false where the
// queue is full or the Runner closed.
func (run *Runner) accept(j *job) bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	// Workers that have started but not come to a job yet will take theirs out
	// of the queue.
	waiting := len(run.queue) - (run.working - len(run.running))
	if run.closed || run.working >= run.opts.Workers && waiting >= run.opts.Queue {
		return false
	}
	run.jobs[j.id] = j
	run.queue = append(run.queue, j)
	if run.working < run.opts.Workers {
		run.working++
		go run.worker()
	}
	return true
}

// worker runs jobs until there are none.
func (run *Runner) worker() {
	for {
		j, ctx := run.next()
		if j == nil {
			return
		}
		run.perform(ctx, j)
	}
}

// perform runs the work and encodes its result. A panic is an error with its
// stack, since one bad job must not end the process; work that ends its goroutine
// gets the worker a successor.
func (run *Runner) perform(ctx context.Context, j *job) {
	var members []byte
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
		run.finish(j, members, err)
		if exited {
			go run.worker()
		}
	}()
	var result any
	if result, err = j.work(ctx); err == nil {
		members, err = membersOf(result)
	}
	exited = false
}

// next takes a job out of the queue. It returns nil where there is none, and
// the worker has been counted out.
func (run *Runner) next() (*job, context.Context) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if len(run.queue) == 0 {
		run.working--
		if run.closed && run.working == 0 {
			close(run.idle)
		}
		return nil, nil
	}
	j := run.queue[0]
	run.queue = slices.Delete(run.queue, 0, 1)
	ctx, cancel := context.WithCancel(j.ctx)
	run.running[j] = cancel
	j.status, j.updated = running, time.Now()
	return j, ctx
}

// membersOf encodes the members of a result, each with a comma before it. Those
// that the job has itself are left out.
func membersOf(result any) ([]byte, error) {
	body, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	if string(body) == "null" {
		return nil, nil
	}
	if body[0] != '{' {
		return append([]byte(`,"result":`), body...), nil
	}
	all, err := strictjson.Members(body)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, m := range all {
		switch m.Name {
		case "id", "status", "created_at", "updated_at":
			continue
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		b = append(b, ',')
		b = append(b, name...)
		b = append(b, ':')
		b = append(b, m.Value...)
	}
	return b, nil
}

// errorMembers encodes what the caller may know of a failure.
func errorMembers(err error) []byte {
	type jobError struct {
		Field   string `json:"field,omitempty"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	e := apierror.From(err)
	list := []jobError{}
	for _, f := range e.Details.Errors {
		list = append(list, jobError{Field: f.Field, Code: f.Code, Message: f.Message})
	}
	if len(list) == 0 {
		list = append(list, jobError{Field: e.Details.Field, Code: e.Code, Message: e.Message})
	}
	body, err := json.Marshal(list)
	if err != nil {
		body = []byte("[]") // strings always encode
	}
	return append([]byte(`,"errors":`), body...)
}

func (run *Runner) finish(j *job, members []byte, err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if cancel := run.running[j]; cancel != nil {
		cancel()
	}
	delete(run.running, j)
	if j.status == failed {
		return // given up by Close
	}
	switch {
	case err == nil:
		j.status, j.members = succeeded, members
	case j.canceled:
		j.status, j.members = failed, canceledMembers
	default:
		j.status, j.members = failed, errorMembers(err)
	}
	run.end(j)
}

var canceledMembers = []byte(`,"errors":[{"code":"canceled","message":"The job was canceled"}]`)

// cancel ends the owner's job. It returns 204 for one that waited, and 202 for
// one that has been told to stop.
func (run *Runner) cancel(id, owner string) (int, error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.expire()
	j := run.jobs[id]
	if j == nil || j.owner != owner {
		return 0, errNoJob
	}
	switch j.status {
	case queued:
		if at := slices.Index(run.queue, j); at >= 0 {
			run.queue = slices.Delete(run.queue, at, at+1)
		}
		j.status, j.members = failed, canceledMembers
		run.end(j)
		return http.StatusNoContent, nil
	case running:
		j.canceled = true
		run.running[j]()
		return http.StatusAccepted, nil
	}
	return 0, apierror.Conflict("", "finished", "The job has ended")
}

// end keeps a job as a finished one. The lock is held.
func (run *Runner) end(j *job) {
	j.updated = time.Now()
	j.work, j.ctx = nil, nil // what they hold on to can go
	run.finished = append(run.finished, j)
	run.expire()
}

// expire forgets finished jobs that are too old or too many. The lock is held.
func (run *Runner) expire() {
	n := max(0, len(run.finished)-run.opts.KeepMost)
	for n < len(run.finished) && time.Since(run.finished[n].updated) >= run.opts.Keep {
		n++
	}
	for _, j := range run.finished[:n] {
		delete(run.jobs, j.id)
	}
	run.finished = slices.Delete(run.finished, 0, n)
}

// abandon fails all jobs that have not ended.
func (run *Runner) abandon() {
	lost := errorMembers(apierror.Unavailable(run.opts.RetryAfter))
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, j := range run.queue {
		j.status, j.members = failed, lost
		run.end(j)
	}
	run.queue = nil
	for j, cancel := range run.running {
		cancel()
		j.status, j.members = failed, lost
		run.finished = append(run.finished, j)
		j.updated = time.Now()
	}
}

// look returns the body that tells of the owner's job, and whether it has ended.
func (run *Runner) look(id, owner string) (body []byte, done, ok bool) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.expire()
	j := run.jobs[id]
	if j == nil || j.owner != owner {
		return nil, false, false
	}
	b := make([]byte, 0, 160+len(j.members))
	b = append(b, `{"id":"`+j.id+`","status":"`+string(j.status)+`","created_at":"`...)
	b = micro(j.created).AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","updated_at":"`...)
	b = micro(j.updated).AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = append(b, j.members...)
	return append(b, '}'), j.status == succeeded || j.status == failed, true
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}
