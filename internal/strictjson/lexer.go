package strictjson

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string and returns what is between the quotes, and whether there
// are escapes in it.
func (s *scanner) str() (raw []byte, escaped bool, err *Error) {
	s.pos++ // the opening quote
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			raw = s.data[start:s.pos]
			s.pos++
			return raw, escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		case c < ' ':
			return nil, false, s.syntax("a control character has to be escaped")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return nil, false, s.utf8("a string is not valid UTF-8")
			}
			s.pos += size
		}
	}
	return nil, false, s.syntax("")
}

// escape reads one escape, or two that form a surrogate pair.
func (s *scanner) escape() *Error {
	if s.pos+1 >= len(s.data) {
		s.pos++
		return s.syntax("")
	}
	switch s.data[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return nil
	case 'u':
		r, ok := hex4(s.data[s.pos+2:])
		if !ok {
			return s.syntax(`\u needs four hexadecimal digits`)
		}
		if !utf16.IsSurrogate(r) {
			s.pos += 6
			return nil
		}
		rest := s.data[s.pos+6:]
		if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			if low, ok := hex4(rest[2:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				s.pos += 12
				return nil
			}
		}
		return s.utf8("half of a surrogate pair")
	}
	return s.syntax("there is no such escape")
}

func (s *scanner) utf8(what string) *Error {
	return s.fail(CodeUTF8, s.pos, s.where(), "Invalid text at byte "+strconv.Itoa(s.pos)+": "+what)
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape decodes what str has read without complaint.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		raw = raw[i+1:]
		c := raw[0]
		raw = raw[1:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(raw)
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				low, _ := hex4(raw[2:])
				raw = raw[6:]
				r = utf16.DecodeRune(r, low)
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out
}

func (s *scanner) literal(want string) *Error {
	for i := range len(want) {
		if s.peek() != want[i] {
			return s.syntax("a value is expected")
		}
		s.pos++
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) number() ([]byte, *Error) {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return nil, s.syntax("a digit is expected")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return nil, s.syntax("a digit is expected")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return nil, s.syntax("a digit is expected")
		}
	}
	return s.data[start:s.pos], nil
}

// maxNumber is how long a number may be. A float64 written out in full has 309
// digits before the point; what is longer serves only to keep parsers busy.
const maxNumber = 400

// checkNumber refuses numbers that their Go type cannot hold.
func (s *scanner) checkNumber(e edge, start int, raw []byte) {
	bits := 64
	if e.shape != nil {
		bits = e.shape.bits
		var err error
		switch e.shape.number {
		case signed:
			_, err = strconv.ParseInt(string(raw), 10, bits)
		case unsigned:
			_, err = strconv.ParseUint(string(raw), 10, bits)
		}
		switch {
		case err == nil:
		case bits == 64 && errors.Is(err, strconv.ErrRange):
			s.refuse(CodeType, start, "is a number out of range")
		default:
			s.refuse(CodeType, start, "must be "+e.shape.want)
		}
		if e.shape.number != float {
			return
		}
	}
	if len(raw) > maxNumber {
		s.refuse(CodeType, start, "is a number with too many digits")
		return
	}
	// Below 38 characters without an exponent even a float32 holds it.
	if len(raw) < 38 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return
	}
	if bits != 32 {
		bits = 64
	}
	if _, err := strconv.ParseFloat(string(raw), bits); err != nil {
		s.refuse(CodeType, start, "is a number out of range")
	}
}
