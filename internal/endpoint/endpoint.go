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
	"github.com/tenetkit/tenet/internal/nearest"
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
			if near := nearest.Of(name, e.parameters); near != "" {
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
