// Package endpoint does what an endpoint of ours does before its own work: it
// answers OPTIONS and refuses methods, an Accept and query parameters that it
// does not serve.
package endpoint

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
)

// An Endpoint says what is served. It is immutable and safe for concurrent use.
type Endpoint struct {
	allow      []string
	header     []string // allow as the field of a header
	parameters []string
}

// New returns the Endpoint that serves the methods, HEAD where GET is among them,
// and OPTIONS.
func New(parameters []string, methods ...string) *Endpoint {
	e := &Endpoint{parameters: parameters}
	for _, method := range methods {
		e.allow = append(e.allow, method)
		if method == http.MethodGet {
			e.allow = append(e.allow, http.MethodHead)
		}
	}
	e.allow = append(e.allow, http.MethodOptions)
	e.header = []string{strings.Join(e.allow, ", ")}
	return e
}

// Begin reports whether r is answered already, or returns the error to answer it
// with.
func (e *Endpoint) Begin(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	if r.Method == http.MethodOptions {
		w.Header()["Allow"] = e.header[:1:1]
		w.WriteHeader(http.StatusNoContent)
		return true, nil
	}
	if err := httpjson.Methods(w, r, e.allow...); err != nil {
		return false, err
	}
	if err := apierror.CheckAccept(r); err != nil {
		return false, err
	}
	return false, e.query(r.URL.RawQuery)
}

// maxEcho bounds how much of a stranger's word an answer repeats.
const maxEcho = 64

// query refuses parameters that are not known.
func (e *Endpoint) query(raw string) error {
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		switch {
		case pair == "" || err == nil && slices.Contains(e.parameters, name):
		case err != nil:
			return apierror.BadRequest("query", "encoding", "The query does not decode")
		case name == "" || len(name) > maxEcho || !utf8.ValidString(name):
			return apierror.BadRequest("query", "unknown", "Unknown parameter; "+e.takes())
		default:
			if near := e.nearest(name); near != "" {
				return apierror.BadRequest(name, "unknown", "Unknown parameter "+name+"; did you mean "+near+"?")
			}
			return apierror.BadRequest(name, "unknown", "Unknown parameter "+name+"; "+e.takes())
		}
	}
	return nil
}

func (e *Endpoint) takes() string {
	if len(e.parameters) == 0 {
		return "this endpoint takes none"
	}
	return "this endpoint takes " + strings.Join(e.parameters, " and ")
}

// nearest returns the parameter that was probably meant: in another case, or with
// at most two letters changed, added or left out.
func (e *Endpoint) nearest(word string) string {
	best, at := "", 3
	for _, name := range e.parameters {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := distance(word, name); d < at && 2*d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
