package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
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
	keys []*setKey
}

// setKey is a key ready for use.
type setKey struct {
	id          string
	algorithms  []*algorithm
	key         any
	fingerprint [sha256.Size]byte
	macs        []sync.Pool // of hash.Hash, one for each algorithm; HMAC alone
}

// minRSABits is what NIST SP 800-131A and RFC 7518, section 3.3, demand.
const minRSABits = 2048

// NewKeySet checks the keys and returns them as a set. It refuses an empty set,
// RSA keys under 2048 bits, with an even exponent or one below 3 or with the
// weakness known as ROCA, curves other than P-256, P-384 and P-521, points off
// the curve, HMAC secrets shorter than the hash, an id that two keys share,
// and secrets next to public keys: such a set was published by mistake.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("auth: NewKeySet: no key is given")
	}
	s := &KeySet{}
	ids := make(map[string]bool)
	secrets := 0
	for i, k := range keys {
		if k.ID != "" && ids[k.ID] {
			return nil, fmt.Errorf("auth: NewKeySet: two keys have the id %q", k.ID)
		}
		ids[k.ID] = true
		prepared, err := prepareKey(k)
		if err != nil {
			return nil, fmt.Errorf("auth: NewKeySet: key %d (id %q): %w", i, k.ID, err)
		}
		if prepared.algorithms[0].family == familyHMAC {
			secrets++
		}
		s.keys = append(s.keys, prepared)
	}
	if secrets > 0 && secrets < len(keys) {
		return nil, errors.New("auth: NewKeySet: secrets and public keys do not go into one set")
	}
	return s, nil
}

func prepareKey(k Key) (*setKey, error) {
	p := &setKey{id: k.ID, key: k.Key}
	var fits func(*algorithm) bool
	var material []byte
	var err error
	switch key := k.Key.(type) {
	case []byte:
		if len(key) < sha256.Size {
			return nil, errors.New("an HMAC secret has at least 32 bytes")
		}
		key = bytes.Clone(key)
		p.key, material = key, key
		fits = func(a *algorithm) bool { return a.family == familyHMAC && len(key) >= a.hash.Size() }
	case *rsa.PublicKey:
		if err := checkRSA(key); err != nil {
			return nil, err
		}
		fits = func(a *algorithm) bool { return a.family == familyRSA }
	case *ecdsa.PublicKey:
		if key == nil || key.Curve == nil {
			return nil, errors.New("the key is nil")
		}
		//lint:ignore SA1019 without them Bytes panics, and nothing else tells that they are missing
		if key.X == nil || key.Y == nil {
			return nil, errors.New("the key has no point")
		}
		// Bytes also checks that the point is on the curve.
		if _, err := key.Bytes(); err != nil {
			return nil, err
		}
		curve := key.Curve.Params().Name
		fits = func(a *algorithm) bool { return a.family == familyEC && a.curve == curve }
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 public key has 32 bytes")
		}
		fits = func(a *algorithm) bool { return a.family == familyEd25519 }
	default:
		return nil, fmt.Errorf("a %T is no verification key", k.Key)
	}
	if material == nil {
		if material, err = x509.MarshalPKIXPublicKey(k.Key); err != nil {
			return nil, err
		}
	}
	for name, a := range algorithms {
		if fits(a) && (k.Algorithm == "" || k.Algorithm == name) {
			p.algorithms = append(p.algorithms, a)
		}
	}
	if len(p.algorithms) == 0 {
		return nil, fmt.Errorf("the key cannot serve the algorithm %q", k.Algorithm)
	}
	slices.SortFunc(p.algorithms, func(a, b *algorithm) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	p.fingerprint = sha256.Sum256(fmt.Appendf(nil, "%d:%s,%d:%s,%T,%s", len(k.ID), k.ID, len(k.Algorithm), k.Algorithm, k.Key, material))
	if secret, ok := p.key.([]byte); ok {
		p.macs = make([]sync.Pool, len(p.algorithms))
		for i, a := range p.algorithms {
			p.macs[i].New = func() any { return &macState{mac: hmac.New(a.hash.New, secret)} }
		}
	}
	return p, nil
}

func checkRSA(key *rsa.PublicKey) error {
	switch {
	case key == nil || key.N == nil:
		return errors.New("the key is nil")
	case key.N.BitLen() < minRSABits:
		return fmt.Errorf("an RSA key has at least %d bits, not %d", minRSABits, key.N.BitLen())
	case key.N.BitLen() > 16384:
		return errors.New("an RSA key has at most 16384 bits")
	case key.N.Bit(0) == 0:
		return errors.New("the RSA modulus is even")
	case key.E < 3 || key.E%2 == 0:
		return errors.New("the RSA exponent is even or below 3")
	case roca(key.N):
		return errors.New("the RSA key has the weakness known as ROCA (CVE-2017-15361)")
	}
	return nil
}

// serves returns the place of the algorithm among those of the key, or -1.
func (k *setKey) serves(a *algorithm) int { return slices.Index(k.algorithms, a) }

// macState is an HMAC and the room for its result.
type macState struct {
	mac hash.Hash
	sum [64]byte
}

// verify reports whether sig is the signature of signed.
func (k *setKey) verify(a *algorithm, signed, sig []byte) bool {
	place := k.serves(a)
	if place < 0 {
		return false
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		digest := a.digest(signed)
		if a.pss {
			return rsa.VerifyPSS(key, a.hash, digest, sig, pssOptions) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, sig) == nil
	case *ecdsa.PublicKey:
		return verifyEC(key, a.digest(signed), sig)
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, sig)
	}
	// A pooled HMAC keeps the state after its key, which is half of the work.
	m := k.macs[place].Get().(*macState)
	m.mac.Reset()
	_, _ = m.mac.Write(signed)
	ok := hmac.Equal(m.mac.Sum(m.sum[:0]), sig)
	k.macs[place].Put(m)
	return ok
}

// find returns the key that verifies the signature, or nil. A kid only chooses
// among the keys of this set.
func (s *KeySet) find(a *algorithm, kid string, signed, sig []byte) *setKey {
	for _, k := range s.keys {
		if kid != "" && k.id != "" && k.id != kid {
			continue
		}
		if k.verify(a, signed, sig) {
			return k
		}
	}
	return nil
}

// has reports whether the set holds the key, perhaps read anew.
func (s *KeySet) has(k *setKey) bool {
	for _, other := range s.keys {
		if other == k || other.fingerprint == k.fingerprint {
			return true
		}
	}
	return false
}
