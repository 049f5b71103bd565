package resource

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

const mergePatch = "application/merge-patch+json"

func sortedAllow(methods []string) []string {
	methods = append(methods, http.MethodOptions)
	slices.Sort(methods)
	return methods
}

// serve answers r or returns the error to answer it with.
func (res *Resource[Row, Input]) serve(w http.ResponseWriter, r *http.Request) error {
	id, ok := res.target(r)
	allow := res.allow
	if id != "" {
		allow = res.allowRow
	}
	if !ok || len(allow) == 0 {
		return errNoRow
	}
	if err := httpjson.Methods(w, r, allow...); err != nil {
		return err
	}
	if r.Method == http.MethodOptions {
		return res.options(w, allow)
	}
	if err := apierror.CheckAccept(r); err != nil {
		return err
	}
	scope, err := res.scope(r)
	if err != nil {
		return err
	}
	switch {
	case id != "":
	case r.Method == http.MethodPost:
		return res.servePost(w, r, scope)
	default:
		return res.serveList(w, r, scope)
	}
	if err := noParameters(r); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodPut, http.MethodPatch:
		return res.serveUpdate(w, r, scope, id)
	case http.MethodDelete:
		return res.serveDelete(w, r, scope, id)
	}
	return res.serveGet(w, r, scope, id)
}

// target returns the id of the row that r asks for, or "" for the whole
// resource. It reports false for a path that is neither.
func (res *Resource[Row, Input]) target(r *http.Request) (string, bool) {
	path, id := r.URL.Path, r.PathValue("id")
	// Below http.StripPrefix only the end of the resource's path is left, and for a
	// row perhaps its id alone, which may look like that end.
	row := len(path) > 0 && path[0] == '/' && path[1:] == id
	if !row && strings.HasSuffix(res.path, path) {
		return "", true
	}
	if id != "" {
		return id, soundID(id)
	}
	id, ok := strings.CutPrefix(path, res.path+"/")
	return id, ok && id != "" && !strings.Contains(id, "/") && soundID(id)
}

// soundID keeps from the stores what no id of theirs can be.
func soundID(id string) bool {
	return len(id) <= 255 && utf8.ValidString(id) && strings.IndexByte(id, 0) < 0
}

func (res *Resource[Row, Input]) options(w http.ResponseWriter, allow []string) error {
	h := w.Header()
	h["Allow"] = []string{strings.Join(allow, ", ")}
	if slices.Contains(allow, http.MethodPatch) {
		h["Accept-Patch"] = []string{"application/json, " + mergePatch}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var errNoUnit = apierror.Forbidden("active_ou_required", "")

// scope returns what the request may touch, and an error where that is nothing.
func (res *Resource[Row, Input]) scope(r *http.Request) (Scope, error) {
	if res.opts.Unscoped {
		return everything{}, nil
	}
	scope := res.opts.Scope(r)
	if scope == nil || scope.Active() == "" && len(scope.IDs()) == 0 {
		return nil, errNoUnit
	}
	return scope, nil
}

// need returns the 403 unless the caller holds role on the unit.
func need(scope Scope, unit, role string) error {
	if role == "" || scope.HasRole(unit, role) {
		return nil
	}
	return missingRole(role)
}

func missingRole(role string) error {
	return apierror.Forbidden("missing_role", "The role "+role+" is required")
}

func (res *Resource[Row, Input]) needFor(scope Scope, row *Row, role string) error {
	if role == "" {
		return nil
	}
	return need(scope, *res.unit.Text(unsafe.Pointer(row)), role)
}

// noParameters refuses a query where none is read.
func noParameters(r *http.Request) error {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, _, err := decodePair(pair)
		if err != nil {
			return err
		}
		return unknownParameter(name, nil, nil)
	}
	return nil
}

// inScope is a last look at what a store returned: a row of another unit never
// leaves the server, whatever the store did.
func (res *Resource[Row, Input]) inScope(scope Scope, row *Row) bool {
	return res.unit == nil || scope.Contains(*res.unit.Text(unsafe.Pointer(row)))
}

// errOutside is the failure of a store that did what it must not. It is no 404: the
// work is done.
func (res *Resource[Row, Input]) errOutside() error {
	return fmt.Errorf("resource: %s: the store returned a row outside the scope", res.path)
}

// tidy brings the times of a row from a store to UTC and microseconds.
func (res *Resource[Row, Input]) tidy(row *Row) { tidy(res.times, unsafe.Pointer(row)) }

func tidy(times []rowtype.Field, row unsafe.Pointer) {
	for i := range times {
		f := &times[i]
		if !f.Nullable {
			at := f.Time(row)
			if at.Nanosecond()%1000 != 0 || at.Location() != time.UTC {
				*at, _ = rowtype.Micro(*at)
			}
			continue
		}
		if at := f.NullTime(row); *at != nil {
			t, _ := rowtype.Micro(**at)
			*at = &t // the store may hold on to the old one
		}
	}
}
