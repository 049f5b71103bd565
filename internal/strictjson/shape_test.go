package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/internal/strictjson"
)

// Shapes of structs about which encoding/json has rules of its own.
type (
	left   struct{ Same, Left string }
	right  struct{ Same, Right string }
	tagged struct {
		Other string `json:"Same"`
	}
	selfRef struct {
		Kids   []selfRef
		ByName map[string]*selfRef
	}
	loop    *loop
	unnamed = struct{ time.Time }
	wide    struct {
		F00, F01, F02, F03, F04, F05, F06, F07, F08, F09, F10, F11, F12, F13, F14, F15, F16, F17, F18, F19, F20, F21, F22 int
		F23, F24, F25, F26, F27, F28, F29, F30, F31, F32, F33, F34, F35, F36, F37, F38, F39, F40, F41, F42, F43, F44, F45 int
		F46, F47, F48, F49, F50, F51, F52, F53, F54, F55, F56, F57, F58, F59, F60, F61, F62, F63, F64, F65, F66, F67, F68 int
	}
)

func TestUnmarshalKnowsTheNamesThatEncodingJSONKnows(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target func() any
		data   string
		code   string
	}{
		"a field embedded twice hides itself": {func() any {
			return new(struct {
				left
				right
			})
		}, `{"Same":"x"}`, "unknown"},
		"its neighbours do not": {func() any {
			return new(struct {
				left
				right
			})
		}, `{"Left":"x","Right":"y"}`, ""},
		"a tag wins at one depth": {func() any {
			return new(struct {
				left
				tagged
			})
		}, `{"Same":"x"}`, ""},
		"the shallower wins": {func() any {
			return new(struct {
				left
				right
				Same int
			})
		}, `{"Same":1}`, ""},
		"an embedded struct with a name": {func() any {
			return new(struct {
				left `json:"l"`
			})
		}, `{"l":{"Left":"x"}}`, ""},
		"a bad name in a tag": {func() any {
			return new(struct {
				//lint:ignore SA5008 encoding/json falls back to the name of the field
				A int `json:"a'b"`
			})
		}, `{"A":1}`, ""},
		"a type that holds itself":             {func() any { return new(selfRef) }, `{"Kids":[{"Kids":[]}],"ByName":{"x":{"Kids":[{}]},"y":null}}`, ""},
		"a type that holds itself, wrong":      {func() any { return new(selfRef) }, `{"ByName":{"x":{"Kids":[{"kids":[]}]}}}`, "unknown"},
		"a field after the sixty-fourth twice": {func() any { return new(wide) }, `{"F67":1,"F68":1,"F67":2}`, "duplicate"},
		"seventy fields, all of them":          {func() any { return new(wide) }, allWide(), ""},
		"an embedded type's own decoding":      {func() any { return new(unnamed) }, `"2026-01-02T15:04:05Z"`, ""},
		"an array of structs":                  {func() any { return new([]left) }, `[{"Left":"x"},{"left":"x"}]`, "unknown"},
		"a map of slices of pointers":          {func() any { return new(map[string][]*left) }, `{"a":[null,{"Left":"x"}],"b":null}`, ""},
		"an any":                               {func() any { return new(any) }, `{"a":[1,{"b":null}]}`, ""},
		"null for an any":                      {func() any { return new(any) }, `null`, ""},
		"null for a pointer":                   {func() any { return new(*left) }, `null`, ""},
		"a text key":                           {func() any { return new(map[netip.Addr]int) }, `{"::1":1}`, ""},
		"a bad text key":                       {func() any { return new(map[netip.Addr]int) }, `{"x":1}`, "type"},
		"a channel":                            {func() any { return new(struct{ C chan int }) }, `{"C":1}`, "type"},
		"an interface with methods":            {func() any { return new(struct{ E error }) }, `{"E":"x"}`, "type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := tt.target()
			err := strictjson.Unmarshal([]byte(tt.data), got)
			e, _ := errors.AsType[*strictjson.Error](err)
			if e == nil {
				e = &strictjson.Error{}
			}
			if e.Code != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("Unmarshal(%s) into %T = %v, want code %q", tt.data, got, err, tt.code)
			}
			if err != nil {
				return
			}
			want := tt.target()
			if err := json.Unmarshal([]byte(tt.data), want); err != nil {
				t.Fatal(err)
			}
			if w, g := mustMarshal(t, want), mustMarshal(t, got); w != g {
				t.Errorf("Unmarshal(%s) = %s, want %s", tt.data, g, w)
			}
		})
	}
}

func allWide() string {
	var b strings.Builder
	for i := range 69 {
		fmt.Fprintf(&b, `,"F%02d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestUnmarshalSurvivesAPointerToItself(t *testing.T) {
	t.Parallel()
	if err := strictjson.Unmarshal([]byte(`{"L":null}`), new(struct{ L loop })); err != nil {
		t.Errorf("Unmarshal = %v, want nil", err)
	}
}
