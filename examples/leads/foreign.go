package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/jwks"
)

// asymmetric are the algorithms that an issuer may sign with whose keys come
// later. None is for a secret, which two parties would have to share.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// checkForeign checks what the flags say about a foreign issuer.
func (c config) checkForeign() error {
	switch {
	case c.issuer == "" && c.audience == "" && c.jwks == "":
		return nil
	case c.issuer == "" && c.audience == "":
		return errors.New("-jwks goes with -issuer and -audience, which are missing")
	case c.issuer == "":
		return errors.New("-audience goes with -issuer, which is missing")
	case c.audience == "":
		return errors.New("-issuer goes with -audience, which is missing")
	case slices.Contains(c.audiences(), ""):
		return fmt.Errorf("-audience has an empty one: %q", c.audience)
	}
	// OpenID Connect Discovery, section 3. The value is not shown: it may have a
	// password in it.
	u, err := url.Parse(c.issuer)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(c.issuer, "?#") {
		return errors.New("-issuer must be an https URL without user, query and fragment")
	}
	if c.jwks == "" {
		if _, err := jwks.Discover(c.issuer, jwks.Options{}); err != nil {
			return fmt.Errorf("-issuer: %w", err)
		}
	}
	if isURL(c.jwks) {
		if _, err := jwks.New(c.jwks, jwks.Options{}); err != nil {
			return fmt.Errorf("-jwks: %w", err)
		}
	}
	return nil
}

func isURL(s string) bool { return strings.Contains(s, "://") }

// audiences are those of -audience.
func (c config) audiences() []string {
	all := strings.Split(c.audience, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// subjectPrefix begins the subjects of the foreign issuer's tokens: without it, a
// token with the sub demo-admin would be demo-admin. The path tells the realms of one
// host apart, whose roles would be each other's where -issuer changes. It is empty
// where there is no foreign issuer.
func (c config) subjectPrefix() string {
	if c.issuer == "" {
		return ""
	}
	u, _ := url.Parse(c.issuer) // which check has done before
	return strings.ToLower(u.Host) + strings.TrimSuffix(u.EscapedPath(), "/") + "|"
}

// trustForeign returns what the foreign issuer's tokens are checked against.
// Unless its keys are in a file it is not asked before its first token comes, so
// that the service starts while it is down.
func trustForeign(c config, opts jwks.Options) (auth.Issuer, error) {
	trust := auth.Issuer{
		URL:           c.issuer,
		Audiences:     c.audiences(),
		Algorithms:    asymmetric,
		SubjectPrefix: c.subjectPrefix(),
	}
	var source *jwks.Source
	var err error
	switch {
	case c.jwks == "":
		source, err = jwks.Discover(c.issuer, opts)
	case isURL(c.jwks):
		source, err = jwks.New(c.jwks, opts)
	default:
		trust.Keys, trust.Algorithms, err = readKeys(c.jwks)
	}
	if err != nil {
		return auth.Issuer{}, fmt.Errorf("-jwks: %w", err)
	}
	if source != nil {
		trust.KeySource = source.Keys
	}
	return trust, nil
}

// readKeys reads the public keys of a file and says which algorithms they serve.
func readKeys(file string) ([]auth.Key, []string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	served := make(map[string]bool)
	for _, k := range keys {
		fits := algorithmsOf(k)
		if fits == nil {
			return nil, nil, fmt.Errorf("%s: the key %q is a secret, and an issuer's keys are public ones", file, k.ID)
		}
		for _, name := range fits {
			served[name] = true
		}
	}
	// auth.NewJWT refuses an algorithm that no key serves.
	return keys, slices.DeleteFunc(slices.Clone(asymmetric), func(name string) bool { return !served[name] }), nil
}

// parseKeys reads a JWK Set, a single JWK or PEM.
func parseKeys(data []byte) ([]auth.Key, error) {
	switch {
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return jwks.ParsePEM(data)
	case !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
		return nil, errors.New("it is neither a JWK Set nor a JWK nor PEM")
	}
	var set struct {
		Keys json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || set.Keys != nil {
		return jwks.ParseSet(data)
	}
	key, err := jwks.ParseKey(data)
	return []auth.Key{key}, err
}

// algorithmsOf returns the algorithms that a public key serves, and nil for a
// secret.
func algorithmsOf(k auth.Key) []string {
	var fits []string
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		fits = asymmetric[:6]
	case *ecdsa.PublicKey:
		fits = []string{map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[key.Curve.Params().Name]}
	case ed25519.PublicKey:
		fits = []string{"EdDSA"}
	default:
		return nil
	}
	if k.Algorithm != "" {
		fits = []string{k.Algorithm}
	}
	return fits
}
