package jsonenc

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// field is one member of the object that a struct becomes.
type field struct {
	name   string
	tagged bool  // the name comes from a tag
	index  []int // the path to it through embedded structs

	omitEmpty, omitZero bool
	isZero              func(reflect.Value) bool // for omitZero

	odd bool // the tag asks for what is left to encoding/json

	prefix  string // `,"name":`
	encoder *Encoder
}

func (b builder) structure(t reflect.Type) appender {
	found := collect(t)
	// The string option is not worth a second way to write everything, and of
	// malformed tags the versions of encoding/json think differently.
	if slices.ContainsFunc(found, func(f field) bool { return f.odd }) {
		return nil
	}
	fields := dominant(found)
	for i := range fields {
		f := &fields[i]
		ft := fieldType(t, f.index)
		f.prefix = string(AppendString([]byte{','}, f.name)) + ":"
		f.encoder = b.encoder(ft)
		if f.omitZero {
			f.isZero = zeroFunc(ft)
		}
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		start := len(b)
		for i := range fields {
			f := &fields[i]
			fv, ok := v, true
			if len(f.index) == 1 {
				fv = v.Field(f.index[0])
			} else if fv, ok = embedded(v, f.index); !ok {
				continue
			}
			if f.omitEmpty && isEmpty(fv) || f.omitZero && f.isZero(fv) {
				continue
			}
			b = append(b, f.prefix...)
			var err error
			if b, err = f.encoder.encode(b, fv, depth); err != nil {
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

// embedded follows index from v. It fails at an embedded pointer that is nil.
func embedded(v reflect.Value, index []int) (reflect.Value, bool) {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

func fieldType(t reflect.Type, index []int) reflect.Type {
	for _, i := range index {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		t = t.Field(i).Type
	}
	return t
}

// dominant returns those of the fields found that become members, in their order:
// Go's rules for embedded fields, in which a name from a tag wins over one at the
// same depth without.
func dominant(found []field) []field {
	slices.SortFunc(found, func(a, b field) int {
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
	var fields []field
	for i, n := 0, 0; i < len(found); i += n {
		for n = 1; i+n < len(found) && found[i+n].name == found[i].name; n++ {
		}
		// Two that are equally good shut each other out.
		if n > 1 && len(found[i].index) == len(found[i+1].index) && found[i].tagged == found[i+1].tagged {
			continue
		}
		fields = append(fields, found[i])
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
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

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.Kind() <= reflect.Float64 && v.IsZero() || // bool and numbers
		(v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) && v.IsZero()
}

type zeroer interface{ IsZero() bool }

var zeroerType = reflect.TypeFor[zeroer]()

// zeroFunc returns the test of omitzero: the type's own IsZero where it has one.
func zeroFunc(t reflect.Type) func(reflect.Value) bool {
	switch {
	case t == timeType:
		return func(v reflect.Value) bool {
			t, _ := reflect.TypeAssert[time.Time](v)
			return t.IsZero()
		}
	case t.Kind() == reflect.Interface && t.Implements(zeroerType):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || v.Interface().(zeroer).IsZero()
		}
	case t.Kind() == reflect.Pointer && t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	case t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }
	case reflect.PointerTo(t).Implements(zeroerType):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				boxed := reflect.New(t).Elem()
				boxed.Set(v)
				v = boxed
			}
			return v.Addr().Interface().(zeroer).IsZero()
		}
	}
	return reflect.Value.IsZero
}
