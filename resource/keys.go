package resource

import (
	"reflect"
	"strings"
)

// maxKey is how many bytes a name in a map may have that rules look into. Validator
// writes the whole path into every failure, so that a body of half a megabyte of
// name and a hundred thousand bad elements under it would take a hundred gigabytes.
const maxKey = 255

// divesIntoMaps reports whether the rules within t look into the members of a map;
// dives is how many more levels the tag of a field leads down.
func divesIntoMaps(t reflect.Type, dives int, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return divesIntoMaps(t.Elem(), dives, seen)
	case reflect.Map, reflect.Interface:
		return dives > 0
	case reflect.Slice, reflect.Array:
		return dives > 0 && divesIntoMaps(t.Elem(), dives-1, seen)
	case reflect.Struct:
		if seen[t] {
			return false
		}
		seen[t] = true
		for sf := range t.Fields() {
			if divesIntoMaps(sf.Type, strings.Count(sf.Tag.Get("validate"), "dive"), seen) {
				return true
			}
		}
	}
	return false
}

// hasLongKey reports whether a map within v has a name of more than maxKey bytes.
func hasLongKey(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return hasLongKey(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if hasLongKey(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for key, elem := range v.Seq2() {
			if key.Kind() == reflect.String && key.Len() > maxKey || hasLongKey(elem) {
				return true
			}
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if hasLongKey(field) {
				return true
			}
		}
	}
	return false
}
