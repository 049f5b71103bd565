package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"sync"
	"time"
)

// kinds is a set of kinds of JSON values.
type kinds uint8

const (
	kindObject kinds = 1 << iota
	kindArray
	kindString
	kindNumber
	kindBool

	kindAny = kindObject | kindArray | kindString | kindNumber | kindBool
)

type numberKind uint8

const (
	float numberKind = iota
	signed
	unsigned
)

// edge is what a place in the data has to hold. The zero edge is any JSON.
type edge struct {
	shape    *shape
	nullable bool
	quoted   bool // the option ",string"
}

func (e edge) takesNull() bool { return e.shape == nil || e.nullable || e.shape.nullable }

// shape is what a Go type takes, worked out once.
type shape struct {
	typ      reflect.Type
	takes    kinds
	want     string // in words: "a string"
	nullable bool   // the type holds null without a pointer
	own      bool   // the type decodes itself, and may refuse

	fields map[string]field // of a struct; nil for anything else
	names  []string         // of the fields, sorted
	key    keyKind          // of a map
	elem   *edge            // of a map, slice or array
	fixed  bool             // an array, of size elements
	size   int
	number numberKind
	bits   int
}

func (sh *shape) elemEdge() edge {
	if sh.elem == nil {
		return edge{}
	}
	return *sh.elem
}

// objectShape takes any object.
var objectShape = &shape{takes: kindObject, want: "an object"}

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	numberType          = reflect.TypeFor[json.Number]()
	timeType            = reflect.TypeFor[time.Time]()
)

var edges sync.Map // reflect.Type -> edge

// edgeOf returns what a pointer to t takes.
func edgeOf(t reflect.Type) edge {
	if e, ok := edges.Load(t); ok {
		return e.(edge)
	}
	b := builder{}
	e := b.edge(t, true)
	edges.Store(t, e)
	return e
}

// builder makes the shapes of one type. The map lets a type hold itself.
type builder map[shapeKey]*shape

type shapeKey struct {
	typ     reflect.Type
	pointed bool
}

// edge returns the edge of a value of type t. Whether a pointer to the value is
// at hand matters, because encoding/json asks a type without a name for its
// methods only then.
func (b builder) edge(t reflect.Type, pointed bool) edge {
	e := edge{}
	for range maxDepth {
		if t.Kind() != reflect.Pointer {
			e.shape = b.shape(t, pointed || t.Name() != "")
			return e
		}
		e.nullable, pointed = true, true
		t = t.Elem()
	}
	return edge{} // a pointer to itself
}

func (b builder) shape(t reflect.Type, pointed bool) *shape {
	key := shapeKey{t, pointed}
	if sh, ok := b[key]; ok {
		return sh
	}
	sh := &shape{typ: t}
	b[key] = sh
	switch ptr := reflect.PointerTo(t); {
	case t == timeType:
		sh.takes, sh.want, sh.own = kindString, "a date and time such as 2026-01-02T15:04:05Z", true
		return sh
	case pointed && ptr.Implements(unmarshalerType):
		sh.takes, sh.nullable, sh.own = kindAny, true, true
		return sh
	case pointed && ptr.Implements(textUnmarshalerType):
		sh.takes, sh.own = kindString, true
		sh.want = "a string in the right form"
		return sh
	case t == numberType:
		sh.takes, sh.want, sh.bits = kindNumber, "a number", 64
		return sh
	}
	b.fill(sh, t)
	return sh
}

func (b builder) fill(sh *shape, t reflect.Type) {
	switch t.Kind() {
	case reflect.Bool:
		sh.takes, sh.want = kindBool, "true or false"
	case reflect.String:
		sh.takes, sh.want = kindString, "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		sh.takes, sh.number, sh.bits = kindNumber, signed, t.Bits()
		sh.want = "an integer"
		if sh.bits < 64 {
			limit := int64(1) << (sh.bits - 1)
			sh.want += " from " + strconv.FormatInt(-limit, 10) + " to " + strconv.FormatInt(limit-1, 10)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		sh.takes, sh.number, sh.bits = kindNumber, unsigned, t.Bits()
		sh.want = "an integer of 0 or more"
		if sh.bits < 64 {
			sh.want = "an integer from 0 to " + strconv.FormatUint(1<<sh.bits-1, 10)
		}
	case reflect.Float32, reflect.Float64:
		sh.takes, sh.want, sh.bits = kindNumber, "a number", t.Bits()
	case reflect.Struct:
		sh.takes, sh.want = kindObject, "an object"
		sh.fields = b.fields(t)
		sh.names = sortedNames(sh.fields)
	case reflect.Map:
		sh.takes, sh.want, sh.nullable = kindObject, "an object", true
		sh.key = keyKindOf(t.Key())
		sh.elem = new(b.edge(t.Elem(), false))
	case reflect.Slice:
		sh.nullable = true
		elem := b.edge(t.Elem(), false)
		if t.Elem().Kind() == reflect.Uint8 {
			sh.takes, sh.want, sh.own = kindString, "a string in base64", true
			if elem.shape.own {
				sh.takes, sh.elem = kindString|kindArray, &elem
			}
			return
		}
		sh.takes, sh.want, sh.elem = kindArray, "an array", &elem
	case reflect.Array:
		sh.takes, sh.want, sh.fixed, sh.size = kindArray, "an array", true, t.Len()
		sh.elem = new(b.edge(t.Elem(), false))
	case reflect.Interface:
		sh.takes, sh.nullable, sh.own = kindAny, true, t.NumMethod() > 0
	default:
		sh.want = "left out" // encoding/json has no value for a func or a channel
	}
}

// keyKind is what the names of a map's members have to be.
type keyKind struct {
	integer bool
	number  numberKind
	bits    int
}

func keyKindOf(t reflect.Type) keyKind {
	if reflect.PointerTo(t).Implements(textUnmarshalerType) {
		return keyKind{}
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return keyKind{integer: true, number: signed, bits: t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return keyKind{integer: true, number: unsigned, bits: t.Bits()}
	}
	return keyKind{}
}

// takes reports whether name fits. Only one spelling of an integer does: "1" and
// "01" would be two names for one key.
func (k keyKind) takes(name []byte) bool {
	if !k.integer {
		return true
	}
	if k.number == signed {
		n, err := strconv.ParseInt(string(name), 10, k.bits)
		return err == nil && strconv.FormatInt(n, 10) == string(name)
	}
	n, err := strconv.ParseUint(string(name), 10, k.bits)
	return err == nil && strconv.FormatUint(n, 10) == string(name)
}

func (k keyKind) String() string { return "an integer" }
