package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
)

func TestNewKeySetRefuses(t *testing.T) {
	t.Parallel()
	n := rsaKey().N
	public := func(n *big.Int, e int) auth.Key { return auth.Key{Key: &rsa.PublicKey{N: n, E: e}} }
	bits := func(size uint) *big.Int {
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), size-1), big.NewInt(1))
	}
	tests := map[string][]auth.Key{
		"nothing":                       nil,
		"no key":                        {{}},
		"an RSA key without a modulus":  {{Key: &rsa.PublicKey{E: 65537}}},
		"a nil RSA key":                 {{Key: (*rsa.PublicKey)(nil)}},
		"an RSA key of 2047 bits":       {public(bits(2047), 65537)},
		"an RSA key of 16385 bits":      {public(bits(16385), 65537)},
		"an even modulus":               {public(new(big.Int).Add(n, big.NewInt(1)), 65537)},
		"the exponent 1":                {public(n, 1)},
		"an even exponent":              {public(n, 65536)},
		"a negative exponent":           {public(n, -3)},
		"an EC key without a curve":     {{Key: &ecdsa.PublicKey{}}},
		"an EC key without a point":     {{Key: &ecdsa.PublicKey{Curve: elliptic.P256()}}},
		"an Ed25519 key of 31 bytes":    {{Key: ed25519.PublicKey(make([]byte, 31))}},
		"an Ed25519 key for ES256":      {{Key: edKey().Public(), Algorithm: "ES256"}},
		"a P-256 key for ES384":         {{Key: &ecKey().PublicKey, Algorithm: "ES384"}},
		"an algorithm that nobody has":  {{Key: hmacKey, Algorithm: "HS1"}},
		"a text":                        {{Key: "secret"}},
		"a private key":                 {{Key: edKey()}},
		"a secret of 31 bytes":          {{Key: hmacKey[:31]}},
		"a secret next to a public key": {{ID: "a", Key: hmacKey}, {ID: "b", Key: &ecKey().PublicKey}},
		"an id twice":                   {{ID: "a", Key: &ecKey().PublicKey}, {ID: "a", Key: edKey().Public()}},
	}
	for name, keys := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := auth.NewKeySet(keys...); err == nil || !strings.HasPrefix(err.Error(), "auth: NewKeySet: ") {
				t.Errorf("NewKeySet = %v, want an error of its own", err)
			}
		})
	}
}

// A secret that changes after it was given changes nothing.
func TestKeySetKeepsItsOwnSecret(t *testing.T) {
	t.Parallel()
	secret := append([]byte(nil), hmacKey...)
	issuer := hmacIssuer()
	issuer.Keys = []auth.Key{{Key: secret}}
	j := newJWT(t, auth.JWTOptions{}, issuer)
	clear(secret)
	if _, err := j.Authenticate(request("Bearer " + goodToken())); err != nil {
		t.Errorf("Authenticate = %v", err)
	}
}

// A KeySet is immutable, whatever becomes of the keys that it was made of.
func TestKeySetKeepsItsOwnKeys(t *testing.T) {
	t.Parallel()
	ed := append(ed25519.PublicKey(nil), edKey().Public().(ed25519.PublicKey)...)
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ec := private.PublicKey
	j := newJWT(t, auth.JWTOptions{}, auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"EdDSA", "ES256"}, Keys: []auth.Key{{ID: "1", Key: ed}, {ID: "2", Key: &ec}},
	})
	clear(ed)
	ec = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey
	for name, token := range map[string]string{
		"EdDSA": forge(jwt.SigningMethodEdDSA, edKey(), object{"alg": "EdDSA"}, goodClaims()),
		"ES256": forge(jwt.SigningMethodES256, private, object{"alg": "ES256"}, goodClaims()),
	} {
		if _, err := j.Authenticate(request("Bearer " + token)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// For an Ed25519 key of small order one signature is good for many messages.
func TestSmallOrderKeys(t *testing.T) {
	t.Parallel()
	signature := append([]byte{1}, make([]byte, ed25519.SignatureSize-1)...) // R is the neutral point, S is 0
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			key := ed25519.PublicKey(must(hex.DecodeString(text)))
			key[31] |= sign
			forged := 0
			for i := range 200 {
				if ed25519.Verify(key, fmt.Append(nil, i), signature) {
					forged++
				}
			}
			if _, err := auth.NewKeySet(auth.Key{Key: key}); err == nil || forged == 0 {
				t.Errorf("NewKeySet of %x = %v, want an error; the signature is good for %d of 200 messages", key, err, forged)
			}
		}
	}
}
