package apierror

import (
	"net/http"
	"strconv"
	"unicode/utf8"
)

// appendError appends the JSON body of e, byte for byte what encoding/json
// makes of it.
func appendError(b []byte, e *Error, requestID string) []byte {
	b = append(b, `{"error":`...)
	b = appendString(b, e.code())
	b = append(b, `,"message":`...)
	b = appendString(b, e.message())
	b = appendDetails(b, e.Details, requestID)
	return append(b, '}')
}

// appendProblem appends the same facts as problem details (RFC 9457): error and
// details are extension members. The type is about:blank, which the RFC lets a
// body leave out.
func appendProblem(b []byte, e *Error, requestID string) []byte {
	b = append(b, `{"title":`...)
	b = appendString(b, problemTitle(e.status()))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(e.status()), 10)
	b = append(b, `,"detail":`...)
	b = appendString(b, e.message())
	b = append(b, `,"error":`...)
	b = appendString(b, e.code())
	b = appendDetails(b, e.Details, requestID)
	return append(b, '}')
}

func appendDetails(b []byte, d Details, requestID string) []byte {
	if requestID == "" {
		requestID = d.RequestID
	}
	if d.IsZero() && requestID == "" {
		return b
	}
	b = append(b, `,"details":{`...)
	comma := false
	member := func(name, value string) {
		if value == "" {
			return
		}
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = appendString(b, value)
	}
	member("field", d.Field)
	member("code", d.Code)
	if len(d.Errors) > 0 {
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = append(b, `"errors":[`...)
		for i, f := range d.Errors {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"field":`...)
			b = appendString(b, f.Field)
			b = append(b, `,"code":`...)
			b = appendString(b, f.Code)
			b = append(b, `,"message":`...)
			b = appendString(b, f.Message)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	member("request_id", requestID)
	return append(b, '}')
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string the way encoding/json does, with <, >
// and & escaped. It is written out here because this package links nothing but
// the standard library, and encoding/json would cost a buffer and reflection on
// every refused request.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			b = append(b, s[start:i]...)
			b = append(b, '\\', 'u', '2', '0', '2', hex[r&0xF])
		default:
			i += size
			continue
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

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
		table[i] = ready{body: body, length: []string{strconv.Itoa(len(body))}}
	}
	return table
}

// prepared returns the ready answer for e, if e says nothing of its own.
func prepared(e *Error, problem bool) (ready, bool) {
	status := e.status()
	plain := fallback(status)
	if e.code() != plain.code || e.message() != plain.message || !e.Details.IsZero() ||
		status == http.StatusInternalServerError {
		return ready{}, false
	}
	if problem {
		return readyProblems[status-400], true
	}
	return readyErrors[status-400], true
}
