package auth

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of the algorithms below
	_ "crypto/sha512"

	"github.com/golang-jwt/jwt/v5"
)

type family uint8

const (
	familyHMAC family = iota + 1
	familyRSA
	familyEC
	familyEd25519
)

// algorithm is a signature algorithm of RFC 7518 and RFC 8037. There is no
// entry for none, and no way to add one.
type algorithm struct {
	name   string
	family family
	hash   crypto.Hash
	curve  string // of an EC key
	method jwt.SigningMethod
}

var algorithms = map[string]*algorithm{
	"HS256": {"HS256", familyHMAC, crypto.SHA256, "", jwt.SigningMethodHS256},
	"HS384": {"HS384", familyHMAC, crypto.SHA384, "", jwt.SigningMethodHS384},
	"HS512": {"HS512", familyHMAC, crypto.SHA512, "", jwt.SigningMethodHS512},
	"RS256": {"RS256", familyRSA, crypto.SHA256, "", jwt.SigningMethodRS256},
	"RS384": {"RS384", familyRSA, crypto.SHA384, "", jwt.SigningMethodRS384},
	"RS512": {"RS512", familyRSA, crypto.SHA512, "", jwt.SigningMethodRS512},
	"PS256": {"PS256", familyRSA, crypto.SHA256, "", strictPSS(jwt.SigningMethodPS256)},
	"PS384": {"PS384", familyRSA, crypto.SHA384, "", strictPSS(jwt.SigningMethodPS384)},
	"PS512": {"PS512", familyRSA, crypto.SHA512, "", strictPSS(jwt.SigningMethodPS512)},
	"ES256": {"ES256", familyEC, crypto.SHA256, "P-256", jwt.SigningMethodES256},
	"ES384": {"ES384", familyEC, crypto.SHA384, "P-384", jwt.SigningMethodES384},
	"ES512": {"ES512", familyEC, crypto.SHA512, "P-521", jwt.SigningMethodES512},
	"EdDSA": {"EdDSA", familyEd25519, 0, "", jwt.SigningMethodEdDSA},
}

// strictPSS demands a salt as long as the hash (RFC 7518, section 3.5), where
// the library takes any.
func strictPSS(m *jwt.SigningMethodRSAPSS) *jwt.SigningMethodRSAPSS {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          m.Options,
		VerifyOptions:    &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: m.Hash},
	}
}
