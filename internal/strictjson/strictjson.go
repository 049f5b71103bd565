// Package strictjson reads JSON that comes from strangers. What it accepts means
// the same to every reader, and [encoding/json] decodes it to the same value;
// what encoding/json lets through or repairs silently is refused:
//
//   - invalid UTF-8 and lone surrogates, which encoding/json replaces;
//   - a name that an object holds twice, also by way of escapes: parsers differ
//     in whether the first or the last one counts;
//   - names that a struct does not know, and names in another case;
//   - null where the Go value cannot hold it, which encoding/json skips;
//   - arrays of another length than the Go array, whose surplus it drops;
//   - data after the value, nesting deeper than 100, numbers beyond a float64.
//
// Every failure is an [*Error] with the JSON path and the offset at fault.
package strictjson

import (
	"encoding/json"
	"errors"
	"reflect"
)

// maxDepth is how deep arrays and objects may nest.
const maxDepth = 100

// The values of [Error.Code].
const (
	CodeJSON      = "json"      // not exactly one JSON value
	CodeUTF8      = "utf8"      // invalid UTF-8 or a lone surrogate
	CodeDepth     = "depth"     // nested deeper than 100
	CodeDuplicate = "duplicate" // a name given twice in one object
	CodeUnknown   = "unknown"   // a name that the struct does not know
	CodeType      = "type"      // a value of the wrong type or out of its range
	CodeNull      = "null"      // null where a value is needed
)

// An Error says what is wrong with the data and where. All of it may be shown to
// whoever sent the data.
type Error struct {
	Field   string // JSON path of the value at fault (items[2].sku); empty for the whole
	Code    string // one of the codes of this package
	Message string // one sentence for a person
	Offset  int    // byte offset of the fault, counted from 0

	cause error
}

// Error returns the message.
func (e *Error) Error() string { return "strictjson: " + e.Message }

// Unwrap returns the error of a type's own UnmarshalJSON or UnmarshalText, or nil.
func (e *Error) Unwrap() error { return e.cause }

// A Member is one name and value of an object. Both share the memory of the data,
// unless the name was sent with escapes.
type Member struct {
	Name  []byte // unescaped
	Value []byte // the value as it was sent
}

// Check reports whether data is exactly one JSON value that fulfills the rules of
// the package. The error is an [*Error].
func Check(data []byte) error {
	s := scanner{data: data}
	if err := s.document(edge{}); err != nil {
		return err
	}
	return nil
}

// Members returns the members of the object in data in the order in which they
// were sent. Data is checked like [Check] does; a value other than an object is
// an [*Error] with code "type".
func Members(data []byte) ([]Member, error) {
	s := scanner{data: data, collect: true}
	if err := s.document(edge{shape: objectShape}); err != nil {
		return nil, err
	}
	return s.members, nil
}

// Unmarshal checks data and decodes it into the value that v points to, as
// [json.Unmarshal] does. Names have to be those of the struct's fields, case
// included, at every level of nested structs, slices and maps. Types with an
// UnmarshalJSON of their own and values of interface type are checked like
// [Check] does and otherwise left to the type.
//
// If v is no pointer, the error is no [*Error], since the data is not to blame.
// After an error the value may be partly filled.
func Unmarshal(data []byte, v any) error {
	ptr := reflect.TypeOf(v)
	if ptr == nil || ptr.Kind() != reflect.Pointer || reflect.ValueOf(v).IsNil() {
		return errors.New("strictjson: Unmarshal: the target must be a non-nil pointer")
	}
	target := edgeOf(ptr.Elem())
	s := scanner{data: data}
	if err := s.document(target); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return locate(data, target, err)
	}
	return nil
}

// locate finds the value that a type's own decoding refused. encoding/json does
// not say where that was, so each such value is tried by itself.
func locate(data []byte, target edge, cause error) error {
	s := scanner{data: data, probe: true}
	if err := s.document(target); err != nil {
		return err
	}
	e := &Error{Code: CodeType, Message: "A value has the wrong type", cause: cause}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](cause); ok {
		e.Field, e.Offset = wrong.Field, int(wrong.Offset)
	}
	if e.Field != "" {
		e.Message = Label(e.Field) + " has the wrong type"
	}
	return e
}
