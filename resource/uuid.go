package resource

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// NewID returns a UUID of version 7 (RFC 9562): ordered by time to the
// millisecond, so that rows are stored in the order in which they come. A resource gives every
// new row one; seeds make theirs with it.
func NewID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	ms := uint64(time.Now().UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[0:], u[0:4])
	hex.Encode(text[9:], u[4:6])
	hex.Encode(text[14:], u[6:8])
	hex.Encode(text[19:], u[8:10])
	hex.Encode(text[24:], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
