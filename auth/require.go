package auth

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/tenetkit/tenet/apierror"
)

// ErrNoCredentials is returned by an [Authenticator] for a request that carries
// no credentials of its scheme, so that the next one is asked.
var ErrNoCredentials = errors.New("auth: no credentials")

// An Authenticator checks the credentials of one scheme. [Basic] and [JWT] are
// two; write another for what you have besides, such as access tokens told apart
// by a prefix. Both methods are called by many goroutines at once.
type Authenticator interface {
	// Authenticate returns who sent r. It returns [ErrNoCredentials] if r carries
	// no credentials of this scheme, an [*apierror.Error] to be answered as it
	// is (a 503, a 429), and any other error if the credentials are not good:
	// that is a 401 which does not show the error.
	//
	// An Authenticator that shares the Bearer scheme with [JWT] goes before it
	// and returns ErrNoCredentials for tokens that are not its own.
	Authenticate(r *http.Request) (Principal, error)

	// Challenge returns the WWW-Authenticate field of the scheme for a 401. The
	// err is what Authenticate returned; it is ErrNoCredentials if another
	// scheme's credentials were refused or none came.
	Challenge(err error) string
}

// pointerAuthenticator is met by the Authenticators of this package. It saves
// copying a Principal that is remembered anyway.
type pointerAuthenticator interface {
	authenticate(r *http.Request) (*Principal, error)
}

// Options adjusts [Require]. The zero value refuses every request without
// credentials.
type Options struct {
	// Optional lets requests without any credentials pass as anonymous. Those
	// with bad credentials, or with a scheme that nobody here knows, are still
	// refused: their sender believes to be known.
	Optional bool

	// Audit, if not nil, is told of every decision before it takes effect: who
	// was let in, or why nobody was. The Principal is zero if err is not nil,
	// and err is nil and the Principal zero if an anonymous request may pass.
	Audit func(r *http.Request, p Principal, err error)
}

// Require returns middleware that answers 401 unless one of the Authenticators
// accepts the request's credentials, and otherwise makes the caller known to
// [FromContext] and [Subject]. They are asked in order; the first that knows the
// credentials decides. Require panics if none is given or one is nil.
func Require(authenticators ...Authenticator) func(http.Handler) http.Handler {
	return Options{}.Require(authenticators...)
}

// Require is [Require] with options.
func (o Options) Require(authenticators ...Authenticator) func(http.Handler) http.Handler {
	g := &gate{opts: o}
	for _, a := range authenticators {
		if a == nil || reflect.ValueOf(a).Kind() == reflect.Pointer && reflect.ValueOf(a).IsNil() {
			panic("auth: Require: an Authenticator is nil")
		}
		g.challenges = append(g.challenges, a.Challenge(ErrNoCredentials))
		check, ours := a.(pointerAuthenticator)
		if !ours {
			check = byValue{a}
		}
		g.entries = append(g.entries, &entry{authenticator: a, check: check, ours: ours})
	}
	if len(g.entries) == 0 {
		panic("auth: Require: no Authenticator is given")
	}
	g.anonymous = apierror.Unauthorized(g.challenges...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.serve(w, r, next)
		})
	}
}

type byValue struct{ Authenticator }

func (b byValue) authenticate(r *http.Request) (*Principal, error) {
	p, err := b.Authenticate(r)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// gate is what one call of Require has prepared.
type gate struct {
	opts       Options
	entries    []*entry
	challenges []string // of all entries, when no credentials came
	anonymous  *apierror.Error
}

type entry struct {
	authenticator Authenticator
	check         pointerAuthenticator
	ours          bool                    // so that its errors can be compared
	refusal       atomic.Pointer[refusal] // the last one: most are alike
}

type refusal struct {
	err    error
	answer *apierror.Error
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	for i, e := range g.entries {
		p, err := e.check.authenticate(r)
		if err == nil {
			if g.opts.Audit != nil {
				g.opts.Audit(r, *p, nil)
			}
			next.ServeHTTP(w, r.WithContext(&principalContext{Context: r.Context(), principal: p}))
			return
		}
		if err == ErrNoCredentials || errors.Is(err, ErrNoCredentials) { //nolint:errorlint // the fast way first
			continue
		}
		g.audit(r, err)
		if answer, ok := errors.AsType[*apierror.Error](err); ok {
			apierror.Write(w, r, answer)
			return
		}
		apierror.Write(w, r, g.refuse(i, err))
		return
	}
	if g.opts.Optional && len(r.Header["Authorization"]) == 0 {
		g.audit(r, nil)
		next.ServeHTTP(w, r)
		return
	}
	g.audit(r, ErrNoCredentials)
	apierror.Write(w, r, g.anonymous)
}

func (g *gate) audit(r *http.Request, err error) {
	if g.opts.Audit != nil {
		g.opts.Audit(r, Principal{}, err)
	}
}

// refuse returns the 401 for credentials that entry i did not accept. Only its
// own challenge says so.
func (g *gate) refuse(i int, err error) *apierror.Error {
	e := g.entries[i]
	if last := e.refusal.Load(); last != nil && e.ours && last.err == err { //nolint:errorlint // the very same one
		return last.answer
	}
	challenges := slices.Clone(g.challenges)
	challenges[i] = e.authenticator.Challenge(err)
	answer := apierror.Unauthorized(challenges...).Wrap(err)
	if e.ours {
		e.refusal.Store(&refusal{err, answer})
	}
	return answer
}
