package jws

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"sync"
)

// A Key is one to verify with: an [*rsa.PublicKey], [*ecdsa.PublicKey],
// [ed25519.PublicKey] or, for HMAC, a []byte.
type Key struct {
	ID        string // kid; a key without one is tried for every token
	Algorithm string // the only one that the key is used with; if empty, its kind decides
	Key       any
}

// A Set is a checked, immutable set of keys.
type Set struct {
	keys []*Verifier
}

// A Verifier is a key ready for use.
type Verifier struct {
	id          string
	algorithms  []*Algorithm
	key         any
	fingerprint [sha256.Size]byte
	macs        []sync.Pool // of hash.Hash, one for each algorithm; HMAC alone
}

// minRSABits is what NIST SP 800-131A and RFC 7518, section 3.3, demand.
const minRSABits = 2048

// New checks the keys and returns them as a set. It refuses what auth.NewKeySet
// says.
func New(keys ...Key) (*Set, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key is given")
	}
	s := &Set{}
	ids := make(map[string]bool)
	secrets := 0
	for i, k := range keys {
		if k.ID != "" && ids[k.ID] {
			return nil, fmt.Errorf("two keys have the id %q", k.ID)
		}
		ids[k.ID] = true
		v, err := prepare(k)
		if err != nil {
			return nil, fmt.Errorf("key %d (id %q): %w", i, k.ID, err)
		}
		if v.algorithms[0].Secret() {
			secrets++
		}
		s.keys = append(s.keys, v)
	}
	if secrets > 0 && secrets < len(keys) {
		return nil, errors.New("secrets and public keys do not go into one set")
	}
	return s, nil
}

func prepare(k Key) (*Verifier, error) {
	p := &Verifier{id: k.ID, key: k.Key}
	var fits func(*Algorithm) bool
	var material []byte
	var err error
	switch key := k.Key.(type) {
	case []byte:
		if len(key) < sha256.Size {
			return nil, errors.New("an HMAC secret has at least 32 bytes")
		}
		key = bytes.Clone(key)
		p.key, material = key, key
		fits = func(a *Algorithm) bool { return a.family == familyHMAC && len(key) >= a.hash.Size() }
	case *rsa.PublicKey:
		if err := checkRSA(key); err != nil {
			return nil, err
		}
		p.key = &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}
		fits = func(a *Algorithm) bool { return a.family == familyRSA }
	case *ecdsa.PublicKey:
		if key == nil || key.Curve == nil {
			return nil, errors.New("the key is nil")
		}
		//lint:ignore SA1019 without them Bytes panics, and nothing else tells that they are missing
		if key.X == nil || key.Y == nil {
			return nil, errors.New("the key has no point")
		}
		// Bytes also checks that the point is on the curve.
		point, err := key.Bytes()
		if err != nil {
			return nil, err
		}
		if p.key, err = ecdsa.ParseUncompressedPublicKey(key.Curve, point); err != nil {
			return nil, err
		}
		curve := key.Curve.Params().Name
		fits = func(a *Algorithm) bool { return a.family == familyEC && a.curve == curve }
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("an Ed25519 public key has 32 bytes")
		}
		if smallOrder(key) {
			return nil, errors.New("the Ed25519 key is a point of small order, for which anybody can sign")
		}
		p.key = ed25519.PublicKey(bytes.Clone(key))
		fits = func(a *Algorithm) bool { return a.family == familyEd25519 }
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
	slices.SortFunc(p.algorithms, func(a, b *Algorithm) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
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

// Serves reports whether the key is good for one of the algorithms.
func (v *Verifier) Serves(algorithms ...*Algorithm) bool {
	return slices.ContainsFunc(algorithms, func(a *Algorithm) bool { return v.place(a) >= 0 })
}

// ID returns the id of the key.
func (v *Verifier) ID() string { return v.id }

// place returns where the algorithm is among those of the key, or -1.
func (v *Verifier) place(a *Algorithm) int { return slices.Index(v.algorithms, a) }

// smallOrders are the points of order 1, 2, 4 and 8 without their signs, those that
// are not reduced included.
var smallOrders = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// smallOrder reports whether R and S can be chosen so that they sign any eighth
// message under the key, which ed25519.Verify leaves to its caller to rule out.
func smallOrder(key ed25519.PublicKey) bool {
	point := bytes.Clone(key)
	point[len(point)-1] &= 0x7f
	return slices.Contains(smallOrders[:], hex.EncodeToString(point))
}

// macState is an HMAC and the room for its result.
type macState struct {
	mac hash.Hash
	sum [64]byte
}

// verify reports whether sig is the signature of signed.
func (v *Verifier) verify(a *Algorithm, signed, sig []byte) bool {
	place := v.place(a)
	if place < 0 {
		return false
	}
	switch key := v.key.(type) {
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
	m := v.macs[place].Get().(*macState)
	m.mac.Reset()
	_, _ = m.mac.Write(signed)
	ok := hmac.Equal(m.mac.Sum(m.sum[:0]), sig)
	v.macs[place].Put(m)
	return ok
}

// Keys returns the keys of the set, not to be changed.
func (s *Set) Keys() []*Verifier { return s.keys }

// Find returns the key that verifies the signature, or nil. A kid only chooses
// among the keys of this set.
func (s *Set) Find(a *Algorithm, kid string, signed, sig []byte) *Verifier {
	for _, v := range s.keys {
		if kid != "" && v.id != "" && v.id != kid {
			continue
		}
		if v.verify(a, signed, sig) {
			return v
		}
	}
	return nil
}

// Has reports whether the set holds the key, perhaps read anew.
func (s *Set) Has(v *Verifier) bool {
	for _, other := range s.keys {
		if other == v || other.fingerprint == v.fingerprint {
			return true
		}
	}
	return false
}
