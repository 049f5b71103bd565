package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/nearest"
	"github.com/tenetkit/tenet/internal/strictjson"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// failures collects what is wrong with a body, with the place of each field in
// the declaration, by which they are reported.
type failures []failure

type failure struct {
	apierror.FieldError
	order int
}

// maxFailures bounds how many failures one answer lists: a list of a million
// empty elements would otherwise be answered by many times its size.
const maxFailures = 100

func (f *failures) add(order int, field, code, message string) {
	if len(*f) >= maxFailures {
		return
	}
	*f = append(*f, failure{apierror.FieldError{Field: field, Code: code, Message: message}, order})
}

func (f failures) has(order int) bool {
	for i := range f {
		if f[i].order == order {
			return true
		}
	}
	return false
}

// members reads the body's names and values and refuses what the resource does
// not know. The error is an answer: 400, or 422 for a value that is no object.
func (d *declaration) membersOf(body []byte) ([]strictjson.Member, error) {
	members, err := strictjson.Members(body)
	if err != nil {
		return nil, httpjson.Error(err)
	}
	for i := range members {
		if _, ok := d.members[string(members[i].Name)]; !ok {
			field := strictjson.Join("", string(members[i].Name))
			message := "Unknown field " + field
			if known := nearest.Of(string(members[i].Name), d.inputNames()); known != "" {
				message += "; did you mean " + known + "?"
			}
			return nil, apierror.BadRequest(field, strictjson.CodeUnknown, message)
		}
	}
	return members, nil
}

func (d *declaration) inputNames() []string {
	names := make([]string, len(d.inputs))
	for i := range d.inputs {
		names[i] = d.inputs[i].Name
	}
	return names
}

// set decodes value into the input's field i. A failure is added to fails; the
// error is a 400: a value of another type, or a name inside it that nobody knows.
func (d *declaration) set(input reflect.Value, i int, value []byte, fails *failures) error {
	f := &d.inputs[i]
	target := input.FieldByIndex(f.Index)
	if f.Kind != rowtype.JSON && !f.Nullable && string(value) == "null" {
		fails.add(i, f.Name, strictjson.CodeNull, d.label(f.Name)+" must not be null")
		return nil
	}
	if f.Kind == rowtype.JSON || !fast(target, f, value) {
		fresh := reflect.New(f.Type)
		if err := strictjson.Unmarshal(value, fresh.Interface()); err != nil {
			return nest(err, f.Name, i, fails)
		}
		if f.keyed && hasLongKey(fresh.Elem()) {
			return apierror.BadRequest(f.Name, "max", d.label(f.Name)+" must have names of at most "+strconv.Itoa(maxKey)+" bytes")
		}
		if f.nested {
			d.missing(f.Type, value, f.Name, i, fails)
		}
		target.Set(fresh.Elem())
	}
	return d.settle(target, i, fails)
}

// settle refuses what no store can keep or give back, and brings times to
// microseconds in UTC.
func (d *declaration) settle(target reflect.Value, i int, fails *failures) error {
	f := &d.inputs[i]
	if f.Nullable {
		if target.IsNil() {
			return nil
		}
		target = target.Elem()
	}
	switch f.Kind {
	case rowtype.String:
		if strings.IndexByte(target.String(), 0) >= 0 {
			fails.add(i, f.Name, "character", d.label(f.Name)+" must not contain the character U+0000")
		}
	case rowtype.Float:
		if target.Float() == 0 {
			target.SetFloat(0) // -0 does not survive every store
		}
	case rowtype.Time:
		t, ok := rowtype.Micro(target.Interface().(time.Time))
		if !ok {
			return apierror.BadRequest(f.Name, strictjson.CodeType, d.label(f.Name)+" must be in the years 0000 to 9999")
		}
		target.Set(reflect.ValueOf(t))
	case rowtype.JSON:
		// Values that decode may still not encode (a time in the year 10000).
		if _, err := json.Marshal(target.Interface()); err != nil {
			return apierror.BadRequest(f.Name, strictjson.CodeType, d.label(f.Name)+" has a value that cannot be kept")
		}
	}
	return nil
}

// fast decodes the usual scalars without a second look at the bytes, which are
// known to be JSON. It reports false for everything that needs one, mistakes
// included.
func fast(target reflect.Value, f *inputField, value []byte) bool {
	if !f.Nullable {
		return fastValue(target, f.Kind, value)
	}
	if string(value) == "null" {
		target.SetZero()
		return true
	}
	to := reflect.New(f.Type.Elem())
	if !fastValue(to.Elem(), f.Kind, value) {
		return false
	}
	target.Set(to)
	return true
}

func fastValue(target reflect.Value, kind rowtype.Kind, value []byte) bool {
	switch kind {
	case rowtype.String, rowtype.Time:
		if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
			return false
		}
		value = value[1 : len(value)-1]
		if kind == rowtype.Time {
			t, ok := strictjson.ParseTime(value)
			*target.Addr().Interface().(*time.Time) = t
			return ok
		}
		target.SetString(string(value))
		return true
	case rowtype.Bool:
		switch string(value) {
		case "true":
			target.SetBool(true)
			return true
		case "false":
			target.SetBool(false)
			return true
		}
	case rowtype.Int:
		n, err := strconv.ParseInt(string(value), 10, target.Type().Bits())
		if err == nil {
			target.SetInt(n)
		}
		return err == nil
	case rowtype.Float:
		// What is no JSON number (infinity) cannot be here.
		if len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9') {
			n, err := strconv.ParseFloat(string(value), target.Type().Bits())
			if err == nil {
				target.SetFloat(n)
			}
			return err == nil
		}
	}
	return false
}

// nest turns an error about a member's value into one about the body. A null where
// none may be breaks a rule; anything else makes the whole body a 400.
func nest(err error, name string, order int, fails *failures) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	path := join(name, e.Field)
	message := e.Message
	if rest, ok := strings.CutPrefix(message, strictjson.Label(e.Field)); ok {
		message = strictjson.Label(path) + rest
	}
	if e.Code != strictjson.CodeNull {
		return apierror.BadRequest(path, e.Code, message)
	}
	fails.add(order, path, e.Code, message)
	return nil
}

func join(name, path string) string {
	if path == "" || path[0] == '[' {
		return name + path
	}
	return name + "." + path
}

// missing adds a failure for every number and bool inside value that has to be
// present and is not. The value is known to decode into t.
func (d *declaration) missing(t reflect.Type, value []byte, path string, order int, fails *failures) {
	if len(*fails) >= maxFailures || bytes.Equal(bytes.TrimSpace(value), []byte("null")) {
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		d.missing(t.Elem(), value, path, order, fails)
	case reflect.Slice, reflect.Array:
		var elems []json.RawMessage
		if json.Unmarshal(value, &elems) == nil {
			for i, elem := range elems {
				d.missing(t.Elem(), elem, path+"["+strconv.Itoa(i)+"]", order, fails)
			}
		}
	case reflect.Map:
		members, err := strictjson.Members(value)
		if err == nil {
			for _, m := range members {
				d.missing(t.Elem(), m.Value, strictjson.Join(path, string(m.Name)), order, fails)
			}
		}
	case reflect.Struct:
		fields, err := rowtype.Fields(t)
		if err != nil {
			return // a type that decodes itself
		}
		members, err := strictjson.Members(value)
		if err != nil {
			return
		}
		present := make(map[string][]byte, len(members))
		for _, m := range members {
			present[string(m.Name)] = m.Value
		}
		for i := range fields {
			f := &fields[i]
			inner, ok := present[f.Name]
			switch {
			case ok:
				d.missing(f.Type, inner, strictjson.Join(path, f.Name), order, fails)
			case demandsPresence(f.Type, f.Tag.Get("validate")):
				d.absent(order, strictjson.Join(path, f.Name), fails)
			}
		}
	}
}
