package rowtype_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

type row struct {
	ID    string     `json:"id"`
	Plain string     // by its Go name
	Skip  string     `json:"-"`
	Note  *string    `json:"note,omitempty"`
	N     int8       `json:"n"`
	U     *uint32    `json:"u"`
	F     float32    `json:"f"`
	B     bool       `json:"b"`
	T     *time.Time `json:"t"`
	Any   any        `json:"any"`
	Dur   time.Duration
	inner
}

type inner struct {
	Deep []string `json:"deep"`
}

func TestFields(t *testing.T) {
	t.Parallel()
	fields, err := rowtype.Fields(reflect.TypeFor[row]())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	want := []string{"id", "Plain", "note", "n", "u", "f", "b", "t", "any", "Dur", "deep"}
	if !slices.Equal(names, want) {
		t.Errorf("Fields = %q, want %q", names, want)
	}
	for name, want := range map[string]rowtype.Kind{
		"note": rowtype.String, "n": rowtype.Int, "u": rowtype.Uint, "f": rowtype.Float, "b": rowtype.Bool,
		"t": rowtype.Time, "any": rowtype.JSON, "Dur": rowtype.Int, "deep": rowtype.JSON,
	} {
		if f := rowtype.Find(fields, name); f == nil || f.Kind != want {
			t.Errorf("field %s = %+v, want kind %d", name, f, want)
		}
	}
}

// A name that encoding/json ignores would be one in the declaration and another on
// the wire.
func TestFieldsRefusesNamesThatJSONIgnores(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a'b", `a\\b`, "a`b", `a\"b`} {
		field := reflect.StructField{Name: "Field", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`json:"` + name + `"`)}
		fields, err := rowtype.Fields(reflect.StructOf([]reflect.StructField{field}))
		if err == nil || !strings.HasPrefix(err.Error(), "field Field: encoding/json ignores the name") {
			t.Errorf("Fields with the tag %s = %v, %v, want an error that names the field", field.Tag, fields, err)
		}
	}
}

// FuzzParse reads values for every kind. A value that is taken has to equal
// itself, and to differ from null.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a", "true", "1", "-1", "+1", "1.5", "1e400", "0x1", "NaN", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.0000001Z", "\xff", "\x00", "1_000"} {
		f.Add(s)
	}
	fields, err := rowtype.Fields(reflect.TypeFor[row]())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i := range fields {
			v, err := fields[i].Parse(s)
			if err != nil {
				continue
			}
			if rowtype.Compare(v, v) != 0 || rowtype.Compare(nil, v) != -1 || rowtype.Compare(v, nil) != 1 {
				t.Errorf("Parse(%q) for %s = %v, which is not itself", s, fields[i].Name, v)
			}
			if tm, ok := v.(time.Time); ok && (tm.Location() != time.UTC || tm.Nanosecond()%1000 != 0) {
				t.Errorf("Parse(%q) = %v, want UTC and microseconds", s, tm)
			}
		}
	})
}
