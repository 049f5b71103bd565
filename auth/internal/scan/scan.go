// Package scan reads the JSON of a token: two small objects that strangers send
// with every request. encoding/json takes duplicate names and invalid UTF-8, and
// most of the time of a check went there. What is accepted here reads the same with
// encoding/json.
package scan

import (
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrForm is the error for anything but one strict JSON object.
var ErrForm = errors.New("scan: not one strict JSON object")

// maxDepth is how deep the values of a token may be nested.
const maxDepth = 32

// Object reads text, which must be exactly one JSON object: valid UTF-8 also where
// it is escaped, and no name twice in one object at any level. It calls member with
// each name and the JSON text of its value, in order. The error is [ErrForm] or that
// of member, which ends the reading.
func Object(text string, member func(name, value string) error) error {
	if !utf8.ValidString(text) {
		return ErrForm
	}
	s := scanner{text: text}
	s.space()
	if err := s.object(1, member); err != nil {
		return err
	}
	s.space()
	if s.at != len(text) {
		return ErrForm
	}
	return nil
}

type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take steps over c and reports whether it was there.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(depth int, member func(name, value string) error) error {
	if depth > maxDepth || !s.take('{') {
		return ErrForm
	}
	s.space()
	if s.take('}') {
		return nil
	}
	var seen names
	for {
		s.space()
		start := s.at
		if err := s.str(); err != nil {
			return err
		}
		name := s.text[start+1 : s.at-1]
		if strings.IndexByte(name, '\\') >= 0 {
			name, _ = String(s.text[start:s.at])
		}
		if !seen.add(name) {
			return ErrForm
		}
		s.space()
		if !s.take(':') {
			return ErrForm
		}
		s.space()
		start = s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if member != nil {
			if err := member(name, s.text[start:s.at]); err != nil {
				return err
			}
		}
		s.space()
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return ErrForm
		}
	}
}

func (s *scanner) value(depth int) error {
	if s.at == len(s.text) {
		return ErrForm
	}
	switch c := s.text[s.at]; {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(depth+1, nil)
	case c == '[':
		return s.array(depth+1, nil)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s.text[s.at:], word) {
			s.at += len(word)
			return nil
		}
	}
	return ErrForm
}

func (s *scanner) array(depth int, element func(value string) error) error {
	if depth > maxDepth || !s.take('[') {
		return ErrForm
	}
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		start := s.at
		if err := s.value(depth); err != nil {
			return err
		}
		if element != nil {
			if err := element(s.text[start:s.at]); err != nil {
				return err
			}
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return ErrForm
		}
	}
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && s.digits() == 0 {
		return ErrForm
	}
	if s.take('.') && s.digits() == 0 {
		return ErrForm
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if s.digits() == 0 {
			return ErrForm
		}
	}
	return nil
}

func (s *scanner) digits() (n int) {
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
		n++
	}
	return n
}

// str steps over a string and checks its escapes.
func (s *scanner) str() error {
	if !s.take('"') {
		return ErrForm
	}
	for s.at < len(s.text) {
		s.plain()
		if s.at == len(s.text) {
			break
		}
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c < ' ':
			return ErrForm
		case c != '\\':
			s.at++
		default:
			if !s.escape() {
				return ErrForm
			}
		}
	}
	return ErrForm
}

// plain steps over characters of a string that mean themselves, eight at a time. It
// may stop before one of them.
func (s *scanner) plain() {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for s.at+8 <= len(s.text) {
		t := s.text[s.at : s.at+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, slash := x^('"'*ones), x^('\\'*ones)
		// The top bit of each byte that is a quote, a backslash or below a space, and
		// perhaps of some behind the first such.
		stop := ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & tops
		if stop != 0 {
			s.at += bits.TrailingZeros64(stop) / 8
			return
		}
		s.at += 8
	}
}

func (s *scanner) escape() bool {
	if s.at+1 >= len(s.text) {
		return false
	}
	c := s.text[s.at+1]
	if c != 'u' {
		s.at += 2
		return strings.IndexByte(`"\/bfnrt`, c) >= 0
	}
	r, ok := hex4(s.text[s.at:])
	s.at += 6
	switch {
	case !ok || r >= 0xDC00 && r < 0xE000:
		return false
	case r >= 0xD800 && r < 0xDC00:
		low, ok := hex4(s.text[s.at:])
		s.at += 6
		return ok && low >= 0xDC00 && low < 0xE000
	}
	return true
}

// hex4 reads the \uXXXX at the start of text.
func hex4(text string) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(text[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// String returns what the text of a checked JSON value means, and false if
// it is no string.
func String(text string) (string, bool) {
	if len(text) < 2 || text[0] != '"' {
		return "", false
	}
	inner := text[1 : len(text)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	var v string
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return "", false
	}
	return v, true
}

// Strings returns the strings of the text of a checked JSON array, and
// false if it is anything else.
func Strings(text string) (values []string, ok bool) {
	if len(text) == 0 || text[0] != '[' {
		return nil, false
	}
	s := scanner{text: text}
	err := s.array(1, func(value string) error {
		v, ok := String(value)
		if !ok {
			return ErrForm
		}
		values = append(values, v)
		return nil
	})
	return values, err == nil
}

// names are those that an object has had so far: few as a rule, and looked up
// in a map once they are many, so that no object costs the square of its size.
type names struct {
	few  [16]string
	n    int
	many map[string]bool
}

// add reports whether the name is new.
func (s *names) add(name string) bool {
	if s.many != nil {
		if s.many[name] {
			return false
		}
		s.many[name] = true
		return true
	}
	if slices.Contains(s.few[:s.n], name) {
		return false
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	s.many = make(map[string]bool, 2*len(s.few))
	for _, known := range s.few {
		s.many[known] = true
	}
	s.many[name] = true
	return true
}
