package resource_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenetkit/tenet/resource"
)

// body is a request body that can be sent again.
type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

// discard is a ResponseWriter that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

func benchmark(b *testing.B, h http.Handler, method, target, text string, status int) {
	b.Helper()
	r := within(httptest.NewRequest(method, target, nil), editor)
	reader := bytes.NewReader([]byte(text))
	if text != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = body{reader}, int64(len(text))
	}
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		_, _ = reader.Seek(0, io.SeekStart)
		h.ServeHTTP(w, r)
	}
	if w.status != status {
		b.Fatalf("%s %s = %d, want %d", method, target, w.status, status)
	}
}

func BenchmarkList25(b *testing.B) {
	leads, _ := newLeads(b, resource.Options{})
	for n := range 25 {
		do(leads, editor, "POST", "/leads", fmt.Sprintf(`{"name":"Lead %d","email":"lead%d@example.com","value":%d.5,"active":true}`, n, n, n))
	}
	benchmark(b, leads, "GET", "/leads", "", 200)
}

// BenchmarkList25Cursors is BenchmarkList25 with cursors to both sides.
func BenchmarkList25Cursors(b *testing.B) {
	leads, _ := newLeads(b, resource.Options{Cursors: newPager(b, 1)})
	for n := range 75 {
		do(leads, editor, "POST", "/leads", fmt.Sprintf(`{"name":"Lead %d","email":"lead%d@example.com","value":%d.5,"active":true}`, n, n, n))
	}
	list, _ := listed(b, leads, editor, "")
	b.Run("page", func(b *testing.B) { benchmark(b, leads, "GET", "/leads?page=2", "", 200) })
	b.Run("cursor", func(b *testing.B) { benchmark(b, leads, "GET", "/leads?cursor="+list.NextCursor, "", 200) })
}

func BenchmarkListFilterSort(b *testing.B) {
	leads := seeded(b, resource.Options{})
	benchmark(b, leads, "GET", "/leads?filter=active=true&filter=value>=1&sort=-name", "", 200)
}

func BenchmarkGet(b *testing.B) {
	leads, _ := newLeads(b, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`).Header().Get("Location")
	benchmark(b, leads, "GET", target, "", 200)
}

// forgetful keeps no rows, so that a benchmark may create any number.
type forgetful struct{ resource.Creator[Lead] }

func newForgetful(b *testing.B) http.Handler {
	b.Helper()
	leads, err := resource.New[Lead, LeadInput]("/leads", forgetful{creator{}}, resource.Options{Scope: scopeOf})
	if err != nil {
		b.Fatal(err)
	}
	return leads
}

func BenchmarkCreate(b *testing.B) {
	benchmark(b, newForgetful(b), "POST", "/leads", `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`, 201)
}

func BenchmarkValidationFailed(b *testing.B) {
	benchmark(b, newForgetful(b), "POST", "/leads", `{"name":"","email":"nobody","value":-1,"active":true}`, 422)
}

func BenchmarkPatch(b *testing.B) {
	leads, _ := newLeads(b, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	benchmark(b, leads, "PATCH", target, `{"value":3,"email":null}`, 200)
}
