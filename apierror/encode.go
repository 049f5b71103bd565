package apierror

import (
	"strconv"
	"unicode/utf8"
)

// appendError appends the JSON body of e, byte for byte what encoding/json
// makes of it.
func appendError(b []byte, e *Error, requestID string) []byte {
	b = append(b, `{"error":`...)
	b = appendString(b, e.code())
	b = append(b, `,"message":`...)
	b = appendString(b, e.message())
	b = appendDetails(b, e.Details, requestID)
	return append(b, '}')
}

// appendProblem appends the same facts as problem details (RFC 9457): error and
// details are extension members. The type is about:blank, which the RFC lets a
// body leave out.
func appendProblem(b []byte, e *Error, requestID string) []byte {
	b = append(b, `{"title":`...)
	b = appendString(b, problemTitle(e.status()))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(e.status()), 10)
	b = append(b, `,"detail":`...)
	b = appendString(b, e.message())
	b = append(b, `,"error":`...)
	b = appendString(b, e.code())
	b = appendDetails(b, e.Details, requestID)
	return append(b, '}')
}

func appendDetails(b []byte, d Details, requestID string) []byte {
	if requestID == "" {
		requestID = d.RequestID
	}
	if d.IsZero() && requestID == "" {
		return b
	}
	b = append(b, `,"details":{`...)
	start := len(b)
	if d.Field != "" {
		b = appendMember(b, `"field":`, d.Field)
	}
	if d.Code != "" {
		b = appendMember(b, `"code":`, d.Code)
	}
	if len(d.Errors) > 0 {
		b = append(b, `"errors":[`...)
		for _, f := range d.Errors {
			b = append(b, '{')
			b = appendMember(b, `"field":`, f.Field)
			b = appendMember(b, `"code":`, f.Code)
			b = appendMember(b, `"message":`, f.Message)
			if f.Param != "" {
				b = appendMember(b, `"param":`, f.Param)
			}
			b = append(b[:len(b)-1], '}', ',')
		}
		b = append(b[:len(b)-1], ']', ',')
	}
	if requestID != "" {
		b = appendMember(b, `"request_id":`, requestID)
	}
	if len(b) > start {
		b = b[:len(b)-1] // the last comma
	}
	return append(b, '}')
}

// appendMember appends one member and a comma.
func appendMember(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = appendString(b, value)
	return append(b, ',')
}

const hex = "0123456789abcdef"

// plain tells the bytes that stand in a JSON string as they are. encoding/json
// escapes <, > and & too, for bodies that end up in HTML.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return table
}()

// plain8 reports whether eight bytes are all plain, looking at them as one word: a
// byte that is 0 after what is asked for was taken away (or that is below a space, or
// above ASCII) leaves its highest bit.
func plain8(s string) bool {
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := (w | ones*4) ^ ones*'&' // " and & differ in one bit
	angle := (w | ones*2) ^ ones*'>' // so do < and >
	backslash := w ^ ones*'\\'
	found := (w - ones*' ') | (quote - ones) | (angle - ones) | (backslash - ones) | w
	return found&highs == 0
}

// appendString appends s as a JSON string the way encoding/json does. It is written
// out here because this package links nothing but the standard library, and
// encoding/json would cost a buffer and reflection on every refused request.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if len(s)-i >= 8 && plain8(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i-1]...)
				b = append(b, `\ufffd`...)
				start = i
			} else if r == '\u2028' || r == '\u2029' {
				b = append(b, s[start:i-size]...)
				b = append(b, '\\', 'u', '2', '0', '2', hex[r&0xF])
				start = i
			}
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
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
