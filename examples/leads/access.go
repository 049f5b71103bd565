package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
	"github.com/tenetkit/tenet/ratelimit"
)

// ownIssuer is the iss claim of the service's own tokens.
const ownIssuer = "leads"

// access is who may call.
type access struct {
	authenticate func(http.Handler) http.Handler
	tokens       *issuer.Issuer
	audit        *auditLog

	secretCache, tokenCache hits
}

// newAccess composes package auth: Basic for the clients, Bearer for the tokens
// that they get here, whose subject is the client too, and for those of the
// foreign issuer, unless that is the zero one.
func newAccess(c config, clients *clientList, foreign auth.Issuer, logger *slog.Logger) (*access, error) {
	ip, err := ratelimit.IP(c.ipOptions())
	if err != nil {
		return nil, err
	}
	address := func(r *http.Request) string {
		key, _ := ip(r)
		return key
	}
	a := &access{audit: &auditLog{logger: logger, address: address, known: clients.has}}

	basic, err := auth.NewBasic(clients.find, auth.BasicOptions{
		Address: address,
		OnCache: a.secretCache.count,
		Outdated: func(ctx context.Context, id, _, _ string) {
			logger.InfoContext(ctx, "the hash of a secret is weaker than it should be: give the client a new secret", "client", id)
		},
	})
	if err != nil {
		return nil, err
	}
	key := []byte(c.jwtKey)
	if len(key) == 0 {
		key = make([]byte, 32)
		rand.Read(key)
	}
	a.tokens, err = issuer.New(issuer.Options{
		URL: ownIssuer, Audience: ownIssuer, Basic: basic,
		Key:   auth.Key{ID: "leads", Algorithm: "HS256", Key: key},
		Audit: a.audit.tell("token refused"),
	})
	if err != nil {
		return nil, err
	}
	issuers := []auth.Issuer{a.tokens.Trust()}
	if foreign.URL != "" {
		issuers = append(issuers, foreign)
	}
	bearer, err := auth.NewJWT(auth.JWTOptions{
		OnCache: a.tokenCache.count,
		Revoked: func(_ context.Context, p auth.Principal) (bool, error) { return clients.barred(p.Subject, p.Unit), nil },
	}, issuers...)
	if err != nil {
		return nil, err
	}
	require := auth.Options{Audit: a.audit.tell("credentials refused")}.Require(basic, bearer)
	a.authenticate = func(next http.Handler) http.Handler { return a.audit.watch(require(next)) }
	return a, nil
}

// tokenHandler serves /oauth/token.
func (a *access) tokenHandler(middleware ...func(http.Handler) http.Handler) http.Handler {
	return a.audit.watch(a.tokens.TokenHandler(middleware...))
}

// boundUnit returns the unit that the caller's credentials are bound to: those of a
// client with an org_unit, and tokens with that claim.
//
// A foreign issuer's claim binds too. It gives nothing: a binding only cuts what
// was granted here to the subject, and a unit where nothing was granted, or that
// only the issuer knows, leaves nothing. To pass over the claim would give a token
// that its issuer has made for one unit all the units of its subject.
func boundUnit(r *http.Request) (string, bool) {
	p, _ := auth.FromContext(r.Context())
	return p.Unit, p.Unit != ""
}

// hits counts how often a cache spared a check.
type hits struct{ hit, missed atomic.Int64 }

func (h *hits) count(hit bool) {
	if hit {
		h.hit.Add(1)
	} else {
		h.missed.Add(1)
	}
}

// LogValue implements [slog.LogValuer].
func (h *hits) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("hit", h.hit.Load()), slog.Int64("missed", h.missed.Load()))
}
