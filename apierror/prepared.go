package apierror

import (
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
)

// ready is an answer's body and its Content-Length, made before anybody asked.
type ready struct {
	body   []byte
	length []string
}

// readyErrors and readyProblems hold the plain answer of every status: the one
// with the contract's own code and message and no details.
var (
	readyErrors   = makeReady(appendError)
	readyProblems = makeReady(appendProblem)
)

func makeReady(encode func([]byte, *Error, string) []byte) (table [200]ready) {
	for i := range table {
		body := encode(nil, &Error{Status: 400 + i}, "")
		table[i] = ready{body: body, length: contentLength(len(body))}
	}
	return table
}

// prepared returns the ready answer for e, if there is one: the plain one of its
// status, or its own from the second time on that it is written. A 500 has none,
// because it names the request.
func prepared(e *Error, problem bool) (ready, bool) {
	status := e.status()
	if status == http.StatusInternalServerError {
		return ready{}, false
	}
	plain := fallback(status)
	if e.code() == plain.code && e.message() == plain.message && e.Details.IsZero() {
		if problem {
			return readyProblems[status-400], true
		}
		return readyErrors[status-400], true
	}
	if e.memo == nil {
		return ready{}, false
	}
	return e.memo.answer(e, problem)
}

// memo keeps the bodies of an Error that is written again and again, such as a
// package's errNoSuchWidget or a limiter's 429. An Error that is made for one
// request and written once costs a flag.
type memo struct {
	written atomic.Bool
	forms   [2]atomic.Pointer[kept] // JSON, problem details
}

// kept is a body together with all that it was made of, since the fields of an
// Error are open to change.
type kept struct {
	status        int
	code, message string
	details       Details
	ready
}

// maxKept is how many failures a body may list and still be kept: those of a
// request's body are never the same for long.
const maxKept = 4

func (m *memo) answer(e *Error, problem bool) (ready, bool) {
	form := &m.forms[0]
	if problem {
		form = &m.forms[1]
	}
	k := form.Load()
	if k != nil {
		same := k.status == e.Status && k.code == e.Code && k.message == e.Message && k.details.equal(&e.Details)
		return k.ready, same
	}
	if !m.written.Load() {
		m.written.Store(true)
		return ready{}, false
	}
	if len(e.Details.Errors) > maxKept {
		return ready{}, false
	}
	encode := appendError
	if problem {
		encode = appendProblem
	}
	k = &kept{status: e.Status, code: e.Code, message: e.Message, details: e.Details}
	k.details.Errors = slices.Clone(e.Details.Errors)
	k.body = encode(nil, e, "")
	k.length = contentLength(len(k.body))
	form.Store(k)
	return k.ready, true
}

func (d *Details) equal(other *Details) bool {
	return d.Field == other.Field && d.Code == other.Code && d.RequestID == other.RequestID && slices.Equal(d.Errors, other.Errors)
}

// lengths keeps the Content-Length of short bodies once one was needed.
var lengths [1024]atomic.Pointer[[1]string]

func contentLength(n int) []string {
	if n >= len(lengths) {
		return []string{strconv.Itoa(n)}
	}
	value := lengths[n].Load()
	if value == nil {
		value = &[1]string{strconv.Itoa(n)}
		lengths[n].Store(value)
	}
	return value[:]
}
