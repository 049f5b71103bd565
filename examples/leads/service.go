package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/follow"
	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
	"github.com/tenetkit/tenet/resource/jobs"
)

// service is the leads API and what it has to let go of at the end.
type service struct {
	handler http.Handler
	logger  *slog.Logger
	access  *access // who may call
	runner  *jobs.Runner
	db      *sql.DB
	walled  *sql.DB       // nil where there is no row level security
	redis   *redis.Client // nil where the limits are kept in memory
	follow  func()        // ends the following of other instances; nil where there is none
}

const (
	// kept is how long an answer is given again. The job that it names can be
	// asked for as long.
	kept = 24 * time.Hour

	// lease is how long the imports of a process that died wait for another.
	lease = 10 * time.Second
)

// newService composes the six packages. The order of the middleware is the
// contract's: recover and request id, the router's own errors, who calls, how
// much, from which units, and then the handler.
func newService(ctx context.Context, c config, clients *clientList, foreign auth.Issuer, logger *slog.Logger) (_ *service, err error) {
	s := &service{logger: logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()

	// Data: the leads, the units with their roles, and each caller's active unit.
	data, err := openData(ctx, c)
	if err != nil {
		return nil, err
	}
	s.db, s.walled = data.db, data.walled

	// Who calls.
	who, err := newAccess(c, clients, foreign, logger)
	if err != nil {
		return nil, err
	}
	s.access = who

	// How much.
	counts, err := s.limitStore(ctx, c.redis)
	if err != nil {
		return nil, err
	}
	limiter, err := ratelimit.New(counts, auth.Subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: c.rate, Burst: c.burst, Plan: clients.plan}},
		OnOutage: func(err error) { logOutage(logger, err) },
	})
	if err != nil {
		return nil, err
	}

	// From which units.
	scoper, err := ouscope.New(data.units, auth.Subject, ouscope.Options{
		Choices: data.units,
		Bound:   boundUnit,
		Implies: map[string][]string{"admin": {"editor"}, "editor": {"reader"}},
	})
	if err != nil {
		return nil, err
	}

	if data.walled != nil { // PostgreSQL
		s.follow = followOthers(scoper, listen(c.db), logger)
	}

	office, err := admin.New(scoper, data.units, admin.Options{Audit: func(ctx context.Context, e admin.Event) {
		logger.InfoContext(ctx, "organization changed", "action", e.Action, "subject", e.Subject,
			"unit", e.Unit.ID, "role", e.Assignment.Role, "holder", e.Assignment.Subject, "request_id", apierror.RequestID(ctx))
	}})
	if err != nil {
		return nil, err
	}

	// What, and the imports, which go on after the answer.
	s.runner, err = jobs.New(auth.Subject, activeUnit, jobs.Options{Store: data.jobs, Lease: lease, Keep: kept, Logger: logger})
	if err != nil {
		return nil, err
	}
	leads, imports, err := newLeads(data, s.runner, scoper, clients.barred, logger)
	if err != nil {
		return nil, err
	}

	known := func(h http.Handler) http.Handler { return who.authenticate(limiter.Handler(h)) }
	scoped := func(h http.Handler) http.Handler { return known(scoper.Handler(h)) }

	mux := http.NewServeMux()
	mux.Handle("POST /oauth/token", who.tokenHandler(limiter.Handler))
	mux.Handle("/org-units", known(office.UnitsHandler()))
	mux.Handle("/org-units/{id}", known(office.UnitsHandler()))
	mux.Handle("/org-units/active", known(scoper.ActiveHandler()))
	mux.Handle("/role-assignments", known(office.AssignmentsHandler()))
	mux.Handle("/role-assignments/{id}", known(office.AssignmentsHandler()))
	mux.Handle("/leads", scoped(leads))
	mux.Handle("/leads/{id}", scoped(leads))
	mux.Handle("/leads/import", scoped(imports))
	mux.Handle("/jobs/{id}", scoped(s.runner.Handler()))
	mux.Handle("GET /healthz", apierror.Handler(s.health))

	s.handler = apierror.Recover(apierror.Options{Logger: slog.New(untold{logger.Handler()})})(apierror.Mux(mux))
	return s, nil
}

// limitStore keeps the limits in memory, or in Redis where several processes
// have to share them.
func (s *service) limitStore(ctx context.Context, url string) (ratelimit.Store, error) {
	if url == "" {
		return ratelimit.NewMemory(ratelimit.MemoryOptions{})
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	// go-redis heeds a context's deadline only on demand, and a debit that is
	// tried again would count twice.
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries, opts.DialerRetries = -1, 1
	s.redis = redis.NewClient(opts)
	if err := s.redis.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	return redisstore.New(func(ctx context.Context, args ...any) (any, error) {
		return s.redis.Do(ctx, args...).Result()
	}, redisstore.Options{Prefix: "leads:"})
}

// followOthers makes a role that another instance revokes end here with the next
// request, too. It returns a func that ends it.
func followOthers(scoper *ouscope.Scoper, listen follow.Listen, logger *slog.Logger) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = follow.Changes(ctx, scoper, listen, follow.Options{OnOutage: func(err error) {
			if err != nil {
				logger.Warn("changes of units and roles by other instances are seen late", "cause", err)
				return
			}
			logger.Info("changes of units and roles by other instances are seen at once again")
		}})
	}()
	return func() {
		cancel()
		<-done
	}
}

// logOutage tells when Redis goes, and when it is back: two lines an outage.
func logOutage(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("rate limits are kept by this process: the store is down", "cause", err)
		return
	}
	logger.Info("rate limits are kept by the store again")
}

// health answers whether the service can serve: it needs its database.
func (s *service) health(w http.ResponseWriter, r *http.Request) error {
	if err := apierror.CheckAccept(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := s.db.PingContext(ctx); err != nil {
		return apierror.Unavailable(time.Second).Wrap(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write([]byte(`{"status":"ok"}`))
	return err
}

// close lets the imports that run finish, and then the database and Redis go; those
// that wait stay in the database, for another process or the next start. It is
// called when no request is in flight any more.
func (s *service) close() error {
	var errs []error
	if s.access != nil {
		s.access.audit.flush()
	}
	if s.runner != nil {
		errs = append(errs, s.runner.Close(context.Background()))
	}
	if s.follow != nil {
		s.follow()
	}
	if s.walled != nil {
		errs = append(errs, s.walled.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	return errors.Join(errs...)
}
