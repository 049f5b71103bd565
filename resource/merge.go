package resource

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/strictjson"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// checkNulls looks for the mistakes in a patch of a nested value that merging
// would hide, since a null takes its member away: a null where none may be, and
// one under a name that nobody knows.
func checkNulls(t reflect.Type, patch []byte, path string, order int, fails *failures) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var fields []rowtype.Field
	switch t.Kind() {
	case reflect.Struct:
		var err error
		if fields, err = rowtype.Fields(t); err != nil {
			return nil // a type that decodes itself
		}
	case reflect.Map:
	default:
		return nil
	}
	members, err := strictjson.Members(patch)
	if err != nil {
		return nest(err, path, order, fails)
	}
	for _, m := range members {
		var elem reflect.Type
		if t.Kind() == reflect.Struct {
			f := rowtype.Find(fields, string(m.Name))
			if f == nil {
				name := strictjson.Join(path, string(m.Name))
				return apierror.BadRequest(name, strictjson.CodeUnknown, "Unknown field "+name)
			}
			if string(m.Value) == "null" && !takesNull(f.Type) {
				fails.add(order, strictjson.Join(path, f.Name), strictjson.CodeNull, strictjson.Label(f.Name)+" must not be null")
			}
			elem = f.Type
		} else {
			elem = t.Elem()
		}
		if m.Value[0] == '{' {
			if err := checkNulls(elem, m.Value, strictjson.Join(path, string(m.Name)), order, fails); err != nil {
				return err
			}
		}
	}
	return nil
}

func takesNull(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return strictjson.Unmarshal([]byte("null"), reflect.New(t).Interface()) == nil
}

// mergeJSON is the algorithm of RFC 7396. Both values are known to be sound.
func mergeJSON(target, patch []byte) ([]byte, error) {
	patch = bytes.TrimSpace(patch)
	if patch[0] != '{' {
		return patch, nil
	}
	changes, err := strictjson.Members(patch)
	if err != nil {
		return nil, httpjson.Error(err)
	}
	var old []strictjson.Member
	if target = bytes.TrimSpace(target); len(target) > 0 && target[0] == '{' {
		if old, err = strictjson.Members(target); err != nil {
			return nil, err
		}
	}
	places := make(map[string]int, len(old))
	for i, m := range old {
		places[string(m.Name)] = i
	}
	for _, change := range changes {
		at, ok := places[string(change.Name)]
		switch {
		case string(change.Value) == "null":
			if ok {
				old[at].Value = nil // taken away below, all at once
			}
		case ok:
			if old[at].Value, err = mergeJSON(old[at].Value, change.Value); err != nil {
				return nil, err
			}
		default:
			value, err := mergeJSON(nil, change.Value)
			if err != nil {
				return nil, err
			}
			old = append(old, strictjson.Member{Name: change.Name, Value: value})
		}
	}
	old = slices.DeleteFunc(old, func(m strictjson.Member) bool { return m.Value == nil })
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range old {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(string(m.Name))
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
