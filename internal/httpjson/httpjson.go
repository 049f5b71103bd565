// Package httpjson reads and writes JSON bodies the way every endpoint of the
// contract does: requests of a known media type and size that mean one thing
// only, answers that are known to encode before anything of them is sent.
//
// All failures that a client causes are [*apierror.Error] values, ready to be
// returned from a handler.
package httpjson

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// DefaultLimit is how large a body may be where no limit is given: 1 MiB.
const DefaultLimit = 1 << 20

// Read returns the body of r. The Content-Type has to be one of types, or
// application/json if there are none, with no parameter but charset=utf-8
// (otherwise 415), and the body must not be compressed (415 too): it is read as it
// comes, where whoever goes by Content-Encoding would read something else. It must
// not be longer than limit, or [DefaultLimit] if that is 0 (413), nor empty (400).
//
// A body that Content-Length announces as too large is refused unread, so that a
// client that asks first (Expect: 100-continue) never sends it.
func Read(r *http.Request, limit int64, types ...string) ([]byte, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	if len(types) == 0 {
		types = jsonTypes
	}
	if !contentType(r.Header["Content-Type"], types) {
		return nil, unsupported(r, types)
	}
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, errEncoded
		}
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil, errEmpty
	}
	body, err := readAll(r, limit)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, errEmpty
	}
	return body, nil
}

// errEncoded names what would do, as RFC 9110, section 15.5.16, has it.
var errEncoded = apierror.New(http.StatusUnsupportedMediaType, "Request body must not be compressed").
	WithHeader("Accept-Encoding", "identity")

var errEmpty = apierror.BadRequest("", "json", "Request body is empty")

// readAll reads up to limit bytes, into memory of the right size where the client
// announced it. One byte more is asked for, to see whether the body ends there.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	size := int64(512)
	if r.ContentLength > 0 {
		size = min(r.ContentLength, 64<<10) + 1
	}
	body := make([]byte, 0, size)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, tooLarge(limit)
		}
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, readError(r, err)
		case len(body) == cap(body):
			body = slices.Grow(body, len(body))
		}
	}
}

// readError tells a client that broke off, or sent malformed chunks, from
// everything else that keeps a body from being read.
func readError(r *http.Request, err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || r.Context().Err() != nil {
		return err
	}
	return apierror.BadRequest("", "body", "Request body could not be read").Wrap(err)
}

func tooLarge(limit int64) error {
	return apierror.New(http.StatusRequestEntityTooLarge,
		"Request body is larger than "+strconv.FormatInt(limit, 10)+" bytes")
}

// unsupported returns the 415. RFC 9110, section 15.5.16, has the answer name
// what would do, which for PATCH is Accept-Patch's business (RFC 5789).
func unsupported(r *http.Request, types []string) error {
	name := "Accept"
	if r.Method == http.MethodPatch {
		name = "Accept-Patch"
	}
	return apierror.New(http.StatusUnsupportedMediaType, "Content-Type must be "+strings.Join(types, " or ")).
		WithHeader(name, strings.Join(types, ", "))
}

// Decode reads the body of r like [Read] does and decodes it into v like
// [strictjson.Unmarshal] does. What is no JSON, names a field twice or one that is
// not there, or holds a value of the wrong type, is a 400; null in a member that
// has to have a value breaks a rule, which is a 422.
func Decode(r *http.Request, limit int64, v any) error {
	body, err := Read(r, limit)
	if err != nil {
		return err
	}
	return Error(strictjson.Unmarshal(body, v))
}

// Error returns the answer for an error of strictjson, and any other error as it
// is.
func Error(err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	if e.Code != strictjson.CodeNull {
		return apierror.BadRequest(e.Field, e.Code, e.Message)
	}
	if e.Field == "" {
		return apierror.BadRequest("", strictjson.CodeType, e.Message)
	}
	return apierror.ValidationFailed(apierror.FieldError{Field: e.Field, Code: e.Code, Message: e.Message})
}

// Write encodes v and answers with it. If v cannot be encoded, the error is
// returned and nothing has been written.
func Write(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	WriteBytes(w, r, status, body)
	return nil
}

// WriteBytes answers with a body that is JSON already. A HEAD request gets the
// header alone. A Content-Type that the header names already is kept.
func WriteBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = headerJSON
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// A failed write means that the client has left; nobody is there to tell.
		_, _ = w.Write(body)
	}
}

// Methods returns nil if r has one of the methods, or is a HEAD where GET is
// allowed; otherwise the 405 with Allow.
func Methods(_ http.ResponseWriter, r *http.Request, allow ...string) error {
	for _, method := range allow {
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			return nil
		}
	}
	if slices.Contains(allow, http.MethodGet) && !slices.Contains(allow, http.MethodHead) {
		allow = append([]string{http.MethodGet, http.MethodHead}, slices.DeleteFunc(slices.Clone(allow), func(m string) bool {
			return m == http.MethodGet
		})...)
	}
	return apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", strings.Join(allow, ", "))
}
