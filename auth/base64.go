package auth

import "encoding/base64"

// sextets maps a character of the URL alphabet (RFC 4648, section 5) to its value,
// and all others to a value with the top bit.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = 0x80
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i, c := range []byte(alphabet) {
		t[c] = byte(i)
	}
	return t
}()

// decodeBase64 decodes the base64url of a token, which has no padding, no line ends
// and no bits to spare, to dst, which has room for it. It takes half the time of
// encoding/base64, which passes over line ends.
func decodeBase64(dst, src []byte) (n int, ok bool) {
	t := &sextets
	for len(src) >= 4 && len(dst) >= n+3 {
		a, b, c, d := t[src[0]], t[src[1]], t[src[2]], t[src[3]]
		if (a|b|c|d)&0x80 != 0 {
			return n, false
		}
		out := dst[n : n+3 : n+3]
		out[0], out[1], out[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		n += 3
		src = src[4:]
	}
	switch len(src) {
	case 0:
		return n, true
	case 2:
		a, b := t[src[0]], t[src[1]]
		dst[n] = a<<2 | b>>4
		return n + 1, (a|b)&0x80 == 0 && b&0x0f == 0
	case 3:
		a, b, c := t[src[0]], t[src[1]], t[src[2]]
		dst[n], dst[n+1] = a<<2|b>>4, b<<4|c>>2
		return n + 2, (a|b|c)&0x80 == 0 && c&0x03 == 0
	}
	return n, false
}

// decodedLen is the size of what so many characters decode to.
func decodedLen(n int) int { return base64.RawURLEncoding.DecodedLen(n) }
