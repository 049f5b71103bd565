package resource

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// NewID returns a UUID of version 7 (RFC 9562). It begins with the time to a
// quarter of a microsecond, so that rows are kept in the order in which they
// come; 62 bits are random. A resource gives every new row one; seeds make theirs
// with it.
func NewID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return newID(time.Now().UnixNano(), random)
}

// newID returns the UUID of a time in nanoseconds since 1970.
func newID(ns int64, random [8]byte) string {
	var u [16]byte
	copy(u[8:], random[:])
	ms, fraction := ns/1e6, ns%1e6*4096/1e6
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6] = 0x70 | byte(fraction>>8)
	u[7] = byte(fraction)
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
