package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/auth/internal/jws"
)

// An Issuer is somebody whose tokens are trusted. URL, Audiences, Algorithms and
// one of Keys, KeySource and Keyfunc are required: each of them, left out, is a known way
// to have foreign tokens accepted.
//
// What a token of the issuer says is believed: its subject, client id, OAuth scopes,
// roles and org_unit. Where that is too much for a foreign one, take SubjectPrefix,
// and grant roles to subjects instead of asking [RequireRole].
type Issuer struct {
	// URL is the iss claim, compared byte for byte: a trailing slash counts.
	URL string

	// Audiences are the aud values for this service. A token has to name at
	// least one of them.
	Audiences []string

	// Algorithms are those that the issuer signs with: HS256, HS384, HS512,
	// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA.
	// Secrets and public keys do not mix.
	Algorithms []string

	// Keys are the issuer's keys, checked as by [NewKeySet].
	Keys []Key

	// KeySource returns the issuer's keys as they are now, where they may
	// change: package auth/jwks fetches them. It is asked for every token, also
	// one that was verified before, and so has to answer from memory as a rule.
	// The kid, which may be empty, only tells that a key is missed. An error is
	// answered with 503, since the caller may well be honest, or as it is if it
	// is an [*apierror.Error].
	KeySource func(ctx context.Context, kid string) (*KeySet, error)

	// Keyfunc is a source of keys as golang-jwt's parser takes it, for those
	// who have one. It is asked for every token, also one that was verified
	// before, with a jwt.Token that has nothing but its Header (alg, kid, and
	// typ in lower case) and its Method. An error is a 401, unless it is an
	// [*apierror.Error]: it does not tell a key that is not known from an issuer
	// that does not answer, as KeySource does.
	Keyfunc jwt.Keyfunc

	// AccessTokenOnly demands the type at+jwt (RFC 9068), which tells access
	// tokens from all others. By default a token without a type and the type
	// JWT are good too.
	AccessTokenOnly bool

	// SubjectPrefix is put before the sub claim to make [Principal.Subject].
	// Give it to foreign issuers: without, each issuer in the list can name
	// every subject, those of the others and your own clients included.
	SubjectPrefix string
}

// trusted is an Issuer ready for use.
type trusted struct {
	Issuer
	algorithms []*jws.Algorithm
	keys       *KeySet // nil if a func is asked
	known      keyfuncSets
}

func trust(issuer Issuer) (*trusted, error) {
	issuer.Audiences = slices.Clone(issuer.Audiences)
	t := &trusted{Issuer: issuer}
	switch {
	case issuer.URL == "":
		return nil, errors.New("the URL is empty")
	case len(issuer.Audiences) == 0 || slices.Contains(issuer.Audiences, ""):
		return nil, errors.New("at least one audience is required, and none may be empty")
	case len(issuer.Algorithms) == 0:
		return nil, errors.New("at least one algorithm is required")
	}
	sources := 0
	for _, given := range []bool{len(issuer.Keys) > 0, issuer.KeySource != nil, issuer.Keyfunc != nil} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return nil, errors.New("one of Keys, KeySource and Keyfunc is required")
	}
	for _, name := range issuer.Algorithms {
		a := jws.ByName(name)
		if a == nil {
			return nil, fmt.Errorf("the algorithm %q is unknown", name)
		}
		if len(t.algorithms) > 0 && a.Secret() != t.algorithms[0].Secret() {
			return nil, errors.New("algorithms for secrets and for public keys do not go together")
		}
		t.algorithms = append(t.algorithms, a)
	}
	if len(issuer.Keys) == 0 {
		return t, nil
	}
	keys, err := NewKeySet(issuer.Keys...)
	if err != nil {
		return nil, err
	}
	for _, a := range t.algorithms {
		if !slices.ContainsFunc(keys.set.Keys(), func(k *jws.Verifier) bool { return k.Serves(a) }) {
			return nil, fmt.Errorf("no key serves %s", a.Name())
		}
	}
	for _, k := range keys.set.Keys() {
		if !k.Serves(t.algorithms...) {
			return nil, fmt.Errorf("the key with the id %q serves none of the algorithms", k.ID())
		}
	}
	t.keys = keys
	return t, nil
}

// allowed returns the algorithm of that name if the issuer signs with it.
func (t *trusted) allowed(name string) *jws.Algorithm {
	for _, a := range t.algorithms {
		if a.Name() == name {
			return a
		}
	}
	return nil
}

// set returns the keys of the issuer as they are now.
func (t *trusted) set(ctx context.Context, h header) (*KeySet, error) {
	switch {
	case t.keys != nil:
		return t.keys, nil
	case t.Keyfunc != nil:
		return t.known.ask(t.Keyfunc, h)
	}
	set, err := t.KeySource(ctx, h.kid)
	if err == nil && set == nil {
		err = errors.New("the key source gave no key set")
	}
	if err != nil {
		return nil, unavailable(fmt.Errorf("auth: keys of issuer %q: %w", t.URL, err))
	}
	return set, nil
}
