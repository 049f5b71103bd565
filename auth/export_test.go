package auth

import (
	"context"

	"github.com/tenetkit/tenet/auth/internal/jws"
)

// VerifyCompact checks a compact JWS with any payload, and stops short of the
// claims.
func VerifyCompact(set *KeySet, names []string, token string) error {
	t := &trusted{keys: set}
	for _, name := range names {
		t.algorithms = append(t.algorithms, jws.ByName(name))
	}
	s := scratch{token: []byte(token)}
	c, h, err := s.open()
	if err != nil {
		return err
	}
	if _, _, err = s.signed(context.Background(), t, c, h); err != nil {
		return err
	}
	_, err = s.decode(c.payload)
	return err
}

// NewDigest returns the func that makes digests, as a process has it or as one
// has it that is bound to FIPS 140 alone.
func NewDigest(fips bool) func(text string) string {
	d := newDigester()
	if fips {
		d.gmac = nil
	}
	return func(text string) string {
		var room digest
		sum := d.sum(&room, []byte(text))
		return string(sum[:])
	}
}

// NewQueue returns a queue of so many hashes at a time and so many that wait.
func NewQueue(hashes, waiting int) func(ctx context.Context, key byte, f func() (string, error)) (string, error) {
	q := new(hashQueue)
	q.init(hashes, waiting)
	return func(ctx context.Context, key byte, f func() (string, error)) (string, error) {
		hash, _, err := q.do(ctx, digest{key}, f)
		return hash, err
	}
}

// Hashing reports whether a slow hash is under way.
func Hashing(b *Basic) bool {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	return len(b.queue.flights) > 0
}

// HoldHashes makes slow hashes wait until the func is called. It is for a Basic with
// MaxHashes 1.
func HoldHashes(b *Basic) func() {
	b.queue.slots <- struct{}{}
	return func() { <-b.queue.slots }
}

// Decoys returns the hashes that are checked for ids that nobody has.
func Decoys(b *Basic) (hashes []string) {
	for _, s := range b.decoy.Load().secrets {
		hashes = append(hashes, s.Hash)
	}
	return hashes
}

// DecodeBase64 decodes the base64url of a token.
func DecodeBase64(text string) (string, bool) {
	dst := make([]byte, decodedLen(len(text)))
	n, ok := decodeBase64(dst, []byte(text))
	return string(dst[:n]), ok
}
