package validation

import (
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

// other returns the JSON path of the field that a rule compares with, or what the
// rule calls it.
func (o Options) other(fe validator.FieldError) string {
	if o.Struct == nil {
		return fe.Param()
	}
	t := reflect.TypeOf(o.Struct)
	if !strings.HasSuffix(fe.Tag(), "csfield") { // those begin at the top
		_, place, _ := cutRoot(fe.StructNamespace())
		above := ""
		if i := strings.LastIndexByte(place, '.'); i >= 0 {
			above = place[:i]
		}
		if t, _ = walk(t, above); t == nil {
			return fe.Param()
		}
	}
	if _, path := walk(t, fe.Param()); path != "" {
		return path
	}
	return fe.Param()
}

// walk follows a path of Go names from t and returns the type that it leads to, nil
// if it leads nowhere, and the path in JSON names.
func walk(t reflect.Type, path string) (at reflect.Type, inJSON string) {
	if path == "" {
		return t, ""
	}
	for step := range strings.SplitSeq(path, ".") {
		name, indexes, _ := strings.Cut(step, "[")
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return nil, ""
		}
		sf, ok := t.FieldByName(name)
		if !ok {
			return nil, ""
		}
		if name := jsonName(sf); name != "" {
			inJSON += "." + name
		}
		t = sf.Type
		for range strings.Count(indexes, "]") {
			for t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			switch t.Kind() {
			case reflect.Slice, reflect.Array, reflect.Map:
				t = t.Elem()
			default:
				return nil, ""
			}
		}
	}
	return t, strings.TrimPrefix(inJSON, ".")
}
