package resource_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tenetkit/tenet/resource"
)

// TestAllocationsOfTheUsualRequests counts those of the test's own scope and
// store as well: one for the scope, and what validator needs for an address.
func TestAllocationsOfTheUsualRequests(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	leads := seeded(t, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	forgetful, err := resource.New[Lead, LeadInput]("/leads", forgetful{creator{}}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/leads/{id}", leads)
	tests := map[string]struct {
		h              http.Handler
		method, target string
		body           string
		most           float64
	}{
		"list":   {leads, "GET", "/leads", "", 5},
		"get":    {mux, "GET", target, "", 5},
		"create": {forgetful, "POST", "/leads", `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`, 20},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := within(httptest.NewRequest(tt.method, tt.target, nil), editor)
			reader := bytes.NewReader([]byte(tt.body))
			if tt.body != "" {
				r.Header.Set("Content-Type", "application/json")
				r.Body, r.ContentLength = body{reader}, int64(len(tt.body))
			}
			w := &discard{header: http.Header{}}
			got := testing.AllocsPerRun(200, func() {
				clear(w.header)
				_, _ = reader.Seek(0, io.SeekStart)
				tt.h.ServeHTTP(w, r)
			})
			if got > tt.most {
				t.Errorf("%s %s: %v allocations, want at most %v", tt.method, tt.target, got, tt.most)
			}
		})
	}
}
