package resource

import (
	"context"
	"net/http"
	"reflect"
	"time"
	"unsafe"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/strictjson"
)

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (res *Resource[Row, Input]) servePost(w http.ResponseWriter, r *http.Request, scope Scope) error {
	if err := res.mayCreate(scope); err != nil {
		return err
	}
	if err := noParameters(r); err != nil {
		return err
	}
	members, err := res.read(r)
	if err != nil {
		return err
	}
	row, err := res.newRow(r.Context(), scope.Active(), "", members)
	if err != nil {
		return err
	}
	if *row, err = res.insert.Create(r.Context(), scope, *row); err != nil {
		return err
	}
	if !res.inScope(scope, row) {
		return res.errOutside()
	}
	created := reply{status: http.StatusCreated, path: res.path, id: *res.id.Text(unsafe.Pointer(row))}
	return res.sendRow(w, r, preconditions{}, created, row)
}

// mayCreate returns the 403 unless the caller may add rows to the active unit.
func (res *Resource[Row, Input]) mayCreate(scope Scope) error {
	if res.unit == nil {
		return nil
	}
	if scope.Active() == "" {
		return errNoUnit
	}
	return need(scope, scope.Active(), res.opts.Roles.Create)
}

// read returns the members of the request's body.
func (res *Resource[Row, Input]) read(r *http.Request, types ...string) ([]strictjson.Member, error) {
	body, err := httpjson.Read(r, res.maxBody, types...)
	if err != nil {
		return nil, err
	}
	return res.membersOf(body)
}

// newRow makes a row of what a caller sent for the unit. It gets an id if it has
// none.
func (res *Resource[Row, Input]) newRow(ctx context.Context, unit, id string, members []strictjson.Member) (*Row, error) {
	var both struct { // one allocation
		input Input
		row   Row
	}
	from, to := reflect.ValueOf(&both.input).Elem(), reflect.ValueOf(&both.row).Elem()
	if err := res.create(ctx, members, from); err != nil {
		return nil, err
	}
	res.toRow(from, to)
	at := now()
	if id == "" {
		id = NewID()
	}
	row := unsafe.Pointer(&both.row)
	*res.id.Text(row) = id
	*res.created.Time(row) = at
	*res.updated.Time(row) = at
	if res.unit != nil {
		*res.unit.Text(row) = unit
	}
	return &both.row, nil
}

// guard is what a write asks of the current row: the role, then If-Match.
func (res *Resource[Row, Input]) guard(scope Scope, row Row, role string, pre preconditions) error {
	if !res.inScope(scope, &row) {
		return ErrNotFound
	}
	if err := res.needFor(scope, &row, role); err != nil {
		return err
	}
	if pre.absent() {
		return nil
	}
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := res.append(*buf, &row)
	if err != nil {
		return err
	}
	*buf = body
	if tag := string(appendTag(nil, body)); pre.failed(tag) || pre.known(tag) {
		return errPrecondition
	}
	return nil
}

// writeConditions reads If-Match, and demands it where the resource does.
func (res *Resource[Row, Input]) writeConditions(r *http.Request) (preconditions, error) {
	pre, err := preconditionsOf(r)
	if err == nil && res.opts.RequireMatch && pre.match == nil {
		err = apierror.New(http.StatusPreconditionRequired, "")
	}
	return pre, err
}

func (res *Resource[Row, Input]) serveUpdate(w http.ResponseWriter, r *http.Request, scope Scope, id string) error {
	// What is wrong with the request itself is told only to those who may
	// write the row, so it waits until the row is known.
	types := []string{"application/json"}
	apply := res.replace
	if r.Method == http.MethodPatch {
		types, apply = append(types, mergePatch), res.merge
	}
	members, bad := res.read(r, types...)
	pre, badMatch := res.writeConditions(r)
	if badMatch != nil {
		bad = badMatch
	}
	if bad != nil && res.get != nil {
		// No transaction for a request that cannot succeed.
		row, err := res.get.Get(r.Context(), scope, id)
		if err == nil {
			err = res.guard(scope, row, res.opts.Roles.Update, pre)
		}
		if err != nil {
			return err
		}
		return bad
	}
	row, err := res.update.Update(r.Context(), scope, id, func(old Row) (Row, error) {
		if err := res.guard(scope, old, res.opts.Roles.Update, pre); err != nil {
			return old, err
		}
		if bad != nil {
			return old, bad
		}
		return res.changed(r.Context(), old, members, apply)
	})
	if err != nil {
		return err
	}
	if !res.inScope(scope, &row) {
		return res.errOutside()
	}
	return res.sendRow(w, r, preconditions{}, reply{status: http.StatusOK}, &row)
}

type applyFunc func(ctx context.Context, members []strictjson.Member, input, current reflect.Value) error

// changed returns old with what members make of it. A row that stays as it is
// keeps its updated_at, so that a repeated PUT changes nothing.
func (res *Resource[Row, Input]) changed(ctx context.Context, old Row, members []strictjson.Member, apply applyFunc) (Row, error) {
	var input Input
	res.tidy(&old)
	row := old
	from, to := reflect.ValueOf(&input).Elem(), reflect.ValueOf(&row).Elem()
	if err := apply(ctx, members, from, reflect.ValueOf(&old).Elem()); err != nil {
		return old, err
	}
	res.toRow(from, to)
	if reflect.DeepEqual(row, old) {
		return old, nil
	}
	at := now()
	// The clock was set back, or that of another process is ahead.
	for _, before := range []*time.Time{res.created.Time(unsafe.Pointer(&old)), res.updated.Time(unsafe.Pointer(&old))} {
		if at.Before(*before) {
			at = *before
		}
	}
	*res.updated.Time(unsafe.Pointer(&row)) = at
	return row, nil
}

func (res *Resource[Row, Input]) serveDelete(w http.ResponseWriter, r *http.Request, scope Scope, id string) error {
	pre, bad := res.writeConditions(r)
	err := res.remove.Delete(r.Context(), scope, id, func(row Row) error {
		if err := res.guard(scope, row, res.opts.Roles.Delete, pre); err != nil {
			return err
		}
		return bad
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
