package resource

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// A Scope says which units a request may touch and what it may do there. It is
// an explicit argument of every store method. The Scope of package ouscope
// fulfills it; nil stands for no units at all.
type Scope interface {
	// Active returns the unit that new rows belong to, or "".
	Active() string

	// Contains reports whether rows of the unit are in scope.
	Contains(unit string) bool

	// HasRole reports whether the caller holds the role on the unit.
	HasRole(unit, role string) bool

	// IDs returns the units in scope, and never nil to mean all of them.
	IDs() []string

	// SQL returns a condition that holds for the rows whose column names a
	// unit in scope, and its arguments. The dialect is sqlite, postgres or
	// mysql; numbered placeholders start at firstPlaceholder.
	SQL(dialect, column string, firstPlaceholder int) (string, []any)
}

// Everything returns a Scope that holds every row, also those without a unit. It
// is for seeds, migrations and maintenance, and the scope that an
// [Options.Unscoped] resource hands to its store. Never answer a request of a
// scoped resource with it.
func Everything() Scope { return everything{} }

type everything struct{}

func (everything) Active() string                          { return "" }
func (everything) Contains(string) bool                    { return true }
func (everything) HasRole(string, string) bool             { return true }
func (everything) IDs() []string                           { return []string{} }
func (everything) SQL(string, string, int) (string, []any) { return "1=1", nil }

// narrowed is a scope cut to the units where the caller holds a role.
type narrowed struct {
	Scope
	ids []string
}

func (s narrowed) Contains(unit string) bool { return slices.Contains(s.ids, unit) }
func (s narrowed) IDs() []string             { return slices.Clone(s.ids) }

func (s narrowed) SQL(dialect, column string, firstPlaceholder int) (string, []any) {
	list, err := json.Marshal(s.ids)
	if err != nil || len(s.ids) == 0 {
		return "1=0", nil
	}
	switch dialect {
	case "sqlite":
		return column + " IN (SELECT value FROM json_each(?))", []any{string(list)}
	case "postgres":
		return column + " IN (SELECT jsonb_array_elements_text($" + strconv.Itoa(firstPlaceholder) + "::jsonb))", []any{string(list)}
	}
	args := make([]any, len(s.ids))
	for i, id := range s.ids {
		args[i] = id
	}
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?,", len(args)), ",") + ")", args
}

// narrow cuts scope to the units where the caller holds role. It returns nil
// where there are none.
func narrow(scope Scope, role string) Scope {
	if role == "" {
		return scope
	}
	ids := scope.IDs()
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if scope.HasRole(id, role) {
			kept = append(kept, id)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case len(ids):
		return scope
	}
	return narrowed{Scope: scope, ids: kept}
}
