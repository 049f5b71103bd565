package ouscope

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/tenetkit/tenet/apierror"
)

// A Scoper finds the scope of each request. It is immutable and safe for
// concurrent use.
type Scoper struct {
	subject      func(*http.Request) (string, bool)
	bound        func(*http.Request) (string, bool)
	choices      ChoiceStore
	cookies      *cookies // nil if not in use
	implies      map[string][]string
	organization string
	mode         string
	challenges   []string
	missing      *apierror.Error
	body         reflect.Type // of /org-units/active
	audit        func(ctx context.Context, subject, unit string, err error)
	directory    *cache
}

// New returns a Scoper for the units and roles of dir. The subject func names
// the caller as authentication found it out (auth.Subject does); where it
// returns false or an empty text, requests are answered with 401.
//
// It fails if dir or subject is nil or an option is out of its range. It does
// not read the directory yet.
func New(dir Directory, subject func(*http.Request) (string, bool), opts Options) (*Scoper, error) {
	if dir == nil || subject == nil {
		return nil, errors.New("ouscope: New: directory and subject are required")
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("ouscope: New: %w", err)
	}
	implies, err := closure(opts.Implies)
	if err != nil {
		return nil, fmt.Errorf("ouscope: New: %w", err)
	}
	cookies, err := newCookies(opts)
	if err != nil {
		return nil, fmt.Errorf("ouscope: New: %w", err)
	}
	s := &Scoper{
		subject:      subject,
		bound:        opts.Bound,
		choices:      opts.Choices,
		cookies:      cookies,
		implies:      implies,
		organization: opts.Organization,
		mode:         opts.Mode,
		challenges:   opts.Challenges,
		missing:      missingChoice(opts.MissingStatus),
		body:         bodyType(opts.ActiveField),
		audit:        opts.Audit,
	}
	s.directory = newCache(dir, s, opts.CacheTTL)
	return s, nil
}

// Handler returns next behind the scope: a request whose scope [Scoper.Resolve]
// finds goes on with it in its context ([FromContext]); any other is answered
// with the error.
func (s *Scoper) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header())
		scope, err := s.Resolve(r)
		if err != nil {
			apierror.Write(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), scope)))
	})
}

// Require returns middleware that refuses, with 403 and the code missing_role,
// callers who hold the role on no unit of their scope. It stands for
// [Scoper.Handler] too, or goes behind it.
//
// It is the coarse question, for a route. Whether the caller may touch the row
// at hand, [Scope.Check] answers, asked of the row's own unit.
func (s *Scoper) Require(role string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		required := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !FromContext(r.Context()).s.holds(role) {
				apierror.Write(w, r, errMissingRole)
				return
			}
			next.ServeHTTP(w, r)
		})
		resolving := s.Handler(required)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if scope := FromContext(r.Context()); scope.s != nil && scope.s.owner == s {
				required.ServeHTTP(w, r)
				return
			}
			resolving.ServeHTTP(w, r)
		})
	}
}

// Resolve returns the scope of the request, for middleware of your own; most
// use [Scoper.Handler]. The error is an [*apierror.Error] to answer with: 401
// without a subject, 403 without a role or without an active unit, 503 if the
// directory or the choices cannot be read.
func (s *Scoper) Resolve(r *http.Request) (Scope, error) {
	sel, err := s.choose(r)
	if err != nil {
		return Scope{}, err
	}
	return s.scope(sel)
}

// For returns the scope of the subject with the unit as the active one, or with
// its only grant if the unit is empty, as a request with a credential bound to
// that unit would get it now. It is for work without a request:
//
//   - a job goes on as the caller who started it, with the grants of the time
//     at which it runs: For(ctx, scope.Subject(), scope.Active());
//   - a system task has a subject of its own, whose roles stand in the
//     directory like anybody's and can be revoked there. [Options].Audit
//     hears of each run.
//
// It fails as [Scoper.Resolve] does. The subject must not come from a client.
func (s *Scoper) For(ctx context.Context, subject, unit string) (Scope, error) {
	scope, err := s.scopeFor(ctx, subject, unit)
	if s.audit != nil {
		s.audit(ctx, subject, unit, err)
	}
	return scope, err
}

func (s *Scoper) scopeFor(ctx context.Context, subject, unit string) (Scope, error) {
	if subject == "" {
		return Scope{}, errMissingRole
	}
	g, err := s.directory.grants(ctx, subject)
	if err != nil {
		return Scope{}, unavailable(err)
	}
	sel := selection{grants: g, cut: g.tree.all(), active: g.sole}
	if unit != "" && sel.position(unit) == none && len(g.reach) > 0 {
		return Scope{}, s.missing
	}
	if unit != "" {
		sel.bind(unit)
	}
	return s.scope(sel)
}

// scope cuts what is selected to what the mode leaves of it.
func (s *Scoper) scope(sel selection) (Scope, error) {
	cut := sel.cut
	switch {
	case !overlap(sel.reach, cut):
		return Scope{}, errMissingRole
	case s.mode == "granted":
	case sel.active == none:
		return Scope{}, s.missing
	case s.mode == "exact":
		cut = span{sel.active, sel.active + 1}
	default:
		cut = sel.tree.subtree(sel.active)
	}
	if last := sel.last.Load(); last != nil && last.active == sel.active && last.cut == cut {
		return Scope{last}, nil
	}
	scope := newScope(s, sel.grants, sel.active, cut)
	sel.last.Store(scope)
	return Scope{scope}, nil
}

// Invalidate forgets what was read of the subjects, or without any, or with an
// empty one, of all subjects and the units. Requests that begin after it returned,
// in this process, act on what the directory tells from then on: call it after the
// change is committed. It is cheap, and never waits for the directory. For the
// changes of other processes, package follow calls it.
func (s *Scoper) Invalidate(subjects ...string) { s.directory.invalidate(subjects) }

var (
	varyOn     = []string{"Authorization, Cookie"}
	storeAlone = []string{"private, no-cache"}
)

// vary keeps shared caches from handing one caller's answer to another.
func vary(h http.Header) {
	if h["Vary"] == nil {
		h["Vary"] = varyOn[:1:1]
	} else {
		h.Add("Vary", varyOn[0])
	}
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = storeAlone[:1:1]
	}
}
