package resource

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/paginate"
)

func timeOf(v reflect.Value) time.Time {
	t, _ := reflect.TypeAssert[time.Time](v)
	return t
}

func (res *Resource[Row, Input]) serveList(w http.ResponseWriter, r *http.Request, scope Scope) error {
	query, req, err := res.queries.parse(r.URL.RawQuery)
	if err != nil {
		return err
	}
	pre, err := preconditionsOf(r)
	if err != nil {
		return err
	}
	readable := narrow(scope, res.opts.Roles.Read)
	if readable == nil {
		return need(scope, "", res.opts.Roles.Read)
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
	page := paginate.NewPage(req, rows, total)
	page.Key = res.opts.DataKey
	body, err := page.MarshalJSON()
	if err != nil {
		return err
	}
	h := w.Header()
	if link := pagequery.Link(r.URL, req.Page, req.Limit, int64(total)); link != "" {
		h["Link"] = append(h["Link"], link)
	}
	return res.answer(w, r, pre, http.StatusOK, body)
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
	body, err := res.encode(&row)
	if err != nil {
		return err
	}
	return res.answer(w, r, pre, http.StatusOK, body)
}

// encode returns the one representation that a row has.
func (res *Resource[Row, Input]) encode(row *Row) ([]byte, error) {
	res.tidy(reflect.ValueOf(row).Elem())
	return json.Marshal(row)
}

// answer sends a body with its tag, or 304 to a caller who has it, or 412.
func (res *Resource[Row, Input]) answer(w http.ResponseWriter, r *http.Request, pre preconditions, status int, body []byte) error {
	tag := etagOf(body)
	if pre.failed(tag) {
		return errPrecondition
	}
	h := w.Header()
	h["Etag"] = []string{tag}
	if pre.known(tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	httpjson.WriteBytes(w, r, status, body)
	return nil
}
