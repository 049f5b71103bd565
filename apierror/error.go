package apierror

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Error is a failure whose Code, Message and Details are sent to the client.
// The wrapped cause, if any, is for logs and for [errors.Is] and [errors.As]
// only; no body ever shows it.
//
// The zero Error is answered as a 500.
type Error struct {
	Status  int         `json:"-"`                // HTTP status; anything but 400 to 599 is answered as 500
	Code    string      `json:"error"`            // stable, machine-readable, snake_case; if empty, the status's own
	Message string      `json:"message"`          // one sentence for a person; if empty, the status's own
	Details Details     `json:"details,omitzero"` // what exactly is at fault
	Header  http.Header `json:"-"`                // set on the answer, replacing what is there

	cause error
	memo  *memo // shared by copies; nil in a literal
}

// Details says what exactly is at fault. Empty members are left out of the
// body, and so are Details without any.
type Details struct {
	// Field is the query parameter at fault (page, filter) or the JSON path
	// of the member of the body (address.street, items[2].sku).
	Field string `json:"field,omitempty"`

	// Code says in snake_case what is wrong with it.
	Code string `json:"code,omitempty"`

	// Errors lists every failure of a body that breaks several rules. Field
	// and Code then repeat the first.
	Errors []FieldError `json:"errors,omitempty"`

	// RequestID names the request in the server's log. It is set by [Write]
	// on a 500.
	RequestID string `json:"request_id,omitempty"`
}

// IsZero reports whether d says nothing, and so is left out of the body.
func (d Details) IsZero() bool {
	return d.Field == "" && d.Code == "" && d.RequestID == "" && len(d.Errors) == 0
}

// A FieldError is one of several failures of a body.
type FieldError struct {
	Field   string `json:"field"`           // JSON path, as in [Details]
	Code    string `json:"code"`            // what is wrong, in snake_case
	Message string `json:"message"`         // one sentence for a person
	Param   string `json:"param,omitempty"` // what the rule asks for, such as the 200 of max, for a client that words its own messages
}

// Error returns the status, the code, the message and the cause. It is meant for
// logs: unlike the body that [Write] sends it includes the text of the cause.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s: %s", e.status(), e.code(), e.message())
	if e.Details.Field != "" {
		b.WriteString(" (field " + strconv.Quote(e.Details.Field) + ")")
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause given to [Error.Wrap], or nil.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// Is reports whether target is an [*Error] with the code of e. A target that has
// a Details.Code matches only an error with the same one, so that
//
//	errors.Is(err, apierror.NotFound(""))
//
// asks for any 404 and errors.Is(err, apierror.Forbidden("missing_role", ""))
// for that one reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || e == nil || t == nil {
		return ok && e == t
	}
	return t.code() == e.code() && (t.Details.Code == "" || t.Details.Code == e.Details.Code)
}

// Wrap returns a copy of e that unwraps to cause. Sentinel values stay as they
// are, so errNoSuchWidget.Wrap(err) is safe from many goroutines.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithHeader returns a copy of e whose answer carries the header as well, for
// example Retry-After. A header of that name is replaced.
func (e *Error) WithHeader(name string, values ...string) *Error {
	c := *e
	c.Header = maps.Clone(e.Header)
	if c.Header == nil {
		c.Header = make(http.Header, 1)
	}
	c.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	return &c
}

func (e *Error) status() int {
	if e.Status < 400 || e.Status > 599 {
		return http.StatusInternalServerError
	}
	return e.Status
}

func (e *Error) code() string {
	if e.Code == "" {
		return fallback(e.status()).code
	}
	return e.Code
}

func (e *Error) message() string {
	if e.Message == "" {
		return fallback(e.status()).message
	}
	return e.Message
}

// New returns an Error with the status and its code of the contract: the snake
// case of RFC 9110's reason phrase (413 is content_too_large), except that 422
// is validation_failed. An empty message stands for the status's own. For a
// code of your own write an [Error] literal.
func New(status int, message string) *Error {
	f := fallback(status)
	if message == "" {
		message = f.message
	}
	e := &struct {
		Error
		memo
	}{} // one allocation
	e.Error = Error{Status: status, Code: f.code, Message: message, memo: &e.memo}
	return &e.Error
}

// BadRequest returns the 400 for a request that cannot be understood: a query
// parameter or a body whose form is wrong. The field is the parameter or the
// JSON path, the code says what is wrong; both may be empty.
func BadRequest(field, code, message string) *Error {
	e := New(http.StatusBadRequest, message)
	e.Details = Details{Field: field, Code: code}
	return e
}

// Unauthorized returns the 401. Each challenge becomes a WWW-Authenticate field
// of its own; RFC 9110 demands at least one. The body never says what was wrong
// with the credentials: wrap the reason, and it is logged.
func Unauthorized(challenges ...string) *Error {
	e := New(http.StatusUnauthorized, "")
	if len(challenges) > 0 {
		e.Header = http.Header{"Www-Authenticate": challenges}
	}
	return e
}

// Forbidden returns the 403, with the reason in details.code (missing_role).
func Forbidden(code, message string) *Error {
	e := New(http.StatusForbidden, message)
	e.Details.Code = code
	return e
}

// NotFound returns the 404. It is also the right answer for a row that exists
// but that the caller may not know of.
func NotFound(message string) *Error { return New(http.StatusNotFound, message) }

// Conflict returns the 409 for a value that is taken, or for a request that
// collides with another.
func Conflict(field, code, message string) *Error {
	e := New(http.StatusConflict, message)
	e.Details = Details{Field: field, Code: code}
	return e
}

// ValidationFailed returns the 422 for a well-formed body that breaks rules. The
// first failure gives message, details.field and details.code; all of them are
// listed in details.errors.
func ValidationFailed(failures ...FieldError) *Error {
	e := New(http.StatusUnprocessableEntity, "")
	if len(failures) > 0 {
		first := failures[0]
		e.Message = first.Message
		e.Details = Details{Field: first.Field, Code: first.Code, Errors: failures}
	}
	return e
}

// TooManyRequests returns the 429 with Retry-After in seconds, rounded up and at
// least 1. If retryAfter is negative, the header is left out: waiting does not
// help.
func TooManyRequests(code, message string, retryAfter time.Duration) *Error {
	e := New(http.StatusTooManyRequests, message)
	e.Details.Code = code
	if retryAfter >= 0 {
		e.Header = retryAfterHeader(retryAfter)
	}
	return e
}

// Unavailable returns the 503 for a dependency that is down, with Retry-After in
// seconds, rounded up and at least 1.
func Unavailable(retryAfter time.Duration) *Error {
	e := New(http.StatusServiceUnavailable, "")
	e.Header = retryAfterHeader(retryAfter)
	return e
}

func retryAfterHeader(d time.Duration) http.Header {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	seconds = max(seconds, 1)
	return http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}
}
