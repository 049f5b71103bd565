package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
)

// answer is all that a client sees.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func record(f func(http.ResponseWriter)) answer {
	w := httptest.NewRecorder()
	f(w)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

// want makes the answer with the headers that every error has, and more of them as
// pairs of name and value.
func want(status int, body string, more ...string) answer {
	h := http.Header{
		"Content-Type":           {"application/json; charset=utf-8"},
		"Content-Length":         {strconv.Itoa(len(body))},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
	}
	for i := 0; i < len(more); i += 2 {
		h.Add(more[i], more[i+1])
	}
	return answer{status, h, body}
}

func check(t *testing.T, call string, want, got answer) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", call, diff)
	}
}

func TestWriteAnswersTheContractsTable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want answer
	}{
		"400":                  {apierror.BadRequest("page", "min", "Page must be 1 or more"), want(400, `{"error":"bad_request","message":"Page must be 1 or more","details":{"field":"page","code":"min"}}`)},
		"400 plain":            {apierror.BadRequest("", "", ""), want(400, `{"error":"bad_request","message":"Invalid request parameters"}`)},
		"401":                  {apierror.Unauthorized(`Basic realm="api", charset="UTF-8"`, `Bearer realm="api"`), want(401, `{"error":"unauthorized","message":"Missing or invalid credentials"}`, "Www-Authenticate", `Basic realm="api", charset="UTF-8"`, "Www-Authenticate", `Bearer realm="api"`)},
		"401 without a scheme": {apierror.Unauthorized(), want(401, `{"error":"unauthorized","message":"Missing or invalid credentials"}`)},
		"403":                  {apierror.Forbidden("active_ou_required", "Choose an org unit"), want(403, `{"error":"forbidden","message":"Choose an org unit","details":{"code":"active_ou_required"}}`)},
		"403 plain":            {apierror.Forbidden("", ""), want(403, `{"error":"forbidden","message":"No permission to access this resource"}`)},
		"404":                  {apierror.NotFound(""), want(404, `{"error":"not_found","message":"Resource not found"}`)},
		"404 in own words":     {apierror.NotFound("No such lead"), want(404, `{"error":"not_found","message":"No such lead"}`)},
		"405":                  {apierror.New(405, "").WithHeader("allow", "GET, HEAD"), want(405, `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`, "Allow", "GET, HEAD")},
		"406":                  {apierror.New(406, ""), want(406, `{"error":"not_acceptable","message":"Only application/json can be served"}`)},
		"409":                  {apierror.Conflict("email", "unique", "Email is taken"), want(409, `{"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`)},
		"412":                  {apierror.New(412, ""), want(412, `{"error":"precondition_failed","message":"The resource has changed since it was read"}`)},
		"413":                  {apierror.New(413, ""), want(413, `{"error":"content_too_large","message":"Request body is too large"}`)},
		"415":                  {apierror.New(415, ""), want(415, `{"error":"unsupported_media_type","message":"Content-Type must be application/json"}`)},
		"422": {apierror.ValidationFailed(
			apierror.FieldError{Field: "name", Code: "required", Message: "Name is required"},
			apierror.FieldError{Field: "items[2].sku", Code: "max", Message: "SKU must have at most 20 characters"},
		), want(422, `{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"},{"field":"items[2].sku","code":"max","message":"SKU must have at most 20 characters"}]}}`)},
		"422 plain":                 {apierror.ValidationFailed(), want(422, `{"error":"validation_failed","message":"Validation failed"}`)},
		"428":                       {apierror.New(428, ""), want(428, `{"error":"precondition_required","message":"If-Match is required"}`)},
		"429":                       {apierror.TooManyRequests("rate_limited", "", 1500*time.Millisecond), want(429, `{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limited"}}`, "Retry-After", "2")},
		"429 at once":               {apierror.TooManyRequests("", "", 0), want(429, `{"error":"too_many_requests","message":"Rate limit exceeded"}`, "Retry-After", "1")},
		"429 never":                 {apierror.TooManyRequests("cost_exceeds_burst", "", -1), want(429, `{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"cost_exceeds_burst"}}`)},
		"503":                       {apierror.Unavailable(time.Minute), want(503, `{"error":"service_unavailable","message":"Service temporarily unavailable"}`, "Retry-After", "60")},
		"a code of one's own":       {&apierror.Error{Status: 402, Code: "quota_spent", Message: "Quota is spent"}, want(402, `{"error":"quota_spent","message":"Quota is spent"}`)},
		"a status of no words":      {&apierror.Error{Status: 499}, want(499, `{"error":"bad_request","message":"Bad Request"}`)},
		"a status with an article":  {apierror.New(418, ""), want(418, `{"error":"im_a_teapot","message":"I'm a teapot"}`)},
		"wrapped":                   {fmt.Errorf("get: %w", apierror.NotFound("").Wrap(errors.New("sql: no rows"))), want(404, `{"error":"not_found","message":"Resource not found"}`)},
		"joined":                    {errors.Join(io.EOF, apierror.NotFound("")), want(404, `{"error":"not_found","message":"Resource not found"}`)},
		"what has to be escaped":    {apierror.NotFound("<a & \"b\">\u2028\x01\xff"), want(404, `{"error":"not_found","message":"\u003ca \u0026 \"b\"\u003e\u2028\u0001\ufffd"}`)},
		"headers of its own":        {(&apierror.Error{Status: 404, Header: http.Header{"x-one": {"1", "2"}, "Www-Authenticate": {"x"}}}), want(404, `{"error":"not_found","message":"Resource not found"}`, "X-One", "1", "X-One", "2", "Www-Authenticate", "x")},
		"a list without more to it": {&apierror.Error{Status: 422, Details: apierror.Details{Errors: []apierror.FieldError{{}}}}, want(422, `{"error":"validation_failed","message":"Validation failed","details":{"errors":[{"field":"","code":"","message":""}]}}`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			got := record(func(w http.ResponseWriter) { apierror.Write(w, r, tt.err) })
			check(t, "Write", tt.want, got)
		})
	}
}

func TestWriteAnswersHEADWithoutABody(t *testing.T) {
	t.Parallel()
	for _, err := range []error{apierror.NotFound(""), apierror.NotFound("No such lead")} {
		get := record(func(w http.ResponseWriter) { apierror.Write(w, httptest.NewRequest("GET", "/", nil), err) })
		head := record(func(w http.ResponseWriter) { apierror.Write(w, httptest.NewRequest("HEAD", "/", nil), err) })
		get.Body = ""
		check(t, "HEAD", get, head)
	}
}

func TestWriteAnswersProblemDetailsToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		body string
	}{
		"plain":        {apierror.NotFound(""), `{"title":"Not Found","status":404,"detail":"Resource not found","error":"not_found"}`},
		"with details": {apierror.BadRequest("page", "min", "Page must be 1 or more"), `{"title":"Bad Request","status":400,"detail":"Page must be 1 or more","error":"bad_request","details":{"field":"page","code":"min"}}`},
		"renamed":      {apierror.New(413, ""), `{"title":"Content Too Large","status":413,"detail":"Request body is too large","error":"content_too_large"}`},
		"422":          {apierror.ValidationFailed(), `{"title":"Unprocessable Content","status":422,"detail":"Validation failed","error":"validation_failed"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept", "application/problem+json, application/json;q=0.5")
			w := want(0, tt.body)
			w.Status = apierror.From(tt.err).Status
			w.Header.Set("Content-Type", "application/problem+json")
			check(t, "by Accept", w, record(func(w http.ResponseWriter) { apierror.Write(w, r, tt.err) }))

			h := apierror.Recover(apierror.Options{Problem: true})(apierror.Handler(func(http.ResponseWriter, *http.Request) error { return tt.err }))
			check(t, "by configuration", w, record(func(w http.ResponseWriter) { h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)) }))
		})
	}
}

func TestWriteAnswersAnythingElseWithABare500(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"an error":             errors.New("sql: secret"),
		"nil":                  nil,
		"a nil *Error":         (*apierror.Error)(nil),
		"the zero Error":       &apierror.Error{},
		"a status that is 200": &apierror.Error{Status: 200},
		"a status that is 999": &apierror.Error{Status: 999},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := record(func(w http.ResponseWriter) { apierror.Write(w, httptest.NewRequest("GET", "/", nil), err) })
			const prefix = `{"error":"internal_server_error","message":"Internal server error","details":{"request_id":"`
			id, ok := strings.CutPrefix(got.Body, prefix)
			id, ok2 := strings.CutSuffix(id, `"}}`)
			if !ok || !ok2 || len(id) != 26 {
				t.Fatalf("body = %s, want a generated request id in it", got.Body)
			}
			check(t, "Write", want(500, prefix+id+`"}}`), got)
		})
	}
}

func TestWriteRemovesWhatDescribedAnotherBody(t *testing.T) {
	t.Parallel()
	got := record(func(w http.ResponseWriter) {
		h := w.Header()
		for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Range", "Content-Disposition", "Etag", "Last-Modified", "Expires", "Accept-Ranges", "Link"} {
			h.Set(name, "x")
		}
		h.Set("Content-Type", "text/csv")
		h.Set("Content-Length", "7")
		h.Set("Cache-Control", "max-age=60")
		h.Set("X-Ratelimit-Limit", "100")
		h.Set("Vary", "Origin")
		apierror.Write(w, httptest.NewRequest("GET", "/", nil), apierror.NotFound(""))
	})
	check(t, "Write", want(404, `{"error":"not_found","message":"Resource not found"}`, "X-Ratelimit-Limit", "100", "Vary", "Origin"), got)
}

func TestWriteSharesNoMemoryWithTheAnswer(t *testing.T) {
	t.Parallel()
	values := append(make([]string, 0, 8), "a")
	err := apierror.New(404, "").WithHeader("Allow", "GET")
	err.Header["X-Values"] = values
	for range 2 {
		w := httptest.NewRecorder()
		apierror.Write(w, httptest.NewRequest("GET", "/", nil), err)
		w.Header().Add("X-Values", "b")
		w.Header().Add("Allow", "PUT")
	}
	if got := values[:2][1]; got != "" {
		t.Errorf("the values of the Error grew by %q", got)
	}
}

// A client that has left gets nothing, and the connection is aborted, because
// net/http would send an empty 200 for a handler that returns.
func TestWriteAbortsWhereTheClientHasLeft(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("Write panicked with %v, want http.ErrAbortHandler", v)
		}
		if len(w.Header()) > 0 || w.Body.Len() > 0 {
			t.Errorf("Write wrote %v %q, want nothing", w.Header(), w.Body)
		}
	}()
	apierror.Write(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil), apierror.NotFound(""))
}

func TestWriteAnswers503WhereTheServersOwnTimeIsUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	got := record(func(w http.ResponseWriter) { apierror.Write(w, r, fmt.Errorf("query: %w", ctx.Err())) })
	check(t, "Write", want(503, `{"error":"service_unavailable","message":"Service temporarily unavailable"}`, "Retry-After", "1"), got)
}

func TestHandlerWritesNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	h := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, "fine")
		return err
	})
	got := record(func(w http.ResponseWriter) { h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)) })
	if got.Status != 200 || got.Body != "fine" {
		t.Errorf("Handler answered %+v", got)
	}
}

func TestReadyHandlersForOtherRouters(t *testing.T) {
	t.Parallel()
	got := record(func(w http.ResponseWriter) {
		apierror.NotFoundHandler(w, httptest.NewRequest("GET", "/", nil))
	})
	check(t, "NotFoundHandler", want(404, `{"error":"not_found","message":"Resource not found"}`), got)
	got = record(func(w http.ResponseWriter) {
		w.Header().Add("Allow", "GET")
		w.Header().Add("Allow", "PUT")
		apierror.MethodNotAllowedHandler(w, httptest.NewRequest("POST", "/", nil))
	})
	check(t, "MethodNotAllowedHandler", want(405, `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`, "Allow", "GET", "Allow", "PUT"), got)
}

func TestEveryStatusHasACodeAndAMessage(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for status := 400; status < 600; status++ {
		e := apierror.New(status, "")
		if e.Code == "" || e.Message == "" || strings.Trim(e.Code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("New(%d) = %+v", status, e)
		}
		if http.StatusText(status) != "" {
			seen[e.Code] = status
		}
	}
	if _, ok := seen["unprocessable_entity"]; ok {
		t.Error("422 is called unprocessable_entity, want validation_failed")
	}
	for code, status := range map[string]int{"content_too_large": 413, "validation_failed": 422, "request_header_fields_too_large": 431} {
		if seen[code] != status {
			t.Errorf("code %q belongs to %d, want %d (of %v)", code, seen[code], status, maps.Keys(seen))
		}
	}
}
