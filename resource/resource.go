// Package resource serves a whole REST resource from one declaration: the row
// type, the input type, the path, a store and [Options].
//
//	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{
//		Scope:  func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
//		Filter: []string{"name", "active"},
//		Sort:   []string{"name", "created_at"},
//	})
//	mux.Handle("/leads", leads)
//	mux.Handle("/leads/{id}", leads)
//
// The routes follow what the store implements ([Lister], [Getter], [Creator],
// [Updater], [Deleter]); a method that is missing is a 405 with Allow:
//
//	GET    /leads        {"data":[...],"total":150,"page":1,"limit":25} and Link
//	POST   /leads        201 with Location
//	GET    /leads/{id}   the row
//	PUT    /leads/{id}   replaces it: what is absent becomes null or zero
//	PATCH  /leads/{id}   merges (RFC 7396): what is absent stays, null is null
//	DELETE /leads/{id}   204
//
// HEAD and OPTIONS work on both paths. Rows and lists have strong ETags;
// If-None-Match is answered with 304, a stale If-Match with 412.
//
// # Rows and inputs
//
// A row has the JSON members id (string), created_at and updated_at
// ([time.Time]), which the server fills, and its unit (org_unit, string) unless
// the resource is [Options.Unscoped]. The input has the members that callers
// write; each is a field of the row with the same JSON name and type. All other
// members belong to the server: sent by a caller they are refused (422,
// read_only), except that PUT and PATCH take them where they repeat the current
// value, so that a row that was read can be sent back.
//
// A pointer is a value that may be null. The rules are the validate tags of
// [github.com/go-playground/validator/v10]; "required" on a number or a bool
// means that it is sent, not that it differs from 0 or false. Tags of one's own
// are registered by [Options.Rules]. What tags cannot say goes into a method
// Validate(context.Context) error of the input, which is called when the rules
// hold and may return [apierror.ValidationFailed]. An update calls it within the
// store's one atomic step, so it must not wait for that store. Names in a map that
// rules look into (dive) have at most 255 bytes.
//
// # Lists
//
// filter=value>=100 compares a declared field with a value; it may be repeated,
// once per field and operator, and all have to hold:
//
//	= != > >= < <=   filter=created_at>=2026-01-01T00:00:00Z
//	~=  is one of    filter=status~=new,won     filter=name~="Gear, small",Cog
//	^=  begins with  filter=name^=Ge
//
// The values of a list, 100 at most, are written as in a line of CSV: one with a
// comma, a double quote or a space at an end stands in double quotes, in which
// "" is one, and an empty one is "". Strings are compared by their bytes, in
// their case. Null is equal to nothing, in no list, and begins with nothing;
// != alone holds for it.
//
// sort=name,-created_at orders by declared fields and then by id, in the direction
// of the last of them. Other parameters, and repeated ones, are a 400.
//
// Rows in a list have all their members, or those of [Options.ListFields].
//
// With [Options.Cursors] every list that has rows before or behind it says how
// to go on, also a page, so that a caller starts with GET /leads?limit=25:
//
//	{"data":[...],"total":150,"page":1,"limit":25,"next_cursor":"AQx3..."}
//
// and sends cursor=AQx3... with the same filter, sort and parameters of its own;
// anything else, another scope included, is a 400:
//
//	{"data":[...],"limit":25,"next_cursor":"AWe1...","prev_cursor":"Abb7..."}
//
// # Units
//
// The store gets the request's [Scope] with every call. A row of a unit outside
// it is answered byte for byte like a row that does not exist, before roles,
// If-Match and the body are looked at. Roles are asked of the row's own unit.
//
// # Hooks
//
// A store is a few small interfaces: what is to happen before or after an
// operation goes into a type that embeds the store and has that method.
//
// # Work that takes longer, and requests that come twice
//
// [Resource.Import] reads many rows at once, for the runner of package
// resource/jobs, which answers 202; [Options.Rescope] ends an import whose caller
// loses the role meanwhile. [Resource.ImportOperation] is the same for jobs that
// are tried again and survive a restart. Package resource/idempotency gives a repeated
// POST its first answer again. Both serve any handler.
//
// # Documentation
//
// [Resource.Doc] returns the declaration as values: the prose of [Options.Doc],
// and every field and parameter with its type, rules, description and example.
//
// # Size
//
// validator's rule validateFn calls methods by names that the linker cannot know, so
// that it has to keep every exported method in a program. A program that does not use
// the rule becomes 2.2 MiB smaller with
//
//	go build -tags validator_novalidatefn
//
// Everything here is safe for concurrent use.
package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/jsonenc"
)

// A Resource is the http.Handler for the path of a resource and the paths of its
// rows. Mount it on both.
type Resource[Row, Input any] struct {
	*declaration
	opts    Options
	path    string
	queries queries
	encoder *jsonenc.Encoder
	listed  *jsonenc.Encoder // of rows in lists, or nil where they are whole

	readable narrower // to the units whose rows a list may hold
	maxBody  int64

	list   Lister[Row]
	get    Getter[Row]
	insert Creator[Row]
	update Updater[Row]
	remove Deleter[Row]

	allow, allowRow []string // Allow of the two paths
}

// New returns the resource at path, which is the path that clients see (for
// Location). The store implements [Lister], [Getter], [Creator], [Updater],
// [Deleter] or some of them; a method with such a name and another signature is
// refused, as a slip. A declaration that cannot work is refused with an
// error that names the field.
func New[Row, Input any](path string, store any, opts Options) (*Resource[Row, Input], error) {
	res := &Resource[Row, Input]{opts: opts, path: path, maxBody: opts.MaxBody}
	res.readable.role = opts.Roles.Read
	if err := res.check(store); err != nil {
		return nil, fmt.Errorf("resource: New: %s: %w", path, err)
	}
	var err error
	res.declaration, err = declare(reflect.TypeFor[Row](), reflect.TypeFor[Input](), opts)
	if err != nil {
		return nil, fmt.Errorf("resource: New: %s: %w", path, err)
	}
	own, err := params(&res.opts)
	if err != nil {
		return nil, fmt.Errorf("resource: New: %s: %w", path, err)
	}
	res.queries = newQueries(res.declaration, res.opts, own)
	res.encoder = jsonenc.For(reflect.TypeFor[Row]())
	res.opts.ListFields = slices.Clone(opts.ListFields) // Doc shows them
	if opts.ListFields != nil {
		if res.listed, err = listed(reflect.TypeFor[Row](), res.declaration, opts.ListFields); err != nil {
			return nil, fmt.Errorf("resource: New: %s: %w", path, err)
		}
	}
	res.bind(store)
	if len(res.allow) == 0 && len(res.allowRow) == 0 {
		return nil, fmt.Errorf("resource: New: %s: the store %T implements no operation on %v", path, store, reflect.TypeFor[Row]())
	}
	if err := checkMethods[Row](store); err != nil {
		return nil, fmt.Errorf("resource: New: %s: %w", path, err)
	}
	return res, nil
}

func (res *Resource[Row, Input]) check(store any) error {
	opts := res.opts
	switch {
	case !strings.HasPrefix(res.path, "/") || strings.HasSuffix(res.path, "/") || strings.ContainsAny(res.path, "{}?# %"):
		return errors.New("the path must begin with a slash, not end with one, and have no wildcards")
	case store == nil:
		return errors.New("a store is required")
	case opts.Scope == nil && !opts.Unscoped:
		return errors.New("Options.Scope or Options.Unscoped is required")
	case opts.Unscoped && (opts.Scope != nil || opts.Rescope != nil || opts.Restore != nil || opts.UnitField != "" || opts.Roles != Roles{}):
		return errors.New("Options.Unscoped excludes Scope, Rescope, Restore, UnitField and Roles")
	case opts.CursorTotals && opts.Cursors == nil:
		return errors.New("Options.CursorTotals without Cursors has no effect")
	case opts.MaxBody < 0 || opts.MaxTotal < 0 || opts.MaxImport < 0:
		return errors.New("Options.MaxBody, MaxTotal and MaxImport must not be negative")
	}
	switch opts.DataKey {
	case "total", "total_capped", "page", "limit", "next_cursor", "prev_cursor":
		return fmt.Errorf("Options.DataKey: %q is a member of its own", opts.DataKey)
	}
	if opts.Cursors != nil {
		if err := checkCursors(store); err != nil {
			return err
		}
	}
	// Stores that know their unit field have to mean the same one.
	if s, ok := store.(interface{ UnitField() string }); ok {
		want := ""
		if !opts.Unscoped {
			want = unitField(opts)
		}
		if got := s.UnitField(); got != want {
			return fmt.Errorf("the store's unit field is %q and the resource's %q", got, want)
		}
	}
	return nil
}

// checkMethods refuses a method that only looks like an operation: a hook with a slip
// in its signature hides that of the store that it embeds, and turns it into a 405.
func checkMethods[Row any](store any) error {
	// Names that are constants let the linker go on leaving out what nobody calls.
	v := reflect.ValueOf(store)
	for _, method := range []struct {
		name      string
		got       reflect.Value
		operation reflect.Type
	}{
		{"List", v.MethodByName("List"), reflect.TypeFor[func(context.Context, Scope, Query) ([]Row, int, error)]()},
		{"Get", v.MethodByName("Get"), reflect.TypeFor[func(context.Context, Scope, string) (Row, error)]()},
		{"Create", v.MethodByName("Create"), reflect.TypeFor[func(context.Context, Scope, Row) (Row, error)]()},
		{"Update", v.MethodByName("Update"), reflect.TypeFor[func(context.Context, Scope, string, func(Row) (Row, error)) (Row, error)]()},
		{"Delete", v.MethodByName("Delete"), reflect.TypeFor[func(context.Context, Scope, string, func(Row) error) error]()},
	} {
		if got := method.got; got.IsValid() && got.Type() != method.operation {
			return fmt.Errorf("the method %s of the store %T is a %v and must be a %v", method.name, store, got.Type(), method.operation)
		}
	}
	return nil
}

// bind finds out which operations the store has.
func (res *Resource[Row, Input]) bind(store any) {
	var ok bool
	if res.list, ok = store.(Lister[Row]); ok {
		res.allow = append(res.allow, http.MethodGet, http.MethodHead)
	}
	if res.insert, ok = store.(Creator[Row]); ok {
		res.allow = append(res.allow, http.MethodPost)
	}
	if res.remove, ok = store.(Deleter[Row]); ok {
		res.allowRow = append(res.allowRow, http.MethodDelete)
	}
	if res.get, ok = store.(Getter[Row]); ok {
		res.allowRow = append(res.allowRow, http.MethodGet, http.MethodHead)
	}
	if res.update, ok = store.(Updater[Row]); ok {
		res.allowRow = append(res.allowRow, http.MethodPatch, http.MethodPut)
	}
	for _, allow := range []*[]string{&res.allow, &res.allowRow} {
		if len(*allow) > 0 {
			*allow = sortedAllow(*allow)
		}
	}
}

// ServeHTTP answers requests for the resource and its rows.
func (res *Resource[Row, Input]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := res.serve(w, r); err != nil {
		// An answer that a hook has made of another store's ErrNotFound stays.
		if _, made := errors.AsType[*apierror.Error](err); !made && errors.Is(err, ErrNotFound) {
			err = errNoRow
		}
		apierror.Write(w, r, err)
	}
}

var errNoRow = apierror.NotFound("")
