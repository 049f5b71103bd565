package endpoint_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/endpoint"
)

var list = endpoint.New([]string{"page", "limit"}, http.MethodGet, http.MethodPost)

func begin(e *endpoint.Endpoint, method, query string) (*httptest.ResponseRecorder, bool, *apierror.Error) {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	done, err := e.Begin(w, r)
	refused, _ := errors.AsType[*apierror.Error](err)
	return w, done, refused
}

func TestMethods(t *testing.T) {
	t.Parallel()
	const allow = "GET, HEAD, POST, OPTIONS"
	for method, want := range map[string]int{"GET": 0, "HEAD": 0, "POST": 0, "PUT": 405, "TRACE": 405} {
		_, done, err := begin(list, method, "")
		status := 0
		if err != nil {
			status = err.Status
		}
		if done || status != want || want == 405 && err.Header.Get("Allow") != allow {
			t.Errorf("Begin(%s) = %v, %v, want %d", method, done, err, want)
		}
	}
	w, done, err := begin(list, "OPTIONS", "x=1")
	if !done || err != nil || w.Code != 204 || w.Header().Get("Allow") != allow {
		t.Errorf("OPTIONS = %v, %v, %d %v, want 204 with Allow: %s", done, err, w.Code, w.Header(), allow)
	}
}

func TestUnknownParametersAreRefusedWithTheNearest(t *testing.T) {
	t.Parallel()
	none := endpoint.New(nil, http.MethodGet)
	tests := map[string]struct {
		endpoint              *endpoint.Endpoint
		query, field, message string
	}{
		"nothing":           {list, "", "", ""},
		"all":               {list, "page=1&&limit=2&", "", ""},
		"a slip":            {list, "pags=1", "pags", "Unknown parameter pags; did you mean page?"},
		"another case":      {list, "Limit=1", "Limit", "Unknown parameter Limit; did you mean limit?"},
		"another word":      {list, "x=1", "x", "Unknown parameter x; this endpoint takes page and limit"},
		"where none are":    {none, "org_unit=uk", "org_unit", "Unknown parameter org_unit; this endpoint takes none"},
		"a very long one":   {list, strings.Repeat("x", 65), "query", "Unknown parameter; this endpoint takes page and limit"},
		"not UTF-8":         {list, "%ff=1", "query", "Unknown parameter; this endpoint takes page and limit"},
		"does not decode":   {list, "%zz", "query", "The query does not decode"},
		"an empty name":     {list, "=1", "query", "Unknown parameter; this endpoint takes page and limit"},
		"an escaped letter": {list, "p%61ge=1", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := begin(tt.endpoint, "GET", tt.query)
			var field, message string
			if err != nil {
				field, message = err.Details.Field, err.Message
			}
			if field != tt.field || message != tt.message {
				t.Errorf("Begin(?%s) = %q, %q, want %q, %q", tt.query, field, message, tt.field, tt.message)
			}
		})
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "page=1&limit=25", "Page=1", "%zz", "a=1&&b", "org_unit=uk", "=", ";"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		_, done, err := begin(list, "GET", query)
		parsed, bad := url.ParseQuery(query)
		if bad == nil {
			parsed.Del("page")
			parsed.Del("limit")
		}
		if done || err != nil && err.Status != 400 || err == nil && len(parsed) > 0 && bad == nil || err != nil && bad == nil && len(parsed) == 0 {
			t.Errorf("Begin(?%s) = %v, %v, where ParseQuery leaves %v, %v", query, done, err, parsed, bad)
		}
	})
}
