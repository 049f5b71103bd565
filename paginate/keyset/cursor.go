package keyset

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
	"time"
)

const (
	version = 1
	tagSize = aes.BlockSize

	// maxCursor bounds what is decoded at all. It is far above what a URL
	// usually carries.
	maxCursor = 16 << 10
)

// secret holds the two keys that come of one secret of the user's.
type secret struct {
	macs  *sync.Pool // of hash.Hash, since to make one costs more than to use it
	block cipher.Block
}

func newSecret(key []byte) (secret, error) {
	mac, err := hkdf.Key(sha256.New, key, nil, "tenet keyset 1 mac", 32)
	if err != nil {
		return secret{}, err
	}
	enc, err := hkdf.Key(sha256.New, key, nil, "tenet keyset 1 encryption", 32)
	if err != nil {
		return secret{}, err
	}
	block, err := aes.NewCipher(enc)
	macs := &sync.Pool{New: func() any { return hmac.New(sha256.New, mac) }}
	return secret{macs, block}, err
}

// tag authenticates plain and all that it is bound to.
func (s secret) tag(context, plain []byte) []byte {
	h := s.macs.Get().(hash.Hash)
	defer s.macs.Put(h)
	h.Reset()
	sum := make([]byte, 0, sha256.Size)
	h.Write(binary.AppendUvarint(append(sum, version), uint64(len(context))))
	h.Write(context)
	h.Write(plain)
	return h.Sum(sum)[:tagSize]
}

// seal encrypts under the tag as IV, the SIV construction: one position always
// makes the same cursor, so that answers can be compared and cached, and there is
// no nonce to run out of.
func (s secret) seal(context, plain []byte) string {
	tag := s.tag(context, plain)
	raw := make([]byte, 1+tagSize+len(plain))
	raw[0] = version
	copy(raw[1:], tag)
	cipher.NewCTR(s.block, tag).XORKeyStream(raw[1+tagSize:], plain)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (s secret) open(context, raw []byte) (plain []byte, ok bool) {
	tag, sealed := raw[1:1+tagSize], raw[1+tagSize:]
	plain = make([]byte, len(sealed))
	cipher.NewCTR(s.block, tag).XORKeyStream(plain, sealed)
	return plain, hmac.Equal(tag, s.tag(context, plain))
}

const (
	flagBack = 1 << iota
	flagInclusive
	flagExpires
)

// open sets the position that cursor stands for, and reports whether cursor is
// one that was made for this list.
func (req *Request) open(cursor string) bool {
	if len(cursor) > maxCursor {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// The decoder passes over line breaks, which are no part of a cursor.
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(cursor) {
		return false
	}
	if len(raw) < 1+tagSize+1 || raw[0] != version {
		return false
	}
	for _, s := range req.pager.secrets {
		if plain, ok := s.open(req.context, raw); ok {
			return req.decode(plain)
		}
	}
	return false
}

func (req *Request) decode(plain []byte) bool {
	flags, plain := plain[0], plain[1:]
	if flags&flagExpires != 0 {
		expires, n := binary.Varint(plain)
		if n <= 0 || time.Now().Unix() >= expires {
			return false
		}
		plain = plain[n:]
	} else if req.pager.maxAge > 0 {
		return false // made before cursors had an age
	}
	values, ok := decodeValues(plain, len(req.Order))
	if !ok {
		return false
	}
	req.Values = values
	req.Back = flags&flagBack != 0
	req.Inclusive = flags&flagInclusive != 0
	return true
}

// cursor returns the cursor for the rows behind values, or before them.
func (req Request) cursor(values []any, back, inclusive bool) (string, error) {
	plain := append(make([]byte, 0, 128), bit(back)*flagBack|bit(inclusive)*flagInclusive)
	if maxAge := req.pager.maxAge; maxAge > 0 {
		plain[0] |= flagExpires
		// Rounded up, because a cursor of less than a second is of no use.
		plain = binary.AppendVarint(plain, time.Now().Add(maxAge).Add(time.Second-1).Unix())
	}
	plain, err := req.encodeValues(plain, values)
	if err != nil {
		return "", err
	}
	cursor := req.pager.secrets[0].seal(req.context, plain)
	if len(cursor) > maxCursor {
		return "", errors.New("keyset: NewPage: the sort keys of a row are too long for a cursor")
	}
	return cursor, nil
}
