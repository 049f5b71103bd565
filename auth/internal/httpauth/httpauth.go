// Package httpauth reads the Authorization field and writes challenges, for
// package auth and the packages below it.
package httpauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The schemes of RFC 7617 and RFC 6750.
const (
	Basic  = "Basic"
	Bearer = "Bearer"
)

const defaultRealm = "api"

// ErrSeveral is why a request with two Authorization fields is refused.
var ErrSeveral = errors.New("auth: more than one Authorization field")

// Credentials returns what follows the scheme in the Authorization field, and
// whether it is there. The scheme may be in any case and followed by several
// spaces (RFC 9110, section 11.4). Two fields are refused, since a proxy in front
// may have looked at the other one.
func Credentials(r *http.Request, scheme string) (text string, found bool, err error) {
	fields := r.Header["Authorization"]
	switch len(fields) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", false, ErrSeveral
	}
	field := fields[0]
	n := len(scheme)
	if len(field) < n || !strings.EqualFold(field[:n], scheme) {
		return "", false, nil
	}
	if len(field) == n {
		return "", true, nil
	}
	if field[n] != ' ' {
		return "", false, nil
	}
	for n < len(field) && field[n] == ' ' {
		n++
	}
	return field[n:], true, nil
}

// QuoteRealm returns the realm, or api if it is empty, as a quoted string, or an
// error for one that cannot stand in a header.
func QuoteRealm(realm string) (string, error) {
	if realm == "" {
		realm = defaultRealm
	}
	for i := range len(realm) {
		if c := realm[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return "", fmt.Errorf("realm %q has a character that a header cannot quote", realm)
		}
	}
	return `"` + realm + `"`, nil
}

// ValidScope reports whether text is one OAuth scope (RFC 6749, section 3.3), which
// several in a row, or one that ends a quoted string, are not.
func ValidScope(text string) bool {
	for _, c := range []byte(text) {
		if c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return text != ""
}

// A Challenge is the WWW-Authenticate field of the Bearer scheme, with the error
// codes of RFC 6750, section 3.1.
type Challenge struct{ none, request, token string }

// NewChallenge returns the challenge with the realm, or an error as [QuoteRealm].
func NewChallenge(realm string) (Challenge, error) {
	quoted, err := QuoteRealm(realm)
	if err != nil {
		return Challenge{}, err
	}
	none := Bearer + ` realm=` + quoted
	return Challenge{none, none + `, error="invalid_request"`, none + `, error="invalid_token"`}, nil
}

// For returns the field for a request that was refused with err; none is the
// error of a request without credentials.
func (c Challenge) For(err, none error) string {
	switch {
	case errors.Is(err, none):
		return c.none
	case errors.Is(err, ErrSeveral):
		return c.request
	}
	return c.token
}
