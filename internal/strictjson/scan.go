package strictjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/tenetkit/tenet/internal/nearest"
)

// scanner walks over data once. It holds no pointers but those to data, so that
// a body without errors and without maps costs no allocation.
type scanner struct {
	data []byte
	pos  int

	// path holds where the scanner is, one step for each level.
	path  [maxDepth + 1]step
	depth int

	// soft is the first value of a wrong type. The scan goes on, because data
	// that is no JSON at all is the graver fault and has to win.
	soft *Error

	collect bool // fill members from the outermost object
	members []Member
	probe   bool // try the values of types that decode themselves
}

// step is one step of the path: a member by the place of its name in data, or,
// where end is 0, an element by its index.
type step struct{ start, end int }

// document scans one value and nothing but space around it.
func (s *scanner) document(e edge) *Error {
	s.space()
	if err := s.value(e); err != nil {
		return err
	}
	s.space()
	if s.pos < len(s.data) {
		return s.syntax("there is data after the value")
	}
	return s.soft
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end, which no token begins with.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) value(e edge) *Error {
	start := s.pos
	var err *Error
	switch c := s.peek(); c {
	case '{':
		err = s.object(s.expect(e, kindObject))
	case '[':
		err = s.array(s.expect(e, kindArray))
	case '"':
		e = s.expect(e, kindString)
		var raw []byte
		var escaped bool
		raw, escaped, err = s.str()
		switch {
		case err != nil:
		case e.quoted:
			s.quoted(e, start, raw, escaped)
		case e.shape != nil && e.shape.typ == timeType:
			s.time(e, start, raw, escaped)
		}
	case 't':
		s.expect(e, kindBool)
		err = s.literal("true")
	case 'f':
		s.expect(e, kindBool)
		err = s.literal("false")
	case 'n':
		if !e.takesNull() {
			s.refuse(CodeNull, start, "must not be null")
		}
		err = s.literal("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return s.syntax("a value is expected")
		}
		e = s.expect(e, kindNumber)
		var raw []byte
		if raw, err = s.number(); err == nil {
			s.checkNumber(e, start, raw)
		}
	}
	if err == nil && s.probe && s.soft == nil && e.shape != nil && e.shape.own {
		s.try(e, start)
	}
	return err
}

// expect notes a value of a kind that e does not take. What is below it is then
// scanned as any JSON.
func (s *scanner) expect(e edge, k kinds) edge {
	if e.shape == nil {
		return e
	}
	takes, want := e.shape.takes, e.shape.want
	if e.quoted {
		takes, want = kindString, e.shape.want+" in quotes"
	}
	if takes&k == 0 {
		s.refuse(CodeType, s.pos, "must be "+want)
		return edge{}
	}
	return e
}

func (s *scanner) object(e edge) *Error {
	if s.depth == maxDepth {
		return s.fail(CodeDepth, s.pos, "", "JSON is nested deeper than "+strconv.Itoa(maxDepth)+" levels")
	}
	collect := s.collect && s.depth == 0
	s.depth++
	s.pos++
	var seen nameSet
	s.space()
	if s.peek() == '}' {
		s.pos++
		s.depth--
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.syntaxAbove("a name in quotes is expected")
		}
		start := s.pos
		raw, escaped, err := s.str()
		if err != nil {
			s.depth--
			err.Field = s.where()
			return err
		}
		s.path[s.depth] = step{start + 1, s.pos - 1}
		name := raw
		if escaped {
			name = unescape(raw)
		}
		elem, index, err := s.member(e, start, name)
		if err != nil {
			return err
		}
		if !seen.add(name, index) {
			return s.fail(CodeDuplicate, start, s.where(), Label(s.where())+" is given more than once")
		}
		s.space()
		if s.peek() != ':' {
			return s.syntax("a colon is expected")
		}
		s.pos++
		s.space()
		from := s.pos
		if err := s.value(elem); err != nil {
			return err
		}
		if collect {
			if s.members == nil {
				s.members = make([]Member, 0, 8)
			}
			s.members = append(s.members, Member{name[:len(name):len(name)], s.data[from:s.pos:s.pos]})
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			s.depth--
			return nil
		default:
			return s.syntaxAbove("a comma or a closing brace is expected")
		}
	}
}

// member returns what the member called name has to hold, and the index of the
// struct's field, or -1 where names are not known beforehand.
func (s *scanner) member(e edge, offset int, name []byte) (elem edge, index int, err *Error) {
	if e.shape == nil {
		return edge{}, -1, nil
	}
	if e.shape.fields == nil {
		if !e.shape.key.takes(name) {
			s.refuse(CodeType, offset, "is no name for a member here: "+e.shape.key.String()+" is expected")
		}
		return e.shape.elemEdge(), -1, nil
	}
	f, ok := e.shape.fields[string(name)]
	if !ok {
		message := "Unknown field " + shorten(string(name))
		if near := nearest.Of(string(name), e.shape.names); near != "" {
			message += ", did you mean " + near + "?"
		}
		return edge{}, 0, s.fail(CodeUnknown, offset, s.where(), message)
	}
	return f.edge, f.index, nil
}

func (s *scanner) array(e edge) *Error {
	if s.depth == maxDepth {
		return s.fail(CodeDepth, s.pos, "", "JSON is nested deeper than "+strconv.Itoa(maxDepth)+" levels")
	}
	start := s.pos
	elem := edge{}
	if e.shape != nil {
		elem = e.shape.elemEdge()
	}
	s.depth++
	s.pos++
	s.space()
	n := 0
	if s.peek() == ']' {
		s.pos++
	} else {
	elements:
		for {
			s.path[s.depth] = step{start: n}
			if err := s.value(elem); err != nil {
				return err
			}
			n++
			s.space()
			switch s.peek() {
			case ',':
				s.pos++
				s.space()
			case ']':
				s.pos++
				break elements
			default:
				return s.syntaxAbove("a comma or a closing bracket is expected")
			}
		}
	}
	s.depth--
	if e.shape != nil && e.shape.fixed && n != e.shape.size {
		s.refuse(CodeType, start, "must have "+strconv.Itoa(e.shape.size)+" elements")
	}
	return nil
}

// quoted checks the text inside a string for a field with the option ",string".
func (s *scanner) quoted(e edge, start int, raw []byte, escaped bool) {
	inner := raw
	if escaped {
		inner = unescape(raw)
	}
	e.quoted = false
	in := scanner{data: inner}
	if err := in.value(e); err != nil || in.soft != nil || in.pos != len(inner) {
		s.refuse(CodeType, start, "must be "+e.shape.want+" in quotes")
	}
}

// try decodes the value between start and the scanner's place by itself.
func (s *scanner) try(e edge, start int) {
	value := bytes.Clone(s.data[start:s.pos])
	if err := json.Unmarshal(value, reflect.New(e.shape.typ).Interface()); err != nil {
		want := "is not valid"
		if e.shape.want != "" {
			want = "must be " + e.shape.want
		}
		s.refuse(CodeType, start, want)
		s.soft.cause = err
	}
}

// refuse notes the first value of a wrong type at the present path.
func (s *scanner) refuse(code string, offset int, what string) {
	if s.soft == nil {
		field := s.where()
		s.soft = s.fail(code, offset, field, Label(field)+" "+what)
	}
}

func (s *scanner) syntax(what string) *Error {
	if s.pos >= len(s.data) {
		what = "it ends early"
	}
	return s.fail(CodeJSON, s.pos, s.where(), "Invalid JSON at byte "+strconv.Itoa(s.pos)+": "+what)
}

// syntaxAbove is a syntax error between the members of what is being read.
func (s *scanner) syntaxAbove(what string) *Error {
	s.depth--
	return s.syntax(what)
}

func (s *scanner) fail(code string, offset int, field, message string) *Error {
	return &Error{Field: field, Code: code, Message: message, Offset: offset}
}
