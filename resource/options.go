package resource

import (
	"context"
	"net/http"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/apierror/validation"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

// Options declares what a resource takes beside its types. Scope or Unscoped has
// to be set; the zero values of the others are the API contract.
type Options struct {
	// Scope returns the units that the request may touch; a nil Scope denies:
	//
	//	func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) }
	Scope func(*http.Request) Scope

	// Rescope returns the units that the caller may touch now, for work that
	// goes on after its request: it is asked when a func that [Resource.Import]
	// has returned begins, and again after a second or 100 rows, whichever
	// comes first. The accepted Scope is that of the request, and the new one
	// must have the same active unit; an error, or a Scope that no longer
	// allows to create rows there, ends the import. If nil, an import goes on
	// with the Scope that it was accepted with, also when a role is revoked.
	//
	//	func(ctx context.Context, accepted resource.Scope) (resource.Scope, error) {
	//		was := accepted.(ouscope.Scope)
	//		return scoper.For(ctx, was.Subject(), was.Active())
	//	}
	Rescope func(ctx context.Context, accepted Scope) (Scope, error)

	// Restore returns the units that the subject may touch now while the unit is
	// active, for work that is begun without a request: after a restart, or by
	// another process. [Resource.ImportOperation] demands it, and asks it as
	// Import asks Rescope; a nil Scope denies.
	//
	//	func(ctx context.Context, subject, unit string) (resource.Scope, error) {
	//		return scoper.For(ctx, subject, unit)
	//	}
	Restore func(ctx context.Context, subject, unit string) (Scope, error)

	// Unscoped says that the rows belong to no unit and that every caller may
	// touch all of them. It excludes Scope, Rescope, Restore, UnitField and
	// Roles.
	Unscoped bool

	// UnitField is the JSON name of the string field that holds the row's
	// unit. If empty, org_unit.
	UnitField string

	// Filter and Sort are the JSON names of the fields that callers may filter
	// and sort by. By default there are none.
	Filter, Sort []string

	// Roles are asked of the row's own unit. By default every caller who has
	// the unit in scope may do everything.
	Roles Roles

	// Params declares query parameters of the list beside page, limit, cursor,
	// filter and sort. What a caller sends is decoded by the type of the example and
	// handed to the store in [Query.Params]; without Required it may be absent.
	// Of a Field only Name, Description, Example and Required count here.
	Params []Field

	// DataKey names the member of a list that holds the rows. If empty, data.
	DataKey string

	// ListFields are the JSON names of the members that rows in lists have, the
	// id among them; an answer with one row has all. If nil, so have lists.
	ListFields []string

	// Page bounds page and limit.
	Page paginate.Options

	// Cursors makes the cursors of a list, by which it can be read to its end at
	// the same cost at any depth, and without a row that appears twice or not
	// at all because others come and go. The limit is that of Page. If nil,
	// there are pages alone.
	//
	// The store has to go by [Query.After]; it says so by a method Cursors()
	// bool, as [NewMemory] and package resource/sqlstore do. A type that embeds
	// the interface [Store] hides that method, and has to have one too.
	//
	// With [keyset.Options.MaxAge] the cursors, and so the ETags of lists,
	// differ from second to second. Rows whose sort keys have more than 4 KiB
	// have no cursors: such a page has none, and an answer to a cursor that
	// should have one is a 400 that names sort.
	Cursors *keyset.Pager

	// CursorTotals counts the list for answers to a cursor too. By default only
	// pages have a total: a caller who reads a list to its end has it from the
	// first answer, and counting each time would cost more than the rows.
	CursorTotals bool

	// MaxTotal is where counting the rows of a list may stop: a longer one has
	// this as its total, with "total_capped":true, and no link to its last
	// page. Counting a million rows costs more than any page of them. If zero,
	// totals are exact.
	MaxTotal int

	// Rules registers tags of one's own at the validator that the rules of the
	// input go by. It is called once, by [New]. What it registers is tried on an
	// empty and on a filled input, and must be safe for concurrent use.
	//
	//	func(v *validator.Validate) error { return v.RegisterValidation("sku", isSKU) }
	Rules func(*validator.Validate) error

	// Validation says which codes and messages failures of rules have, and is
	// where those of the tags that Rules registers are given:
	//
	//	validation.Options{Messages: map[string]string{"sku": "{field} must be a SKU such as A-100"}}
	Validation validation.Options

	// MaxBody is the most bytes that a body may have. If zero, 1 MiB.
	MaxBody int64

	// MaxImport is the most rows that an import may have. If zero, 10,000.
	MaxImport int

	// RequireMatch answers PUT, PATCH and DELETE without If-Match with 428, so
	// that no caller can overwrite what it has not read.
	RequireMatch bool

	// Doc is prose for [Resource.Doc].
	Doc Doc
}

// Roles names the role that each operation asks for. An empty one asks for none.
type Roles struct {
	Read   string // list and get; lists hold the rows of the units where it is held
	Create string // asked of the active unit
	Update string // PUT and PATCH
	Delete string
}
