package issuer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
)

// signer is a key that signs.
type signer struct {
	method jwt.SigningMethod
	key    any
	public auth.Key
}

// keys are those of an issuer at one time.
type keys struct {
	signer    *signer
	others    []retired
	set       *auth.KeySet
	published []byte    // JSON
	next      time.Time // when the first of the others goes; zero if none does
}

type retired struct {
	key   auth.Key
	until time.Time // zero: for good
}

func newSigner(key auth.Key) (*signer, error) {
	public, algorithm, err := publicKey(key)
	if err != nil {
		return nil, err
	}
	switch k := key.Key.(type) {
	case []byte:
		key.Key = public.Key
	case ed25519.PrivateKey:
		key.Key = slices.Clone(k)
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
	default:
		return nil, fmt.Errorf("a %T does not sign", key.Key)
	}
	method := jwt.GetSigningMethod(algorithm)
	if method == nil || algorithm == "none" {
		return nil, fmt.Errorf("the algorithm %q is unknown", algorithm)
	}
	s := &signer{method: method, key: key.Key, public: public}
	return s, s.try()
}

// try returns an error if what the key signs does not verify: found out now, or by
// every client.
func (s *signer) try() error {
	//lint:ignore SA1019 without it Sign panics, and nothing else tells that it is missing
	if k, ok := s.key.(*ecdsa.PrivateKey); ok && k.D == nil {
		return errors.New("the key has no private half")
	}
	signature, err := s.method.Sign("try", s.key)
	if err == nil {
		err = s.method.Verify("try", signature, s.public.Key)
	}
	if err != nil {
		return fmt.Errorf("the key does not sign: %w", err)
	}
	return nil
}

// publicKey returns what verifies the signatures of key, and the algorithm.
func publicKey(key auth.Key) (public auth.Key, algorithm string, err error) {
	usual := ""
	switch k := key.Key.(type) {
	case []byte:
		usual = "HS256"
		key.Key = bytes.Clone(k)
	case *rsa.PrivateKey:
		if k == nil {
			return public, "", errors.New("the key is nil")
		}
		key.Key = &k.PublicKey
	case *ecdsa.PrivateKey:
		if k == nil {
			return public, "", errors.New("the key is nil")
		}
		key.Key = &k.PublicKey
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return public, "", errors.New("an Ed25519 private key has 64 bytes")
		}
		key.Key = k.Public()
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		usual = "RS256"
	case *ecdsa.PublicKey:
		if k != nil && k.Curve != nil {
			usual = map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
		}
	case ed25519.PublicKey:
		usual = "EdDSA"
	}
	if key.Algorithm == "" {
		key.Algorithm = usual
	}
	if _, err := auth.NewKeySet(key); err != nil {
		return public, "", err
	}
	if _, secret := key.Key.([]byte); key.ID == "" && !secret {
		if key.ID, err = jwk.Thumbprint(key.Key); err != nil {
			return public, "", err
		}
	}
	return key, key.Algorithm, nil
}

// seal makes what is derived from the keys.
func (k *keys) seal() error {
	all := []auth.Key{k.signer.public}
	k.next = time.Time{}
	for _, r := range k.others {
		all = append(all, r.key)
		if !r.until.IsZero() && (k.next.IsZero() || r.until.Before(k.next)) {
			k.next = r.until
		}
	}
	set, err := auth.NewKeySet(all...)
	if err != nil {
		return err
	}
	public := make([]jwk.Key, 0, len(all))
	for _, key := range all {
		if _, secret := key.Key.([]byte); !secret {
			public = append(public, jwk.Key{ID: key.ID, Algorithm: key.Algorithm, Key: key.Key})
		}
	}
	k.set = set
	k.published, err = jwk.MarshalSet(public)
	return err
}

// family returns the algorithms that this issuer may sign with, now and after a
// rotation.
func (k *keys) family() []string {
	if _, secret := k.signer.key.([]byte); secret {
		return []string{"HS256", "HS384", "HS512"}
	}
	return []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	}
}

// Publish puts a key into the set ahead of the day that [Issuer.Rotate] makes it
// sign. Its tokens are good from now on: another process may sign with it already.
// The public half is enough. A secret is trusted and never shown. Publish fails for
// a key that [New] would refuse in [Options.Retired], and for an id that is in use.
func (i *Issuer) Publish(key auth.Key) error {
	public, _, err := publicKey(key)
	if err == nil {
		err = i.change(func(old *keys, others []retired) *keys {
			return &keys{signer: old.signer, others: append(others, retired{key: public})}
		})
	}
	if err != nil {
		return fmt.Errorf("issuer: Publish: %w", err)
	}
	return nil
}

// Rotate makes the key sign from now on. The one that signed so far stays in the set
// until its last token has ended. The key may be in the set already, by Publish or
// because it signed before. Rotate fails for a key that [New] would refuse, for an
// id that another key has, and for a secret after a private key or the reverse.
func (i *Issuer) Rotate(key auth.Key) error {
	s, err := newSigner(key)
	if err == nil {
		err = i.change(func(old *keys, others []retired) *keys {
			others = slices.DeleteFunc(others, func(r retired) bool { return same(r.key, s.public) })
			// A minute more, for verifiers whose clocks are behind.
			until := time.Now().Add(i.opts.TTL + time.Minute)
			return &keys{signer: s, others: slices.Insert(others, 0, retired{old.signer.public, until})}
		})
	}
	if err != nil {
		return fmt.Errorf("issuer: Rotate: %w", err)
	}
	return nil
}

// change puts in place what next makes of the keys, given those of the others that
// have not gone yet.
func (i *Issuer) change(next func(old *keys, others []retired) *keys) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	old := i.now.Load()
	k := next(old, current(old.others, time.Now()))
	if err := k.seal(); err != nil {
		return err
	}
	i.now.Store(k)
	return nil
}

// same reports whether the two, as publicKey returns them, are one key.
func same(a, b auth.Key) bool {
	if a.ID != b.ID || a.Algorithm != b.Algorithm {
		return false
	}
	if secret, ok := a.Key.([]byte); ok {
		other, ok := b.Key.([]byte)
		return ok && bytes.Equal(secret, other)
	}
	public, ok := a.Key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(b.Key)
}

// current returns the keys that have not gone yet.
func current(others []retired, now time.Time) (kept []retired) {
	for _, r := range others {
		if r.until.IsZero() || now.Before(r.until) {
			kept = append(kept, r)
		}
	}
	return kept
}

// keys returns the keys as they are now, without those that have gone.
func (i *Issuer) keys() (*keys, error) {
	k := i.now.Load()
	if k.next.IsZero() || time.Now().Before(k.next) {
		return k, nil
	}
	err := i.change(func(old *keys, others []retired) *keys { return &keys{signer: old.signer, others: others} })
	if err != nil {
		return nil, err
	}
	return i.now.Load(), nil
}

func (i *Issuer) keySource(context.Context, string) (*auth.KeySet, error) {
	k, err := i.keys()
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return k.set, nil
}
