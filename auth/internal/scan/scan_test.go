package scan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth/internal/scan"
)

func TestObject(t *testing.T) {
	t.Parallel()
	var got []string
	err := scan.Object(` { "a" : 1 , "\u0062":[ "x", {"c":null}] ,"d":"\ud83d\ude00" } `, func(name, value string) error {
		got = append(got, name+"="+value)
		return nil
	})
	want := []string{`a=1`, `b=[ "x", {"c":null}]`, `d="\ud83d\ude00"`}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Object = %v, mismatch (-want +got):\n%s", err, diff)
	}
	stop := errors.New("stop")
	if err := scan.Object(`{"a":1,"b":2}`, func(string, string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Object = %v, want the member's error", err)
	}
}

func TestObjectRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `"n%d":0,`, i)
	}
	for _, text := range []string{
		``, ` `, `1`, `null`, `[]`, `"a"`, `{`, `{}{}`, `{} x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{'a':1}`, `{"a":1 "b":2}`,
		`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":tru}`, `{"a":True}`,
		`{"a":"` + "\x01" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\ud800"}`, `{"a":"\udc00"}`, `{"a":"\ud800\u0041"}`, `{"a":"\ud800\`,
		`{"a":"\u`, `{"a":"\`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[`, `{"a":` + deep + `}`, "{\"a\":\"\xff\"}", "\ufeff{}",
		`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"a":{"b":1,"b":1}}`, `{"a":[{"b":1,"b":1}]}`, `{` + many.String() + `"n7":0}`,
	} {
		if err := scan.Object(text, nil); err == nil {
			t.Errorf("Object(%q) = nil error", text)
		}
	}
	if err := scan.Object(`{`+many.String()+`"n":0}`, nil); err != nil {
		t.Errorf("Object with 101 names = %v", err)
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`["a","\u0062"]`: {"a", "b"}, `[]`: nil, ` `: nil, `["a",1]`: nil, `"a"`: nil, `[["a"]]`: nil, `null`: nil,
	} {
		got, ok := scan.Strings(text)
		if ok != (want != nil || text == `[]`) || ok && !cmp.Equal(got, want) {
			t.Errorf("Strings(%s) = %q, %v, want %q", text, got, ok, want)
		}
	}
}

func BenchmarkObject(b *testing.B) {
	const text = `{"iss":"https://issuer.example","aud":"https://api.example","sub":"alice","exp":1900000000,"iat":1800000000,"scope":"a b"}`
	b.ReportAllocs()
	for b.Loop() {
		if err := scan.Object(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// The scanner accepts nothing that encoding/json refuses, and what both accept
// has the same names and values.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2.5e3,null,true,"\u00e4\ud83d\ude00"]}}`, `{"a":-0}`, `{"a":01}`,
		`{"a":"\ud800"}`, "{\"a\":\"\xff\"}", ` { "a" : [ ] } `, `{"\u0061":1}`, `{"a":1}x`, `[1]`, `{"a":1.}`, `{"a":"` + "\t" + `"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := map[string]string{}
		err := scan.Object(s, func(name, value string) error {
			got[name] = value
			return nil
		})
		var want map[string]json.RawMessage
		jsonErr := json.Unmarshal([]byte(s), &want)
		if err != nil {
			// Refused: encoding/json may take it for the reasons that the
			// scanner is there for, but not what is plain.
			if jsonErr == nil && want != nil && plain(s) {
				t.Fatalf("%q is refused", s)
			}
			return
		}
		if jsonErr != nil || !utf8.ValidString(s) || len(got) != len(want) {
			t.Fatalf("%q gives %v, and encoding/json %v, %v", s, got, want, jsonErr)
		}
		for name, value := range got {
			if !bytes.Equal(bytes.TrimSpace(want[name]), []byte(value)) {
				t.Fatalf("%q: %q is %q, and encoding/json says %q", s, name, value, want[name])
			}
			if v, ok := scan.String(value); ok {
				var w string
				if err := json.Unmarshal([]byte(value), &w); err != nil || v != w {
					t.Fatalf("%q is %q, and encoding/json says %q, %v", value, v, w, err)
				}
			}
		}
	})
}

// plain reports whether s has nothing that encoding/json is lax about: at most
// one name, no escapes, no depth, valid UTF-8.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.Count(s, ":") == 1 && !strings.ContainsAny(s, `\[`) && strings.Count(s, "{") == 1
}
