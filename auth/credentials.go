package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	schemeBasic  = "Basic"
	schemeBearer = "Bearer"

	defaultRealm = "api"
)

var errSeveral = errors.New("auth: more than one Authorization field")

// credentials returns what follows the scheme in the Authorization field. The
// scheme may be in any case and followed by several spaces (RFC 9110, section
// 11.4). Two fields are refused, since a proxy in front may have looked at the
// other one.
func credentials(r *http.Request, scheme string) (string, error) {
	fields := r.Header["Authorization"]
	switch len(fields) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", errSeveral
	}
	field := fields[0]
	n := len(scheme)
	if len(field) < n || !strings.EqualFold(field[:n], scheme) {
		return "", ErrNoCredentials
	}
	if len(field) == n {
		return "", nil
	}
	if field[n] != ' ' {
		return "", ErrNoCredentials
	}
	for n < len(field) && field[n] == ' ' {
		n++
	}
	return field[n:], nil
}

// quoteRealm returns the realm as a quoted string, or an error for one that
// cannot stand in a header.
func quoteRealm(realm string) (string, error) {
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
