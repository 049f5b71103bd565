package auth

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// keyfuncSets remembers the sets made of what a jwt.Keyfunc has returned, since
// checking a key costs more than a signature.
type keyfuncSets struct {
	mu   sync.Mutex
	sets map[keyfuncKey]keyfuncSet
}

type keyfuncKey struct{ algorithm, kid string }

type keyfuncSet struct {
	keys []any
	set  *KeySet
}

// maxKeyfuncSets bounds what is remembered: more keys than any issuer has.
const maxKeyfuncSets = 64

// ask returns what the Keyfunc says about a token with the header, as a set.
func (s *keyfuncSets) ask(f jwt.Keyfunc, h header) (*KeySet, error) {
	fields := map[string]any{"alg": h.alg}
	if h.kid != "" {
		fields["kid"] = h.kid
	}
	if h.typ != "" {
		fields["typ"] = h.typ
	}
	answer, err := f(&jwt.Token{Header: fields, Method: jwt.GetSigningMethod(h.alg)})
	if err != nil {
		return nil, fmt.Errorf("auth: %w: Keyfunc: %w", jwt.ErrTokenUnverifiable, err)
	}
	keys := []any{answer}
	if several, ok := answer.(jwt.VerificationKeySet); ok {
		keys = keys[:0]
		for _, k := range several.Keys {
			keys = append(keys, k)
		}
	}
	at := keyfuncKey{h.alg, h.kid}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.sets[at]; ok && sameKeys(last.keys, keys) {
		return last.set, nil
	}
	for i, k := range keys { // the caller may write over what it has returned
		switch k := k.(type) {
		case []byte:
			keys[i] = bytes.Clone(k)
		case ed25519.PublicKey:
			keys[i] = ed25519.PublicKey(bytes.Clone(k))
		}
	}
	set, err := keyfuncAnswer(h.alg, keys)
	if err != nil {
		return nil, fmt.Errorf("auth: %w: Keyfunc: %w", jwt.ErrTokenUnverifiable, err)
	}
	if s.sets == nil || len(s.sets) >= maxKeyfuncSets {
		s.sets = make(map[keyfuncKey]keyfuncSet)
	}
	s.sets[at] = keyfuncSet{keys, set}
	return set, nil
}

// keyfuncAnswer makes a set of the keys that serve the algorithm: for a token
// without a kid some Keyfuncs return all they have.
func keyfuncAnswer(algorithm string, keys []any) (*KeySet, error) {
	var list []Key
	var unfit error
	for _, k := range keys {
		key := Key{Algorithm: algorithm, Key: k}
		if _, err := NewKeySet(key); err != nil {
			unfit = err
			continue
		}
		list = append(list, key)
	}
	if len(list) == 0 && unfit != nil {
		return nil, unfit
	}
	return NewKeySet(list...)
}

// sameKeys reports whether the keys are the same, the public ones by their
// address. A key that only looks the same is checked again.
func sameKeys(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		same := false
		switch k := a[i].(type) {
		case []byte:
			other, ok := b[i].([]byte)
			same = ok && bytes.Equal(k, other)
		case ed25519.PublicKey:
			other, ok := b[i].(ed25519.PublicKey)
			same = ok && bytes.Equal(k, other)
		default:
			same = a[i] != nil && reflect.TypeOf(a[i]).Comparable() && a[i] == b[i]
		}
		if !same {
			return false
		}
	}
	return true
}
