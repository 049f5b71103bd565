package auth

import (
	"fmt"

	"github.com/tenetkit/tenet/auth/internal/jws"
)

// A Key verifies the signatures of tokens.
type Key struct {
	// ID is the kid of the tokens that the key signs. A key without an ID is
	// tried for every token.
	ID string

	// Algorithm is the only algorithm that the key is used with (RS256, EdDSA).
	// If empty, the kind of the key decides: an RSA key serves RS and PS, an EC
	// key the one of its curve, a secret those whose hash is not longer than it.
	Algorithm string

	// Key is an [*rsa.PublicKey], [*ecdsa.PublicKey], [ed25519.PublicKey] or, for
	// HMAC, a []byte.
	Key any
}

// A KeySet is a checked, immutable set of keys.
type KeySet struct {
	set *jws.Set
}

// NewKeySet checks the keys and returns them as a set. It refuses an empty set,
// RSA keys under 2048 bits, with an even exponent or one below 3 or with the
// weakness known as ROCA, curves other than P-256, P-384 and P-521, points off
// the curve, Ed25519 points of small order, HMAC secrets shorter than the hash, an
// id that two keys share, and secrets next to public keys: such a set was published
// by mistake.
func NewKeySet(keys ...Key) (*KeySet, error) {
	list := make([]jws.Key, len(keys))
	for i, k := range keys {
		list[i] = jws.Key(k)
	}
	set, err := jws.New(list...)
	if err != nil {
		return nil, fmt.Errorf("auth: NewKeySet: %w", err)
	}
	return &KeySet{set}, nil
}
