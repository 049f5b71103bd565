package resource

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// maxRowErrors is how many errors an import lists. A body of a megabyte could
// otherwise grow into fifty of errors.
const maxRowErrors = 1000

// imported is the result of an import.
type imported struct {
	counted
	Errors  []rowError `json:"errors"`
	Omitted int        `json:"errors_omitted,omitzero"` // beyond maxRowErrors
}

// counted is what an import tells while it runs.
type counted struct {
	Counts counts `json:"counts"`
}

type counts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

type rowError struct {
	Index   int    `json:"index"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Import reads a JSON array of inputs from r and returns a func that adds them as
// rows of the active unit, for a runner of package jobs or to be called on the
// spot. Every row is checked by itself as a POST of it would be: those that fail
// are reported in the func's result by their index, the others go in.
//
//	{"counts":{"total":3,"succeeded":2,"failed":1},
//	 "errors":[{"index":1,"field":"name","code":"required","message":"Name is required"}]}
//
// While the func runs, the job tells the counts so far. At most 1,000 errors are
// listed; errors_omitted counts the rest. The body has at
// most [Options.MaxBody] bytes, which the func holds on to until it has ended, and
// at most [Options.MaxImport] rows; more are a 413.
//
// The caller needs the role to create rows when Import is called, and with
// [Options.Rescope] also while the func runs. A row that the store answers with
// 503 is tried five times more within about three seconds.
//
// The error of Import is to be answered. The error of the func means that the
// import ended early: the store failed, the context ended, or the caller may no
// longer create rows. Its result is valid then too. The rows that it counts as
// succeeded are in; those from the index succeeded+failed on were not added, but
// for the one that the store failed at, of which only the store knows.
func (res *Resource[Row, Input]) Import(r *http.Request) (func(context.Context) (any, error), error) {
	scope, body, total, err := res.acceptImport(r)
	if err != nil {
		return nil, err
	}
	body = bytes.Clone(body) // without the room that reading has left
	return func(ctx context.Context) (any, error) {
		run := importing[Row, Input]{Resource: res, unit: scope.Active(), scope: scope}
		if res.opts.Rescope != nil {
			run.ask = func(ctx context.Context) (Scope, error) { return res.opts.Rescope(ctx, scope) }
		}
		return run.rows(ctx, body, total)
	}, nil
}

// acceptImport reads the request of an import.
func (res *Resource[Row, Input]) acceptImport(r *http.Request) (scope Scope, body []byte, total int, err error) {
	if res.insert == nil {
		return nil, nil, 0, apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", "")
	}
	if err := apierror.CheckAccept(r); err != nil {
		return nil, nil, 0, err
	}
	if scope, err = res.scope(r); err != nil {
		return nil, nil, 0, err
	}
	if err := res.mayCreate(scope); err != nil {
		return nil, nil, 0, err
	}
	if err := noParameters(r); err != nil {
		return nil, nil, 0, err
	}
	if body, err = httpjson.Read(r, res.maxBody); err != nil {
		return nil, nil, 0, err
	}
	total, err = res.countRows(body)
	return scope, body, total, err
}

// countRows returns how many elements the array has, or the error to answer. What
// is wrong inside an element is that row's own matter.
func (res *Resource[Row, Input]) countRows(body []byte) (int, error) {
	if !json.Valid(body) {
		return 0, httpjson.Error(strictjson.Check(body))
	}
	if body[len(body)-len(bytes.TrimLeft(body, space))] != '[' {
		return 0, apierror.BadRequest("", strictjson.CodeType, "Request body must be an array")
	}
	most := cmp.Or(res.opts.MaxImport, 10_000)
	n := 0
	for range elements(body) {
		if n++; n > most {
			return 0, apierror.New(http.StatusRequestEntityTooLarge, "Request body has more than "+strconv.Itoa(most)+" rows")
		}
	}
	return n, nil
}

const space = " \t\r\n"

// elements splits an array that is valid JSON, without a copy.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		array := bytes.Trim(array, space)
		array = array[1 : len(array)-1]
		start, depth := 0, 0
		for i := 0; i < len(array); i++ {
			switch array[i] {
			case '"':
				for i++; array[i] != '"'; i++ {
					if array[i] == '\\' {
						i++
					}
				}
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			case ',':
				if depth > 0 {
					continue
				}
				if !yield(bytes.Trim(array[start:i], space)) {
					return
				}
				start = i + 1
			}
		}
		if last := bytes.Trim(array[start:], space); len(last) > 0 {
			yield(last)
		}
	}
}

// report lists every failure of a row.
func (out *imported) report(index int, err *apierror.Error) {
	failures := err.Details.Errors
	if len(failures) == 0 {
		code := err.Details.Code
		if code == "" {
			code = err.Code
		}
		failures = []apierror.FieldError{{Field: err.Details.Field, Code: code, Message: err.Message}}
	}
	for _, f := range failures {
		if rest, ok := strings.CutPrefix(f.Message, strictjson.Label("")); ok && f.Field == "" {
			f.Message = "Row" + rest
		}
		if len(out.Errors) == maxRowErrors {
			out.Omitted++
			continue
		}
		out.Errors = append(out.Errors, rowError{Index: index, Field: f.Field, Code: f.Code, Message: f.Message})
	}
}
