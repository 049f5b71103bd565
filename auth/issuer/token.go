package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/httpauth"
)

// maxForm is more than any token request needs.
const maxForm = 64 << 10

// TokenHandler returns the token endpoint. It answers POST with the client's
// credentials in the Authorization field and grant_type=client_credentials in a
// form. A scope parameter asks for some of the OAuth scopes of the client; those
// that it does not hold are left out, and if none is left, that is an error.
//
// The middleware runs after the client is known and before its request is read,
// the first outermost: a rate limit that counts by [auth.Subject] goes here.
func (i *Issuer) TokenHandler(middleware ...func(http.Handler) http.Handler) http.Handler {
	var grant http.Handler = http.HandlerFunc(i.serveGrant)
	for _, m := range slices.Backward(middleware) {
		grant = m(grant)
	}
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodPost {
			return apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", http.MethodPost)
		}
		if i.opts.Basic == nil {
			return apierror.NotFound("")
		}
		p, err := i.client(r)
		if err != nil {
			i.audit(r, auth.Principal{}, err)
			if answer, ok := errors.AsType[*apierror.Error](err); ok {
				return answer
			}
			w.Header()["Www-Authenticate"] = []string{i.opts.Basic.Challenge(err)}
			writeError(w, http.StatusUnauthorized, errClient)
			return nil
		}
		grant.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
		return nil
	})
}

// client returns the client that asks. RFC 6749, section 2.3.1, has the id and the
// secret encoded as in a form before they go into Basic, which some clients do and
// others, such as curl, do not. Where they may be encoded both readings are tried,
// the one that was right the last time first. The brake on failures takes them for
// what they are, two guesses; it never stops the right one.
func (i *Issuer) client(r *http.Request) (auth.Principal, error) {
	decoded, id := decodedCredentials(r)
	if decoded == nil {
		return i.opts.Basic.Authenticate(r)
	}
	first, second := r, decoded
	_, encodes := i.encodes.Load(id)
	if encodes {
		first, second = decoded, r
	}
	p, err := i.opts.Basic.Authenticate(first)
	if err == nil {
		return p, nil
	}
	p, other := i.opts.Basic.Authenticate(second)
	switch {
	case other == nil && encodes:
		i.encodes.Delete(id)
		return p, nil
	case other == nil:
		i.encodes.Store(id, true)
		return p, nil
	}
	if _, answer := errors.AsType[*apierror.Error](err); !answer {
		if _, answer := errors.AsType[*apierror.Error](other); answer {
			err = other
		}
	}
	return auth.Principal{}, err
}

// decodedCredentials returns the request with its credentials decoded, and the id
// in them, or nil if they cannot be encoded or read the same either way.
func decodedCredentials(r *http.Request) (decoded *http.Request, id string) {
	id, secret, ok := r.BasicAuth()
	if !ok || len(r.Header["Authorization"]) != 1 || !strings.ContainsAny(id+secret, "%+") {
		return nil, ""
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if errID != nil || errSecret != nil || strings.Contains(id, ":") {
		return nil, ""
	}
	decoded = r.Clone(r.Context())
	decoded.SetBasicAuth(id, secret)
	return decoded, id
}

// oauthError is an error of RFC 6749, section 5.2.
type oauthError struct {
	Code        string `json:"error"`
	Message     string `json:"message"`
	Description string `json:"error_description"` // the message again, for OAuth clients
}

func (e *oauthError) Error() string { return "issuer: " + e.Code + ": " + e.Message }

var (
	errClient     = newError("invalid_client", "Missing or invalid client credentials")
	errForm       = newError("invalid_request", "The body is not a valid form")
	errNoGrant    = newError("invalid_request", "grant_type is required")
	errGrant      = newError("unsupported_grant_type", "Only the grant type client_credentials is supported")
	errTwice      = newError("invalid_request", "A parameter is given more than once")
	errTwoMethods = newError("invalid_request", "Client credentials go into the Authorization header alone")
	errScopeText  = newError("invalid_scope", "The scope is malformed")
	errNoScope    = newError("invalid_scope", "The client holds none of the scopes that it asks for")
)

func newError(code, message string) *oauthError { return &oauthError{code, message, message} }

func (i *Issuer) serveGrant(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	answer, err := i.grant(w, r, &p)
	i.audit(r, p, err)
	if err == nil {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	if e, ok := errors.AsType[*oauthError](err); ok {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	apierror.Write(w, r, err)
}

func (i *Issuer) audit(r *http.Request, p auth.Principal, err error) {
	if i.opts.Audit != nil {
		i.opts.Audit(r, p, err)
	}
}

// answer is a token response (RFC 6749, section 5.1).
type answer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope,omitempty"`
}

// grant answers the request of the client, whose OAuth scopes it cuts to those that
// it grants.
func (i *Issuer) grant(w http.ResponseWriter, r *http.Request, p *auth.Principal) (*answer, error) {
	if err := apierror.CheckAccept(r); err != nil {
		return nil, err
	}
	form, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, errTwice
		}
	}
	// RFC 6749, section 2.3: one method of authentication in a request. An empty
	// parameter counts as left out (section 3.2).
	if id := form.Get("client_id"); id != "" && id != p.ClientID || form.Get("client_secret")+form.Get("client_assertion") != "" {
		return nil, errTwoMethods
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		return nil, errNoGrant
	default:
		return nil, errGrant
	}
	granted, err := cut(form.Get("scope"), p.Scopes)
	if err != nil {
		return nil, err
	}
	p.Scopes = granted
	token, _, err := i.Token(*p)
	if err != nil {
		return nil, err
	}
	return &answer{token, "Bearer", int64(i.opts.TTL / time.Second), join(p.Scopes)}, nil
}

// readForm reads the parameters from the body alone: a query would end up in
// logs.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	field := r.Header.Get("Content-Type")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, err
		}
		return nil, errForm
	}
	if field == "" && len(body) == 0 {
		return nil, errNoGrant
	}
	media, params, err := mime.ParseMediaType(field)
	charset, named := params["charset"]
	if err != nil || media != "application/x-www-form-urlencoded" || named && !strings.EqualFold(charset, "utf-8") {
		return nil, apierror.New(http.StatusUnsupportedMediaType, "Content-Type must be application/x-www-form-urlencoded")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errForm
	}
	return form, nil
}

// cut returns those of the held OAuth scopes that are asked for; all of them if
// none is.
func cut(asked string, held []string) ([]string, error) {
	if asked == "" {
		return held, nil
	}
	var granted []string
	for scope := range strings.SplitSeq(asked, " ") {
		if !httpauth.ValidScope(scope) {
			return nil, errScopeText
		}
		if slices.Contains(held, scope) && !slices.Contains(granted, scope) {
			granted = append(granted, scope)
		}
	}
	if len(granted) == 0 {
		return nil, errNoScope
	}
	return granted, nil
}

func malformed(scope string) bool { return !httpauth.ValidScope(scope) }

// join returns the scopes as a token has them. One that is malformed is left out:
// with a space in it, it would become two that nobody granted.
func join(scopes []string) string {
	if slices.ContainsFunc(scopes, malformed) {
		scopes = slices.DeleteFunc(slices.Clone(scopes), malformed)
	}
	return strings.Join(scopes, " ")
}

// withOwn adds the service's own claims to those of the token.
func (i *Issuer) withOwn(body jwt.Claims, p auth.Principal) (jwt.Claims, error) {
	own, err := i.opts.Claims(p)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	all := jwt.MapClaims{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	for name, value := range own {
		if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) {
			return nil, fmt.Errorf("the claim %q is not for an option to set", name)
		}
		all[name] = value
	}
	return all, nil
}

// reserved are the claims that the issuer sets, and those with which package auth
// takes a token for one of another kind.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "client_id", "azp", "scope", "scp", "roles", "org_unit",
	"at_hash", "c_hash", "events",
}

func writeError(w http.ResponseWriter, status int, e *oauthError) { writeJSON(w, status, e) }

// writeJSON sends what must not be stored (RFC 6749, section 5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v) // strings and numbers only
	h := w.Header()
	h["Content-Type"] = []string{"application/json; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = []string{"no-store"}
	h["Pragma"] = []string{"no-cache"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// KeySetHandler returns the JWK Set (RFC 7517) of the public keys, for services
// that accept the tokens too. Secrets are not in it. It answers GET and HEAD, and
// allows caches to keep the set for five minutes.
func (i *Issuer) KeySetHandler() http.Handler {
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", "GET, HEAD")
		}
		// Accept is passed over: some ask for application/jwk-set+json alone.
		k, err := i.keys()
		if err != nil {
			return err
		}
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=utf-8"}
		h["Content-Length"] = []string{strconv.Itoa(len(k.published))}
		h["Cache-Control"] = []string{"public, max-age=300"}
		h["X-Content-Type-Options"] = []string{"nosniff"}
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = w.Write(k.published)
		}
		return nil
	})
}
