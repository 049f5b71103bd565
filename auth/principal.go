package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Principal is who calls. It is shared by all requests that carry the same
// credentials: read it, and leave its slices as they are.
type Principal struct {
	Scheme   string    // Basic or Bearer, or what your own [Authenticator] says
	Subject  string    // the caller's id: the client id, or the sub claim of a token
	ClientID string    // the OAuth client, if known (client_id or azp claim of a token)
	Issuer   string    // who issued the token (iss claim)
	TokenID  string    // the token's own id (jti claim)
	Scopes   []string  // OAuth scopes (scope or scp claim)
	Roles    []string  // roles claim, or the roles of the client
	Unit     string    // the organizational unit that the credential is bound to, if any (org_unit claim)
	Issued   time.Time // when the token was issued (iat claim), or zero
	Expires  time.Time // when the token ends (exp claim), or zero

	claims any
}

// WithClaims returns a copy of p whose claims, as [Claims] gives them, are v. It
// is for an [Authenticator] of your own and for tests.
func (p Principal) WithClaims(v any) Principal {
	p.claims = v
	return p
}

// rawClaims is the JSON text of a token's claims, already checked.
type rawClaims string

// Claims returns the caller's claims as a T of your own, which may embed
// jwt.RegisteredClaims of golang-jwt. The claims of a token are decoded on each
// call, by encoding/json; what [Principal.WithClaims] or [Client.Claims] hold is
// returned if it is a T. It fails if there are no claims or they do not fit T.
func Claims[T any](p Principal) (T, error) {
	var t T
	switch c := p.claims.(type) {
	case rawClaims: // before T, which may be any
		if err := json.Unmarshal([]byte(c), &t); err != nil {
			return *new(T), fmt.Errorf("auth: Claims: %w", err)
		}
		return t, nil
	case T:
		return c, nil
	case nil:
		return t, errors.New("auth: Claims: the principal has none")
	default:
		return t, fmt.Errorf("auth: Claims: the principal's are %T, not %T", c, t)
	}
}

type principalKey struct{}

// principalContext carries a principal. It is its own context, which spares the
// allocation and one step of the lookup of a context.WithValue.
type principalContext struct {
	context.Context
	principal *Principal
}

func (c *principalContext) Value(key any) any {
	if _, ok := key.(principalKey); ok {
		return c.principal
	}
	return c.Context.Value(key)
}

// NewContext returns a copy of ctx that carries p. [Require] calls it; services
// that keep an authentication of their own call it themselves, and everything
// that takes [Subject] works for them too.
func NewContext(ctx context.Context, p Principal) context.Context {
	return &principalContext{Context: ctx, principal: &p}
}

// FromContext returns the caller that [Require] has found, or false if the
// request is anonymous.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(*Principal)
	if !ok {
		return Principal{}, false
	}
	return *p, true
}

// Subject returns the id of the caller, or false for an anonymous request. It is
// the func that rate limits, organizational scopes and jobs take to know whose
// request it is. A client and the tokens issued to it are one subject.
func Subject(r *http.Request) (string, bool) {
	p, ok := r.Context().Value(principalKey{}).(*Principal)
	if !ok || p.Subject == "" {
		return "", false
	}
	return p.Subject, true
}
