// Package phc reads, checks and makes the hashes of secrets in the PHC string
// format.
package phc

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
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

// ErrFormat is the error of [Parse].
var ErrFormat = errors.New("hash is not $sha256$, $argon2id$, $pbkdf2-sha256$, $pbkdf2-sha512$ or bcrypt's, or out of bounds")

// A Kind is a way to hash.
type Kind uint8

// The kinds. SHA256 is the only fast one.
const (
	SHA256 Kind = iota
	PBKDF2
	Argon2id
	Bcrypt
)

// A Hash is a parsed PHC string.
type Hash struct {
	Kind   Kind
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

var base64Strict = base64.RawStdEncoding.Strict()

// Parse reads a stored hash:
//
//	$sha256$<sum>
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<sum>
//	$pbkdf2-sha256$i=600000$<salt>$<sum>
//	$2b$10$<salt and sum>
func Parse(text string) (h Hash, err error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return h, ErrFormat
	}
	name, rest, _ := strings.Cut(rest, "$")
	switch name {
	case "sha256":
		h.Kind = SHA256
		h.sum, ok = decode(rest, sha256.Size, sha256.Size)
	case "argon2id":
		h.Kind = Argon2id
		ok = h.argon2id(rest)
	case "pbkdf2-sha256":
		h.Kind, h.hash = PBKDF2, sha256.New
		ok = h.pbkdf2(rest)
	case "pbkdf2-sha512":
		h.Kind, h.hash = PBKDF2, sha512.New
		ok = h.pbkdf2(rest)
	case "2a", "2b", "2y":
		h.Kind, h.text = Bcrypt, text
		cost, err := bcrypt.Cost([]byte(text))
		ok = err == nil && len(text) == 60 && cost <= maxBcryptCost
	default:
		ok = false
	}
	if !ok {
		return Hash{}, ErrFormat
	}
	return h, nil
}

func (h *Hash) argon2id(rest string) bool {
	rest, ok := strings.CutPrefix(rest, "v="+strconv.Itoa(argon2.Version)+"$")
	if !ok {
		return false
	}
	params, rest, _ := strings.Cut(rest, "$")
	m, params, _ := strings.Cut(params, ",")
	t, p, _ := strings.Cut(params, ",")
	memory, okM := number(m, "m=", maxMemory)
	rounds, okT := number(t, "t=", maxTime)
	lanes, okP := number(p, "p=", 255)
	if !okM || !okT || !okP || memory < 8*lanes {
		return false
	}
	h.memory, h.rounds, h.lanes = uint32(memory), rounds, uint8(lanes)
	return h.saltAndSum(rest)
}

func (h *Hash) pbkdf2(rest string) bool {
	params, rest, _ := strings.Cut(rest, "$")
	var ok bool
	h.rounds, ok = number(params, "i=", maxRounds)
	return ok && h.saltAndSum(rest)
}

func (h *Hash) saltAndSum(rest string) bool {
	salt, sum, _ := strings.Cut(rest, "$")
	var okSalt, okSum bool
	h.salt, okSalt = decode(salt, 8, 64)
	h.sum, okSum = decode(sum, 16, 64)
	return okSalt && okSum
}

func decode(text string, least, most int) ([]byte, bool) {
	if len(text) > base64Strict.EncodedLen(most) || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	b, err := base64Strict.DecodeString(text)
	return b, err == nil && len(b) >= least && len(b) <= most
}

// number reads a parameter from 1 to most, without leading zeros.
func number(text, prefix string, most int) (int, bool) {
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

// Cost estimates how many microseconds a check takes: enough to tell which of two
// hashes is the dearer.
func (h *Hash) Cost() int {
	switch h.Kind {
	case PBKDF2:
		return h.rounds / 4 * ((len(h.sum) + h.hash().Size() - 1) / h.hash().Size())
	case Argon2id:
		return int(h.memory) * h.rounds / 2
	case Bcrypt:
		cost, _ := bcrypt.Cost([]byte(h.text))
		return 55 << cost
	}
	return 0
}

// Matches reports whether the hash is that of the secret. The time it takes does
// not depend on how much of it is right.
func (h *Hash) Matches(secret []byte) bool {
	switch h.Kind {
	case SHA256:
		sum := sha256.Sum256(secret)
		return hmac.Equal(sum[:], h.sum)
	case Argon2id:
		sum := argon2.IDKey(secret, h.salt, uint32(h.rounds), h.memory, h.lanes, uint32(len(h.sum)))
		return hmac.Equal(sum, h.sum)
	case PBKDF2:
		sum, err := pbkdf2.Key(h.hash, string(secret), h.salt, h.rounds, len(h.sum))
		return err == nil && hmac.Equal(sum, h.sum)
	case Bcrypt:
		// A longer secret is cut, and checked all the same for the sake of time.
		tooLong := len(secret) > maxBcryptSize
		err := bcrypt.CompareHashAndPassword([]byte(h.text), secret[:min(len(secret), maxBcryptSize)])
		return err == nil && !tooLong
	}
	return false
}

// Outdated reports whether a slow hash is weaker than those that [New] makes: of
// another kind, or with parameters below its own.
func Outdated(text string) bool {
	h, err := Parse(text)
	return err == nil && (h.Kind != Argon2id || h.memory < argonMemory || h.rounds < argonTime)
}

const fastPrefix = "$sha256$"

// MatchesFast reports whether the hash is a $sha256$ one, and if so, whether it is
// that of the secret, which has to be the same in every call. It allocates nothing.
func (f *FastSum) MatchesFast(text string, secret []byte) (fast, ok bool) {
	const size = len(fastPrefix) + 43
	if len(text) != size || text[:len(fastPrefix)] != fastPrefix {
		return false, false
	}
	if !f.done {
		sum := sha256.Sum256(secret)
		base64Strict.Encode(f.text[:], sum[:])
		f.done = true
	}
	var have [43]byte
	copy(have[:], text[len(fastPrefix):])
	return true, subtle.ConstantTimeCompare(f.text[:], have[:]) == 1
}

// A FastSum is what several $sha256$ hashes are compared with: it is computed once,
// so that what a check takes hardly tells how many there are.
type FastSum struct {
	done bool
	text [43]byte
}

// Fast returns the $sha256$ hash of a secret that nobody can guess.
func Fast(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return fastPrefix + base64Strict.EncodeToString(sum[:])
}

// The parameters of new hashes: OWASP's first choice, 19 MiB and two rounds.
const (
	argonMemory = 19 * 1024
	argonTime   = 2
	argonLanes  = 1
	argonSize   = 32
)

// New returns the argon2id hash of a secret, under a new salt.
func New(secret string) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	sum := argon2.IDKey([]byte(secret), salt[:], argonTime, argonMemory, argonLanes, argonSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		base64Strict.EncodeToString(salt[:]), base64Strict.EncodeToString(sum))
}
