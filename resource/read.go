package resource

import (
	"net/http"
	"net/url"
	"reflect"

	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

func (res *Resource[Row, Input]) serveList(w http.ResponseWriter, r *http.Request, scope Scope) error {
	readable := res.readable.narrow(scope)
	if readable == nil {
		return missingRole(res.opts.Roles.Read)
	}
	query, asked, err := res.queries.parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	pre, err := preconditionsOf(r)
	if err != nil {
		return err
	}
	var at keyset.Request
	if res.opts.Cursors != nil {
		if at, err = res.position(&query, asked, scope, readable); err != nil {
			return err
		}
	}
	rows, total, err := res.list.List(r.Context(), readable, query)
	if err != nil {
		return err
	}
	for i := range rows {
		if !res.inScope(readable, &rows[i]) {
			return res.errOutside()
		}
		res.tidy(&rows[i])
	}
	page := keyset.Page[Row]{Data: rows}
	if res.opts.Cursors != nil {
		if page, err = res.cut(at, &query, asked, rows); err != nil {
			return err
		}
	}
	page.Total = total
	if page.Capped = query.MaxTotal > 0 && total > query.MaxTotal; page.Capped {
		page.Total = query.MaxTotal
	}
	if query.NoTotal {
		page.Total, page.Capped = paginate.NoTotal, false
	}
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := res.appendList(*buf, &page, asked)
	if err != nil {
		return err
	}
	*buf = body
	var store [1024]byte
	return send(w, r, pre, reply{status: http.StatusOK, body: body, link: appendLink(store[:0], r.URL, &page, asked, query.Offset)})
}

func (res *Resource[Row, Input]) appendList(b []byte, page *keyset.Page[Row], asked asked) ([]byte, error) {
	b, err := pagequery.AppendRows(b, res.opts.DataKey, page.Data, res.listed)
	if err != nil {
		return b, err
	}
	b = pagequery.AppendTotal(b, page.Total, page.Capped)
	if !asked.byCursor {
		b = pagequery.AppendInt(b, "page", asked.Page)
	}
	b = pagequery.AppendInt(b, "limit", asked.Limit)
	if page.Next != "" {
		b = append(append(append(b, `,"next_cursor":"`...), page.Next...), '"')
	}
	if page.Prev != "" {
		b = append(append(append(b, `,"prev_cursor":"`...), page.Prev...), '"')
	}
	return append(b, '}'), nil
}

// appendLink appends the Link field: a page leads to pages, a cursor to cursors.
func appendLink[Row any](b []byte, u *url.URL, page *keyset.Page[Row], asked asked, offset int) []byte {
	switch {
	case asked.byCursor:
		var store [3]pagequery.Target
		targets := append(store[:0], pagequery.Target{Rel: "first"})
		if page.Prev != "" {
			targets = append(targets, pagequery.Target{Rel: "prev", Cursor: page.Prev})
		}
		if page.Next != "" {
			targets = append(targets, pagequery.Target{Rel: "next", Cursor: page.Next})
		}
		return pagequery.AppendLinks(b, u, asked.Limit, targets, true)
	case page.Capped:
		more := len(page.Data) >= asked.Limit || offset+asked.Limit < page.Total
		return pagequery.AppendLinkOpen(b, u, asked.Page, asked.Limit, more)
	}
	return pagequery.AppendLink(b, u, asked.Page, asked.Limit, int64(page.Total))
}

func (res *Resource[Row, Input]) serveGet(w http.ResponseWriter, r *http.Request, scope Scope, id string) error {
	row, err := res.get.Get(r.Context(), scope, id)
	if err != nil {
		return err
	}
	if !res.inScope(scope, &row) {
		return ErrNotFound
	}
	if err := res.needFor(scope, &row, res.opts.Roles.Read); err != nil {
		return err
	}
	pre, err := preconditionsOf(r)
	if err != nil {
		return err
	}
	return res.sendRow(w, r, pre, reply{status: http.StatusOK}, &row)
}

// sendRow sends a row.
func (res *Resource[Row, Input]) sendRow(w http.ResponseWriter, r *http.Request, pre preconditions, a reply, row *Row) error {
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := res.append(*buf, row)
	if err != nil {
		return err
	}
	*buf, a.body = body, body
	return send(w, r, pre, a)
}

// append appends the one representation that a row has.
func (res *Resource[Row, Input]) append(b []byte, row *Row) ([]byte, error) {
	res.tidy(row)
	return res.encoder.Append(b, reflect.ValueOf(row).Elem())
}
