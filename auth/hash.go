package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

var errHash = errors.New("hash is not $sha256$, $argon2id$, $pbkdf2-sha256$, $pbkdf2-sha512$ or bcrypt's, or out of bounds")

// hashKind orders the kinds by what a check costs.
type hashKind uint8

const (
	hashSHA256 hashKind = iota
	hashPBKDF2
	hashArgon2id
	hashBcrypt
)

// secretHash is a parsed PHC string.
type secretHash struct {
	kind   hashKind
	text   string // of bcrypt
	salt   []byte
	sum    []byte
	rounds int // of pbkdf2, or time of argon2id
	memory uint32
	lanes  uint8
	hash   func() hash.Hash // of pbkdf2
}

// Bounds of what a stored hash may cost. They stop a slip in a table from
// stopping the service.
const (
	maxRounds     = 10_000_000
	maxMemory     = 1 << 20 // KiB
	maxTime       = 64
	maxBcryptCost = 16
	maxBcryptSize = 72 // bcrypt looks at no more
)

var phcBase64 = base64.RawStdEncoding.Strict()

// parseHash reads a stored hash:
//
//	$sha256$<sum>
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<sum>
//	$pbkdf2-sha256$i=600000$<salt>$<sum>
//	$2b$10$<salt and sum>
func parseHash(text string) (h secretHash, err error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return h, errHash
	}
	name, rest, _ := strings.Cut(rest, "$")
	switch name {
	case "sha256":
		h.kind = hashSHA256
		h.sum, ok = phcBytes(rest, sha256.Size, sha256.Size)
	case "argon2id":
		h.kind = hashArgon2id
		ok = h.argon2id(rest)
	case "pbkdf2-sha256":
		h.kind, h.hash = hashPBKDF2, sha256.New
		ok = h.pbkdf2(rest)
	case "pbkdf2-sha512":
		h.kind, h.hash = hashPBKDF2, sha512.New
		ok = h.pbkdf2(rest)
	case "2a", "2b", "2y":
		h.kind, h.text = hashBcrypt, text
		cost, err := bcrypt.Cost([]byte(text))
		ok = err == nil && len(text) == 60 && cost <= maxBcryptCost
	default:
		ok = false
	}
	if !ok {
		return secretHash{}, errHash
	}
	return h, nil
}

func (h *secretHash) argon2id(rest string) bool {
	rest, ok := strings.CutPrefix(rest, "v="+strconv.Itoa(argon2.Version)+"$")
	if !ok {
		return false
	}
	params, rest, _ := strings.Cut(rest, "$")
	m, params, _ := strings.Cut(params, ",")
	t, p, _ := strings.Cut(params, ",")
	memory, okM := phcNumber(m, "m=", maxMemory)
	rounds, okT := phcNumber(t, "t=", maxTime)
	lanes, okP := phcNumber(p, "p=", 255)
	if !okM || !okT || !okP || memory < 8*lanes {
		return false
	}
	h.memory, h.rounds, h.lanes = uint32(memory), rounds, uint8(lanes)
	return h.saltAndSum(rest)
}

func (h *secretHash) pbkdf2(rest string) bool {
	params, rest, _ := strings.Cut(rest, "$")
	var ok bool
	h.rounds, ok = phcNumber(params, "i=", maxRounds)
	return ok && h.saltAndSum(rest)
}

func (h *secretHash) saltAndSum(rest string) bool {
	salt, sum, _ := strings.Cut(rest, "$")
	var okSalt, okSum bool
	h.salt, okSalt = phcBytes(salt, 8, 64)
	h.sum, okSum = phcBytes(sum, 16, 64)
	return okSalt && okSum
}

func phcBytes(text string, least, most int) ([]byte, bool) {
	if len(text) > phcBase64.EncodedLen(most) || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := phcBase64.DecodeString(text)
	return b, err == nil && len(b) >= least && len(b) <= most
}

// phcNumber reads a parameter from 1 to most, without leading zeros.
func phcNumber(text, prefix string, most int) (int, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	if !ok || len(digits) == 0 || len(digits) > 9 || digits[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n <= most
}

// matches reports whether the hash is that of the secret. The time it takes does
// not depend on how much of it is right.
func (h *secretHash) matches(secret []byte) bool {
	switch h.kind {
	case hashSHA256:
		sum := sha256.Sum256(secret)
		return hmac.Equal(sum[:], h.sum)
	case hashArgon2id:
		sum := argon2.IDKey(secret, h.salt, uint32(h.rounds), h.memory, h.lanes, uint32(len(h.sum)))
		return hmac.Equal(sum, h.sum)
	case hashPBKDF2:
		sum, err := pbkdf2.Key(h.hash, string(secret), h.salt, h.rounds, len(h.sum))
		return err == nil && hmac.Equal(sum, h.sum)
	case hashBcrypt:
		// A longer secret is cut, and checked all the same for the sake of time.
		tooLong := len(secret) > maxBcryptSize
		err := bcrypt.CompareHashAndPassword([]byte(h.text), secret[:min(len(secret), maxBcryptSize)])
		return err == nil && !tooLong
	}
	return false
}

// outdated reports whether a slow hash is weaker than what HashSecret makes:
// of another kind, or with parameters below its own.
func outdated(text string) bool {
	h, err := parseHash(text)
	return err == nil && (h.kind != hashArgon2id || h.memory < argonMemory || h.rounds < argonTime)
}

// checkHash is for messages: it names the hash by its place, never by its text.
func checkHash(text string) error {
	if _, err := parseHash(text); err != nil {
		return fmt.Errorf("its %w", err)
	}
	return nil
}

const fastPrefix = "$sha256$"

// matchesFast reports whether the hash is a $sha256$ one, and if so, whether it
// is that of the secret.
func matchesFast(text string, secret []byte) (fast, ok bool) {
	const size = len(fastPrefix) + 43
	if len(text) != size || text[:len(fastPrefix)] != fastPrefix {
		return false, false
	}
	sum := sha256.Sum256(secret)
	var want, have [43]byte
	phcBase64.Encode(want[:], sum[:])
	copy(have[:], text[len(fastPrefix):])
	return true, subtle.ConstantTimeCompare(want[:], have[:]) == 1
}
