package auth

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/apierror"
)

// ErrNoCredentials is returned by an [Authenticator] for a request that carries
// no credentials of its scheme, so that the next one is asked.
var ErrNoCredentials = errors.New("auth: no credentials")

// An Authenticator checks the credentials of one scheme. [Basic], [JWT] and the
// Tokens of auth/opaque are some; write another for what you have besides, such as
// keys in a field of their own. Both methods are called by many goroutines at once.
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
	// scheme's credentials were refused or none came. Of several Authenticators
	// of one scheme the first speaks, or the one that refused.
	Challenge(err error) string
}

// pointerAuthenticator is met by the Authenticators of this package. It saves
// copying a Principal that is remembered anyway.
type pointerAuthenticator interface {
	authenticate(r *http.Request) (*Principal, error)

	// reasons are the errors of authenticate that are always the same.
	reasons() []error
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
		// By type and not by method: a type of somebody's own that embeds a JWT has
		// its methods too, and the Authenticate that replaces one must not be passed by.
		check := pointerAuthenticator(byValue{a})
		switch a := a.(type) {
		case *Basic:
			check = a
		case *JWT:
			check = a
		}
		g.entries = append(g.entries, &entry{authenticator: a, check: check, place: g.place(a)})
	}
	if len(g.entries) == 0 {
		panic("auth: Require: no Authenticator is given")
	}
	g.anonymous = apierror.Unauthorized(g.challenges...)
	for _, e := range g.entries {
		prepared := make(map[error]*apierror.Error)
		for _, err := range e.check.reasons() {
			prepared[err] = g.refuse(e, err)
		}
		e.prepared = prepared
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.serve(w, r, next)
		})
	}
}

// place returns where among the challenges that of the Authenticator is. Those of
// one scheme share a place: a caller is to choose between schemes, and what tells
// the tokens of one scheme apart is no business of the challenge.
func (g *gate) place(a Authenticator) int {
	challenge := a.Challenge(ErrNoCredentials)
	if challenge == "" { // a scheme that has none, such as a cookie
		return -1
	}
	scheme, _, _ := strings.Cut(challenge, " ")
	for i, known := range g.challenges {
		if other, _, _ := strings.Cut(known, " "); strings.EqualFold(scheme, other) {
			return i
		}
	}
	g.challenges = append(g.challenges, challenge)
	return len(g.challenges) - 1
}

type byValue struct{ Authenticator }

func (b byValue) authenticate(r *http.Request) (*Principal, error) {
	p, err := b.Authenticate(r)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

func (byValue) reasons() []error { return nil }

// gate is what one call of Require has prepared.
type gate struct {
	opts       Options
	entries    []*entry
	challenges []string // one for each scheme, when no credentials came
	anonymous  *apierror.Error
}

type entry struct {
	authenticator Authenticator
	check         pointerAuthenticator
	place         int                       // of its challenge
	prepared      map[error]*apierror.Error // by reason; empty for somebody's own, whose errors may not be comparable
}

// refusalKey is what an anonymous request that may pass carries: the 401 for those
// further in who do not let it.
type refusalKey struct{}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	for _, e := range g.entries {
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
		apierror.Write(w, r, g.refuse(e, err))
		return
	}
	if g.opts.Optional && len(r.Header["Authorization"]) == 0 {
		g.audit(r, nil)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), refusalKey{}, g.anonymous)))
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

// refuse returns the 401 for credentials that the entry did not accept. Only the
// challenge of its scheme says so.
func (g *gate) refuse(e *entry, err error) *apierror.Error {
	if len(e.prepared) > 0 {
		if answer, ok := e.prepared[err]; ok {
			return answer
		}
	}
	challenges := slices.Clone(g.challenges)
	if e.place >= 0 {
		challenges[e.place] = e.authenticator.Challenge(err)
	}
	return apierror.Unauthorized(challenges...).Wrap(err)
}
