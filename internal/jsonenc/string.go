package jsonenc

import "unicode/utf8"

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

// plain8 is plain for eight bytes at once.
func plain8(s string) bool {
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const (
		each = 0x0101_0101_0101_0101
		high = each * 0x80
		rest = each * 0x7f
	)
	// With the highest bit of a byte clear, adding 0x7f sets it unless the byte is
	// zero, and adding 0x60 unless it is a control character. The quote and the
	// ampersand differ in one bit, as do < and >.
	backslash := x ^ each*'\\'
	quote := (x | each*4) ^ each*'&'
	angle := (x | each*2) ^ each*'>'
	return x&high == 0 && (x+each*0x60)&(backslash+rest)&(quote+rest)&(angle+rest)&high == high
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
	for i := 0; i+8 < len(s); i += 8 {
		if !plain8(s[i:]) {
			return false
		}
	}
	return plain8(s[len(s)-8:])
}

// AppendString appends s as a JSON string the way json.Marshal does.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	if plainText(s) {
		b = append(b, s...)
		return append(b, '"')
	}
	start := 0
	for i := 0; i < len(s); {
		if len(s)-i >= 8 && plain8(s[i:]) {
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
