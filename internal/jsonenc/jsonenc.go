// Package jsonenc appends JSON to a buffer, byte for byte what json.Marshal
// makes of the same value, without a buffer of its own and with everything that
// can be known of a type worked out once.
//
// Booleans, numbers, strings, byte slices, times, and the structs, slices, arrays
// and pointers made of them are encoded here. Whatever else there is (types that
// marshal themselves, maps, interfaces, fields with the string option, values
// nested very deep or in a circle) is handed to encoding/json, errors included.
//
// Values are read where they lie in memory, by their offsets, because a
// reflect.Value for each field costs more than the field.
package jsonenc

import (
	"encoding/json"
	"reflect"
	"sync"
	"unsafe"
)

// An Encoder appends values of one type. It is made by [For] and safe for
// concurrent use.
type Encoder struct {
	t      reflect.Type
	encode appender

	// foreign says that encoding/json does it. What only holds such values is
	// then handed over as a whole, which costs less than piece by piece.
	foreign bool

	// addressed says that a value encodes in another way where it has no address,
	// because a method of a pointer marshals it or a part of it.
	addressed bool
}

// appender appends what p points to, at a depth of nested pointers and slices.
type appender func(b []byte, p unsafe.Pointer, depth int) ([]byte, error)

// maxDepth is how deep values are followed here. Beyond it encoding/json takes
// over, which finds circles.
const maxDepth = 100

// encoders holds the finished encoders, by reflect.Type. Types are few and live
// as long as the program.
var encoders sync.Map

// For returns the encoder for values of type t. It works t out on the first call;
// call it at construction to spare the first request that. A type that JSON
// cannot express is found out by Append, as by json.Marshal.
func For(t reflect.Type) *Encoder {
	if e, ok := encoders.Load(t); ok {
		return e.(*Encoder)
	}
	b := builder{}
	e := b.encoder(t)
	// Published only now that none of them is half made. Of two goroutines that
	// got here at once either result serves.
	for t, e := range b {
		encoders.LoadOrStore(t, e)
	}
	return e
}

// Only returns the encoder for structs of type t that leaves out all members but
// the named ones, or nil if values of t are handed to encoding/json or have no such
// member.
func Only(t reflect.Type, names []string) *Encoder {
	e := &Encoder{t: t, addressed: addressed(t)}
	if t.Kind() == reflect.Struct && !For(t).foreign {
		e.encode = builder{}.structure(t, names)
	}
	if e.encode == nil {
		return nil
	}
	return e
}

// Append appends v, which has to be of the type that e was made for. Where v has
// no address, it is copied. With an error come b and perhaps a part of v.
func (e *Encoder) Append(b []byte, v reflect.Value) ([]byte, error) {
	switch {
	case v.CanAddr():
		return e.encode(b, v.Addr().UnsafePointer(), 0)
	case e.addressed:
		encoded, err := json.Marshal(v.Interface())
		return append(b, encoded...), err
	}
	copied := reflect.New(e.t)
	copied.Elem().Set(v)
	return e.encode(b, copied.UnsafePointer(), 0)
}

// AppendElements appends s, whose elements e was made for, as an array.
func AppendElements[T any](b []byte, s []T, e *Encoder) ([]byte, error) {
	return appendElements(b, unsafe.Pointer(unsafe.SliceData(s)), len(s), e, 1)
}

// AppendSlice appends s, which is null where it is nil.
func AppendSlice[T any](b []byte, s []T) ([]byte, error) {
	t := reflect.TypeFor[T]()
	if e := For(t); s != nil && !e.foreign && t.Kind() != reflect.Uint8 {
		return AppendElements(b, s, e)
	}
	return Append(b, s)
}

// Append appends v, whatever its type.
func Append(b []byte, v any) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	return For(reflect.TypeOf(v)).Append(b, reflect.ValueOf(v))
}

// standard hands values of t to encoding/json, by address, because a method of
// the pointer may marshal them.
func standard(t reflect.Type) appender {
	return func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
		encoded, err := json.Marshal(reflect.NewAt(t, p).Interface())
		return append(b, encoded...), err
	}
}
