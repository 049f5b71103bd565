package jsonenc

import (
	"reflect"
	"time"
	"unsafe"
)

// omission returns what omits a field of type t under its options, or nil.
func omission(t reflect.Type, omitEmpty, omitZero bool) func(unsafe.Pointer) bool {
	var empty, zero func(unsafe.Pointer) bool
	if omitEmpty {
		empty = emptyFunc(t)
	}
	if omitZero {
		zero = zeroFunc(t)
	}
	switch {
	case empty == nil:
		return zero
	case zero == nil:
		return empty
	}
	return func(p unsafe.Pointer) bool { return empty(p) || zero(p) }
}

// emptyFunc returns the test of omitempty, or nil for a type without empty values.
func emptyFunc(t reflect.Type) func(unsafe.Pointer) bool {
	switch t.Kind() {
	case reflect.String:
		return func(p unsafe.Pointer) bool { return *(*string)(p) == "" }
	case reflect.Slice:
		return func(p unsafe.Pointer) bool { return len(*(*[]struct{})(p)) == 0 }
	case reflect.Pointer:
		return func(p unsafe.Pointer) bool { return *(*unsafe.Pointer)(p) == nil }
	case reflect.Map, reflect.Array:
		return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().Len() == 0 }
	case reflect.Interface:
		return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().IsNil() }
	}
	if t.Kind() > reflect.Float64 { // not a bool or a number
		return nil
	}
	return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().IsZero() }
}

type zeroer interface{ IsZero() bool }

var zeroerType = reflect.TypeFor[zeroer]()

// zeroFunc returns the test of omitzero: the type's own IsZero where it has one.
func zeroFunc(t reflect.Type) func(unsafe.Pointer) bool {
	own := func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }
	switch {
	case t == timeType:
		return func(p unsafe.Pointer) bool { return (*time.Time)(p).IsZero() }
	case t.Kind() == reflect.Interface && t.Implements(zeroerType):
		return func(p unsafe.Pointer) bool {
			v := reflect.NewAt(t, p).Elem()
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() || own(v)
		}
	case t.Kind() == reflect.Pointer && t.Implements(zeroerType):
		return func(p unsafe.Pointer) bool {
			return *(*unsafe.Pointer)(p) == nil || own(reflect.NewAt(t, p).Elem())
		}
	case reflect.PointerTo(t).Implements(zeroerType): // of the value, too
		return func(p unsafe.Pointer) bool { return own(reflect.NewAt(t, p)) }
	case t.Kind() == reflect.String || t.Kind() == reflect.Pointer:
		return emptyFunc(t)
	}
	return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().IsZero() }
}
