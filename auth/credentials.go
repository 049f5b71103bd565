package auth

import (
	"net/http"

	"github.com/tenetkit/tenet/auth/internal/httpauth"
)

const (
	schemeBasic  = httpauth.Basic
	schemeBearer = httpauth.Bearer
)

// credentials returns what follows the scheme in the Authorization field.
func credentials(r *http.Request, scheme string) (string, error) {
	text, found, err := httpauth.Credentials(r, scheme)
	if err == nil && !found {
		err = ErrNoCredentials
	}
	return text, err
}
