package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// held is a job of the store that runs here.
type held struct {
	*durable
	token string
	since time.Time // when the claim was last renewed
	job   jobstore.Job
	op    Operation

	ctx    context.Context // of the work
	cancel context.CancelFunc

	talk     sync.Mutex
	told     outcome
	news     bool // what was told is not in the store
	canceled bool // by the owner
}

// deadline is when the claim has to be given up unless it was renewed: before
// others may take the job. It goes by the clock that nobody can set.
func (h *held) deadline() time.Time { return h.since.Add(h.run.opts.Lease * 5 / 6) }

// listen keeps what the work tells, until it is renewed.
func (h *held) listen(value any) {
	out, err := outcomeOf(value)
	if err != nil {
		h.report("progress that cannot be kept", h.job.ID, err)
		return
	}
	h.talk.Lock()
	defer h.talk.Unlock()
	h.told, h.news = out, true
}

// stop cancels the work because its owner wants that.
func (h *held) stop() {
	h.talk.Lock()
	h.canceled = true
	h.talk.Unlock()
	h.cancel()
}

var interrupted = []byte(`{"code":"interrupted","message":"The server ended while the job ran"}`)

// serve runs the job and keeps the claim while it does.
func (h *held) serve() {
	defer func() {
		h.cancel()
		h.mu.Lock()
		if h.durable.held[h.job.ID] == h { // and not another claim of this process
			delete(h.durable.held, h.job.ID)
		}
		h.mu.Unlock()
	}()
	switch before := outcomeFrom(h.job.Members); {
	case h.job.Canceled:
		h.job.Attempts-- // it is not begun again
		h.leave(jobstore.Failed, before.with(canceled), h.run.opts.Keep)
		return
	case h.job.Attempts > h.op.Attempts:
		h.job.Attempts--
		h.leave(jobstore.Failed, before.with(interrupted), h.run.opts.Keep)
		return
	}
	done := make(chan ended, 1)
	go h.work(done)
	tick := time.NewTicker(min(h.run.opts.Poll, h.run.opts.Lease/3))
	defer tick.Stop()
	for standing := true; ; {
		select {
		case end := <-done:
			if standing {
				h.end(end)
			}
			return
		case <-tick.C:
			if standing = standing && h.renew(); !standing {
				// Others may run it now. The worker stays busy until the work
				// has ended, whatever it does until then.
				h.cancel()
			}
		}
	}
}

// ended is what comes of an attempt.
type ended struct {
	out   outcome
	err   error
	final bool // the work was done, and must not be done again
}

// work does the work once and tells what comes of it, also where it panics or ends
// its goroutine.
func (h *held) work(to chan<- ended) {
	end := ended{err: errors.New("the job ended its goroutine")}
	defer func() {
		if p := recover(); p != nil {
			end.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		to <- end
	}()
	result, err := h.op.try(h.ctx, h.job.Owner, h.job.Input)
	end.final = err == nil
	if end.out, end.err = outcomeOf(result); err != nil {
		end.err = err
	}
}

// renew prolongs the claim and brings the news to the store. It reports whether
// the claim stands.
func (h *held) renew() bool {
	h.talk.Lock()
	news := h.news
	h.news = false
	var members []byte
	if news {
		members = h.told.with(nil)
	}
	h.talk.Unlock()
	now := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), h.deadline())
	defer cancel()
	stands, canceled, err := h.store.Renew(ctx, h.job.ID, h.token, h.lease(), members)
	switch {
	case err != nil:
		h.report("the claim of a job could not be renewed", h.job.ID, err)
		h.talk.Lock()
		h.news = h.news || news
		h.talk.Unlock()
		return time.Now().Before(h.deadline())
	case !stands:
		h.report("the claim of a job was lost", h.job.ID, errLost)
		return false
	}
	h.since = now
	if canceled {
		h.stop()
	}
	return true
}

var errLost = errors.New("another process has taken it over")

// end writes down what came of an attempt.
func (h *held) end(end ended) {
	h.talk.Lock()
	told, stopped := h.told, h.canceled
	h.talk.Unlock()
	h.mu.Lock()
	abandoned := h.abandoned
	h.mu.Unlock()
	out, err, more := end.out, end.err, again(end.err) && !end.final
	if err != nil && out.empty() {
		out = told
	}
	switch {
	case err == nil:
		h.leave(jobstore.Succeeded, out.with(nil), h.run.opts.Keep)
	case stopped:
		h.leave(jobstore.Failed, out.with(canceled), h.run.opts.Keep)
	case more && abandoned:
		h.job.Attempts-- // it was not its fault
		h.leave(jobstore.Queued, told.with(nil), 0)
	case more && h.job.Attempts < h.op.Attempts:
		h.run.failedOnce(h.ctx, h.job.ID, h.job.Attempts, err)
		h.leave(jobstore.Queued, told.with(nil), h.op.pause(h.job.Attempts))
	default:
		h.run.opts.Logger.LogAttrs(h.ctx, slog.LevelError, "job failed", slog.String("job", h.job.ID), slog.String("cause", err.Error()))
		h.leave(jobstore.Failed, out.with(reasons(err)), h.run.opts.Keep)
	}
}

// leave ends the claim, and tries to for as long as it stands. The job is kept, or
// waits, for a while.
func (h *held) leave(status string, members []byte, while time.Duration) {
	h.job.Status, h.job.Members = status, members
	for {
		ctx, cancel := context.WithDeadline(context.Background(), h.deadline())
		stood, err := h.store.Leave(ctx, h.job, h.token, micro(time.Now().Add(while)))
		cancel()
		switch {
		case err != nil:
			h.report("the end of a job could not be written down", h.job.ID, err)
		case !stood:
			h.report("the claim of a job was lost", h.job.ID, errLost)
			return
		default:
			return
		}
		if wait := h.run.opts.Poll; time.Now().Add(wait).Before(h.deadline()) {
			time.Sleep(wait)
			continue
		}
		return
	}
}
