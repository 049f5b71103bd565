package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/tenetkit/tenet/internal/strictjson"
)

var seeds = []string{
	``, `null`, `{}`, `[]`, `"\ud83d\ude00"`, `"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `1e400`, `-0`, `[1,2,{"b":[{}]}]`, `{"name":null}`,
	`{"name":"A","items":[{"sku":"x","count":3,"tags":{"a":"b"}}],"by_code":{"1":{}},"raw":{"a":[1]},"pair":[1,2],"data":"AAE=","quoted":"12","text":"\"q\"","flag":"true"}`,
	`{"created_at":"2026-01-02T15:04:05.5Z","ip":"::1","due":null,"next":{"next":{"Name":"x"}}}`, `{"-":"d","Plain":"p","number":1.50,"total":12}`, ` [ 1 , "" ] `, `{"a":1}}`,
}

// FuzzCheck holds Check against an independent reading of the same data with
// encoding/json's tokens.
func FuzzCheck(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err := strictjson.Check(data)
		if !bytes.Equal(before, data) {
			t.Fatal("Check changed the data")
		}
		if err == nil {
			if !json.Valid(data) || !utf8.Valid(data) {
				t.Fatalf("Check(%q) = nil, but encoding/json refuses it", data)
			}
			if err := onceEach(json.NewDecoder(bytes.NewReader(data))); err != nil {
				t.Fatalf("Check(%q) = nil, but %v", data, err)
			}
			if err := json.Unmarshal(data, new(any)); err != nil {
				t.Fatalf("Check(%q) = nil, but encoding/json: %v", data, err)
			}
			return
		}
		e, ok := errors.AsType[*strictjson.Error](err)
		if !ok || e.Code == "" || e.Message == "" || e.Offset < 0 || e.Offset > len(data) || !utf8.ValidString(e.Field) || !utf8.ValidString(e.Message) {
			t.Fatalf("Check(%q) = %#v, not a sound *Error", data, err)
		}
		if e.Code == strictjson.CodeJSON && json.Valid(data) {
			t.Fatalf("Check(%q) = %v, but encoding/json reads it", data, err)
		}
		if e.Code == strictjson.CodeDuplicate && onceEach(json.NewDecoder(bytes.NewReader(data))) == nil {
			t.Fatalf("Check(%q) = %v, but every name stands once", data, err)
		}
	})
}

// onceEach reports a name that stands twice in an object.
func onceEach(d *json.Decoder) error {
	d.UseNumber()
	var open []map[string]bool // nil for an array
	name := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		in := func() map[string]bool {
			if len(open) == 0 {
				return nil
			}
			return open[len(open)-1]
		}
		switch token := token.(type) {
		case json.Delim:
			switch token {
			case '{':
				open, name = append(open, map[string]bool{}), true
				continue
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			name = in() != nil
			if token == '[' {
				name = false
			}
		case string:
			if name {
				if in()[token] {
					return errors.New("duplicate " + token)
				}
				in()[token] = true
				name = false
				continue
			}
			name = in() != nil
		default:
			name = in() != nil
		}
	}
}

// FuzzUnmarshal asks that what Unmarshal accepts, encoding/json decodes to the
// same value without unknown names, and that the value survives the way back.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got order
		err := strictjson.Unmarshal(data, &got)
		if err != nil {
			if e, ok := errors.AsType[*strictjson.Error](err); !ok || e.Code == "" || e.Message == "" || !utf8.ValidString(e.Field) {
				t.Fatalf("Unmarshal(%q) = %#v, not a sound *Error", data, err)
			}
			return
		}
		var want order
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("Unmarshal(%q) = nil, but encoding/json: %v", data, err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("Unmarshal(%q) = %+v, want %+v", data, got, want)
		}
	})
}
