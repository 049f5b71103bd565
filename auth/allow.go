package auth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth/internal/httpauth"
)

// RequireScope returns middleware that answers 403 with details.code
// insufficient_scope unless the caller holds every one of the OAuth scopes. It
// goes behind [Require]; an anonymous caller gets the 401. RequireScope panics for
// no scope, and for one that RFC 6749, section 3.3, does not allow.
func RequireScope(scopes ...string) func(http.Handler) http.Handler {
	if len(scopes) == 0 {
		panic("auth: RequireScope: no OAuth scope is given")
	}
	for _, s := range scopes {
		if !httpauth.ValidScope(s) {
			panic(fmt.Sprintf("auth: RequireScope: %q is no OAuth scope", s))
		}
	}
	refusal := apierror.Forbidden("insufficient_scope", "")
	// RFC 6750, section 3.1: tell the client what to ask the issuer for.
	bearer := refusal.WithHeader("WWW-Authenticate",
		`Bearer error="insufficient_scope", scope="`+strings.Join(scopes, " ")+`"`)
	return require(func(p *Principal) *apierror.Error {
		for _, s := range scopes {
			if slices.Contains(p.Scopes, s) {
				continue
			}
			if p.Scheme == schemeBearer {
				return bearer
			}
			return refusal
		}
		return nil
	})
}

// RequireRole returns middleware that answers 403 with details.code missing_role
// unless the caller's credentials carry the role. Roles that are granted on
// organizational units are another matter: package ouscope knows those.
// RequireRole panics for an empty role.
func RequireRole(role string) func(http.Handler) http.Handler {
	if role == "" {
		panic("auth: RequireRole: the role is empty")
	}
	return RequireFunc("missing_role", func(p Principal) bool { return slices.Contains(p.Roles, role) })
}

// RequireFunc returns middleware that answers 403 with the code in details.code
// unless allow reports true for the caller. It panics if allow is nil.
func RequireFunc(code string, allow func(Principal) bool) func(http.Handler) http.Handler {
	if allow == nil {
		panic("auth: RequireFunc: allow is nil")
	}
	refusal := apierror.Forbidden(code, "")
	return require(func(p *Principal) *apierror.Error {
		if allow(*p) {
			return nil
		}
		return refusal
	})
}

// errAnonymous is for a route whose author forgot Require: which schemes the
// service offers is not known here.
var errAnonymous = apierror.Unauthorized(schemeBearer + ` realm="api"`)

func require(check func(*Principal) *apierror.Error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			refusal := errAnonymous
			if p, ok := r.Context().Value(principalKey{}).(*Principal); ok {
				refusal = check(p)
			} else if own, ok := r.Context().Value(refusalKey{}).(*apierror.Error); ok {
				refusal = own
			}
			if refusal != nil {
				apierror.Write(w, r, refusal)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
