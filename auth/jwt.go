package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth/internal/httpauth"
	"github.com/tenetkit/tenet/auth/internal/jws"
)

// JWTOptions adjusts [NewJWT]. The zero value is safe for production.
type JWTOptions struct {
	// Realm is shown in the challenge. If empty, api.
	Realm string

	// Leeway is the difference between clocks that is tolerated. If zero,
	// 30 seconds for nbf and iat and none for exp, which takes nothing from an
	// honest caller. A negative Leeway is none at all.
	Leeway time.Duration

	// MaxSize is the length above which a token is refused unread. If zero,
	// 8192 bytes.
	MaxSize int

	// CacheSize is about how many verified tokens are remembered, each with its
	// claims: about a kilobyte as a rule, and 7 where they are as long as MaxSize
	// allows. If zero, 10,000; if negative, none.
	CacheSize int

	// OnCache, if not nil, is told of each time that a token is looked up among
	// the remembered ones, and whether it is there and still good. It is the
	// place for counters.
	OnCache func(hit bool)

	// Revoked, if not nil, reports whether the principal's token was withdrawn:
	// by its TokenID, Subject, ClientID or by being Issued before a moment. It
	// is asked on every request. An error is answered with 503, or as it is if
	// it is an [*apierror.Error].
	Revoked func(ctx context.Context, p Principal) (bool, error)
}

// JWT accepts bearer tokens (RFC 6750) that are JSON Web Tokens in the compact
// form, signed by one of its issuers. Make one with [NewJWT].
type JWT struct {
	issuers  []*trusted
	maxSize  int
	leeway   time.Duration // for nbf and iat
	grace    time.Duration // for exp
	revoked  func(context.Context, Principal) (bool, error)
	onCache  func(hit bool)
	verified *cache[*verifiedToken]
	digester *digester
	scratch  sync.Pool

	challenge httpauth.Challenge
}

// verifiedToken is what is remembered of a token.
type verifiedToken struct {
	principal Principal
	issuer    *trusted
	header    header
	set       *KeySet
	key       *jws.Verifier
}

const (
	defaultLeeway  = 30 * time.Second
	defaultMaxSize = 8192
)

// NewJWT returns an Authenticator for tokens of the issuers. It fails if there is
// none, if one lacks a required field or is named twice, if an algorithm is
// unknown or no key serves it, and for keys that [NewKeySet] refuses.
func NewJWT(opts JWTOptions, issuers ...Issuer) (*JWT, error) {
	challenge, err := httpauth.NewChallenge(opts.Realm)
	if err != nil {
		return nil, fmt.Errorf("auth: NewJWT: %w", err)
	}
	if len(issuers) == 0 {
		return nil, errors.New("auth: NewJWT: no issuer is given")
	}
	if opts.MaxSize < 0 {
		return nil, errors.New("auth: NewJWT: MaxSize is negative")
	}
	j := &JWT{
		maxSize:   opts.MaxSize,
		leeway:    opts.Leeway,
		grace:     opts.Leeway,
		revoked:   opts.Revoked,
		onCache:   opts.OnCache,
		verified:  newCache[*verifiedToken](opts.CacheSize),
		digester:  newDigester(),
		challenge: challenge,
	}
	switch {
	case opts.Leeway == 0:
		j.leeway = defaultLeeway
	case opts.Leeway < 0:
		j.leeway, j.grace = 0, 0
	}
	if j.maxSize == 0 {
		j.maxSize = defaultMaxSize
	}
	j.scratch.New = func() any { return &scratch{} }
	for _, issuer := range issuers {
		if j.issuer(issuer.URL) != nil {
			return nil, fmt.Errorf("auth: NewJWT: issuer %q is given twice", issuer.URL)
		}
		t, err := trust(issuer)
		if err != nil {
			return nil, fmt.Errorf("auth: NewJWT: issuer %q: %w", issuer.URL, err)
		}
		j.issuers = append(j.issuers, t)
	}
	return j, nil
}

// issuer returns the trusted issuer of that URL, or nil.
func (j *JWT) issuer(url string) *trusted {
	for _, t := range j.issuers {
		if t.URL == url {
			return t
		}
	}
	return nil
}

// unavailable is the 503 for a check that could not be made, unless err says
// itself how it is to be answered.
func unavailable(err error) error {
	if _, ok := errors.AsType[*apierror.Error](err); ok {
		return err
	}
	return apierror.Unavailable(time.Second).Wrap(err)
}

func (*JWT) reasons() []error {
	return []error{
		httpauth.ErrSeveral, errTooLong, errParts, errBase64, errHeaderJSON, errHeaderType, errHeaderName, errHeaderMember, errTyp,
		errAlgorithm, errSignature, errRevoked, errClaimsJSON, errClaimName, errClaimType, errBound, errKind, errIssuer,
		errAudience, errSubject, errNoExpiry, errExpired, errNotYet, errIssued,
	}
}

// Challenge implements [Authenticator] with the error codes of RFC 6750.
func (j *JWT) Challenge(err error) string { return j.challenge.For(err, ErrNoCredentials) }

// Authenticate implements [Authenticator]. The error wraps one of golang-jwt,
// such as jwt.ErrTokenExpired, if that says what is wrong.
func (j *JWT) Authenticate(r *http.Request) (Principal, error) {
	p, err := j.authenticate(r)
	if err != nil {
		return Principal{}, err
	}
	return *p, nil
}

func (j *JWT) authenticate(r *http.Request) (*Principal, error) {
	token, err := credentials(r, schemeBearer)
	if err != nil {
		return nil, err
	}
	if len(token) > j.maxSize {
		return nil, errTooLong
	}
	s := j.scratch.Get().(*scratch)
	defer j.scratch.Put(s)
	s.token = append(s.token[:0], token...)

	ctx := r.Context()
	var key digest
	if j.verified != nil {
		key = j.digester.sum(&s.room, s.token)
		v, err := j.remembered(ctx, &key)
		if err != nil {
			return nil, err
		}
		if j.onCache != nil {
			j.onCache(v != nil)
		}
		if v != nil {
			return j.unrevoked(ctx, &v.principal)
		}
	}
	v, err := j.verify(ctx, s)
	if err != nil {
		return nil, err
	}
	j.verified.put(&key, v)
	return j.unrevoked(ctx, &v.principal)
}

// remembered returns the token if it was verified before, has not ended, and its
// key is still one of the issuer's.
func (j *JWT) remembered(ctx context.Context, key *digest) (*verifiedToken, error) {
	v, ok := j.verified.get(key)
	if !ok || !time.Now().Before(v.principal.Expires.Add(j.grace)) {
		return nil, nil
	}
	set, err := v.issuer.set(ctx, v.header)
	if err != nil || set != v.set && !set.set.Has(v.key) {
		return nil, err
	}
	return v, nil
}

func (j *JWT) unrevoked(ctx context.Context, p *Principal) (*Principal, error) {
	if j.revoked == nil {
		return p, nil
	}
	revoked, err := j.revoked(ctx, *p)
	if err != nil {
		return nil, unavailable(fmt.Errorf("auth: Revoked: %w", err))
	}
	if revoked {
		return nil, errRevoked
	}
	return p, nil
}
