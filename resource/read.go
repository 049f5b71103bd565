package resource

import (
	"fmt"
	"net/http"
	"reflect"

	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/pagequery"
)

func (res *Resource[Row, Input]) serveList(w http.ResponseWriter, r *http.Request, scope Scope) error {
	query, req, err := res.queries.parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	pre, err := preconditionsOf(r)
	if err != nil {
		return err
	}
	readable := res.readable.narrow(scope)
	if readable == nil {
		return missingRole(res.opts.Roles.Read)
	}
	rows, total, err := res.list.List(r.Context(), readable, query)
	if err != nil {
		return err
	}
	for i := range rows {
		row := reflect.ValueOf(&rows[i]).Elem()
		if !res.inScope(readable, row) {
			return fmt.Errorf("resource: %s: the store listed a row outside the scope", res.path)
		}
		res.tidy(row)
	}
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := pagequery.AppendRows(*buf, res.opts.DataKey, rows)
	if err != nil {
		return err
	}
	capped := query.MaxTotal > 0 && total > query.MaxTotal
	if capped {
		total = query.MaxTotal
	}
	body = pagequery.AppendTotal(body, total, capped)
	body = pagequery.AppendInt(body, "page", req.Page)
	body = append(pagequery.AppendInt(body, "limit", req.Limit), '}')
	*buf = body
	var store [512]byte
	link := store[:0]
	if capped {
		more := len(rows) >= req.Limit || query.Offset+req.Limit < total
		link = pagequery.AppendLinkOpen(link, r.URL, req.Page, req.Limit, more)
	} else {
		link = pagequery.AppendLink(link, r.URL, req.Page, req.Limit, int64(total))
	}
	return send(w, r, pre, reply{status: http.StatusOK, body: body, link: link})
}

func (res *Resource[Row, Input]) serveGet(w http.ResponseWriter, r *http.Request, scope Scope, id string) error {
	row, err := res.get.Get(r.Context(), scope, id)
	if err != nil {
		return err
	}
	v := reflect.ValueOf(&row).Elem()
	if !res.inScope(scope, v) {
		return ErrNotFound
	}
	if err := res.needFor(scope, v, res.opts.Roles.Read); err != nil {
		return err
	}
	pre, err := preconditionsOf(r)
	if err != nil {
		return err
	}
	return res.sendRow(w, r, pre, reply{status: http.StatusOK}, v)
}

// sendRow sends a row.
func (res *Resource[Row, Input]) sendRow(w http.ResponseWriter, r *http.Request, pre preconditions, a reply, row reflect.Value) error {
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
func (res *Resource[Row, Input]) append(b []byte, row reflect.Value) ([]byte, error) {
	res.tidy(row)
	return res.encoder.Append(b, row)
}
