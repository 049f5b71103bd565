package jsonenc

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unsafe"
)

// headSize is that of most names with what is around them.
const headSize = 32

// field is one member of the object that a struct becomes.
type field struct {
	name   string
	tagged bool  // the name comes from a tag
	index  []int // the path to it through embedded structs

	omitEmpty, omitZero bool

	odd bool // the tag asks for what is left to encoding/json

	prefix   string // `,"name":`, and the quote where there is one in any case
	head     [headSize]byte
	headed   bool    // head is all of prefix
	offset   uintptr // in the struct, unless hops lead there
	hops     []hop   // where structs are embedded by pointer
	omitted  func(unsafe.Pointer) bool
	kind     int  // a shortcut
	nullable bool // with a shortcut: a pointer to it
	encoder  *Encoder
}

// A hop leads from a struct to a field of it, or of what it points to.
type hop struct {
	offset uintptr
	deref  bool // the field is a pointer to follow
}

// structure appends the members of t, or the named ones of them.
func (b builder) structure(t reflect.Type, names []string) appender {
	found := collect(t)
	// The string option is not worth a second way to write everything, and of
	// malformed tags the versions of encoding/json think differently.
	if slices.ContainsFunc(found, func(f field) bool { return f.odd }) {
		return nil
	}
	fields := dominant(found)
	if names != nil {
		fields = slices.DeleteFunc(fields, func(f field) bool { return !slices.Contains(names, f.name) })
		if len(fields) < len(names) {
			return nil
		}
	}
	for i := range fields {
		f := &fields[i]
		ft := f.locate(t)
		f.prefix = string(AppendString([]byte{','}, f.name)) + ":"
		f.encoder = b.encoder(ft)
		f.omitted = omission(ft, f.omitEmpty, f.omitZero)
		if f.kind, f.nullable = shortcut(ft); f.kind == aString && !f.nullable {
			f.prefix += `"`
		}
		f.headed = copy(f.head[:], f.prefix) == len(f.prefix)
	}
	return func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		start := len(b)
		for i := range fields {
			f := &fields[i]
			q := unsafe.Add(p, f.offset)
			if f.hops != nil {
				if q = follow(p, f.hops); q == nil {
					continue
				}
			}
			if f.omitted != nil && f.omitted(q) {
				continue
			}
			if n := len(b); f.headed && cap(b)-n >= headSize {
				// A copy of a fixed size is no call; what is too much is written over.
				*(*[headSize]byte)(b[n : n+headSize]) = f.head
				b = b[:n+len(f.prefix)]
			} else {
				b = append(b, f.prefix...)
			}
			if f.nullable {
				if q = *(*unsafe.Pointer)(q); q == nil {
					b = append(b, "null"...)
					continue
				}
				if f.kind == aString {
					b = append(b, '"')
				}
			}
			var err error
			switch f.kind {
			case aString:
				b = appendText(b, *(*string)(q))
			case aBool:
				b = strconv.AppendBool(b, *(*bool)(q))
			case anInt:
				b = strconv.AppendInt(b, int64(*(*int)(q)), 10)
			case aFloat:
				b, err = appendFloat(b, *(*float64)(q), 64)
			case aTime:
				b, err = appendTime(b, q, depth)
			default:
				b, err = f.encoder.encode(b, q, depth)
			}
			if err != nil {
				return b, err
			}
		}
		if len(b) == start {
			return append(b, "{}"...), nil
		}
		b[start] = '{' // in place of the first comma
		return append(b, '}'), nil
	}
}

// locate sets the place of the field in t, and returns its type.
func (f *field) locate(t reflect.Type) reflect.Type {
	for n, i := range f.index {
		sf := t.Field(i)
		f.offset += sf.Offset
		if t = sf.Type; n < len(f.index)-1 && t.Kind() == reflect.Pointer {
			f.hops = append(f.hops, hop{f.offset, true})
			f.offset, t = 0, t.Elem()
		}
	}
	if f.hops != nil {
		f.hops = append(f.hops, hop{offset: f.offset})
	}
	return t
}

// follow returns nil at an embedded pointer that is nil.
func follow(p unsafe.Pointer, hops []hop) unsafe.Pointer {
	for _, h := range hops {
		p = unsafe.Add(p, h.offset)
		if !h.deref {
			break
		}
		if p = *(*unsafe.Pointer)(p); p == nil {
			break
		}
	}
	return p
}

// The kinds of fields that are so common that they are not worth a call.
const (
	other = iota
	aString
	aBool
	anInt
	aFloat
	aTime
)

func shortcut(t reflect.Type) (kind int, nullable bool) {
	if t.Kind() == reflect.Pointer {
		if kind, nullable = shortcut(t.Elem()); kind == other || nullable {
			return other, false
		}
		return kind, true
	}
	switch {
	case t == timeType:
		return aTime, false
	case t == numberType, marshals(t):
		return other, false
	}
	switch t.Kind() {
	case reflect.String:
		return aString, false
	case reflect.Bool:
		return aBool, false
	case reflect.Int:
		return anInt, false
	case reflect.Float64:
		return aFloat, false
	}
	return other, false
}

// dominant returns those of the fields found that become members, in their order:
// Go's rules for embedded fields, in which a name from a tag wins over one at the
// same depth without.
func dominant(found []field) []field {
	// Pointers, since code that sorts them is in most programs already; what sorts
	// fields would be 26 kB more.
	byName := make([]*field, len(found))
	for i := range found {
		byName[i] = &found[i]
	}
	slices.SortFunc(byName, func(a, b *field) int {
		if c := cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(len(a.index), len(b.index))); c != 0 {
			return c
		}
		if a.tagged != b.tagged {
			if a.tagged {
				return -1
			}
			return 1
		}
		return slices.Compare(a.index, b.index)
	})
	kept := byName[:0]
	for i, n := 0, 0; i < len(byName); i += n {
		for n = 1; i+n < len(byName) && byName[i+n].name == byName[i].name; n++ {
		}
		// Two that are equally good shut each other out.
		if n > 1 && len(byName[i].index) == len(byName[i+1].index) && byName[i].tagged == byName[i+1].tagged {
			continue
		}
		kept = append(kept, byName[i])
	}
	slices.SortFunc(kept, func(a, b *field) int { return slices.Compare(a.index, b.index) })
	var fields []field
	for _, f := range kept {
		fields = append(fields, *f)
	}
	return fields
}

// level is a struct type whose fields are promoted, and how often it occurs at
// its depth.
type level struct {
	t     reflect.Type
	index []int
}

// collect returns the fields of t and of the structs embedded in it, level by
// level, those that hide each other included.
func collect(t reflect.Type) (fields []field) {
	next := []level{{t: t}}
	count := map[reflect.Type]int{t: 1}
	visited := map[reflect.Type]bool{}
	for len(next) > 0 {
		current, currentCount := next, count
		next, count = nil, map[reflect.Type]int{}
		for _, l := range current {
			if visited[l.t] {
				continue
			}
			visited[l.t] = true
			for i := range l.t.NumField() {
				sf := l.t.Field(i)
				f, promoted, ok := describe(sf)
				if !ok {
					continue
				}
				f.index = append(slices.Clone(l.index), i)
				if promoted != nil {
					if count[promoted]++; count[promoted] == 1 {
						next = append(next, level{promoted, f.index})
					}
					continue
				}
				fields = append(fields, f)
				if currentCount[l.t] > 1 {
					fields = append(fields, f) // embedded twice: they shut each other out
				}
			}
		}
	}
	return fields
}

// describe reads a field's tag. Where the fields of an embedded struct take the
// place of the field, promoted is its type.
func describe(sf reflect.StructField) (f field, promoted reflect.Type, ok bool) {
	elem := sf.Type
	if sf.Anonymous {
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		if !sf.IsExported() && elem.Kind() != reflect.Struct {
			return f, nil, false
		}
	} else if !sf.IsExported() {
		return f, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return f, nil, false
	}
	name, options, found := strings.Cut(tag, ",")
	f.odd = name != "" && !validName(name)
	if elem = sf.Type; elem.Name() == "" && elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	if name == "" && sf.Anonymous && elem.Kind() == reflect.Struct {
		return f, elem, true
	}
	f.name, f.tagged = name, name != ""
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		default: // string, one that nobody knows, or none behind a comma
			f.odd = f.odd || found
		}
	}
	return f, nil, true
}

func validName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}
