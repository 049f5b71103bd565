package rowtype

import (
	"cmp"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/tenetkit/tenet/internal/strictjson"
)

// Value returns the field of row as nil, string, bool, int64, uint64, float64 or
// time.Time. A field of kind JSON is returned as it is.
func (f *Field) Value(row reflect.Value) any {
	v := row.FieldByIndex(f.Index)
	if f.Nullable {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch f.Kind {
	case String:
		return v.String()
	case Bool:
		return v.Bool()
	case Int:
		return v.Int()
	case Uint:
		return v.Uint()
	case Float:
		return v.Float()
	}
	return v.Interface()
}

// Text returns where the row that is pointed to keeps the field, which is a string.
// Going there by index would cost more than all else that is done to a row of a list.
func (f *Field) Text(row unsafe.Pointer) *string { return (*string)(unsafe.Add(row, f.offset)) }

// Time is Text for a time.
func (f *Field) Time(row unsafe.Pointer) *time.Time { return (*time.Time)(unsafe.Add(row, f.offset)) }

// NullTime is Text for a time that may be null.
func (f *Field) NullTime(row unsafe.Pointer) **time.Time {
	return (**time.Time)(unsafe.Add(row, f.offset))
}

// Compare orders two values of one field as [Field.Value] returns them: null
// first, strings by their bytes, false before true.
func Compare(a, b any) int {
	if a == nil || b == nil {
		switch {
		case a == b:
			return 0
		case a == nil:
			return -1
		}
		return 1
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case bool:
		return cmp.Compare(boolInt(a), boolInt(b.(bool)))
	case int64:
		return cmp.Compare(a, b.(int64))
	case uint64:
		return cmp.Compare(a, b.(uint64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return 0
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Parse reads a value for comparing the field with, in the form in which
// [Field.Value] returns it. The error says what is wanted.
func (f *Field) Parse(s string) (any, error) {
	switch f.Kind {
	case String:
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return nil, errors.New("valid UTF-8 without U+0000")
		}
		return s, nil
	case Bool:
		switch s {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, errors.New("true or false")
	case Int:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && s[0] != '+' {
			return n, nil
		}
		return nil, errors.New("an integer")
	case Uint:
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return n, nil
		}
		return nil, errors.New("an integer of 0 or more")
	case Float:
		if n, err := strconv.ParseFloat(s, f.Bits()); err == nil && plainNumber(s) {
			return n + 0, nil
		}
		return nil, errors.New("a number")
	case Time:
		// Stores keep microseconds: a finer bound could not be compared.
		if t, ok := strictjson.ParseTime([]byte(s)); ok && t.Nanosecond()%1000 == 0 && soundYear(t.UTC()) {
			return t.UTC(), nil
		}
		return nil, errors.New("a time such as 2026-01-02T15:04:05Z, with microseconds at most")
	}
	return nil, errors.New("a field with an order")
}

// plainNumber keeps out what ParseFloat takes beyond decimal numbers: hex, inf,
// underscores, a leading plus.
func plainNumber(s string) bool {
	return s != "" && s[0] != '+' && strings.Trim(s, "0123456789.eE+-") == ""
}

func soundYear(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }

// Micro returns t in UTC without what is finer than a microsecond, and whether
// it has a form in RFC 3339.
func Micro(t time.Time) (time.Time, bool) {
	t = t.UTC().Truncate(time.Microsecond)
	return t, soundYear(t)
}
