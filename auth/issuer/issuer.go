// Package issuer lets a service issue the tokens that it accepts: a token
// endpoint for the client credentials grant (RFC 6749, section 4.4), signed
// tokens in the profile of RFC 9068, and the JWK Set of the keys.
//
//	iss, err := issuer.New(issuer.Options{
//		URL:      "https://api.example.com",
//		Audience: "https://api.example.com",
//		Key:      auth.Key{ID: "2026-01", Key: privateKey},
//		Basic:    basic,
//	})
//	tokens, err := auth.NewJWT(auth.JWTOptions{}, iss.Trust())
//	mux.Handle("/oauth/token", iss.TokenHandler())
//	mux.Handle("/.well-known/jwks.json", iss.KeySetHandler())
//
// A client asks with its own credentials and a form, and is answered with
//
//	{"access_token":"eyJ...","token_type":"Bearer","expires_in":3600,"scope":"leads:read"}
//
// # Errors
//
// What RFC 6749 names is answered with its codes, in a body that OAuth clients
// and those of the API both read:
//
//	{"error":"invalid_scope","message":"...","error_description":"..."}
//
// Bad or missing client credentials are a 401 invalid_client with the challenge
// of the scheme. What is no business of OAuth (405, 406, 413, 415, a 503 of the
// client store) is answered as everywhere else.
//
// # Rotation
//
// [Issuer.Rotate] makes another key sign. The old one stays in the set until the
// last token that it signed has ended. Others keep the set for a while, caches on
// the way for five minutes; [Issuer.Publish] puts a key into it ahead of that, so
// that nobody meets a token of a key that is new to them:
//
//	err := iss.Publish(next)
//	... a day later
//	err = iss.Rotate(next)
//
// Where several processes issue tokens, each publishes the next key before any of
// them rotates. One that starts anew finds the keys before its own in
// [Options.Retired].
//
// An [Issuer] is safe for concurrent use.
package issuer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
)

// Options describes an [Issuer]. URL, Audience and Key are required.
type Options struct {
	// URL is the iss claim: as a rule the https URL of the service.
	URL string

	// Audience is the aud claim: the service that the tokens are for.
	Audience string

	// Key signs: a []byte of at least 32 bytes (HS256), an [*rsa.PrivateKey]
	// (RS256), an [*ecdsa.PrivateKey] (the algorithm of its curve) or an
	// [ed25519.PrivateKey] (EdDSA). Its Algorithm may ask for another of the
	// same kind. A key without an ID gets its thumbprint (RFC 7638), except
	// for a secret.
	Key auth.Key

	// Retired are keys that signed until lately: their tokens are still good,
	// and the keys stay in the set for as long as the Issuer lives. The public
	// half is enough.
	Retired []auth.Key

	// Basic finds out which client asks for a token. Without it the token
	// endpoint answers 404.
	Basic *auth.Basic

	// TTL is how long a token is good. If zero, an hour.
	TTL time.Duration

	// Claims, if not nil, returns claims of your own for a token. Those that
	// the issuer sets itself must not be among them, nor those that mark tokens
	// of another kind (at_hash, c_hash, events): that is an error, whatever their
	// case.
	Claims func(p auth.Principal) (map[string]any, error)

	// Audit, if not nil, is told of every token request: which client was
	// granted a token and with which OAuth scopes, or why not. Requests that the
	// middleware of [Issuer.TokenHandler] answers are not among them.
	Audit func(r *http.Request, p auth.Principal, err error)
}

// Issuer signs tokens. Make one with [New].
type Issuer struct {
	opts Options
	now  atomic.Pointer[keys]
	mu   sync.Mutex // of Publish, Rotate and the retirement of keys

	// encodes has the ids of clients that encode their credentials; no strangers,
	// so that it does not grow with what they send.
	encodes sync.Map
}

// New returns an Issuer. It fails if a required option is missing, if TTL is
// negative or not of whole seconds, for keys that [auth.NewKeySet] refuses, and for
// a key that does not sign.
func New(opts Options) (*Issuer, error) {
	switch {
	case opts.URL == "" || opts.Audience == "":
		return nil, errors.New("issuer: New: URL and Audience are required")
	case opts.TTL < 0 || opts.TTL%time.Second != 0:
		return nil, errors.New("issuer: New: TTL is negative or not of whole seconds")
	}
	if opts.TTL == 0 {
		opts.TTL = time.Hour
	}
	opts.Retired = slices.Clone(opts.Retired)
	i := &Issuer{opts: opts}
	signer, err := newSigner(opts.Key)
	if err != nil {
		return nil, fmt.Errorf("issuer: New: Key: %w", err)
	}
	k := &keys{signer: signer}
	for n, key := range opts.Retired {
		public, _, err := publicKey(key)
		if err != nil {
			return nil, fmt.Errorf("issuer: New: Retired[%d]: %w", n, err)
		}
		k.others = append(k.others, retired{key: public})
	}
	if err := k.seal(); err != nil {
		return nil, fmt.Errorf("issuer: New: %w", err)
	}
	i.now.Store(k)
	return i, nil
}

// Trust returns what [auth.NewJWT] needs to accept the tokens. It follows
// [Issuer.Rotate].
func (i *Issuer) Trust() auth.Issuer {
	return auth.Issuer{
		URL:             i.opts.URL,
		Audiences:       []string{i.opts.Audience},
		Algorithms:      i.now.Load().family(),
		KeySource:       i.keySource,
		AccessTokenOnly: true,
	}
}

// claims are those of a token (RFC 9068, section 2.2).
type claims struct {
	jwt.RegisteredClaims
	ClientID string   `json:"client_id,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Unit     string   `json:"org_unit,omitempty"`
}

// Token signs a token for p: its Subject, ClientID, Scopes, Roles and Unit. It is
// for tokens that are not asked for at the token endpoint, for example after a
// login of your own. It returns when the token ends, too. It fails for a principal
// without a subject, or with text that is not UTF-8, and if [Options.Claims] does;
// OAuth scopes that are malformed are left out.
func (i *Issuer) Token(p auth.Principal) (token string, expires time.Time, err error) {
	if p.Subject == "" {
		return "", time.Time{}, errors.New("issuer: Token: the principal has no subject")
	}
	// JSON would have it as another text, and so the token as another's.
	if !utf8.ValidString(p.Subject + "\n" + p.ClientID + "\n" + p.Unit + "\n" + strings.Join(p.Roles, "\n")) {
		return "", time.Time{}, errors.New("issuer: Token: the principal has text that is not UTF-8")
	}
	now := time.Now().Truncate(time.Second)
	expires = now.Add(i.opts.TTL)
	var body jwt.Claims = &claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    i.opts.URL,
			Subject:   p.Subject,
			Audience:  jwt.ClaimStrings{i.opts.Audience},
			ExpiresAt: jwt.NewNumericDate(expires),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        rand.Text(),
		},
		ClientID: p.ClientID,
		Scope:    join(p.Scopes),
		Roles:    p.Roles,
		Unit:     p.Unit,
	}
	if i.opts.Claims != nil {
		if body, err = i.withOwn(body, p); err != nil {
			return "", time.Time{}, fmt.Errorf("issuer: Token: %w", err)
		}
	}
	s := i.now.Load().signer
	t := jwt.NewWithClaims(s.method, body)
	t.Header["typ"] = "at+jwt"
	if s.public.ID != "" {
		t.Header["kid"] = s.public.ID
	}
	if token, err = t.SignedString(s.key); err != nil {
		return "", time.Time{}, fmt.Errorf("issuer: Token: %w", err)
	}
	return token, expires, nil
}
