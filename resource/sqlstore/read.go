package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// where is a condition under construction.
type where struct {
	text strings.Builder
	args []any
}

// scoped begins a condition with that of the scope. It reports false where
// nothing is in scope.
func (s *Store[Row]) scoped(scope resource.Scope) (*where, bool) {
	if scope == nil {
		return nil, false
	}
	w := &where{}
	if s.unit == nil {
		w.text.WriteString("1=1")
		return w, true
	}
	text, args := scope.SQL(s.opts.Dialect, s.column(s.opts.Unit), 1)
	if text == "1=0" {
		return nil, false
	}
	w.text.WriteString("(" + text + ")")
	w.args = append(w.args, args...)
	return w, true
}

// bind appends a value and returns its placeholder.
func (s *Store[Row]) bind(w *where, value any) string {
	w.args = append(w.args, value)
	return s.placeholder(len(w.args))
}

// bindTo appends a value that the field is compared with. A program's own column
// may be narrower than those of Schema, and the value too large for it.
func (s *Store[Row]) bindTo(w *where, f *rowtype.Field, value any) string {
	mark := s.bind(w, s.arg(value))
	if s.opts.Dialect == postgres && (f.Kind == rowtype.Int || f.Kind == rowtype.Uint) {
		mark += "::bigint"
	}
	return mark
}

// List returns a page of the rows in scope. They are counted only where the page
// itself does not tell how many there are.
func (s *Store[Row]) List(ctx context.Context, scope resource.Scope, q resource.Query) ([]Row, int, error) {
	w, ok := s.scoped(scope)
	if !ok {
		return nil, 0, nil
	}
	for _, c := range q.Filter {
		if ok, err := s.compare(w, c); err != nil || !ok {
			return nil, 0, err
		}
	}
	if q.After != nil {
		return s.listAfter(ctx, w, q)
	}
	text := "SELECT " + s.selected + s.from(w) + s.orderBy(q.Sort)
	conditions := len(w.args)
	text += " LIMIT " + s.bind(w, int64(q.Limit)) + " OFFSET " + s.bind(w, int64(q.Offset))
	rows, err := s.query(ctx, s.db, text, w.args, q.Limit)
	if err != nil || q.NoTotal {
		return rows, 0, err
	}
	total := q.Offset + len(rows)
	if len(rows) < q.Limit && (len(rows) > 0 || q.Offset == 0) {
		return rows, total, nil // the last page
	}
	w.args = w.args[:conditions]
	counted, err := s.count(ctx, w, q.MaxTotal)
	if err != nil {
		return nil, 0, err
	}
	if len(rows) > 0 {
		counted = max(counted, total) // rows may have gone in between
	}
	return rows, counted, nil
}

func (s *Store[Row]) from(w *where) string {
	return " FROM " + quote(s.opts.Table) + " WHERE " + w.text.String()
}

// listAfter lists the rows behind q.After.
func (s *Store[Row]) listAfter(ctx context.Context, w *where, q resource.Query) ([]Row, int, error) {
	stretches, tail, err := s.seek(q)
	if err != nil {
		return nil, 0, err
	}
	list := make([]Row, 0, min(max(q.Limit, 0), 100))
	for _, part := range stretches {
		condition, _, args := part.condition.SQL(s.opts.Dialect, len(w.args)+1)
		if part.null != "" {
			condition = s.column(q.Sort[0].Field) + part.null + " AND " + condition
		}
		text := "SELECT " + s.selected + s.from(w) + " AND " + condition + " " + tail
		rows, err := s.query(ctx, s.db, text, slices.Concat(w.args, args), q.Limit)
		if err != nil {
			return nil, 0, err
		}
		if list = append(list, rows[:min(len(rows), q.Limit-len(list))]...); len(list) >= q.Limit {
			break
		}
	}
	if q.NoTotal {
		return list, 0, nil
	}
	total, err := s.count(ctx, w, q.MaxTotal)
	return list, total, err
}

// count counts the rows that fulfill the condition, where most is above 0 to the
// first above it.
func (s *Store[Row]) count(ctx context.Context, w *where, most int) (counted int, err error) {
	text, args := "SELECT count(*)"+s.from(w), w.args
	if most > 0 {
		args = append(slices.Clone(args), int64(most)+1)
		text = "SELECT count(*) FROM (SELECT 1" + s.from(w) + " LIMIT " + s.placeholder(len(args)) + ") AS counted"
	}
	err = s.db.QueryRowContext(ctx, text, args...).Scan(&counted)
	return counted, s.translate(ctx, err)
}

// compare appends a condition. It reports false for one that no row can fulfill,
// such as that on a field which the table does not have, and fails for an operator
// that it does not know.
func (s *Store[Row]) compare(w *where, c resource.Condition) (bool, error) {
	f := rowtype.Find(s.fields, c.Field)
	if f == nil || f.Kind == rowtype.JSON {
		return false, nil
	}
	op := c.Op
	switch op {
	case "=", "<", "<=", ">", ">=":
	case "~=":
		return s.oneOf(w, f, c.Value), nil
	case "^=":
		return s.prefix(w, f, c.Value), nil
	case "!=":
		// NULL differs from every value.
		op = "<>"
		if f.Nullable && s.opts.Dialect == sqlite {
			op = "IS NOT"
		} else if f.Nullable {
			op = "IS DISTINCT FROM"
		}
	default:
		return false, fmt.Errorf("sqlstore: List: there is no operator %s", op)
	}
	w.text.WriteString(" AND " + s.column(f.Name) + " " + op + " " + s.bindTo(w, f, c.Value))
	return true, nil
}

func (s *Store[Row]) orderBy(orders []resource.Order) string {
	var b strings.Builder
	for _, o := range orders {
		f := rowtype.Find(s.fields, o.Field)
		if f == nil {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(" ORDER BY ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(s.column(f.Name))
		if o.Desc {
			b.WriteString(" DESC")
		}
		switch {
		case !f.Nullable || s.opts.Dialect == sqlite: // SQLite has NULL first by itself
		case o.Desc:
			b.WriteString(" NULLS LAST")
		default:
			b.WriteString(" NULLS FIRST")
		}
	}
	return b.String()
}

// Get returns the row with the id.
func (s *Store[Row]) Get(ctx context.Context, scope resource.Scope, id string) (Row, error) {
	return s.one(ctx, s.db, scope, id, "")
}

func (s *Store[Row]) one(ctx context.Context, q querier, scope resource.Scope, id, suffix string) (row Row, err error) {
	w, ok := s.scoped(scope)
	if !ok {
		return row, resource.ErrNotFound
	}
	text := "SELECT " + s.selected + s.from(w) + " AND " + s.column("id") + " = " + s.bind(w, id) + suffix
	rows, err := s.query(ctx, q, text, w.args, 1)
	if e, ok := errors.AsType[*apierror.Error](err); ok && e.Status == http.StatusUnprocessableEntity {
		// The column has another type, such as uuid, of which the id is no value.
		return row, resource.ErrNotFound
	}
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, resource.ErrNotFound
	}
	return rows[0], nil
}

func (s *Store[Row]) query(ctx context.Context, q querier, text string, args []any, most int) ([]Row, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	out := make([]Row, 0, min(most, 100))
	targets := make([]any, len(s.fields))
	for rows.Next() {
		out = append(out, *new(Row))
		if err := s.scanInto(rows, &out[len(out)-1], targets); err != nil {
			return nil, s.translate(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, s.translate(ctx, err)
	}
	return out, nil
}
