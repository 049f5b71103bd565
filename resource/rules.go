package resource

import (
	"fmt"
	"reflect"
	"time"

	"github.com/go-playground/validator/v10"
)

// tryRules runs every field's rules once on an empty and once on a filled value,
// because validator panics on a rule it cannot run, and only when it comes to
// it: that has to happen now rather than on a request.
func tryRules(v *validator.Validate, input reflect.Type) error {
	empty, filled := reflect.New(input), reflect.New(input)
	fill(filled.Elem(), 0)
	for sf := range input.Fields() {
		if !sf.IsExported() {
			continue
		}
		for _, sample := range []reflect.Value{empty, filled} {
			if err := tryRule(v, sample.Interface(), sf.Name); err != nil {
				return fmt.Errorf("field %s: the rules %q: %w", sf.Name, sf.Tag.Get("validate"), err)
			}
		}
	}
	for _, sample := range []reflect.Value{empty, filled} {
		if err := tryRule(v, sample.Interface(), ""); err != nil {
			return fmt.Errorf("the rules: %w", err)
		}
	}
	return nil
}

func tryRule(v *validator.Validate, sample any, field string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	// Whether the sample passes does not matter.
	if field == "" {
		_ = v.Struct(sample)
	} else {
		_ = v.StructPartial(sample, field)
	}
	return nil
}

// fill gives v a value in which every place that rules can reach holds
// something.
func fill(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(elem, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
			return
		}
		for _, field := range v.Fields() {
			fill(field, depth+1)
		}
	}
}
