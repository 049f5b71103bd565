// Package rowtype looks once at a row type and tells its stores and handlers
// which JSON members it has, and how their values compare.
package rowtype

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/tenetkit/tenet/internal/strictjson"
)

// A Kind says how a member's values are stored and compared.
type Kind uint8

// The kinds. A JSON value is kept as it encodes and has no order.
const (
	JSON Kind = iota
	String
	Bool
	Int
	Uint
	Float
	Time
)

// A Field is one JSON member of a row or an input.
type Field struct {
	Name     string // in JSON
	GoName   string
	Index    []int // for reflect.Value.FieldByIndex
	Type     reflect.Type
	Kind     Kind
	Nullable bool // a pointer
	Tag      reflect.StructTag

	offset uintptr // in the row
}

// Fields returns the members of struct type t in their order. Embedded structs
// without a name of their own are members of t, as in encoding/json.
func Fields(t reflect.Type) ([]Field, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}
	if t == timeType || Custom(t) {
		return nil, fmt.Errorf("%v encodes or decodes itself", t)
	}
	fields, err := collect(nil, t, nil, 0)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(fields))
	for _, f := range fields {
		if other, ok := names[f.Name]; ok {
			return nil, fmt.Errorf("field %s: the name %q is also that of field %s", f.GoName, f.Name, other)
		}
		names[f.Name] = f.GoName
	}
	return fields, nil
}

func collect(fields []Field, t reflect.Type, prefix []int, offset uintptr) ([]Field, error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		index := append(append([]int(nil), prefix...), i)
		switch {
		case tag == "-":
			continue
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			var err error
			if fields, err = collect(fields, sf.Type, index, offset+sf.Offset); err != nil {
				return nil, err
			}
			continue
		case sf.Anonymous && name == "":
			return nil, fmt.Errorf("field %s: only structs can be embedded, and not by pointer", sf.Name)
		case !sf.IsExported():
			continue
		}
		if name == "" {
			name = sf.Name
		} else if !strictjson.ValidName(name) {
			return nil, fmt.Errorf("field %s: encoding/json ignores the name %q in its tag", sf.Name, name)
		}
		for option := range strings.SplitSeq(options, ",") {
			if option == "string" {
				return nil, fmt.Errorf("field %s: the JSON option \"string\" is not supported", sf.Name)
			}
		}
		kind, nullable, err := kindOf(sf.Type)
		if err == nil {
			err = encodes(sf.Type, map[reflect.Type]bool{})
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", sf.Name, err)
		}
		fields = append(fields, Field{
			Name: name, GoName: sf.Name, Index: index, Type: sf.Type, Kind: kind, Nullable: nullable, Tag: sf.Tag,
			offset: offset + sf.Offset,
		})
	}
	return fields, nil
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	marshaler       = reflect.TypeFor[json.Marshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	numberType      = reflect.TypeFor[json.Number]()
)

// Custom reports whether t or its pointer encodes or decodes itself.
func Custom(t reflect.Type) bool {
	ptr := reflect.PointerTo(t)
	return ptr.Implements(marshaler) || ptr.Implements(unmarshaler) ||
		ptr.Implements(textMarshaler) || ptr.Implements(textUnmarshaler)
}

func kindOf(t reflect.Type) (kind Kind, nullable bool, err error) {
	if t.Kind() == reflect.Pointer {
		nullable = true
		t = t.Elem()
		if t.Kind() == reflect.Pointer {
			return JSON, true, errors.New("a pointer to a pointer has two kinds of null")
		}
	}
	switch {
	case t == timeType:
		return Time, nullable, nil
	case Custom(t), t == numberType:
		return JSON, nullable, nil
	}
	switch t.Kind() {
	case reflect.String:
		return String, nullable, nil
	case reflect.Bool:
		return Bool, nullable, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Int, nullable, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Uint, nullable, nil
	case reflect.Float32, reflect.Float64:
		return Float, nullable, nil
	}
	return JSON, nullable, nil
}

// encodes returns an error if encoding/json has no form for something within t,
// which it would say for every row that is read.
func encodes(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] || t == timeType || Custom(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("a %v has no JSON form", t)
	case reflect.Map:
		switch key := t.Key(); {
		case key.Kind() == reflect.String, key.Kind() >= reflect.Int && key.Kind() <= reflect.Uintptr, key.Implements(textMarshaler):
		default:
			return fmt.Errorf("a %v has no JSON form, because of its keys", t)
		}
		return encodes(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return encodes(t.Elem(), seen)
	case reflect.Struct:
		for sf := range t.Fields() {
			if sf.Tag.Get("json") == "-" || !sf.IsExported() && !sf.Anonymous {
				continue
			}
			if err := encodes(sf.Type, seen); err != nil {
				return fmt.Errorf("%s: %w", sf.Name, err)
			}
		}
	}
	return nil
}

// Find returns the field with the JSON name, or nil.
func Find(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// Bits returns the width of the field's number.
func (f *Field) Bits() int {
	t := f.Type
	if f.Nullable {
		t = t.Elem()
	}
	return t.Bits()
}
