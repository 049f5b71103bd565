package jwk

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/tenetkit/tenet/internal/strictjson"
)

// maxKeys is more than any issuer has. Each costs a check of its own, and each
// may be tried for a token without a kid.
const maxKeys = 256

// ErrUse is wrapped by the error for a key that is for something else than
// verifying signatures, which is nobody's mistake.
var ErrUse = errors.New("jwk: the key is not for verifying signatures")

// object is a JWK by its exact names; encoding/json would take KTY for kty.
type object map[string]json.RawMessage

// Parse reads one JWK: a public key for signatures, or a secret. Private keys and
// keys for encryption are errors.
func Parse(data []byte) (Key, error) {
	if err := strictjson.Check(data); err != nil {
		return Key{}, fmt.Errorf("jwk: %w", err)
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return Key{}, errors.New("jwk: not a JSON object")
	}
	return o.key()
}

// ParseSet reads a JWK Set. A key that it cannot use is left out and told in
// skipped (RFC 7517, section 5); the set itself has to be well-formed and of at
// most 256 keys.
func ParseSet(data []byte) (keys []Key, skipped []error, err error) {
	if err := strictjson.Check(data); err != nil {
		return nil, nil, fmt.Errorf("jwk: %w", err)
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, nil, errors.New("jwk: the set is not a JSON object")
	}
	var members []json.RawMessage // counted before more memory is spent on them
	if err := json.Unmarshal(o["keys"], &members); err != nil || members == nil {
		return nil, nil, errors.New("jwk: the set has no array of keys")
	}
	if len(members) > maxKeys {
		return nil, nil, fmt.Errorf("jwk: the set has more than %d keys", maxKeys)
	}
	for i, text := range members {
		var m object
		if err := json.Unmarshal(text, &m); err != nil || m == nil {
			return nil, nil, fmt.Errorf("jwk: key %d is no JSON object", i)
		}
		k, err := m.key()
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d: %w", i, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, skipped, nil
}

// text returns the string of that name, or "" if it is absent.
func (o object) text(name string) (string, error) {
	raw, ok := o[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("jwk: %s is no string", name)
	}
	return *s, nil
}

// bytes returns what the required string of that name encodes.
func (o object) bytes(name string) ([]byte, error) {
	s, err := o.text(name)
	if err != nil {
		return nil, err
	}
	b, err := encoding.DecodeString(s)
	if err != nil || len(b) == 0 || encoding.EncodeToString(b) != s {
		return nil, fmt.Errorf("jwk: %s is missing or not base64url", name)
	}
	return b, nil
}

func (o object) key() (k Key, err error) {
	var kty, use string
	for name, to := range map[string]*string{"kty": &kty, "use": &use, "kid": &k.ID, "alg": &k.Algorithm} {
		if *to, err = o.text(name); err != nil {
			return Key{}, err
		}
	}
	if _, named := o["use"]; named && use != "sig" {
		return Key{}, fmt.Errorf("%w but for %q", ErrUse, use)
	}
	if raw, named := o["key_ops"]; named {
		var ops []string
		if err := json.Unmarshal(raw, &ops); err != nil {
			return Key{}, errors.New("jwk: key_ops is no array of strings")
		}
		if !slices.Contains(ops, "verify") {
			return Key{}, fmt.Errorf("%w but for %q", ErrUse, ops)
		}
	}
	// Any of them gives a private key away (RFC 7518, sections 6.2.2 and 6.3.2).
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, private := o[name]; private {
			return Key{}, errors.New("jwk: the key is a private one")
		}
	}
	switch kty {
	case "RSA":
		k.Key, err = o.rsa()
	case "EC":
		k.Key, err = o.ec()
	case "OKP":
		k.Key, err = o.okp()
	case "oct":
		k.Key, err = o.bytes("k")
	default:
		err = fmt.Errorf("jwk: the key type %q is unknown", kty)
	}
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

func (o object) rsa() (*rsa.PublicKey, error) {
	n, err := o.bytes("n")
	if err != nil {
		return nil, err
	}
	e, err := o.bytes("e")
	if err != nil {
		return nil, err
	}
	if len(e) > 4 || len(e) == 4 && e[0] > 0x7f {
		return nil, errors.New("jwk: the RSA exponent is too large")
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if key.N.Sign() == 0 || key.E < 3 || key.E%2 == 0 {
		return nil, errors.New("jwk: the RSA modulus is zero or the exponent is not odd and above 2")
	}
	return key, nil
}

func (o object) ec() (*ecdsa.PublicKey, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	name, err := o.text("crv")
	if err != nil {
		return nil, err
	}
	curve, ok := curves[name]
	if !ok {
		return nil, fmt.Errorf("jwk: the curve %q is unknown", name)
	}
	x, err := o.bytes("x")
	if err != nil {
		return nil, err
	}
	y, err := o.bytes("y")
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, errors.New("jwk: a coordinate has not the length of the curve's")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, fmt.Errorf("jwk: %w", err)
	}
	return key, nil
}

func (o object) okp() (ed25519.PublicKey, error) {
	if name, err := o.text("crv"); err != nil || name != "Ed25519" {
		return nil, fmt.Errorf("jwk: the curve %q is unknown", name)
	}
	x, err := o.bytes("x")
	if err != nil {
		return nil, err
	}
	if len(x) != ed25519.PublicKeySize {
		return nil, errors.New("jwk: an Ed25519 key has 32 bytes")
	}
	return ed25519.PublicKey(x), nil
}
