package issuer_test

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
)

// sha256Of and pbkdf2Of end the hash of a secret in the PHC format.
func sha256Of(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

func pbkdf2Of(secret string) string {
	key := must(pbkdf2.Key(sha256.New, secret, []byte("saltsaltsaltsalt"), 1000, 32))
	return base64.RawStdEncoding.EncodeToString(key)
}
