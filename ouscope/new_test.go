package ouscope_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	dir := &directory{}
	tests := map[string]struct {
		dir     ouscope.Directory
		subject func(*http.Request) (string, bool)
		opts    ouscope.Options
		want    string // part of the error
	}{
		"the zero options":           {dir, subject, ouscope.Options{}, ""},
		"no directory":               {nil, subject, ouscope.Options{}, "directory and subject are required"},
		"no subject":                 {dir, nil, ouscope.Options{}, "directory and subject are required"},
		"an unknown mode":            {dir, subject, ouscope.Options{Mode: "all"}, `mode "all"`},
		"another status":             {dir, subject, ouscope.Options{MissingStatus: 404}, "missing status 404"},
		"a field with a quote":       {dir, subject, ouscope.Options{ActiveField: `a"b`}, "active field"},
		"a field that is skipped":    {dir, subject, ouscope.Options{ActiveField: "-"}, "active field"},
		"a role that implies itself": {dir, subject, ouscope.Options{Implies: map[string][]string{"a": {"b"}, "b": {"a"}}}, "implies itself"},
		"an empty role":              {dir, subject, ouscope.Options{Implies: map[string][]string{"a": {""}}}, "empty"},
		"roles that meet again":      {dir, subject, ouscope.Options{Implies: map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ouscope.New(tt.dir, tt.subject, tt.opts)
			if tt.want == "" && err == nil {
				return
			}
			if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "ouscope: New: ") {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNewMemoryRefusesWhatIsNoTree(t *testing.T) {
	t.Parallel()
	unit := func(id, parent string) ouscope.Unit { return ouscope.Unit{ID: id, Parent: parent} }
	tests := map[string]struct {
		units       []ouscope.Unit
		assignments []ouscope.Assignment
		want        string // part of the error, or "" if none is expected
	}{
		"nothing":               {},
		"an id twice":           {units: []ouscope.Unit{unit("a", ""), unit("a", "")}, want: "twice"},
		"no id":                 {units: []ouscope.Unit{unit("", "")}, want: "0 bytes"},
		"a long id":             {units: []ouscope.Unit{unit(strings.Repeat("x", 129), "")}, want: "129 bytes"},
		"an id with a NUL":      {units: []ouscope.Unit{unit("a\x00", "")}, want: "control"},
		"an id with a newline":  {units: []ouscope.Unit{unit("a\n", "")}, want: "control"},
		"an id that is no text": {units: []ouscope.Unit{unit("a\xff", "")}, want: "UTF-8"},
		"a missing parent":      {units: []ouscope.Unit{unit("a", "b")}, want: "not there"},
		"its own parent":        {units: []ouscope.Unit{unit("a", "a")}, want: "ancestors"},
		"a circle":              {units: []ouscope.Unit{unit("a", "b"), unit("b", "c"), unit("c", "a"), unit("d", "")}, want: "ancestors"},
		"a circle of disabled units": {units: []ouscope.Unit{
			{ID: "a", Parent: "b", Disabled: true}, {ID: "b", Parent: "a", Disabled: true},
		}, want: "ancestors"},
		"a parent of another organization": {units: []ouscope.Unit{
			{ID: "a", Organization: "x"}, {ID: "b", Parent: "a", Organization: "y"},
		}, want: "not there"},
		"equal ids of two organizations": {units: []ouscope.Unit{{ID: "a", Organization: "x"}, {ID: "a", Organization: "y"}}},
		"no subject":                     {units: acme(), assignments: []ouscope.Assignment{{Unit: "uk", Role: "reader"}}, want: "no subject"},
		"no role":                        {units: acme(), assignments: []ouscope.Assignment{{Unit: "uk", Subject: "ann"}}, want: "no role"},
		"no unit":                        {units: acme(), assignments: []ouscope.Assignment{{Subject: "ann", Role: "reader"}}, want: "names no unit"},
		"an unknown unit":                {units: acme(), assignments: []ouscope.Assignment{{Subject: "ann", Role: "reader", Unit: "xx"}}, want: "not there"},
		"an unknown organization":        {units: acme(), assignments: []ouscope.Assignment{{Subject: "ann", Role: "reader", Organization: "xx"}}, want: "not there"},
		"a unit of another organization": {units: acme(), assignments: []ouscope.Assignment{{Subject: "ann", Role: "reader", Organization: "other", Unit: "uk"}}, want: "not there"},
		"all that is right":              {units: acme(), assignments: []ouscope.Assignment{{Subject: "ann", Role: "reader", Organization: "acme", Unit: "uk"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ouscope.NewMemory(tt.units, tt.assignments)
			if tt.want == "" {
				if err != nil {
					t.Errorf("NewMemory = %v, want no error", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewMemory = %v, want %q", err, tt.want)
			}
		})
	}
}

// A tree as deep as its number of units is read without recursion.
func TestADeepTree(t *testing.T) {
	t.Parallel()
	units := []ouscope.Unit{{ID: "0"}}
	for i := range 20_000 {
		units = append(units, ouscope.Unit{ID: strconv.Itoa(i + 1), Parent: strconv.Itoa(i)})
	}
	dir, err := ouscope.NewMemory(units, []ouscope.Assignment{{Subject: "ann", Unit: "19990", Role: "reader"}})
	if err != nil {
		t.Fatalf("NewMemory: %v", err)
	}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s := &service{scoper: scoper}
	if got := len(s.resolve(t, "ann").IDs()); got != 11 {
		t.Errorf("the scope has %d units, want 11", got)
	}
}
