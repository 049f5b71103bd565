package apierror_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// discard is a ResponseWriter that costs nothing of its own.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}

var (
	errPlain401 = apierror.Unauthorized(`Bearer realm="api"`)
	errPlain429 = apierror.TooManyRequests("", "", 3*time.Second)
	errCoded429 = apierror.TooManyRequests("rate_limited", "Rate limit exceeded", 3*time.Second)
	errInvalid  = apierror.ValidationFailed(
		apierror.FieldError{Field: "name", Code: "required", Message: "Name is required"},
		apierror.FieldError{Field: "items[2].sku", Code: "max", Message: "SKU must have at most 20 characters"},
	)
)

func BenchmarkWrite(b *testing.B) {
	for name, err := range map[string]error{
		"401":              errPlain401,
		"404":              apierror.NotFound(""),
		"404_own_message":  apierror.NotFound("No such widget"),
		"405":              apierror.New(405, "").WithHeader("Allow", "GET, HEAD"),
		"429":              errPlain429,
		"429_with_code":    errCoded429,
		"422_two_failures": errInvalid,
		"500":              errors.New("sql: no such table"),
	} {
		b.Run(name, func(b *testing.B) {
			w := &discard{http.Header{}}
			r := httptest.NewRequest("GET", "/", nil)
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				apierror.Write(w, r, err)
			}
		})
	}
}

// BenchmarkHeader is the part of BenchmarkWrite that no implementation can spare:
// four headers into an empty map.
func BenchmarkHeader(b *testing.B) {
	h := http.Header{}
	value := []string{"x"}
	b.ReportAllocs()
	for b.Loop() {
		clear(h)
		h["Content-Type"] = value
		h["X-Content-Type-Options"] = value
		h["Cache-Control"] = value
		h["Content-Length"] = value
	}
}

// BenchmarkMarshal is what encoding/json takes for the body of 422_two_failures.
func BenchmarkMarshal(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(errInvalid); err != nil {
			b.Fatal(err)
		}
	}
}

func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widgets/{id}", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func BenchmarkMux(b *testing.B) {
	mux := newMux()
	for _, bb := range []struct {
		name, path string
		handler    http.Handler
	}{
		{"hit/ServeMux_alone", "/widgets/7", mux},
		{"hit/Mux", "/widgets/7", apierror.Mux(mux)},
		{"hit/Recover", "/widgets/7", apierror.Recover(apierror.Options{})(mux)},
		{"hit/Recover_and_Mux", "/widgets/7", apierror.Recover(apierror.Options{})(apierror.Mux(mux))},
		{"miss/ServeMux_alone", "/x", mux},
		{"miss/Mux", "/x", apierror.Mux(mux)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := &discard{http.Header{}}
			r := httptest.NewRequest("GET", bb.path, nil)
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				bb.handler.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkCheckAccept(b *testing.B) {
	for name, accept := range map[string]string{"none": "", "json": "application/json", "axios": "application/json, text/plain, */*"} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/", nil)
			if accept != "" {
				r.Header.Set("Accept", accept)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := apierror.CheckAccept(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBody is the counterpart of BenchmarkMarshal.
func BenchmarkBody(b *testing.B) {
	for name, err := range map[string]*apierror.Error{"code": errCoded429, "two_failures": errInvalid} {
		b.Run("tenet/"+name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = apierror.AppendBody(buf[:0], err)
			}
		})
		b.Run("encoding_json/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(err); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
