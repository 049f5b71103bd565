package apierror_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
)

func TestErrorIsByCode(t *testing.T) {
	t.Parallel()
	own := &apierror.Error{Status: 404, Code: "no_such_widget"}
	tests := map[string]struct {
		err, target error
		want        bool
	}{
		"the same status":                       {apierror.NotFound("a"), apierror.NotFound("b"), true},
		"another status":                        {apierror.NotFound(""), apierror.Conflict("", "", ""), false},
		"a code of one's own":                   {own, apierror.NotFound(""), false},
		"the same code of one's own":            {own.Wrap(io.EOF), own, true},
		"any reason":                            {apierror.Forbidden("missing_role", ""), apierror.Forbidden("", ""), true},
		"that reason":                           {apierror.Forbidden("missing_role", ""), apierror.Forbidden("missing_role", ""), true},
		"another reason":                        {apierror.Forbidden("missing_role", ""), apierror.Forbidden("insufficient_scope", ""), false},
		"wrapped":                               {fmt.Errorf("get: %w", apierror.NotFound("")), apierror.NotFound(""), true},
		"the cause":                             {apierror.NotFound("").Wrap(io.EOF), io.EOF, true},
		"no *Error":                             {apierror.NotFound(""), io.EOF, false},
		"a nil *Error as the target":            {apierror.NotFound(""), (*apierror.Error)(nil), false},
		"a nil *Error":                          {(*apierror.Error)(nil), apierror.NotFound(""), false},
		"the zero Error is an internal error's": {&apierror.Error{}, apierror.New(500, ""), true},
	}
	for name, tt := range tests {
		if got := errors.Is(tt.err, tt.target); got != tt.want {
			t.Errorf("%s: errors.Is(%v, %v) = %v, want %v", name, tt.err, tt.target, got, tt.want)
		}
	}
}

func TestErrorTellsTheLogEverything(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		`404 not_found: Resource not found`:                                         apierror.NotFound(""),
		`400 bad_request: Bad page (field "page"): strconv: invalid`:                apierror.BadRequest("page", "integer", "Bad page").Wrap(errors.New("strconv: invalid")),
		`500 internal_server_error: Internal server error`:                          &apierror.Error{},
		`get: 500 internal_server_error: Internal server error: sql: no such table`: fmt.Errorf("get: %w", apierror.From(errors.New("sql: no such table"))),
		`<nil>`: (*apierror.Error)(nil),
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestWrapAndWithHeaderLeaveTheirReceiverAlone(t *testing.T) {
	t.Parallel()
	base := apierror.NotFound("").WithHeader("X-One", "1")
	more := base.Wrap(io.EOF).WithHeader("x-two", "2").WithHeader("X-One", "3")
	if base.Unwrap() != nil || !cmp.Equal(base.Header, http.Header{"X-One": {"1"}}) {
		t.Errorf("the receiver became %v with %v", base, base.Header)
	}
	if more.Unwrap() != io.EOF || !cmp.Equal(more.Header, http.Header{"X-One": {"3"}, "X-Two": {"2"}}) {
		t.Errorf("the copy is %v with %v", more, more.Header)
	}
}

// FuzzBody holds the encoder against encoding/json, byte for byte.
func FuzzBody(f *testing.F) {
	f.Add("not_found", "No such lead", "", "", "", "", uint8(0))
	f.Add("validation_failed", "Name is required", "name", "required", "items[2].sku", "SKU <&> \"\\ \u2028 \xff \x00\b\f\n\r\t\x7f é 😀", uint8(3))
	f.Fuzz(func(t *testing.T, code, message, field, detail, field2, message2 string, n uint8) {
		if code == "" || message == "" {
			t.Skip("the status's own take their place")
		}
		e := &apierror.Error{Status: 422, Code: code, Message: message, Details: apierror.Details{Field: field, Code: detail, RequestID: field2}}
		for range n % 4 {
			e.Details.Errors = append(e.Details.Errors, apierror.FieldError{Field: field2, Code: detail, Message: message2, Param: detail})
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		// Under jsonv2 encoding/json writes the replacement character itself.
		same := func(a, b []byte) bool {
			literal := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`\ufffd`), []byte("\ufffd")) }
			return bytes.Equal(a, b) || bytes.Equal(literal(a), literal(b)) && bytes.Contains(b, []byte("\ufffd"))
		}
		if got := apierror.AppendBody(nil, e); !same(got, want) {
			t.Fatalf("body = %s\n        want %s", got, want)
		}
	})
}

// An Error that is written again and again is encoded once; changing it in between,
// or a copy of it, must show all the same.
func TestWriteShowsEveryChange(t *testing.T) {
	t.Parallel()
	e := apierror.TooManyRequests("rate_limited", "Slow down", -1)
	write := func(e *apierror.Error, accept string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		var body string
		for range 3 {
			w := httptest.NewRecorder()
			apierror.Write(w, r, e)
			if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
				t.Errorf("Content-Length = %s for a body of %d", got, w.Body.Len())
			}
			body = fmt.Sprint(w.Code, " ", w.Body)
		}
		return body
	}
	const json, problem = "application/json", "application/problem+json"
	steps := []struct {
		accept string
		change func()
		want   string
	}{
		{json, func() {}, `429 {"error":"too_many_requests","message":"Slow down","details":{"code":"rate_limited"}}`},
		{problem, func() {}, `429 {"title":"Too Many Requests","status":429,"detail":"Slow down","error":"too_many_requests","details":{"code":"rate_limited"}}`},
		{json, func() { e = e.Wrap(io.EOF).WithHeader("Retry-After", "1") }, `429 {"error":"too_many_requests","message":"Slow down","details":{"code":"rate_limited"}}`},
		{json, func() { e.Message = "Slower" }, `429 {"error":"too_many_requests","message":"Slower","details":{"code":"rate_limited"}}`},
		{json, func() { e.Details.Code = "" }, `429 {"error":"too_many_requests","message":"Slower"}`},
		{json, func() { e.Code = "slow" }, `429 {"error":"slow","message":"Slower"}`},
		{json, func() { e.Details.Field = "page" }, `429 {"error":"slow","message":"Slower","details":{"field":"page"}}`},
		{json, func() { e.Status = 400 }, `400 {"error":"slow","message":"Slower","details":{"field":"page"}}`},
	}
	for _, step := range steps {
		step.change()
		if got := write(e, step.accept); got != step.want {
			t.Errorf("answered %s\nwant     %s", got, step.want)
		}
	}
	list := apierror.ValidationFailed(apierror.FieldError{Field: "a", Code: "b", Message: "c"})
	write(list, json)
	list.Details.Errors[0].Message = "d"
	if got, want := write(list, json), `422 {"error":"validation_failed","message":"c","details":{"field":"a","code":"b","errors":[{"field":"a","code":"b","message":"d"}]}}`; got != want {
		t.Errorf("answered %s\nwant     %s", got, want)
	}
}

func TestWriteIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	e := apierror.Forbidden("missing_role", "The role editor is needed")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				apierror.Write(w, httptest.NewRequest("GET", "/", nil), e.Wrap(io.EOF))
				if want := `{"error":"forbidden","message":"The role editor is needed","details":{"code":"missing_role"}}`; w.Body.String() != want {
					t.Errorf("body = %s", w.Body)
				}
			}
		})
	}
	wg.Wait()
}
