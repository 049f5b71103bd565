package resource

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
	Counts struct {
		Total     int `json:"total"`
		Succeeded int `json:"succeeded"`
		Failed    int `json:"failed"`
	} `json:"counts"`
	Errors  []rowError `json:"errors"`
	Omitted int        `json:"errors_omitted,omitzero"` // beyond maxRowErrors
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
// At most 1,000 errors are listed; errors_omitted counts the rest. The caller
// needs the role to create rows when Import is called. The error of Import is to
// be answered; the error of the func means that the store failed, and that the
// rows before are in.
func (res *Resource[Row, Input]) Import(r *http.Request) (func(context.Context) (any, error), error) {
	if res.insert == nil {
		return nil, apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", "")
	}
	if err := apierror.CheckAccept(r); err != nil {
		return nil, err
	}
	scope, err := res.scope(r)
	if err != nil {
		return nil, err
	}
	if err := noParameters(r); err != nil {
		return nil, err
	}
	if err := res.mayCreate(scope); err != nil {
		return nil, err
	}
	body, err := httpjson.Read(r, res.maxBody)
	if err != nil {
		return nil, err
	}
	rows, err := elements(body)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (any, error) { return res.importRows(ctx, scope, rows) }, nil
}

// elements splits an array. What is wrong inside an element is that row's own
// matter.
func elements(body []byte) ([]json.RawMessage, error) {
	rows := []json.RawMessage{}
	if trimmed := strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n"); json.Valid(body) && !strings.HasPrefix(trimmed, "[") {
		return nil, apierror.BadRequest("", strictjson.CodeType, "Request body must be an array")
	}
	if err := json.Unmarshal(body, &rows); err != nil {
		if strict := strictjson.Check(body); strict != nil {
			return nil, httpjson.Error(strict)
		}
		return nil, err
	}
	return rows, nil
}

func (res *Resource[Row, Input]) importRows(ctx context.Context, scope Scope, rows []json.RawMessage) (imported, error) {
	out := imported{Errors: []rowError{}}
	out.Counts.Total = len(rows)
	for i, raw := range rows {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		err := res.importRow(ctx, scope, raw)
		if err == nil {
			out.Counts.Succeeded++
			continue
		}
		refused, ok := errors.AsType[*apierror.Error](err)
		if !ok || refused.Status >= 500 {
			return out, err
		}
		out.Counts.Failed++
		out.report(i, refused)
	}
	return out, nil
}

func (res *Resource[Row, Input]) importRow(ctx context.Context, scope Scope, raw []byte) error {
	members, err := res.membersOf(raw)
	if err != nil {
		return err
	}
	row, err := res.newRow(ctx, scope, members)
	if err != nil {
		return err
	}
	_, err = res.insert.Create(ctx, scope, *row)
	return err
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
