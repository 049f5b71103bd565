package auth

import (
	"crypto/rand"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/tenetkit/tenet/auth/internal/phc"
)

// A Secret is one of the secrets of a [Client], as it is stored.
type Secret struct {
	// Hash is a string in the PHC format: $argon2id$, $pbkdf2-sha256$,
	// $pbkdf2-sha512$, one of bcrypt ($2a$, $2b$, $2y$), or $sha256$, which is
	// for secrets of [GenerateSecret] alone: a person's choice is guessed from it
	// in no time.
	Hash string `json:"hash"`

	// NotAfter is when the secret ends. If zero, never.
	NotAfter time.Time `json:"not_after,omitzero"`
}

// GenerateSecret returns a new secret of 130 random bits, which is shown to its
// owner once, and the hash to store. Since nobody can guess such a secret, a fast
// hash is enough for it.
func GenerateSecret() (secret, hash string) {
	secret = rand.Text()
	return secret, phc.Fast(secret)
}

// HashSecret returns the argon2id hash to store for a secret that a person has
// chosen. It fails for what [Basic] would refuse: an empty secret, one of more
// than 1024 bytes, one that is not UTF-8 or has control characters.
func HashSecret(secret string) (string, error) {
	if secret == "" || len(secret) > maxSecret {
		return "", errors.New("auth: HashSecret: a secret has 1 to 1024 bytes")
	}
	if !sound([]byte(secret)) {
		return "", errors.New("auth: HashSecret: a secret is UTF-8 without control characters")
	}
	return phc.New(secret), nil
}

const (
	maxClientID = 256
	maxSecret   = 1024
)

// sound reports whether text is UTF-8 without control characters (RFC 7617,
// section 2).
func sound(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(text)
}
