package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// An Operation is work that is known by a name and an input instead of a func of
// one request. So it can be begun again: after an error, and with [Options.Store]
// by another process, or after a restart. Name, Accept and Run are required.
type Operation struct {
	// Name is what jobs remember the operation by. It has at most 100 letters,
	// digits, dots, dashes and underscores. One that changes leaves the jobs
	// behind that were accepted under the old one: they count as waiting until
	// they are canceled, or a process has an operation of the name again.
	Name string

	// Accept reads the request and returns the input, or the error to answer
	// instead.
	Accept func(*http.Request) ([]byte, error)

	// Run does the work for the subject that started the job, or for "" where
	// the request had none. Its context has no values of the request, which is
	// long over: whether the subject may still do this is asked anew. Work that
	// was interrupted is run again from its beginning, so that what is done in
	// part already must do no harm. Results and errors are those of
	// [Runner.Start].
	Run func(ctx context.Context, subject string, input []byte) (any, error)

	// Attempts is how often Run is called at most: again after an error, unless
	// that is an [*apierror.Error] below 500 or the job was canceled, and after
	// the process has died in the middle. If zero, 3.
	Attempts int

	// Wait is the time before the second attempt. It doubles for each one that
	// follows, to five minutes at most. If zero, a second.
	Wait time.Duration
}

const maxWait = 5 * time.Minute

func (op Operation) check() error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	switch {
	case op.Name == "" || len(op.Name) > 100 || strings.Trim(op.Name, letters) != "":
		return fmt.Errorf("the name %.120q is not made of 1 to 100 letters, digits, dots, dashes and underscores", op.Name)
	case op.Accept == nil || op.Run == nil:
		return errors.New("both Accept and Run are required")
	case op.Attempts < 0 || op.Wait < 0:
		return errors.New("neither Attempts nor Wait may be negative")
	}
	return nil
}

// Operation returns the handler that accepts jobs of op, as that of [Runner.Start]
// does. It fails if op lacks something, or if there is an operation of the name
// already. With [Options.Store] it also begins to run the jobs of op that are
// there, of this process or of others.
func (run *Runner) Operation(op Operation) (http.Handler, error) {
	if op.Attempts == 0 {
		op.Attempts = 3
	}
	if op.Wait == 0 {
		op.Wait = time.Second
	}
	err := op.check()
	if err == nil {
		err = run.register(op)
	}
	if err != nil {
		return nil, fmt.Errorf("jobs: Operation: %w", err)
	}
	return run.accepting(func(r *http.Request) (*job, error) {
		input, err := op.Accept(r)
		if err != nil {
			return nil, err
		}
		j := run.newJob(r)
		if run.durable != nil {
			return j, run.durable.add(r.Context(), j, op, input)
		}
		j.ctx = context.Background()
		j.work = func(ctx context.Context) (any, error) { return run.repeat(ctx, j, op, input) }
		return j, run.accept(j)
	}), nil
}

func (run *Runner) register(op Operation) error {
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.operations[op.Name] {
		return fmt.Errorf("there is an operation %q already", op.Name)
	}
	run.operations[op.Name] = true
	if run.durable != nil {
		run.durable.register(op)
	}
	return nil
}

// repeat runs the work of j until an attempt is the last.
func (run *Runner) repeat(ctx context.Context, j *job, op Operation, input []byte) (any, error) {
	for attempt := 1; ; attempt++ {
		run.mu.Lock()
		j.attempts = attempt
		run.mu.Unlock()
		result, err := op.try(ctx, j.owner, input)
		if !again(err) || attempt >= op.Attempts || ctx.Err() != nil {
			return result, err
		}
		run.failedOnce(ctx, j.id, attempt, err)
		select {
		case <-ctx.Done():
			return result, err
		case <-time.After(op.pause(attempt)):
		}
	}
}

// try runs the work once. A panic is an error with its stack.
func (op Operation) try(ctx context.Context, subject string, input []byte) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return op.Run(ctx, subject, input)
}

// again reports whether another attempt may do better.
func again(err error) bool {
	if err == nil {
		return false
	}
	e, ok := errors.AsType[*apierror.Error](err)
	return !ok || e.Status >= 500
}

// pause returns how long to wait behind an attempt.
func (op Operation) pause(attempt int) time.Duration {
	wait := op.Wait
	for range attempt - 1 {
		if wait >= maxWait/2 {
			return maxWait
		}
		wait *= 2
	}
	return min(wait, maxWait)
}

func (run *Runner) failedOnce(ctx context.Context, id string, attempt int, err error) {
	run.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "job is tried again",
		slog.String("job", id), slog.Int("attempt", attempt), slog.String("cause", err.Error()))
}
