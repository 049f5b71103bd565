// Package jws verifies signatures with the algorithms of RFC 7518 and RFC 8037,
// under keys that were checked.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"maps"
	"slices"
)

type family uint8

const (
	familyHMAC family = iota + 1
	familyRSA
	familyEC
	familyEd25519
)

// An Algorithm is a signature algorithm. There is no entry for none, and no way to
// add one.
//
// Signatures are verified by the standard library at once and not by way of
// golang-jwt's signing methods: those copy the token and go through big.Int,
// which takes twice the allocations for ECDSA, and take a PSS salt of any length
// where RFC 7518, section 3.5, demands that of the hash.
type Algorithm struct {
	name   string
	family family
	hash   crypto.Hash
	pss    bool
	curve  string // of an EC key
}

// ByName returns the algorithm, or nil if it is unknown.
func ByName(name string) *Algorithm { return algorithms[name] }

// Names returns the names of all algorithms.
func Names() []string { return slices.Sorted(maps.Keys(algorithms)) }

// Name returns the name as RFC 7518 and RFC 8037 have it, such as RS256.
func (a *Algorithm) Name() string { return a.name }

// Secret reports whether the algorithm takes a secret instead of a public key.
func (a *Algorithm) Secret() bool { return a.family == familyHMAC }

var algorithms = map[string]*Algorithm{
	"HS256": {name: "HS256", family: familyHMAC, hash: crypto.SHA256},
	"HS384": {name: "HS384", family: familyHMAC, hash: crypto.SHA384},
	"HS512": {name: "HS512", family: familyHMAC, hash: crypto.SHA512},
	"RS256": {name: "RS256", family: familyRSA, hash: crypto.SHA256},
	"RS384": {name: "RS384", family: familyRSA, hash: crypto.SHA384},
	"RS512": {name: "RS512", family: familyRSA, hash: crypto.SHA512},
	"PS256": {name: "PS256", family: familyRSA, hash: crypto.SHA256, pss: true},
	"PS384": {name: "PS384", family: familyRSA, hash: crypto.SHA384, pss: true},
	"PS512": {name: "PS512", family: familyRSA, hash: crypto.SHA512, pss: true},
	"ES256": {name: "ES256", family: familyEC, hash: crypto.SHA256, curve: "P-256"},
	"ES384": {name: "ES384", family: familyEC, hash: crypto.SHA384, curve: "P-384"},
	"ES512": {name: "ES512", family: familyEC, hash: crypto.SHA512, curve: "P-521"},
	"EdDSA": {name: "EdDSA", family: familyEd25519},
}

var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}

// digest returns the hash of what was signed.
func (a *Algorithm) digest(signed []byte) []byte {
	switch a.hash {
	case crypto.SHA384:
		sum := sha512.Sum384(signed)
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(signed)
		return sum[:]
	}
	sum := sha256.Sum256(signed)
	return sum[:]
}

// verifyEC takes the signature as JWS has it, two numbers of the curve's size,
// and gives it to the standard library as it wants it, in ASN.1.
func verifyEC(key *ecdsa.PublicKey, digest, sig []byte) bool {
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return false
	}
	// The tag and a length of at most two bytes, then two integers of at most
	// 66 bytes, each with its tag, its length and a zero in front.
	var room [3 + 2*(2+1+66)]byte
	der := appendInteger(appendInteger(room[3:3], sig[:size]), sig[size:])
	head := room[1:1]
	if len(der) < 0x80 {
		head = append(head, 0x30, byte(len(der)))
	} else {
		head = append(room[:0], 0x30, 0x81, byte(len(der)))
	}
	return ecdsa.VerifyASN1(key, digest, room[3-len(head):3+len(der)])
}

// appendInteger appends the ASN.1 of an unsigned number.
func appendInteger(b, number []byte) []byte {
	for len(number) > 1 && number[0] == 0 {
		number = number[1:]
	}
	if number[0] < 0x80 {
		return append(append(b, 0x02, byte(len(number))), number...)
	}
	return append(append(b, 0x02, byte(len(number)+1), 0), number...)
}
