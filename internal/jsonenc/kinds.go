package jsonenc

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
	"unsafe"
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
	e := &Encoder{t: t, addressed: addressed(t)}
	b[t] = e
	if e.encode = b.appender(t); e.encode == nil {
		e.encode, e.foreign = standard(t), true
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
		return func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return strconv.AppendBool(b, *(*bool)(p)), nil
		}
	case reflect.Int:
		return appendInt[int]
	case reflect.Int8:
		return appendInt[int8]
	case reflect.Int16:
		return appendInt[int16]
	case reflect.Int32:
		return appendInt[int32]
	case reflect.Int64:
		return appendInt[int64]
	case reflect.Uint:
		return appendUint[uint]
	case reflect.Uint8:
		return appendUint[uint8]
	case reflect.Uint16:
		return appendUint[uint16]
	case reflect.Uint32:
		return appendUint[uint32]
	case reflect.Uint64:
		return appendUint[uint64]
	case reflect.Uintptr:
		return appendUint[uintptr]
	case reflect.Float32:
		return func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return appendFloat(b, float64(*(*float32)(p)), 32)
		}
	case reflect.Float64:
		return func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return appendFloat(b, *(*float64)(p), 64)
		}
	case reflect.String:
		return func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return AppendString(b, *(*string)(p)), nil
		}
	case reflect.Struct:
		return b.structure(t, nil)
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

// addressed reports whether a value of t, or a part of it that has an address
// only if the whole has one, is marshaled by a method of its pointer.
func addressed(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	if t.Implements(marshalerType) != p.Implements(marshalerType) ||
		t.Implements(textMarshalerType) != p.Implements(textMarshalerType) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		for f := range t.Fields() {
			if addressed(f.Type) {
				return true
			}
		}
	case reflect.Array:
		return addressed(t.Elem())
	}
	return false
}

func appendInt[T int | int8 | int16 | int32 | int64](b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return strconv.AppendInt(b, int64(*(*T)(p)), 10), nil
}

func appendUint[T uint | uint8 | uint16 | uint32 | uint64 | uintptr](b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return strconv.AppendUint(b, uint64(*(*T)(p)), 10), nil
}

// appendFloat follows ECMAScript, as encoding/json does: an exponent only for
// numbers below 1e-6 and from 1e21 on, and no zero in front of it.
func appendFloat(b []byte, f float64, bits int) ([]byte, error) {
	abs := math.Abs(f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		_, err := json.Marshal(f) // which has the complaint, in its words
		return b, err
	}
	if f == math.Trunc(f) {
		// Integers as far as a float holds each of them; the shortest digits for a
		// float32 are others beyond that.
		if abs < 1<<24 && (f != 0 || !math.Signbit(f)) {
			return strconv.AppendInt(b, int64(f), 10), nil
		}
	} else if cents := f * 100; bits == 64 && abs < 1<<40 && cents == math.Trunc(cents) && cents/100 == f {
		// Amounts of money. Of the decimals with 15 digits or fewer only one is read
		// as f, and this is it.
		return appendCents(b, int64(cents)), nil
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

// appendCents appends cents/100, which is no integer.
func appendCents(b []byte, cents int64) []byte {
	if cents < 0 {
		b, cents = append(b, '-'), -cents
	}
	b = strconv.AppendInt(b, cents/100, 10)
	tens, ones := byte(cents%100/10), byte(cents%10)
	b = append(b, '.', '0'+tens)
	if ones == 0 {
		return b
	}
	return append(b, '0'+ones)
}

func (b builder) pointer(t reflect.Type) appender {
	elem := b.encoder(t.Elem())
	if elem.foreign {
		return nil
	}
	deep := standard(t)
	return func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		q := *(*unsafe.Pointer)(p)
		switch {
		case q == nil:
			return append(b, "null"...), nil
		case depth == maxDepth:
			return deep(b, p, depth)
		}
		return elem.encode(b, q, depth+1)
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
	deep := standard(t)
	return func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		s := *(*[]struct{})(p) // every slice begins and ends like this one
		switch {
		case s == nil:
			return append(b, "null"...), nil
		case depth == maxDepth:
			return deep(b, p, depth)
		}
		return appendElements(b, unsafe.Pointer(unsafe.SliceData(s)), len(s), elem, depth+1)
	}
}

func (b builder) array(t reflect.Type) appender {
	elem := b.encoder(t.Elem())
	if elem.foreign {
		return nil
	}
	n := t.Len()
	return func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		return appendElements(b, p, n, elem, depth)
	}
}

// appendElements appends the n values that begin at p.
func appendElements(b []byte, p unsafe.Pointer, n int, elem *Encoder, depth int) ([]byte, error) {
	b = append(b, '[')
	size := elem.t.Size()
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = elem.encode(b, unsafe.Add(p, uintptr(i)*size), depth); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendBytes(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	bytes := *(*[]byte)(p)
	if bytes == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, bytes)
	return append(b, '"'), nil
}
