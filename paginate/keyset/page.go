package keyset

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/paginate"
)

// A Page is one page of a list, as the caller gets it.
type Page[T any] struct {
	Data  []T // the rows, in the list's order; nil is sent as []
	Limit int

	// Total is the number of rows of the whole list, where somebody counted
	// them; [NewPage] sets [paginate.NoTotal]. Capped says that there may be
	// more, and is sent as "total_capped":true.
	Total  int
	Capped bool

	// Next and Prev are the cursors of the pages after and before this one,
	// empty where there is none.
	Next, Prev string

	// Key is the name of the member that holds the rows. If empty, data.
	Key string
}

// NewPage returns the page that answers req. The rows are those that a SELECT
// with [Request.SQL] gives, or [Select]: nearest first, and one above the limit if
// there are so many. The func key returns the sort keys of a row, as many and in
// the order of the columns: strings, byte slices, numbers, booleans, times,
// pointers to them, or any [database/sql/driver.Valuer]. They have to compare as
// the column does: of a time that SQLite keeps as text, the key is that text.
//
// It fails if the keys are not what the columns say.
func NewPage[T any](req Request, rows []T, key func(T) []any) (Page[T], error) {
	p := Page[T]{Limit: req.Limit, Total: paginate.NoTotal}
	if req.pager == nil {
		return p, errors.New("keyset: NewPage: the Request is not one of ParseRequest")
	}
	more := len(rows) > req.Limit
	p.Data = rows[:min(len(rows), req.Limit)]
	if req.Back {
		p.Data = slices.Clone(p.Data)
		slices.Reverse(p.Data)
	}

	after, before := more, req.Values != nil
	if req.Back {
		after, before = true, more
	}
	// Where rows are missing on the way, the position itself leads back.
	first, last, inclusive := req.Values, req.Values, true
	if len(p.Data) > 0 {
		first, last, inclusive = key(p.Data[0]), key(p.Data[len(p.Data)-1]), false
	}
	var err error
	if after {
		if p.Next, err = req.cursor(last, false, inclusive); err != nil {
			return p, err
		}
	}
	if before {
		if p.Prev, err = req.cursor(first, true, inclusive); err != nil {
			return p, err
		}
	}
	return p, nil
}

// MarshalJSON returns the envelope. Members without a value are left out:
//
//	{"data":[...],"total":150,"limit":25,"next_cursor":"...","prev_cursor":"..."}
func (p Page[T]) MarshalJSON() ([]byte, error) {
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := p.append(*buf)
	*buf = body
	if err != nil {
		return nil, err
	}
	return bytes.Clone(body), nil
}

func (p Page[T]) append(b []byte) ([]byte, error) {
	b, err := pagequery.AppendRows(b, p.Key, p.Data, nil)
	if err != nil {
		return b, err
	}
	b = pagequery.AppendTotal(b, p.Total, p.Capped)
	b = pagequery.AppendInt(b, "limit", p.Limit)
	if p.Next != "" {
		b = append(b, `,"next_cursor":`...)
		b = jsonenc.AppendString(b, p.Next)
	}
	if p.Prev != "" {
		b = append(b, `,"prev_cursor":`...)
		b = jsonenc.AppendString(b, p.Prev)
	}
	return append(b, '}'), nil
}

// Write answers 200 with p and its Link field: first, prev and next, relative and
// with the caller's other parameters. The rows are encoded before anything is
// sent: where Write returns an error, nothing has been, and the error is to be
// answered like any other.
func Write[T any](w http.ResponseWriter, r *http.Request, p Page[T]) error {
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := p.append(*buf)
	*buf = body
	if err != nil {
		return err
	}
	var store [1024]byte
	pagequery.Write(w, r, body, p.appendLink(store[:0], r))
	return nil
}

func (p Page[T]) appendLink(b []byte, r *http.Request) []byte {
	if p.Limit < 1 {
		return b
	}
	targets := []pagequery.Target{{Rel: "first"}}
	if p.Prev != "" {
		targets = append(targets, pagequery.Target{Rel: "prev", Cursor: p.Prev})
	}
	if p.Next != "" {
		targets = append(targets, pagequery.Target{Rel: "next", Cursor: p.Next})
	}
	return pagequery.AppendLinks(b, r.URL, p.Limit, targets, true)
}
