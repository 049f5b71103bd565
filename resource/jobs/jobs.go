// Package jobs answers long work with 202 and lets the caller ask how it goes.
//
//	runner, err := jobs.New(auth.Subject, unit, jobs.Options{})
//	mux.Handle("POST /leads/import", runner.Start(leads.Import))
//	mux.Handle("/jobs/{id}", runner.Handler())
//
// The work is accepted with
//
//	202 Accepted
//	Location: /jobs/Q3ZB...
//	Retry-After: 1
//	{"id":"Q3ZB...","status":"queued"}
//
// and GET on the Location tells its state: queued, running with what the work has
// told by [Progress], succeeded with the members of the result, failed with errors:
//
//	{"id":"Q3ZB...","status":"running","created_at":"...","updated_at":"...","counts":{"total":3,"succeeded":1,"failed":0}}
//	{"id":"Q3ZB...","status":"succeeded","created_at":"...","updated_at":"...","counts":{"total":3,"succeeded":3,"failed":0},"errors":[]}
//	{"id":"Q3ZB...","status":"failed","created_at":"...","updated_at":"...","errors":[{"code":"internal_server_error","message":"Internal server error"}]}
//
// Work that fails midway may return a result together with its error: the failed
// or canceled job then has the members of the result too, and why it failed
// stands first in errors, before those of the result.
//
// DELETE cancels a job, which then is failed with the code canceled.
//
// A job belongs to the subject that started it; to anybody else it does not
// exist. Nothing of an error's text is shown unless it is an [*apierror.Error].
//
// # Units
//
// A job also belongs to the unit that it was started in: its subject sees it while
// working there, and not from another unit, nor after losing it. No unit, "", is one
// more. A service without units says so by [Unscoped].
//
//	unit := func(r *http.Request) string { return ouscope.FromContext(r.Context()).Active() }
//	mux.Handle("POST /leads/import", scoped(runner.Start(leads.Import)))
//	mux.Handle("/jobs/{id}", scoped(runner.Handler()))
//
// Both handlers belong inside the scope, which asks each time. The work itself goes
// on, whatever unit is chosen meanwhile.
//
// # Work that is begun again
//
// An [Operation] is work by name and input, not a func of one request. A failed
// attempt is followed by others; the job then has the member attempts:
//
//	imports, err := runner.Operation(jobs.Operation{Name: "leads.import", Accept: accept, Run: work})
//	mux.Handle("POST /leads/import", imports)
//
// With [Options.Store] such jobs are kept in a database (package
// resource/jobs/sqlstore). They survive a restart, and several processes share
// them, of which one at a time runs a job: it holds a claim that it has to renew,
// and stops the work before the claim ends.
//
// # What is kept, and how long
//
// The other jobs live in the memory of the process. The queue is bounded: a full one is a
// 503 with Retry-After, and a subject that has too many jobs which have not ended
// ([Options.MaxPerSubject]) gets a 429 with Retry-After. What a job holds on to,
// such as the body of its request, is held until it has ended, so that at most
// Workers and Queue bodies are. What was accepted is not lost as long as
// [Runner.Close] is called before the process ends. Finished jobs are kept for a
// while ([Options.Keep], [Options.KeepMost]).
//
// Everything here is safe for concurrent use.
package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// Options adjusts a [Runner]. The zero value is safe for production.
type Options struct {
	// Path is where [Runner.Handler] is mounted, without the id. If empty,
	// /jobs.
	Path string

	// Workers is how many jobs run at a time. If zero, 4.
	Workers int

	// Queue is how many accepted jobs may wait for a worker. If zero, 100.
	Queue int

	// MaxPerSubject is how many jobs of a subject may wait or run at a time. If
	// zero, 10. It counts those of all units. Requests without a subject count
	// together.
	MaxPerSubject int

	// Keep is how long a finished job can be asked for. If zero, an hour.
	Keep time.Duration

	// KeepMost is how many finished jobs are kept; the oldest go first, and
	// also when the results together have more than 32 MiB. If zero, 1,000.
	KeepMost int

	// RetryAfter is how long a client is asked to wait before it looks again,
	// or sends again what was refused (503, 429). If zero, a second.
	RetryAfter time.Duration

	// Logger is told the cause of every job that failed, of every attempt that
	// is followed by another, and how many jobs were lost when [Runner.Close]
	// gave up. If nil, nothing is logged.
	Logger *slog.Logger

	// Store keeps the jobs of every [Operation], so that they survive the
	// process: a store of package resource/jobs/sqlstore. The jobs of
	// [Runner.Start] stay in memory. If nil, all do.
	Store jobstore.Store

	// Lease is how long a process that runs a job of the Store may be silent
	// before another takes the job over. If zero, 30 seconds.
	Lease time.Duration

	// Poll is how often the Store is asked: for jobs of other processes while
	// a worker is free, and about every job that runs, whether it was canceled
	// meanwhile. If zero, a second.
	Poll time.Duration
}

func (o Options) withDefaults() Options {
	if o.Path == "" {
		o.Path = "/jobs"
	}
	if o.Workers == 0 {
		o.Workers = 4
	}
	if o.Queue == 0 {
		o.Queue = 100
	}
	if o.MaxPerSubject == 0 {
		o.MaxPerSubject = 10
	}
	if o.Keep == 0 {
		o.Keep = time.Hour
	}
	if o.KeepMost == 0 {
		o.KeepMost = 1000
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Runner runs jobs and tells how they go. Its goroutines end when there is
// nothing to do.
type Runner struct {
	subject func(*http.Request) (string, bool)
	unit    func(*http.Request) string
	opts    Options
	durable *durable // nil without a Store

	mu       sync.Mutex
	jobs     map[string]*job
	queue    []*job
	finished []*job // in the order in which they ended
	kept     int    // bytes of their members
	working  int    // workers
	closed   bool
	idle     chan struct{} // closed when a closed Runner has no workers left
	running  map[*job]context.CancelFunc
	open     map[string]int // how many jobs of a subject have not ended

	operations map[string]bool
}

// Unscoped is the unit of every request to a service that has no organizational
// units: jobs belong to the caller alone. Where there are units, it lets a result
// out of one of them into another.
func Unscoped(*http.Request) string { return "" }

// New returns a Runner whose jobs belong to the subject and the unit of the request.
// The subject is [auth.Subject] or a func like it; requests without one are anonymous
// together. The unit func returns the unit that the request works in, such as
// ouscope.FromContext(r.Context()).Active(), or is [Unscoped]. New fails if one of
// them is nil or an option is negative.
//
// [auth.Subject]: https://pkg.go.dev/github.com/tenetkit/tenet/auth#Subject
func New(subject func(*http.Request) (string, bool), unit func(*http.Request) string, opts Options) (*Runner, error) {
	if subject == nil || unit == nil {
		return nil, errors.New("jobs: New: subject and unit are required")
	}
	if opts.Workers < 0 || opts.Queue < 0 || opts.MaxPerSubject < 0 || opts.Keep < 0 || opts.KeepMost < 0 || opts.RetryAfter < 0 || opts.Lease < 0 || opts.Poll < 0 {
		return nil, errors.New("jobs: New: no option may be negative")
	}
	opts = opts.withDefaults()
	if !strings.HasPrefix(opts.Path, "/") || strings.HasSuffix(opts.Path, "/") {
		return nil, errors.New("jobs: New: Options.Path must begin with a slash and not end with one")
	}
	run := &Runner{
		subject: subject,
		unit:    unit,
		opts:    opts,
		jobs:    make(map[string]*job),
		running: make(map[*job]context.CancelFunc),
		open:    make(map[string]int),
		idle:    make(chan struct{}),

		operations: make(map[string]bool),
	}
	if opts.Store != nil {
		run.durable = newDurable(run)
	}
	return run, nil
}

// Start returns a handler that accepts work: prepare reads the request and
// returns the func that does the work, or the error to answer instead. The
// func's context has the values of the request's but outlives it; it is canceled
// by a DELETE of the job, and when [Runner.Close] gives up waiting. The members of
// its result, if that is a JSON object, become members of the finished job, also
// where there is an error; any other result becomes the member "result". With more
// than 16 MiB as JSON it is not kept, and the job has failed.
func (run *Runner) Start(prepare func(*http.Request) (func(context.Context) (any, error), error)) http.Handler {
	return run.accepting(func(r *http.Request) (*job, error) {
		work, err := prepare(r)
		if err != nil {
			return nil, err
		}
		j := run.newJob(r)
		j.work, j.ctx = work, context.WithoutCancel(r.Context())
		return j, run.accept(j)
	})
}

func (run *Runner) newJob(r *http.Request) *job {
	now := time.Now()
	return &job{id: rand.Text(), caller: run.caller(r), status: queued, created: now, updated: now}
}

func (run *Runner) caller(r *http.Request) caller {
	owner, _ := run.subject(r)
	return caller{owner, run.unit(r)}
}

// accepting returns a handler that answers 202 for the job that accept has taken
// in.
func (run *Runner) accepting(accept func(*http.Request) (*job, error)) http.Handler {
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := httpjson.Methods(w, r, http.MethodOptions, http.MethodPost); err != nil {
			return err
		}
		if r.Method == http.MethodOptions {
			return options(w, "OPTIONS, POST")
		}
		if err := apierror.CheckAccept(r); err != nil {
			return err
		}
		j, err := accept(r)
		if err != nil {
			return err
		}
		h := w.Header()
		h["Location"] = []string{run.opts.Path + "/" + j.id}
		h["Retry-After"] = []string{seconds(run.opts.RetryAfter)}
		httpjson.WriteBytes(w, r, http.StatusAccepted, []byte(`{"id":"`+j.id+`","status":"queued"}`))
		return nil
	})
}

// Handler answers for a job at [Options.Path] and its id. GET tells its state.
// DELETE cancels it: a job that waits is failed at once (204); of one that runs
// the context is canceled (202), and what becomes of it is told by its state; one
// that has ended is a 409.
func (run *Runner) Handler() http.Handler {
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := httpjson.Methods(w, r, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions); err != nil {
			return err
		}
		if r.Method == http.MethodOptions {
			return options(w, "DELETE, GET, HEAD, OPTIONS")
		}
		if err := apierror.CheckAccept(r); err != nil {
			return err
		}
		if err := noParameters(r); err != nil {
			return err
		}
		id := r.PathValue("id")
		if id == "" {
			id = r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		}
		if !soundID(id) {
			return errNoJob
		}
		by := run.caller(r)
		status := http.StatusOK
		if r.Method == http.MethodDelete {
			var err error
			if status, err = run.cancel(r.Context(), id, by); err != nil {
				return err
			}
			if status == http.StatusNoContent {
				w.WriteHeader(status)
				return nil
			}
		}
		body, done, err := run.look(r.Context(), id, by)
		if err != nil {
			return err
		}
		h := w.Header()
		if !done {
			h["Retry-After"] = []string{seconds(run.opts.RetryAfter)}
		}
		if len(h["Cache-Control"]) == 0 {
			h["Cache-Control"] = []string{"private, no-cache"}
		}
		httpjson.WriteBytes(w, r, status, body)
		return nil
	})
}

func options(w http.ResponseWriter, allow string) error {
	w.Header()["Allow"] = []string{allow}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// noParameters refuses a query: there is nothing that it could ask for.
func noParameters(r *http.Request) error {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return apierror.BadRequest("", "encoding", "The query does not decode")
		}
		if name = strings.ToValidUTF8(name, "�"); len(name) > 64 {
			name = strings.ToValidUTF8(name[:64], "") + "…"
		}
		return apierror.BadRequest(name, "unknown", "Unknown parameter "+name)
	}
	return nil
}

// soundID keeps from the store what no id of a job can be.
func soundID(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // of rand.Text
	return id != "" && len(id) <= 64 && strings.Trim(id, letters) == ""
}

var errNoJob = apierror.NotFound("")

// Close refuses new jobs (503), waits until all accepted ones have ended and
// returns nil. When ctx is done first, it cancels the contexts of the running
// jobs, drops those that wait, marks all of them failed, and returns the error of
// ctx. Jobs can be asked for afterwards.
//
// Jobs of a Store are not waited for unless they run here. Those that are canceled
// because ctx is done have a second to end; they are queued again for others, or
// for the next start, and do not lose an attempt.
func (run *Runner) Close(ctx context.Context) error {
	if run.durable == nil {
		return run.close(ctx)
	}
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { err = run.durable.close(ctx) })
	return cmp.Or(run.close(ctx), func() error { wg.Wait(); return err }())
}

func (run *Runner) close(ctx context.Context) error {
	run.mu.Lock()
	if !run.closed {
		run.closed = true
		if run.working == 0 {
			close(run.idle)
		}
	}
	run.mu.Unlock()
	select {
	case <-run.idle:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-run.idle: // both were ready
		return nil
	default:
	}
	run.abandon()
	return ctx.Err()
}
