package resource

import (
	"context"
	"errors"
)

// ErrNotFound is returned by a store that has no row with the id within the
// scope. It is answered with 404, without telling whether the row exists
// elsewhere.
var ErrNotFound = errors.New("resource: no such row")

// A Lister returns one page of the rows in scope that fulfill q, in q's order,
// and how many rows there are on all pages together. The total is counted under
// the same scope and the same conditions.
//
// Every method of a store gets the scope of the request and is answerable for
// it: a nil scope, like one without units, has no rows. All methods are called
// concurrently. They may return an [*apierror.Error], which is answered as it
// is; a value that is taken, for example, as [apierror.Conflict].
//
// A store that goes by [Query.After], which [Options.Cursors] demands, says so by
// a method Cursors() bool. In SQL the condition is that of package
// paginate/keyset, with NullsFirst for every Nullable column that is not Desc:
//
//	req := keyset.Request{Limit: q.Limit - 1, Order: order, Values: q.After, Back: q.Back, Inclusive: q.Inclusive}
//	where, tail, args := req.SQL("postgres", 1)
type Lister[Row any] interface {
	List(ctx context.Context, scope Scope, q Query) ([]Row, int, error)
}

// A Getter returns the row with the id, or [ErrNotFound] where there is none in
// scope.
type Getter[Row any] interface {
	Get(ctx context.Context, scope Scope, id string) (Row, error)
}

// A Creator adds a row and returns it as it is stored. Its id, times and unit
// are set already; a row whose unit is not in scope is refused with
// [ErrNotFound].
type Creator[Row any] interface {
	Create(ctx context.Context, scope Scope, row Row) (Row, error)
}

// An Updater replaces the row with the id by what change makes of it and returns
// the new row. Reading, change and writing are one atomic step: two updates of
// one row never see the same old row. An error of change is returned as it is
// and leaves the row alone; change may be called again where the step has to be
// repeated. Without such a row in scope change is not called, and ErrNotFound
// returned. The id and the unit of a row do not change.
type Updater[Row any] interface {
	Update(ctx context.Context, scope Scope, id string, change func(Row) (Row, error)) (Row, error)
}

// A Deleter removes the row with the id if check returns nil for it, in one
// atomic step as in [Updater].
type Deleter[Row any] interface {
	Delete(ctx context.Context, scope Scope, id string, check func(Row) error) error
}

// A Store implements all operations.
type Store[Row any] interface {
	Lister[Row]
	Getter[Row]
	Creator[Row]
	Updater[Row]
	Deleter[Row]
}

// A Query is what a list request asks for, with every field known to the
// declaration and every value decoded.
type Query struct {
	Filter []Condition // all have to hold
	Sort   []Order     // unique: the last one is the id
	Offset int
	Limit  int

	// After, if not nil, is the position that the page goes on from: what the
	// fields of Sort have in some row, in the types of [Condition.Value], null
	// as nil. Only rows that come later in the order are listed; the row itself
	// may be gone. Offset is 0 then, and the total that of the whole list.
	After []any

	// Back asks for the rows before After instead, the nearest first: in the
	// reverse of the order.
	Back bool

	// Inclusive asks for a row with just the values of After too.
	Inclusive bool

	// MaxTotal, if not zero, is where counting may stop: any total above it
	// says that there are more.
	MaxTotal int

	// NoTotal says that nobody is told the total: List need not count, and may
	// return anything for it.
	NoTotal bool

	// Params are the values of the parameters of [Options.Params] that were
	// sent: string, bool, int64, float64 or time.Time. Stores of this module
	// do not look at them: they are for a List of one's own, which may turn
	// them into conditions.
	Params map[string]any
}

// A Condition compares a field of the row with a value.
type Condition struct {
	Field string // JSON name of a declared field

	// Op is one of = != > >= < <=, of ~= (equals one of the values) and, for
	// a string, of ^= (begins with the value, compared by bytes). A store
	// answers one that it does not know with an error.
	Op string

	// Value is a string, bool, int64, uint64, float64 or time.Time (UTC), as
	// the field's type asks for. For ~= it is a []any of 1 to 100 of them,
	// without two that are equal. Null equals no value, is in no list and
	// begins with nothing: a row where the field is null fulfills != and
	// nothing else.
	Value any
}

// An Order is one key of a sort. Strings are ordered by their bytes, null comes
// before everything else.
type Order struct {
	Field string
	Desc  bool
}
