package apierror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// From returns the [*Error] that err stands for, never nil:
//
//   - an [*Error] in err's tree as it is;
//   - a syntax or type error of [encoding/json]: 400 with the offset or the field;
//   - [http.MaxBytesError]: 413;
//   - [context.DeadlineExceeded]: 503 with Retry-After;
//   - anything else: 500, which wraps err and shows nothing of it.
//
// The mappings of [Options] are not asked, since they belong to a request; [Write]
// asks them. [Write] also takes errors of encoding/json for the server's own where
// the request has no body.
func From(err error) *Error { return from(&Options{}, nil, err) }

func from(opts *Options, r *http.Request, err error) *Error {
	if err == nil {
		return errInternal
	}
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e
	}
	for _, m := range opts.Mappings {
		if e := m(err); e != nil {
			return keepCause(e, err)
		}
	}
	// Where no body came, the JSON that is wrong is somebody else's.
	body := r == nil || r.Body != nil && r.Body != http.NoBody
	if body {
		if e := fromJSON(err); e != nil {
			return e
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return New(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("Request body is larger than %d bytes", tooLarge.Limit))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable(time.Second).Wrap(err)
	}
	// A json.Decoder tells of a body that is empty or ends early by these two
	// values, bare. Wrapped they are somebody else's.
	if (err == io.EOF || err == io.ErrUnexpectedEOF) && r != nil && body {
		return BadRequest("", "json", "Request body is empty or ends early")
	}
	return errInternal.Wrap(err)
}

// fromJSON maps the errors of encoding/json that a body causes.
func fromJSON(err error) *Error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		// With GOEXPERIMENT=jsonv2 a json.Decoder makes a syntax error of what the
		// body's reader says, and only the text is left of http.MaxBytesError.
		if strings.HasSuffix(syntax.Error(), "http: request body too large") {
			return New(http.StatusRequestEntityTooLarge, "")
		}
		return BadRequest("", "json", fmt.Sprintf("Request body is not valid JSON at byte %d", syntax.Offset))
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := shorten(wrong.Field)
		name := field
		if name == "" {
			name = "Request body"
		}
		kind, _, _ := strings.Cut(wrong.Value, " ") // the rest is the number, however long
		return BadRequest(field, "type", fmt.Sprintf("%s has the wrong type: %s at byte %d", name, shorten(kind), wrong.Offset))
	}
	// DisallowUnknownFields has no error type; where its words change, the error
	// falls through and is answered as a 500, as any unknown error is.
	if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if field, err := strconv.Unquote(quoted); err == nil {
			field = shorten(field)
			return BadRequest(field, "unknown", "Unknown field "+field)
		}
	}
	return nil
}

// shorten bounds how much of a name that the client has made up comes back.
func shorten(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	end := most
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

// keepCause lets the log and errors.Is reach err where the mapping forgot it.
func keepCause(e *Error, err error) *Error {
	if e.cause == nil {
		return e.Wrap(err)
	}
	return e
}
