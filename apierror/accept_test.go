package apierror_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/apierror"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	const json, problem, none = "json", "problem", "406"
	tests := map[string]string{
		"":                                json,
		"*/*":                             json,
		"application/json":                json,
		"application/*":                   json,
		"APPLICATION/JSON":                json,
		"application/json; charset=utf-8": json,
		"application/json;version=1":      json,
		"application/json;q=0.001":        json,
		"text/html, application/json":     json,
		"text/html,application/xhtml+xml,*/*;q=0.8":              json,
		" , application/json , ":                                 json,
		"application/problem+json":                               problem,
		"Application/Problem+JSON":                               problem,
		"application/problem+json, application/json":             problem,
		"application/json, application/problem+json":             problem,
		"application/json, application/problem+json;q=0.9":       json,
		"application/problem+json;q=0.9, application/json;q=0.1": problem,
		"application/problem+json, */*":                          problem,
		"application/problem+json;q=0.1, */*":                    problem,
		"application/problem+json;q=0":                           json,
		"application/problem+json;q=0, application/json":         json,
		"text/html, application/problem+json;q=0.1":              problem,
		"application/json;q=0, application/problem+json":         problem,
		"text/html":                            none,
		"text/*":                               none,
		"application/xml, text/html;q=0.9":     none,
		"application/json;q=0":                 none,
		"application/json;q=0, */*":            none,
		"*/*;q=0":                              none,
		"*/*;q=0.0":                            none,
		"*/*, application/*;q=0":               none,
		"application/jsonp":                    none,
		"application/vnd.api+json":             none,
		"application/json;q=2":                 json, // nothing in it can be read
		"application/json;q=x":                 json,
		"application/json;q=0.1234, text/html": none,
		"garbage":                              json,
		";q=1":                                 json,
		"application/json;q=1.000":             json,
		"application/json;Q=0":                 none,
		"application/json; q = 0":              none,
	}
	for accept, want := range tests {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept", accept)
			if got := negotiated(t, r); got != want {
				t.Errorf("Accept: %s gives %s, want %s", accept, got, want)
			}
		})
	}
	for want, fields := range map[string][]string{
		json:    nil,
		problem: {"text/html", "application/problem+json"},
		none:    {"text/html", "text/plain"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Accept"] = fields
		if got := negotiated(t, r); got != want {
			t.Errorf("Accept %q gives %s, want %s", fields, got, want)
		}
	}
}

// negotiated returns what a caller gets: an answer in JSON at all, and if so, the
// form of an error.
func negotiated(t *testing.T, r *http.Request) string {
	t.Helper()
	if err := apierror.CheckAccept(r); err != nil {
		if !errors.Is(err, apierror.New(406, "")) {
			t.Fatalf("CheckAccept = %v, want a 406", err)
		}
		return "406"
	}
	w := httptest.NewRecorder()
	apierror.Write(w, r, apierror.NotFound(""))
	if w.Header().Get("Content-Type") == "application/problem+json" {
		return "problem"
	}
	return "json"
}

// FuzzAccept asks that naming problem details never makes a request unacceptable,
// that a plain yes to JSON always counts, and that every error has one of two forms.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "application/json;q=0", "text/html, application/json;q=0.5", "a/b;q=1;q=0,;,", "application/*;q=0.1", "q=", "\x00/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Accept"] = []string{accept}
		if got := negotiated(t, r); got != "json" && got != "problem" && got != "406" {
			t.Fatalf("Accept %q gives %s", accept, got)
		}
		r.Header["Accept"] = []string{accept, "application/problem+json"}
		if got := negotiated(t, r); got == "406" {
			t.Fatalf("Accept %q and problem details give a 406", accept)
		}
		if !strings.Contains(strings.ToLower(accept), "json") {
			r.Header["Accept"] = []string{accept, "application/json"}
			if got := negotiated(t, r); got != "json" {
				t.Fatalf("Accept %q and JSON give %s", accept, got)
			}
		}
	})
}
