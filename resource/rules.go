package resource

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/apierror/validation"
)

// tryRules runs every field's rules once on an empty value and once on filled ones,
// because validator panics on a rule it cannot run, and only when it comes to
// it: that has to happen now rather than on a request.
func tryRules(v *validator.Validate, input reflect.Type) error {
	tried := trials(input)
	for sf := range input.Fields() {
		if !sf.IsExported() {
			continue
		}
		for _, sample := range tried {
			if err := tryRule(v, sample, sf.Name); err != nil {
				return fmt.Errorf("field %s: the rules %q: %w", sf.Name, sf.Tag.Get("validate"), err)
			}
		}
	}
	for _, sample := range tried {
		if err := tryRule(v, sample, ""); err != nil {
			return fmt.Errorf("the rules: %w", err)
		}
	}
	return tryAlone(input, map[reflect.Type]bool{})
}

// tryAlone runs every rule within t by itself: one that follows another is reached
// only by values that fulfill the other, which no sample does for all. Tags of
// Options.Rules are left out, for they may rely on what stands before them.
func tryAlone(t reflect.Type, seen map[reflect.Type]bool) error {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return tryAlone(t.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	if seen[t] || t.PkgPath() == "time" {
		return nil
	}
	seen[t] = true
	tried := trials(t)
	for sf := range t.Fields() {
		if !sf.IsExported() {
			continue
		}
		tag := sf.Tag.Get("validate")
		if sf.Tag.Get("json") == "-" && len(alone(tag)) > 0 {
			return fmt.Errorf("field %s: the rules %q are about what no body has", sf.Name, tag)
		}
		for _, rule := range alone(tag) {
			v := validation.New()
			v.RegisterStructValidationMapRules(map[string]string{sf.Name: rule}, reflect.New(t).Interface())
			for _, sample := range tried {
				// What nobody has registered is found out before.
				if err := tryRule(v, sample, sf.Name); err != nil && !strings.HasPrefix(err.Error(), "Undefined validation function") {
					return fmt.Errorf("field %s: the rules %q: %w", sf.Name, tag, err)
				}
			}
		}
		if err := tryAlone(sf.Type, seen); err != nil {
			return err
		}
	}
	return nil
}

// alone splits a tag into its rules, each behind what says where it applies.
func alone(tag string) []string {
	if tag == "-" {
		return nil
	}
	var rules []string
	where, end := "", ""
	for rule := range strings.SplitSeq(tag, ",") {
		switch rule {
		case "dive", "omitempty", "omitnil", "omitzero", "structonly", "nostructlevel":
			where += rule + ","
		case "keys":
			where, end = where+"keys,", ",endkeys"
		case "endkeys":
			where, end = where[:strings.LastIndex(where, "keys,")], ""
		default:
			for one := range strings.SplitSeq(rule, "|") {
				rules = append(rules, where+one+end)
			}
		}
	}
	return rules
}

// trials returns pointers to values of t: an empty one, and filled ones, several
// where what JSON puts into an interface may be of several types.
func trials(t reflect.Type) []any {
	tried := []any{reflect.New(t).Interface()}
	for _, anything := range []any{"x", 1.0, true, []any{"x"}, map[string]any{"x": "x"}} {
		filled := reflect.New(t)
		if fill(filled.Elem(), 0, reflect.ValueOf(anything)); len(tried) > 1 && reflect.DeepEqual(filled.Interface(), tried[1]) {
			break // no interface is in it
		}
		tried = append(tried, filled.Interface())
	}
	return tried
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
// something, anything in an interface.
func fill(v reflect.Value, depth int, anything reflect.Value) {
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
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(anything)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1, anything)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1, anything)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1, anything)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1, anything)
		fill(elem, depth+1, anything)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
			return
		}
		for _, field := range v.Fields() {
			fill(field, depth+1, anything)
		}
	}
}
