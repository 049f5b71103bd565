package jsonenc

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

const hex = "0123456789abcdef"

// plain holds the ASCII characters that stand for themselves in a string: not
// quotes, backslashes and control characters, and not <, > and &, which a browser
// might take for markup.
var plain = func() (table [utf8.RuneSelf]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()

const (
	ones  = 0x0101_0101_0101_0101
	highs = ones * 0x80
)

// odd sets the highest bit of a byte where one of the eight in w is not plain, and
// perhaps more bits. Below ASCII's end, taking away 1 sets it where nothing was, and
// taking away a space where a control character was. The quote and the ampersand
// differ in one bit, as do < and >.
func odd(w uint64) uint64 {
	quote := (w | ones*4) ^ ones*'&'
	angle := (w | ones*2) ^ ones*'>'
	backslash := w ^ ones*'\\'
	return ((w - ones*' ') | (quote - ones) | (angle - ones) | (backslash - ones) | w) & highs
}

// plainText reports whether all of s stands for itself.
func plainText(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if c := s[i]; c >= utf8.RuneSelf || !plain[c] {
				return false
			}
		}
		return true
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	found := odd(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for ; len(b) > 8; b = b[8:] {
		found |= odd(binary.LittleEndian.Uint64(b))
	}
	return found == 0
}

// AppendString appends s as a JSON string the way json.Marshal does.
func AppendString(b []byte, s string) []byte { return appendText(append(b, '"'), s) }

// appendText appends s and the quote behind it.
func appendText(b []byte, s string) []byte {
	if plainText(s) {
		b = append(b, s...)
		return append(b, '"')
	}
	start := 0
	for i := 0; i < len(s); {
		if len(s)-i >= 8 && plainText(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			b = append(b, s[start:i]...)
			b = append(b, '\\', 'u', '2', '0', '2', hex[r&0xF])
		default:
			i += size
			continue
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
