// Package jwk reads and writes JSON Web Keys (RFC 7517, RFC 7518, RFC 8037).
// Whether a key is strong enough is for auth.NewKeySet to say.
package jwk

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// A Key is a public key or a secret with what a JWK says about it.
type Key struct {
	ID        string
	Algorithm string
	Key       any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

var encoding = base64.RawURLEncoding.Strict()

// MarshalSet returns the JWK Set of the public keys. A secret is an error.
func MarshalSet(keys []Key) ([]byte, error) {
	type member struct {
		Kty string `json:"kty"`
		Use string `json:"use"`
		Alg string `json:"alg,omitempty"`
		Kid string `json:"kid,omitempty"`
		params
	}
	set := struct {
		Keys []member `json:"keys"`
	}{Keys: make([]member, 0, len(keys))}
	for _, k := range keys {
		kty, p, err := public(k.Key)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, member{Kty: kty, Use: "sig", Alg: k.Algorithm, Kid: k.ID, params: p})
	}
	return json.Marshal(set)
}

// params are the members that make a key, in the order of RFC 7638.
type params struct {
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	N   string `json:"n,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

func public(key any) (kty string, p params, err error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		p.E = encoding.EncodeToString(big.NewInt(int64(k.E)).Bytes())
		p.N = encoding.EncodeToString(k.N.Bytes())
		return "RSA", p, nil
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			return "", p, fmt.Errorf("jwk: %w", err)
		}
		half := len(point) / 2
		p.Crv = k.Curve.Params().Name
		p.X = encoding.EncodeToString(point[1 : 1+half])
		p.Y = encoding.EncodeToString(point[1+half:])
		return "EC", p, nil
	case ed25519.PublicKey:
		p.Crv = "Ed25519"
		p.X = encoding.EncodeToString(k)
		return "OKP", p, nil
	}
	return "", p, fmt.Errorf("jwk: a %T is no public key", key)
}

// Thumbprint returns the RFC 7638 thumbprint of a public key.
func Thumbprint(key any) (string, error) {
	kty, p, err := public(key)
	if err != nil {
		return "", err
	}
	// The members in the order of their names; none needs an escape.
	var text string
	switch kty {
	case "RSA":
		text = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, p.E, p.N)
	case "EC":
		text = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, p.Crv, p.X, p.Y)
	default:
		text = fmt.Sprintf(`{"crv":%q,"kty":"OKP","x":%q}`, p.Crv, p.X)
	}
	sum := sha256.Sum256([]byte(text))
	return encoding.EncodeToString(sum[:]), nil
}
