package strictjson

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameSet knows the names of one object that have been seen. Fields of a struct
// are bits; other names are compared one by one while they are few.
type nameSet struct {
	bits  uint64
	few   [8][]byte
	n     int
	many  map[string]struct{}
	wider map[int]struct{}
}

// add reports whether the name is new. The index is that of a struct's field, or
// -1 for a name known to no struct.
func (set *nameSet) add(name []byte, index int) bool {
	switch {
	case index >= 64:
		if _, ok := set.wider[index]; ok {
			return false
		}
		if set.wider == nil {
			set.wider = make(map[int]struct{})
		}
		set.wider[index] = struct{}{}
		return true
	case index >= 0:
		bit := uint64(1) << index
		isNew := set.bits&bit == 0
		set.bits |= bit
		return isNew
	case set.many != nil:
		if _, ok := set.many[string(name)]; ok {
			return false
		}
		set.many[string(name)] = struct{}{}
		return true
	}
	for i := range set.n {
		if bytes.Equal(set.few[i], name) {
			return false
		}
	}
	if set.n < len(set.few) {
		set.few[set.n] = name
		set.n++
		return true
	}
	set.many = make(map[string]struct{}, 4*len(set.few))
	for _, old := range set.few {
		set.many[string(old)] = struct{}{}
	}
	set.many[string(name)] = struct{}{}
	return true
}

// where returns the JSON path of the scanner's place.
func (s *scanner) where() string {
	var b strings.Builder
	for _, st := range s.path[1 : s.depth+1] {
		if st.end == 0 {
			b.WriteString("[" + strconv.Itoa(st.start) + "]")
			continue
		}
		name := shorten(string(unescape(s.data[st.start:st.end])))
		b.WriteString(written(name, b.Len() > 0))
	}
	return b.String()
}

// Join returns the JSON path of the member called name in the value at path, as an
// [Error] has it.
func Join(path, name string) string {
	return path + written(shorten(name), path != "")
}

func written(name string, inside bool) string {
	switch {
	case !plain(name):
		return "[" + strconv.Quote(name) + "]"
	case inside:
		return "." + name
	}
	return name
}

// plain reports whether a name can stand in a path as it is.
func plain(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '.' || r == '[' || r == ']' || r == '"' || !unicode.IsPrint(r)
	})
}

// maxName bounds how much of a stranger's name an answer repeats.
const maxName = 64

func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

// Label returns the words by which a message calls the value at a JSON path:
// "Created at" for created_at and lead.createdAt, "Tags[2]" for tags[2], "Request
// body" for the whole.
func Label(path string) string {
	if path == "" {
		return "Request body"
	}
	name, quoted := path, ""
	if i := strings.Index(path, `["`); i >= 0 {
		name, quoted = path[:i], path[i:]
	}
	name = name[strings.LastIndexByte(name, '.')+1:]
	if name == "" || name[0] == '[' {
		return "Element " + name + quoted
	}
	var store [64]byte
	b, word := store[:0], 0 // where the word begins
	var last rune
	for i, r := range name {
		switch {
		case r == '_' || r == '-':
			capitals(b[word:])
			b = append(b, ' ')
			last, word = ' ', len(b)
			continue
		case i == 0:
			r = unicode.ToUpper(r)
		case unicode.IsUpper(r) && unicode.IsLower(last):
			capitals(b[word:])
			b = append(b, ' ')
			word = len(b)
			r = unicode.ToLower(r)
		}
		b = utf8.AppendRune(b, r)
		last = r
	}
	capitals(b[word:])
	return string(append(b, quoted...))
}

// capitals turns a word that is an abbreviation into one.
func capitals(word []byte) {
	switch len(word) {
	case 2, 3, 4:
		for _, known := range [...]string{"ID", "IP", "URL", "URI", "SKU", "UUID"} {
			if len(known) == len(word) && strings.EqualFold(known, string(word)) {
				copy(word, known)
			}
		}
	}
}

func sortedNames(fields map[string]field) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
