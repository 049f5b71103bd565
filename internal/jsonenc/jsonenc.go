// Package jsonenc appends JSON to a buffer, byte for byte what json.Marshal
// makes of the same value, without a buffer of its own and with everything that
// can be known of a type worked out once.
//
// Booleans, numbers, strings, byte slices, times, and the structs, slices, arrays
// and pointers made of them are encoded here. Whatever else there is (types that
// marshal themselves, maps, interfaces, fields with the string option, values
// nested very deep or in a circle) is handed to encoding/json, errors included.
package jsonenc

import (
	"encoding/json"
	"reflect"
	"sync"
)

// An Encoder appends values of one type. It is made by [For] and safe for
// concurrent use.
type Encoder struct {
	encode appender

	// foreign says that encoding/json does it. What only holds such values is
	// then handed over as a whole, which costs less than piece by piece.
	foreign bool
}

// appender appends v at a depth of nested pointers and slices.
type appender func(b []byte, v reflect.Value, depth int) ([]byte, error)

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

// Append appends v. The type of v has to be the one that e was made for. Where it
// returns an error, the bytes that it returns are b and perhaps a part of v.
func (e *Encoder) Append(b []byte, v reflect.Value) ([]byte, error) {
	return e.encode(b, v, 0)
}

// Append appends v, whatever its type.
func Append(b []byte, v any) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	return For(reflect.TypeOf(v)).encode(b, reflect.ValueOf(v), 0)
}

// standard hands v to encoding/json. It is passed by address where it has one,
// because a method of the pointer may marshal it.
func standard(b []byte, v reflect.Value, _ int) ([]byte, error) {
	var x any
	if v.CanAddr() {
		x = v.Addr().Interface()
	} else {
		x = v.Interface()
	}
	encoded, err := json.Marshal(x)
	return append(b, encoded...), err
}
