package resourcetest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

const listed = 60

// fill adds rows of three units to the store and to a model in memory, and returns
// a func that compares their lists.
func (s suite[Row]) fill(t *testing.T, store resource.Store[Row]) (rows []Row, check func(resource.Scope, resource.Query)) {
	t.Helper()
	model, err := resource.NewMemory[Row](s.opts.UnitField)
	if err != nil {
		t.Fatal(err)
	}
	for n := range listed {
		rows = append(rows, s.opts.Row(id(n), [...]string{"a", "b", "c"}[n%3], n))
	}
	for _, n := range rand.Perm(listed) {
		s.create(t, store, Scope("a", "b", "c"), rows[n])
		s.create(t, model, Scope("a", "b", "c"), rows[n])
	}
	return rows, func(scope resource.Scope, q resource.Query) {
		t.Helper()
		want, wantTotal, _ := model.List(t.Context(), scope, q)
		got, total, err := store.List(t.Context(), scope, q)
		if err != nil {
			t.Fatalf("List(%+v): %v", q, err)
		}
		if total != wantTotal && !q.NoTotal {
			t.Errorf("List(%+v): total = %d, want %d", q, total, wantTotal)
		}
		if got, want := s.ids(t, got), s.ids(t, want); got != want {
			t.Errorf("List(%+v) =\n%s, want\n%s", q, got, want)
		}
	}
}

// lists compares the store with the one in memory.
func (s suite[Row]) lists(t *testing.T, store resource.Store[Row]) {
	rows, check := s.fill(t, store)
	for _, most := range []int{1, 19, 20, 30} {
		q := resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 5, MaxTotal: most}
		_, total, err := store.List(t.Context(), Scope("a"), q)
		if exact := listed / 3; err != nil || total != exact && (exact <= most || total <= most) {
			t.Errorf("List(%+v): total = %d, %v, want %d, or more than %d", q, total, err, exact, most)
		}
	}
	fields := s.fields(t)
	byID := []resource.Order{{Field: "id"}}

	for _, f := range fields {
		for _, desc := range []bool{false, true} {
			order := []resource.Order{{Field: f.Name, Desc: desc}}
			if f.Name != "id" {
				order = append(order, byID...)
			}
			check(Scope("a", "c"), resource.Query{Sort: order, Limit: 7})
			check(Scope("a", "c"), resource.Query{Sort: order, Limit: 7, Offset: 35})
			check(Scope("a", "c"), resource.Query{Sort: order, Limit: 7, Offset: 700})
			check(Scope("b"), resource.Query{Sort: order, Limit: 100})
		}
		for _, op := range operators(f) {
			for n := range 8 {
				value := f.Value(reflect.ValueOf(&rows[n]).Elem())
				if value == nil {
					continue
				}
				c := resource.Condition{Field: f.Name, Op: op, Value: value}
				if op == "~=" {
					c.Value = []any{value}
				}
				check(Scope("a", "b"), resource.Query{Filter: []resource.Condition{c}, Sort: byID, Limit: 10})
			}
		}
		if f.Kind == rowtype.String {
			for _, prefix := range prefixes(&f, rows) {
				c := resource.Condition{Field: f.Name, Op: "^=", Value: prefix}
				check(Scope("a", "b"), resource.Query{Filter: []resource.Condition{c}, Sort: byID, Limit: 100})
			}
		}
	}
	unknown := resource.Query{Filter: []resource.Condition{{Field: "id", Op: "?=", Value: id(1)}}, Sort: byID, Limit: 10}
	if got, _, err := store.List(t.Context(), Scope("a"), unknown); err == nil {
		t.Errorf("List with an operator that does not exist = %d rows, want an error", len(got))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		q := s.query(random, fields, rows)
		q.Offset = random.IntN(30)
		check(Scope("b", "c"), q)
	}
}

// operators returns those that a filter may compare the field with.
func operators(f rowtype.Field) []string {
	all := []string{"=", "!=", ">", ">=", "<", "<=", "~=", "^="}
	switch f.Kind {
	case rowtype.Bool:
		return all[:2]
	case rowtype.String:
		return all
	}
	return all[:7]
}

// prefixes returns the beginnings of all values of a field, and some that are at
// the ends of what strings can hold.
func prefixes[Row any](f *rowtype.Field, rows []Row) []string {
	all := []string{"", "%", "_", `\`, "*", "\x7f", "\u07ff", "\ud7ff", "\uffff", "\U0010ffff", "a\U0010ffff\U0010ffff"}
	for i := range rows {
		if text, ok := f.Value(reflect.ValueOf(&rows[i]).Elem()).(string); ok {
			for at := range text {
				all = append(all, text[:at])
			}
			all = append(all, text, text+"\x01")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// query returns a random query without a position.
func (s suite[Row]) query(random *rand.Rand, fields []rowtype.Field, rows []Row) resource.Query {
	q := resource.Query{Limit: 1 + random.IntN(12)}
	for _, i := range random.Perm(len(fields))[:random.IntN(min(3, len(fields)))] {
		anyValue := func() any { return fields[i].Value(reflect.ValueOf(&rows[random.IntN(listed)]).Elem()) }
		may := operators(fields[i])
		c := resource.Condition{Field: fields[i].Name, Op: may[random.IntN(len(may))], Value: anyValue()}
		switch {
		case c.Value == nil:
			continue
		case c.Op == "~=":
			values := []any{c.Value}
			for range random.IntN(20) {
				v := anyValue()
				if v != nil && !slices.ContainsFunc(values, func(other any) bool { return rowtype.Compare(other, v) == 0 }) {
					values = append(values, v)
				}
			}
			c.Value = values
		case c.Op == "^=":
			all := prefixes(&fields[i], rows)
			c.Value = all[random.IntN(len(all))]
		}
		q.Filter = append(q.Filter, c)
	}
	for _, i := range random.Perm(len(fields))[:random.IntN(min(4, len(fields)))] {
		if fields[i].Name != "id" {
			q.Sort = append(q.Sort, resource.Order{Field: fields[i].Name, Desc: random.IntN(2) == 0})
		}
	}
	q.Sort = append(q.Sort, resource.Order{Field: "id", Desc: random.IntN(2) == 0})
	return q
}

// positions compares what lists hold behind and before every row, and behind
// places where there is none.
func (s suite[Row]) positions(t *testing.T, store resource.Store[Row]) {
	if c, ok := store.(interface{ Cursors() bool }); !ok || !c.Cursors() {
		t.Skip("the store has no Cursors method that returns true")
	}
	rows, check := s.fill(t, store)
	fields := s.fields(t)
	random := rand.New(rand.NewPCG(3, 4))
	after := func(q resource.Query, row func() *Row) []any {
		position := make([]any, len(q.Sort))
		for i, o := range q.Sort {
			position[i] = rowtype.Find(fields, o.Field).Value(reflect.ValueOf(row()).Elem())
		}
		return position
	}
	anyRow := func() *Row { return &rows[random.IntN(listed)] }
	for _, f := range fields {
		for i := range 24 {
			q := resource.Query{Limit: 5, Back: i&1 > 0, Inclusive: i&2 > 0, NoTotal: i%3 == 0, Sort: []resource.Order{{Field: f.Name, Desc: i&4 > 0}}}
			if f.Name != "id" {
				q.Sort = append(q.Sort, resource.Order{Field: "id", Desc: i&8 > 0})
			}
			row := anyRow()
			q.After = after(q, func() *Row { return row })
			check(Scope("a", "c"), q)
			q.After = after(q, anyRow)
			check(Scope("b"), q)
		}
	}
	for range 300 {
		q := s.query(random, fields, rows)
		q.Back, q.Inclusive, q.NoTotal = random.IntN(2) == 0, random.IntN(2) == 0, random.IntN(2) == 0
		row := anyRow()
		if q.After = after(q, func() *Row { return row }); random.IntN(2) == 0 {
			q.After = after(q, anyRow)
		}
		check(Scope("b", "c"), q)
	}
	for _, most := range []int{1, 30} {
		q := resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 5, MaxTotal: most, After: []any{id(listed / 2)}}
		_, total, err := store.List(t.Context(), Scope("a"), q)
		if exact := listed / 3; err != nil || total != exact && (exact <= most || total <= most) {
			t.Errorf("List(%+v): total = %d, %v, want %d, or more than %d", q, total, err, exact, most)
		}
	}
	for _, scope := range []resource.Scope{nil, Scope()} {
		got, _, err := store.List(t.Context(), scope, resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 5, After: []any{id(0)}})
		if err != nil || len(got) != 0 {
			t.Errorf("List behind a position without a scope = %d rows, %v, want none", len(got), err)
		}
	}
}

func (s suite[Row]) ids(t *testing.T, rows []Row) string {
	t.Helper()
	fields, err := rowtype.Fields(reflect.TypeFor[Row]())
	if err != nil {
		t.Fatal(err)
	}
	f := rowtype.Find(fields, "id")
	var out strings.Builder
	for i := range rows {
		out.WriteString(fmt.Sprint(f.Value(reflect.ValueOf(&rows[i]).Elem()), " "))
	}
	return out.String()
}
