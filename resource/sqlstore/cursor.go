package sqlstore

import (
	"errors"
	"fmt"

	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// Cursors returns true: by this [resource.New] sees that lists go by
// [resource.Query.After].
func (s *Store[Row]) Cursors() bool { return true }

// A stretch is a part of the rows behind a position that an index can be entered
// for: where a sort key can be null, the values and the nulls are two.
type stretch struct {
	null      string // IS NULL, IS NOT NULL or nothing is asked of the first column
	condition keyset.Request
}

// seek returns the stretches behind q.After, in the order in which they are read,
// and the end of the SELECT, which is one for all of them: an index that has the
// order of pages serves cursors too.
func (s *Store[Row]) seek(q resource.Query) ([]stretch, string, error) {
	if len(q.After) != len(q.Sort) || len(q.Sort) == 0 || q.Sort[len(q.Sort)-1].Field != "id" {
		return nil, "", errors.New("sqlstore: List: Query.After does not belong to Query.Sort, which has to end with the id")
	}
	req := keyset.Request{
		Limit: q.Limit - 1, // [keyset.Request.SQL] adds one
		Order: make([]keyset.Column, len(q.Sort)), Values: make([]any, len(q.Sort)), Back: q.Back, Inclusive: q.Inclusive,
	}
	for i, o := range q.Sort {
		f := rowtype.Find(s.fields, o.Field)
		if f == nil {
			return nil, "", fmt.Errorf("sqlstore: List: there is no column %q to sort by", o.Field)
		}
		req.Order[i] = keyset.Column{Name: s.column(f.Name), Desc: o.Desc, Nullable: f.Nullable, NullsFirst: !o.Desc}
		req.Values[i] = s.arg(q.After[i])
	}
	_, tail, _ := req.SQL(s.opts.Dialect, 1)
	first := req.Order[0]
	if !first.Nullable {
		return []stretch{{"", req}}, tail, nil
	}
	nullsFirst := first.NullsFirst != q.Back // as they are read
	values, nulls := req, req
	values.Order = append([]keyset.Column{}, req.Order...)
	values.Order[0].Nullable = false
	nulls.Order, nulls.Values = req.Order[1:], req.Values[1:]
	all := func(r keyset.Request) keyset.Request {
		r.Values = nil
		return r
	}
	switch {
	case req.Values[0] != nil && nullsFirst:
		return []stretch{{"", values}}, tail, nil
	case req.Values[0] != nil:
		return []stretch{{"", values}, {" IS NULL", all(nulls)}}, tail, nil
	case nullsFirst:
		return []stretch{{" IS NULL", nulls}, {" IS NOT NULL", all(values)}}, tail, nil
	}
	return []stretch{{" IS NULL", nulls}}, tail, nil
}
