package jsonenc

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
)

var (
	timeType          = reflect.TypeFor[time.Time]()
	numberType        = reflect.TypeFor[json.Number]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// builder makes the encoders of a type and of the types in it. A type that
// contains itself finds its encoder in the map while that is still being made.
type builder map[reflect.Type]*Encoder

func (b builder) encoder(t reflect.Type) *Encoder {
	if e, ok := encoders.Load(t); ok {
		return e.(*Encoder)
	}
	if e, ok := b[t]; ok {
		return e
	}
	e := new(Encoder)
	b[t] = e
	if e.encode = b.appender(t); e.encode == nil {
		e.encode, e.foreign = standard, true
	}
	return e
}

// appender returns what appends values of t, or nil for encoding/json.
func (b builder) appender(t reflect.Type) appender {
	switch {
	case t == timeType:
		return appendTime
	case t == numberType, t.Kind() != reflect.Pointer && marshals(t):
		return nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) {
			return strconv.AppendUint(b, v.Uint(), 10), nil
		}
	case reflect.Float32:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendFloat(b, v, 32) }
	case reflect.Float64:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return appendFloat(b, v, 64) }
	case reflect.String:
		return func(b []byte, v reflect.Value, _ int) ([]byte, error) { return AppendString(b, v.String()), nil }
	case reflect.Struct:
		return b.structure(t)
	case reflect.Pointer:
		return b.pointer(t)
	case reflect.Slice:
		return b.slice(t)
	case reflect.Array:
		return b.array(t)
	}
	return nil
}

// marshals reports whether values of t marshal themselves, be it only when they
// have an address.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t) // has the methods of t as well
	return p.Implements(marshalerType) || p.Implements(textMarshalerType)
}

func appendTime(b []byte, v reflect.Value, depth int) ([]byte, error) {
	t, _ := reflect.TypeAssert[time.Time](v)
	n := len(b)
	out, err := t.AppendText(append(b, '"'))
	if err != nil {
		return standard(b[:n], v, depth) // which has the same complaint, in its words
	}
	return append(out, '"'), nil
}

// appendFloat follows ECMAScript, as encoding/json does: an exponent only for
// numbers below 1e-6 and from 1e21 on, and no zero in front of it.
func appendFloat(b []byte, v reflect.Value, bits int) ([]byte, error) {
	f := v.Float()
	abs := math.Abs(f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return standard(b, v, 0)
	}
	// Integers as far as a float holds each of them; the shortest digits for a
	// float32 are others beyond that.
	if f == math.Trunc(f) && abs < 1<<24 && (f != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(b, int64(f), 10), nil
	}
	format := byte('f')
	if abs != 0 && (bits == 64 && (abs < 1e-6 || abs >= 1e21) ||
		bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, bits)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b, nil
}

func (b builder) pointer(t reflect.Type) appender {
	elem := b.encoder(t.Elem())
	if elem.foreign {
		return nil
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		switch {
		case v.IsNil():
			return append(b, "null"...), nil
		case depth == maxDepth:
			return standard(b, v, depth)
		}
		return elem.encode(b, v.Elem(), depth+1)
	}
}

func (b builder) slice(t reflect.Type) appender {
	if t.Elem().Kind() == reflect.Uint8 && !marshals(t.Elem()) {
		return appendBytes
	}
	elem := b.encoder(t.Elem())
	if elem.foreign {
		return nil
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		switch {
		case v.IsNil():
			return append(b, "null"...), nil
		case depth == maxDepth:
			return standard(b, v, depth)
		}
		return appendElements(b, v, elem, depth+1)
	}
}

func (b builder) array(t reflect.Type) appender {
	elem := b.encoder(t.Elem())
	if elem.foreign {
		return nil
	}
	return func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		return appendElements(b, v, elem, depth)
	}
}

func appendElements(b []byte, v reflect.Value, elem *Encoder, depth int) ([]byte, error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = elem.encode(b, v.Index(i), depth); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendBytes(b []byte, v reflect.Value, _ int) ([]byte, error) {
	if v.IsNil() {
		return append(b, "null"...), nil
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v.Bytes())
	return append(b, '"'), nil
}
