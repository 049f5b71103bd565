package resource

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
