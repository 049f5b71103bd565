package jobs

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/internal/progress"
	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// durable runs the jobs of a store.
type durable struct {
	run   *Runner
	store jobstore.Store
	slots chan struct{} // one element for each worker that is busy

	wake    chan struct{} // a job was added here
	closing chan struct{}
	wg      sync.WaitGroup // of the loop, and of the jobs that run here

	mu         sync.Mutex
	operations map[string]Operation
	names      []string
	held       map[string]*held
	closed     bool
	abandoned  bool // Close has given up
}

func newDurable(run *Runner) *durable {
	return &durable{
		run: run, store: run.opts.Store,
		slots: make(chan struct{}, run.opts.Workers), wake: make(chan struct{}, 1), closing: make(chan struct{}),
		operations: make(map[string]Operation), held: make(map[string]*held),
	}
}

// register begins to run the jobs of op.
func (d *durable) register(op Operation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.operations[op.Name] = op
	d.names = append(slices.Clone(d.names), op.Name)
	if len(d.names) == 1 && !d.closed {
		d.wg.Go(d.loop)
	}
}

// add puts j into the store. The error is to be answered.
func (d *durable) add(ctx context.Context, j *job, op Operation, input []byte) error {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return apierror.Unavailable(d.run.opts.RetryAfter)
	}
	verdict, err := d.store.Add(ctx, jobstore.Job{
		ID: j.id, Owner: j.owner, Unit: j.unit, Operation: op.Name, Input: input, Status: jobstore.Queued, Created: micro(j.created), Updated: micro(j.updated),
	}, jobstore.Bounds{PerOwner: d.run.opts.MaxPerSubject, Queued: d.run.opts.Queue})
	switch {
	case err != nil:
		return err
	case verdict == jobstore.TooMany:
		return d.run.tooMany()
	case verdict == jobstore.Full:
		return apierror.Unavailable(d.run.opts.RetryAfter)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return nil
}

// sweepEvery is how often jobs are removed that are kept no longer.
const sweepEvery = time.Minute

// loop claims jobs for as long as there are workers and jobs.
func (d *durable) loop() {
	var swept time.Time
	for {
		select {
		case <-d.closing:
			return
		case d.slots <- struct{}{}:
		}
		select {
		case <-d.closing: // too, and chance has taken the other
			return
		default:
		}
		// A queue that is never empty must not keep this from happening.
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			d.sweep()
		}
		h, err := d.claim()
		if h != nil {
			d.wg.Go(func() {
				defer func() { <-d.slots }()
				h.serve()
			})
			continue
		}
		<-d.slots
		if err != nil {
			d.report(storeFailed, "", err)
		}
		select {
		case <-d.closing:
			return
		case <-d.wake:
		case <-time.After(d.run.opts.Poll):
		}
	}
}

const storeFailed = "the store of jobs failed"

func (d *durable) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), d.run.opts.Lease)
	defer cancel()
	if err := d.store.Sweep(ctx); err != nil {
		d.report(storeFailed, "", err)
	}
}

func (d *durable) report(what, id string, err error) {
	attrs := []slog.Attr{slog.String("cause", err.Error())}
	if id != "" {
		attrs = append(attrs, slog.String("job", id))
	}
	d.run.opts.Logger.LogAttrs(context.Background(), slog.LevelError, what, attrs...)
}

// claim takes a job out of the store, or returns nil.
func (d *durable) claim() (*held, error) {
	d.mu.Lock()
	names := d.names
	d.mu.Unlock()
	h := &held{durable: d, token: rand.Text(), since: time.Now()}
	ctx, cancel := context.WithDeadline(context.Background(), h.deadline())
	defer cancel()
	job, err := d.store.Claim(ctx, names, h.token, d.lease())
	if err != nil || job == nil {
		return nil, err
	}
	h.job = *job
	h.ctx, h.cancel = context.WithCancel(progress.NewContext(context.Background(), h.listen))
	d.mu.Lock()
	defer d.mu.Unlock()
	h.op = d.operations[job.Operation]
	d.held[job.ID] = h
	if d.abandoned {
		h.cancel()
	}
	return h, nil
}

func (d *durable) lease() time.Time { return micro(time.Now().Add(d.run.opts.Lease)) }

// cancel ends the job, as that of Runner does.
func (d *durable) cancel(ctx context.Context, id string, by caller) (int, error) {
	status, err := d.store.Cancel(ctx, id, by.owner, by.unit, outcome{}.with(canceled), micro(time.Now().Add(d.run.opts.Keep)))
	if err != nil {
		return 0, err
	}
	switch status {
	case "":
		return 0, errNoJob
	case jobstore.Queued:
		return http.StatusNoContent, nil
	case jobstore.Running:
		d.mu.Lock()
		defer d.mu.Unlock()
		if h := d.held[id]; h != nil {
			h.stop()
		}
		return http.StatusAccepted, nil
	}
	return 0, errEnded
}

func (d *durable) look(ctx context.Context, id string, by caller) (body []byte, done bool, err error) {
	job, err := d.store.Look(ctx, id, by.owner, by.unit)
	switch {
	case err != nil:
		return nil, false, err
	case job == nil:
		return nil, false, errNoJob
	}
	done = job.Status == jobstore.Succeeded || job.Status == jobstore.Failed
	return state(job.ID, status(job.Status), job.Created, job.Updated, job.Attempts, job.Members), done, nil
}

// grace is how long Close waits for jobs whose contexts it has canceled.
const grace = time.Second

func (d *durable) close(ctx context.Context) error {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.closing)
	}
	d.mu.Unlock()
	idle := make(chan struct{})
	go func() { // ends with the jobs
		d.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	d.abandoned = true
	for _, h := range d.held {
		h.cancel()
	}
	d.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(grace):
	}
	return ctx.Err()
}
