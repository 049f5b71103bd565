package resource

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// checkCursors refuses a store that would answer a cursor with the first page.
func checkCursors(store any) error {
	if s, ok := store.(interface{ Cursors() bool }); ok && s.Cursors() {
		return nil
	}
	return fmt.Errorf("Options.Cursors: the store %T does not say that its List goes by Query.After; "+
		"if it does, give it a method Cursors() bool that returns true", store)
}

var (
	errNoCursor = apierror.BadRequest("cursor", "invalid", "cursor must not be empty: leave it out to begin with the first page")
	errBoth     = apierror.BadRequest("cursor", "conflict", "cursor and page exclude each other")

	errLongKeys = apierror.BadRequest("sort", "too_long",
		"A row of this page is too long in a field of sort to go on from: read the list by page, or sort by something else")
)

// position finds out where the page that was asked for begins, and has query ask
// for it, and for one row more, by which the end of the list is known.
func (res *Resource[Row, Input]) position(query *Query, page asked, scope, readable Scope) (keyset.Request, error) {
	if page.byCursor && page.cursor == "" {
		return keyset.Request{}, errNoCursor
	}
	order := make([]keyset.Column, len(query.Sort))
	kinds := make([]byte, len(query.Sort))
	for i, o := range query.Sort {
		f := res.sorted(o)
		order[i] = keyset.Column{Name: o.Field, Desc: o.Desc, Nullable: f.Nullable, NullsFirst: !o.Desc}
		kinds[i] = 'a' + byte(f.Kind)
	}
	at, err := res.opts.Cursors.Parse(page.cursor, query.Limit, order, res.boundTo(string(kinds), query, scope, readable)...)
	if err != nil {
		return at, err
	}
	query.Limit++
	if page.byCursor {
		query.After, query.Back, query.Inclusive = slices.Clone(at.Values), at.Back, at.Inclusive
		query.NoTotal = !res.opts.CursorTotals
		for i, o := range query.Sort {
			if n, ok := query.After[i].(int64); ok && res.sorted(o).Kind == rowtype.Uint {
				query.After[i] = uint64(n)
			}
		}
	}
	return at, nil
}

// sorted returns the field of a sort key.
func (res *Resource[Row, Input]) sorted(o Order) *rowtype.Field {
	if o.Field == res.id.Name {
		return res.id
	}
	return res.sorts[o.Field]
}

// boundTo returns what decides, beside the order, which rows are in a list: a
// cursor is of no use where any of it differs. With the kinds of the keys it also
// ends when the type of a field changes.
func (res *Resource[Row, Input]) boundTo(kinds string, query *Query, scope, readable Scope) []string {
	bound := make([]string, 3, 3+len(query.Filter)+len(query.Params))
	bound[0], bound[1], bound[2] = res.path, kinds, boundScope(scope, readable)
	for _, c := range query.Filter {
		bound = append(bound, "filter "+c.Field+c.Op+valueText(c.Value))
	}
	for name, value := range query.Params {
		bound = append(bound, "param "+name+"="+valueText(value))
	}
	slices.Sort(bound[3:])
	return bound
}

// boundScope names the scope: by its digest where it has one, as that of package
// ouscope does, else by its units.
func boundScope(scope, readable Scope) string {
	if d, ok := scope.(interface{ Digest() string }); ok {
		return "digest " + d.Digest()
	}
	ids := slices.Sorted(slices.Values(readable.IDs()))
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(strconv.Itoa(len(id)) + ":" + id)
	}
	return b.String()
}

// valueText writes a value of one type so that no two read the same.
func valueText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		var b strings.Builder
		for _, each := range v {
			text := valueText(each)
			b.WriteString(strconv.Itoa(len(text)) + ":" + text)
		}
		return b.String()
	}
	return fmt.Sprint(value)
}

// maxKeys is how long the sort keys of a row may be together for a cursor. URLs
// that are longer are refused by many servers and proxies.
const maxKeys = 4 << 10

// cut makes the page of what the store has listed, with the cursors of its
// neighbours.
func (res *Resource[Row, Input]) cut(at keyset.Request, query *Query, page asked, rows []Row) (keyset.Page[Row], error) {
	if !page.byCursor && query.Offset > 0 && len(rows) > 0 {
		at.Values = []any{} // there are rows before it
	}
	long := false
	cut, err := keyset.NewPage(at, rows, func(row Row) []any {
		keys := make([]any, len(query.Sort))
		size := 0
		v := reflect.ValueOf(&row).Elem()
		for i, o := range query.Sort {
			keys[i] = res.sorted(o).Value(v)
			switch key := keys[i].(type) {
			case uint64:
				keys[i] = int64(key) // and back in position
			case string:
				size += len(key)
			}
		}
		long = long || size > maxKeys
		return keys
	})
	switch {
	case long && page.byCursor:
		return cut, errLongKeys
	case long:
		cut.Next, cut.Prev = "", ""
	case err != nil:
		return cut, errors.Join(fmt.Errorf("resource: %s: no cursor", res.path), err)
	}
	return cut, nil
}
