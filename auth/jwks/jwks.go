// Package jwks finds the keys of an issuer of tokens: in a JWK, a JWK Set, a PEM
// file, at the URL of a JWK Set, or by OpenID Connect discovery.
//
//	keys, err := jwks.Discover("https://login.example.com", jwks.Options{})
//	tokens, err := auth.NewJWT(auth.JWTOptions{}, auth.Issuer{
//		URL:        "https://login.example.com",
//		Audiences:  []string{"https://api.example.com"},
//		Algorithms: []string{"RS256"},
//		KeySource:  keys.Keys,
//	})
//
// # When keys are fetched
//
// Nothing is fetched before the first token comes. After that a [Source] answers
// from memory and fetches anew
//
//   - in the background, when the set is four fifths of [Options.Refresh] old;
//   - while the caller waits, when it is older than that whole time, so that a key
//     that left the set is out within it;
//   - while the caller waits, when a token names a key that is not in the set, but
//     at most once in ten seconds, however many forged names come in. A key that
//     was rotated in is good at once, or ten seconds later at the latest.
//
// Callers who need the same fetch share one, and nobody waits who names a key of a
// set younger than [Options.Refresh]. A fetch that failed is repeated after ten seconds
// at the earliest. Meanwhile the last set is good, for [Options.MaxStale], and
// nobody waits who names a key in it, unless the failure was longer ago than
// [Options.Refresh]; a token of another key is refused. Without any set the caller
// gets a 503 with Retry-After, because it may well be honest.
//
// Where tokens have no kid, or the issuer's keys no id, nothing tells that a key
// is missed: the keys are tried one by one, and another one is found by the next
// refresh. A kid that is seen for the first time causes a fetch all the same, since
// it may belong to a new key.
//
// # What is refused
//
// URLs other than https (http is allowed to a loopback address), hosts that were
// not named, more than three redirects, answers other than 200 or longer than
// 1 MiB (unpacked), sets of more than 256 keys or with a secret, sets that
// [auth.NewKeySet] refuses: the last good one stays. Single keys that are private,
// of an unknown kind or too weak are left out and told to [Options.OnError]; keys
// for encryption are left out in silence.
//
// A [Source] is safe for concurrent use. It has no goroutine but for a fetch
// that is under way.
package jwks

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
)

// ParseSet reads a JWK Set of at most 256 keys, such as a file has it. Keys for
// encryption are left out. Unlike a [Source] it takes a set of secrets, and fails
// for any other key that cannot be used.
func ParseSet(data []byte) ([]auth.Key, error) {
	parsed, skipped, err := jwk.ParseSet(data)
	if err == nil {
		err = errors.Join(slices.DeleteFunc(skipped, otherUse)...)
	}
	if err != nil {
		return nil, fmt.Errorf("jwks: ParseSet: %w", err)
	}
	keys := make([]auth.Key, 0, len(parsed))
	for _, k := range parsed {
		keys = append(keys, auth.Key(k))
	}
	if _, err := auth.NewKeySet(keys...); err != nil {
		return nil, fmt.Errorf("jwks: ParseSet: %w", err)
	}
	return keys, nil
}

// ParseKey reads one JWK: a public key for signatures, or a secret. It fails for a
// private key and for one that [auth.NewKeySet] refuses.
func ParseKey(data []byte) (auth.Key, error) {
	k, err := jwk.Parse(data)
	if err != nil {
		return auth.Key{}, fmt.Errorf("jwks: ParseKey: %w", err)
	}
	if _, err := auth.NewKeySet(auth.Key(k)); err != nil {
		return auth.Key{}, fmt.Errorf("jwks: ParseKey: %w", err)
	}
	return auth.Key(k), nil
}

// ParsePEM reads the public keys of PEM blocks (PUBLIC KEY, RSA PUBLIC KEY,
// CERTIFICATE), with or without text around them. The keys have no ID; a certificate
// is taken for its key alone, and nothing else in it is looked at. A private key is
// an error, and so are a block that is broken or of another kind, a key that
// [auth.NewKeySet] refuses, and text without a block.
func ParsePEM(data []byte) ([]auth.Key, error) {
	var keys []auth.Key
	blocks := bytes.Count(data, []byte("-----BEGIN ")) // Decode passes over broken ones
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		key, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("jwks: ParsePEM: block %d: %w", len(keys), err)
		}
		if _, err := auth.NewKeySet(auth.Key{Key: key}); err != nil {
			return nil, fmt.Errorf("jwks: ParsePEM: block %d: %w", len(keys), err)
		}
		keys = append(keys, auth.Key{Key: key})
	}
	if len(keys) == 0 {
		return nil, errors.New("jwks: ParsePEM: there is no PEM block")
	}
	if len(keys) != blocks {
		return nil, errors.New("jwks: ParsePEM: a PEM block is broken")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	}
	return nil, fmt.Errorf("%q is no public key", block.Type)
}
