package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

// Each reason gets so many lines per auditTime; the rest is counted.
const (
	auditLines = 10
	auditTime  = time.Minute
)

// auditLog tells the operator why credentials were refused, and whose they claimed
// to be. Callers are not told, and cannot fill the disk: a flood of refusals is a
// few lines a minute and a number.
type auditLog struct {
	logger  *slog.Logger
	address func(*http.Request) string
	known   func(id string) bool

	mu     sync.Mutex
	counts map[refusal]int // since the timer started; as many as there are reasons and clients
	timer  *time.Timer     // nil while there is nothing to count
}

// refusal is what counts as the same.
type refusal struct{ message, reason, client string }

// tell returns an Audit func that logs under the message.
func (a *auditLog) tell(message string) func(*http.Request, auth.Principal, error) {
	return func(r *http.Request, p auth.Principal, err error) {
		if err == nil || errors.Is(err, auth.ErrNoCredentials) {
			return
		}
		if told, ok := r.Context().Value(toldKey{}).(*bool); ok {
			*told = true
		}
		// An id that nobody has may be a secret in the wrong place.
		id := p.ClientID
		if basic, _, ok := r.BasicAuth(); ok && id == "" && a.known(basic) {
			id = basic
		}
		if !a.count(refusal{message, err.Error(), id}) {
			return
		}
		level := slog.LevelInfo
		if answer, ok := errors.AsType[*apierror.Error](err); ok && answer.Status >= 500 {
			level = slog.LevelWarn // nobody's credentials are to blame
		}
		a.logger.Log(r.Context(), level, message, "cause", err, "client", id, "address", a.address(r),
			"method", r.Method, "path", r.URL.Path, "request_id", apierror.RequestID(r.Context()))
	}
}

// count reports whether the refusal gets a line of its own.
func (a *auditLog) count(what refusal) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer == nil {
		a.counts = make(map[refusal]int)
		a.timer = time.AfterFunc(auditTime, a.flush)
	}
	a.counts[what]++
	return a.counts[what] <= auditLines
}

// flush tells how many refusals got no line, and starts anew.
func (a *auditLog) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	for what, n := range a.counts {
		if n > auditLines {
			a.logger.Info(what.message+" more often", "times", n-auditLines, "cause", what.reason, "client", what.client)
		}
	}
	a.counts, a.timer = nil, nil
}

// toldKey is for a *bool in the request's context: whether the audit log knows
// why the request was refused.
type toldKey struct{}

// watch goes around what has an Audit func of a.
func (a *auditLog) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), toldKey{}, new(bool))))
	})
}

// untold is a slog.Handler for apierror.Recover, which logs every refusal that has
// a cause. It leaves out those that the audit log has told.
type untold struct{ slog.Handler }

func (h untold) Handle(ctx context.Context, record slog.Record) error {
	if told, ok := ctx.Value(toldKey{}).(*bool); ok && *told {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h untold) WithAttrs(attrs []slog.Attr) slog.Handler { return untold{h.Handler.WithAttrs(attrs)} }

func (h untold) WithGroup(name string) slog.Handler { return untold{h.Handler.WithGroup(name)} }
