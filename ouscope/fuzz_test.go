package ouscope_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tenetkit/tenet/ouscope"
)

// Whatever is sent to /org-units/active, the answer is the contract's, and a
// unit is chosen only if its exact id was named and the caller may use it.
func FuzzActiveUnit(f *testing.F) {
	for _, s := range []string{
		`{"org_unit_id":"uk"}`, `{"org_unit_id":"us"}`, `{"org_unit_id":null}`, `{"org_unit_id":"UK"}`, `{"org_unit_id":["uk"]}`, `{}`, ``, `null`,
		`{"org_unit_id":"uk","org_unit_id":"apac"}`, `{"org_unit_id":"u\u006b"}`, `{"org_unit_id":"uk\u0000"}`, `{"Org_unit_id":"uk"}`, "{\"org_unit_id\":\"\xff\"}",
	} {
		f.Add(s)
	}
	s := newService(f, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{})
	f.Fuzz(func(t *testing.T, body string) {
		s.do("ann", http.MethodDelete, "/org-units/active", "")
		r := httptest.NewRequest(http.MethodPost, "/org-units/active", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Subject", "ann")
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 400, 403, 413, 422}, w.Code) || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("POST %q = %d %s, outside the contract", body, w.Code, w.Body)
		}
		want := mustChoose
		if w.Code == http.StatusOK {
			var sent struct {
				Unit string `json:"org_unit_id"`
			}
			if err := json.Unmarshal([]byte(body), &sent); err != nil {
				t.Fatalf("POST %q = 200, but %v", body, err)
			}
			want = map[string]string{"uk": "uk: uk", "apac": "apac: apac uk2", "uk2": "uk2: uk2"}[sent.Unit]
		}
		if got := s.scope("ann"); got != want {
			t.Errorf("scope after POST %q = %s, want %s", body, got, want)
		}
	})
}

// A unit id is either refused, or is a text that every engine holds unchanged;
// and no id gets into the text of a condition.
func FuzzCondition(f *testing.F) {
	f.Add("uk", "uk2", "l.org_unit", 1)
	f.Add("u'k", `"`, "org_unit", 9)
	f.Add("\u2028", "<&>", "org_unit", -1)
	f.Add("a\x00", "\xff", "org_unit", 0)
	f.Fuzz(func(t *testing.T, one, two, column string, first int) {
		units := []ouscope.Unit{{ID: one}, {ID: two, Parent: one}}
		dir, err := ouscope.NewMemory(units, []ouscope.Assignment{{Subject: "ann", Unit: one, Role: "reader"}})
		valid := one != two
		for _, id := range []string{one, two} {
			valid = valid && id != "" && len(id) <= 128 && utf8.ValidString(id) && !strings.ContainsFunc(id, isControl)
		}
		if valid != (err == nil) {
			t.Fatalf("NewMemory(%q, %q) = %v, want success %v", one, two, err, valid)
		}
		if err != nil {
			return
		}
		scoper, err := ouscope.New(dir, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		scope, err := scoper.Resolve(httptest.NewRequest(http.MethodGet, "/", nil))
		if err != nil {
			t.Fatalf("Resolve: %v", err)
		}
		want := scope.IDs()
		if !slices.IsSorted(want) || len(want) != 2 || !scope.Contains(one) || !scope.Contains(two) {
			t.Fatalf("IDs = %q, want %q and %q sorted", want, one, two)
		}
		plain := scopeOf("ann", "reader", "emea")
		for _, dialect := range []string{"postgres", "sqlite", "mysql"} {
			where, args := scope.SQL(dialect, column, first)
			if same, _ := plain.SQL(dialect, column, first); where != same || len(args) != 1 {
				t.Fatalf("SQL(%q) = %q with %d arguments, want %q with 1", dialect, where, len(args), same)
			}
			got, ok := args[0].([]string)
			if !ok {
				if err := json.Unmarshal([]byte(args[0].(string)), &got); err != nil {
					t.Fatalf("SQL(%q) has the argument %q: %v", dialect, args[0], err)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("SQL(%q) has the ids %q, want %q", dialect, got, want)
			}
		}
	})
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
