// Package resourcetest tests whether a store keeps the promises of package
// resource:
//
//	func TestLeadStore(t *testing.T) {
//		resourcetest.TestStore(t, resourcetest.Options[Lead]{
//			New: func(t *testing.T) resource.Store[Lead] { return newStore(t) },
//			Row: func(id, unit string, n int) Lead { return Lead{ID: id, OrgUnit: unit, Name: names[n%3], ...} },
//		})
//	}
//
// What a list has to hold is worked out by the store of [resource.NewMemory],
// over every field that can be compared, every operator and every order. A store
// with a method Cursors() bool that returns true is tested for
// [resource.Query.After] too.
package resourcetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// Options describes the store under test. New and Row are required.
type Options[Row any] struct {
	// New returns an empty store. It is called for every part of the test.
	New func(t *testing.T) resource.Store[Row]

	// Row returns a row with the id and the unit, whose other fields depend
	// on n alone: rows with different n from 0 to 99 have to differ, and
	// values that several n share make a better test of order. Times have to
	// be in UTC, without what is finer than a microsecond.
	Row func(id, unit string, n int) Row

	// UnitField is the JSON name of the unit's field. If empty, org_unit.
	UnitField string
}

// TestStore runs the conformance suite for stores.
func TestStore[Row any](t *testing.T, opts Options[Row]) {
	if opts.UnitField == "" {
		opts.UnitField = "org_unit"
	}
	s := suite[Row]{opts}
	for name, test := range map[string]func(*testing.T, resource.Store[Row]){
		"a created row is read back as it was":          s.readBack,
		"a nil scope and an empty one have no rows":     s.noScope,
		"rows of other units do not exist":              s.foreign,
		"an id is taken once":                           s.taken,
		"an update is one atomic step":                  s.atomic,
		"a deletion is one atomic step":                 s.atomicDelete,
		"an error of change or check leaves the row":    s.refused,
		"a deleted row is gone":                         s.deleted,
		"a canceled context ends every operation":       s.canceled,
		"lists filter, sort, count and page":            s.lists,
		"lists go on behind a position":                 s.positions,
		"update and delete find no row, call nothing":   s.unknown,
		"many callers at once leave every row complete": s.concurrent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, opts.New(t))
		})
	}
}

// Scope returns a scope of the units, the first of which is active, where every
// role is held.
func Scope(units ...string) resource.Scope { return scope{units} }

type scope struct{ units []string }

func (s scope) Active() string {
	if len(s.units) == 0 {
		return ""
	}
	return s.units[0]
}

func (s scope) Contains(unit string) bool      { return slices.Contains(s.units, unit) }
func (s scope) HasRole(unit, role string) bool { return s.Contains(unit) }
func (s scope) IDs() []string                  { return append([]string{}, s.units...) }

func (s scope) SQL(dialect, column string, firstPlaceholder int) (string, []any) {
	if len(s.units) == 0 {
		return "1=0", nil
	}
	args := make([]any, len(s.units))
	marks := make([]string, len(s.units))
	for i, unit := range s.units {
		args[i], marks[i] = unit, "?"
		if dialect == "postgres" {
			marks[i] = fmt.Sprintf("$%d", firstPlaceholder+i)
		}
	}
	return column + " IN (" + strings.Join(marks, ", ") + ")", args
}

type suite[Row any] struct{ opts Options[Row] }

// id returns the n-th of a series of ids in ascending order.
func id(n int) string { return fmt.Sprintf("01890000-0000-7000-8000-%012d", n) }

// text is a row as a caller would see it, by which rows are compared.
func text(t *testing.T, row any) string {
	t.Helper()
	b, err := json.Marshal(row)
	if err != nil {
		t.Fatalf("encoding a row: %v", err)
	}
	return string(b)
}

func (s suite[Row]) create(t *testing.T, store resource.Store[Row], scope resource.Scope, row Row) {
	t.Helper()
	want := text(t, row) // before the store has it
	got, err := store.Create(t.Context(), scope, row)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if got := text(t, got); got != want {
		t.Fatalf("Create returned\n%s, want\n%s", got, want)
	}
}

func (s suite[Row]) wantRow(t *testing.T, store resource.Store[Row], scope resource.Scope, id string, want Row) {
	t.Helper()
	got, err := store.Get(t.Context(), scope, id)
	if err != nil {
		t.Fatalf("Get(%s): %v", id, err)
	}
	if got, want := text(t, got), text(t, want); got != want {
		t.Fatalf("Get(%s) =\n%s, want\n%s", id, got, want)
	}
}

// fields returns the fields that filters and sorts can name.
func (s suite[Row]) fields(t *testing.T) []rowtype.Field {
	t.Helper()
	fields, err := rowtype.Fields(reflect.TypeFor[Row]())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(fields, func(f rowtype.Field) bool { return f.Kind == rowtype.JSON })
}

func agree[Row any](Row) error { return nil }

var all = resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 100}
