// Package opaque checks bearer tokens that are looked up instead of read, such as
// the personal access tokens that people make for their scripts. A prefix tells
// them from other tokens:
//
//	pats, err := opaque.New("pat_", func(ctx context.Context, hash string) (auth.Principal, error) {
//		... // the row of a table that has the hash
//	}, opaque.Options{})
//	mux.Handle("/leads", auth.Require(basic, pats, tokens)(leads))
//
// [Generate] makes a token for its owner and the hash to store. Nothing but the
// hash ever comes to the func, so that neither the table nor the time of its
// index tells anybody a token.
//
// # What is refused
//
// A token that the func does not know, one whose Principal has expired, one of
// more than 512 bytes or with a character that RFC 6750 does not allow, and two
// Authorization fields: a 401 as [auth.JWT] gives it. What does not begin with the
// prefix is left to the next Authenticator, so put [Tokens] before [auth.JWT].
//
// # Withdrawing a token
//
// The func is asked on every request and nothing is remembered: a token whose row
// is gone is out at once.
package opaque

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/httpauth"
	"github.com/tenetkit/tenet/auth/internal/phc"
)

// Generate returns a new token, which is the prefix with 130 random bits behind
// it and is shown to its owner once, and the hash to store.
func Generate(prefix string) (token, hash string) {
	secret, _ := auth.GenerateSecret()
	token = prefix + secret
	return token, phc.Fast(token)
}

// A FindFunc returns who the token with the hash was given to. For a hash that
// nobody has it returns the zero Principal and no error. An error means that the
// answer is not known, and is answered with 503.
//
// The hash is $sha256$ with the unpadded base64 of the SHA-256 of the whole token,
// as [Generate] returns it. A Principal needs a Subject; without a Scheme it gets
// Bearer, and one whose Expires has come is refused.
type FindFunc func(ctx context.Context, hash string) (auth.Principal, error)

// Options adjusts [New].
type Options struct {
	// Realm is shown in the challenge. If empty, api.
	Realm string
}

// Tokens is an [auth.Authenticator] for tokens of one prefix. Make one with [New].
// It is safe for concurrent use.
type Tokens struct {
	prefix    string
	find      FindFunc
	challenge httpauth.Challenge
}

// New returns an Authenticator for the tokens that begin with the prefix. It fails
// if the func is nil, and for a prefix that is empty, that no bearer token can
// have, or that JSON Web Tokens have (ey).
func New(prefix string, find FindFunc, opts Options) (*Tokens, error) {
	challenge, err := httpauth.NewChallenge(opts.Realm)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opaque: New: %w", err)
	case find == nil:
		return nil, errors.New("opaque: New: find is nil")
	case prefix == "" || !sound(prefix):
		return nil, fmt.Errorf("opaque: New: the prefix %q is empty or cannot begin a token", prefix)
	case strings.HasPrefix(prefix, "ey") || prefix == "e":
		return nil, fmt.Errorf("opaque: New: the prefix %q is that of JSON Web Tokens", prefix)
	}
	return &Tokens{prefix, find, challenge}, nil
}

const maxToken = 512

var (
	errForm    = errors.New("opaque: token is too long or has a character that no token has")
	errUnknown = errors.New("opaque: no such token")
	errExpired = errors.New("opaque: token has expired")
)

// Challenge implements [auth.Authenticator] with the error codes of RFC 6750.
func (t *Tokens) Challenge(err error) string { return t.challenge.For(err, auth.ErrNoCredentials) }

// Authenticate implements [auth.Authenticator].
func (t *Tokens) Authenticate(r *http.Request) (auth.Principal, error) {
	token, found, err := httpauth.Credentials(r, httpauth.Bearer)
	switch {
	case err != nil:
		return auth.Principal{}, err
	case !found || !strings.HasPrefix(token, t.prefix):
		return auth.Principal{}, auth.ErrNoCredentials
	case len(token) > maxToken || !sound(token):
		return auth.Principal{}, errForm
	}
	p, err := t.find(r.Context(), phc.Fast(token))
	switch {
	case err != nil:
		if _, answer := errors.AsType[*apierror.Error](err); answer {
			return auth.Principal{}, err
		}
		return auth.Principal{}, apierror.Unavailable(time.Second).Wrap(fmt.Errorf("opaque: token: %w", err))
	case p.Subject == "":
		return auth.Principal{}, errUnknown
	case !p.Expires.IsZero() && !time.Now().Before(p.Expires):
		return auth.Principal{}, errExpired
	}
	if p.Scheme == "" {
		p.Scheme = httpauth.Bearer
	}
	return p, nil
}

// sound reports whether text has the characters of a b64token alone (RFC 6750,
// section 2.1).
func sound(text string) bool {
	for _, c := range []byte(strings.TrimRight(text, "=")) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return true
}
