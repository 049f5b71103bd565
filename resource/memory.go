package resource

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// NewMemory returns a store that keeps its rows in memory, for tests, examples
// and small sets. Times are kept in microseconds. Rows are handed out as they are
// kept: a hook that changes what a slice, a map or a pointer leads to changes it
// for all, and has to make a copy first. The unitField is the JSON name of the
// field with the row's unit (org_unit), or "" for rows of an unscoped resource. It
// fails only if Row lacks that field or the id.
func NewMemory[Row any](unitField string) (Store[Row], error) {
	t := reflect.TypeFor[Row]()
	fields, err := rowtype.Fields(t)
	if err != nil {
		return nil, fmt.Errorf("resource: NewMemory: %w", err)
	}
	m := &memory[Row]{fields: fields, id: rowtype.Find(fields, "id"), name: unitField}
	for _, f := range fields {
		if f.Kind == rowtype.Time {
			m.times = append(m.times, f)
		}
	}
	if m.id == nil || m.id.Kind != rowtype.String || m.id.Nullable {
		return nil, fmt.Errorf("resource: NewMemory: %v has no string with the JSON name %q", t, "id")
	}
	if unitField != "" {
		m.unit = rowtype.Find(fields, unitField)
		if m.unit == nil || m.unit.Kind != rowtype.String || m.unit.Nullable {
			return nil, fmt.Errorf("resource: NewMemory: %v has no string with the JSON name %q", t, unitField)
		}
	}
	return m, nil
}

type memory[Row any] struct {
	fields   []rowtype.Field
	times    []rowtype.Field
	id, unit *rowtype.Field
	name     string

	mu   sync.RWMutex
	ids  []string // sorted
	rows []Row    // in the order of ids
}

// UnitField lets New compare the declarations.
func (m *memory[Row]) UnitField() string { return m.name }

// Cursors lets New see that List goes by [Query.After].
func (m *memory[Row]) Cursors() bool { return true }

func (m *memory[Row]) holds(scope Scope, row *Row) bool {
	if scope == nil {
		return false
	}
	return m.unit == nil || scope.Contains(*m.unit.Text(unsafe.Pointer(row)))
}

func (m *memory[Row]) List(ctx context.Context, scope Scope, q Query) ([]Row, int, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	for _, c := range q.Filter {
		if !slices.Contains(allOperators, c.Op) {
			return nil, 0, fmt.Errorf("resource: the store in memory has no operator %s", c.Op)
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if byID(q) {
		return m.inOrder(scope, q)
	}
	found := make([]*Row, 0, len(m.rows))
	total := 0
	order := m.ordered(q)
	for i := range m.rows {
		row := &m.rows[i]
		if !m.holds(scope, row) || !m.fulfills(row, q.Filter) {
			continue
		}
		total++
		if q.After == nil || order.follows(row, q) {
			found = append(found, row)
		}
	}
	slices.SortStableFunc(found, order.compare)
	from := min(max(q.Offset, 0), len(found))
	to := min(from+max(q.Limit, 0), len(found))
	page := make([]Row, 0, to-from)
	for _, row := range found[from:to] {
		page = append(page, *row)
	}
	return page, total, nil
}

// byID reports whether a list is in the order in which the rows are kept.
func byID(q Query) bool {
	return len(q.Sort) == 1 && q.Sort[0] == Order{Field: "id"} && !q.Back && (q.After == nil || q.NoTotal)
}

// inOrder is a list in the order in which the rows are kept.
func (m *memory[Row]) inOrder(scope Scope, q Query) ([]Row, int, error) {
	page := make([]Row, 0, min(max(q.Limit, 0), len(m.rows)))
	total, first := 0, 0
	if len(q.After) > 0 {
		id, _ := q.After[0].(string)
		at, found := slices.BinarySearch(m.ids, id)
		if first = at; found && !q.Inclusive {
			first++
		}
	}
	for i := first; i < len(m.rows); i++ {
		if q.NoTotal && len(page) >= q.Limit {
			break
		}
		if !m.holds(scope, &m.rows[i]) || !m.fulfills(&m.rows[i], q.Filter) {
			continue
		}
		if total >= q.Offset && len(page) < q.Limit {
			page = append(page, m.rows[i])
		}
		total++
	}
	return page, total, nil
}

func (m *memory[Row]) fulfills(row *Row, filter []Condition) bool {
	for _, c := range filter {
		f := rowtype.Find(m.fields, c.Field)
		if f == nil || !holdsFor(f.Value(reflect.ValueOf(row).Elem()), c) {
			return false
		}
	}
	return true
}

func holdsFor(value any, c Condition) bool {
	if value == nil {
		return c.Op == "!="
	}
	switch c.Op {
	case opOneOf:
		values, _ := c.Value.([]any)
		return slices.ContainsFunc(values, func(v any) bool { return rowtype.Compare(value, v) == 0 })
	case opPrefix:
		text, isText := value.(string)
		prefix, ok := c.Value.(string)
		return ok && isText && strings.HasPrefix(text, prefix)
	}
	order := rowtype.Compare(value, c.Value)
	switch c.Op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return false
}

// ordering is the order in which a query reads rows.
type ordering[Row any] struct {
	fields []*rowtype.Field // nil where a store has no such field
	orders []Order
	back   bool
}

func (m *memory[Row]) ordered(q Query) ordering[Row] {
	o := ordering[Row]{fields: make([]*rowtype.Field, len(q.Sort)), orders: q.Sort, back: q.Back}
	for i, key := range q.Sort {
		o.fields[i] = rowtype.Find(m.fields, key.Field)
	}
	return o
}

func (o ordering[Row]) compare(a, b *Row) int {
	return o.keys(a, func(i int) any { return o.fields[i].Value(reflect.ValueOf(b).Elem()) })
}

// follows reports whether the row belongs behind the position of q.
func (o ordering[Row]) follows(row *Row, q Query) bool {
	order := o.keys(row, func(i int) any {
		if i < len(q.After) {
			return q.After[i]
		}
		return nil
	})
	return order > 0 || order == 0 && q.Inclusive
}

// keys compares the sort keys of a row with others.
func (o ordering[Row]) keys(row *Row, other func(int) any) int {
	v := reflect.ValueOf(row).Elem()
	for i, key := range o.orders {
		if o.fields[i] == nil {
			continue
		}
		if order := rowtype.Compare(o.fields[i].Value(v), other(i)); order != 0 {
			if key.Desc != o.back {
				return -order
			}
			return order
		}
	}
	return 0
}

// find returns the place of the row with the id in scope.
func (m *memory[Row]) find(scope Scope, id string) (int, error) {
	at, ok := slices.BinarySearch(m.ids, id)
	if !ok || !m.holds(scope, &m.rows[at]) {
		return 0, ErrNotFound
	}
	return at, nil
}

func (m *memory[Row]) Get(ctx context.Context, scope Scope, id string) (row Row, err error) {
	if err := ctx.Err(); err != nil {
		return row, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	at, err := m.find(scope, id)
	if err != nil {
		return row, err
	}
	return m.rows[at], nil
}

func (m *memory[Row]) Create(ctx context.Context, scope Scope, row Row) (Row, error) {
	if err := ctx.Err(); err != nil {
		return row, err
	}
	if !m.holds(scope, &row) {
		return row, ErrNotFound
	}
	id := *m.id.Text(unsafe.Pointer(&row))
	tidy(m.times, unsafe.Pointer(&row))
	m.mu.Lock()
	defer m.mu.Unlock()
	at, taken := slices.BinarySearch(m.ids, id)
	if taken {
		return row, apierror.Conflict("id", "unique", "ID is taken")
	}
	m.ids = slices.Insert(m.ids, at, id)
	m.rows = slices.Insert(m.rows, at, row)
	return row, nil
}

func (m *memory[Row]) Update(ctx context.Context, scope Scope, id string, change func(Row) (Row, error)) (row Row, err error) {
	if err := ctx.Err(); err != nil {
		return row, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.find(scope, id)
	if err != nil {
		return row, err
	}
	if row, err = change(m.rows[at]); err != nil {
		return row, err
	}
	tidy(m.times, unsafe.Pointer(&row))
	m.rows[at] = row
	return row, nil
}

func (m *memory[Row]) Delete(ctx context.Context, scope Scope, id string, check func(Row) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.find(scope, id)
	if err != nil {
		return err
	}
	if err := check(m.rows[at]); err != nil {
		return err
	}
	m.ids = slices.Delete(m.ids, at, at+1)
	m.rows = slices.Delete(m.rows, at, at+1)
	return nil
}
