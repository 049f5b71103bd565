package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A Lead is the row of the lists.
type Lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     *string   `json:"email"`
	Value     float64   `json:"value"`
	Active    bool      `json:"active"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func leads(n int) []Lead {
	rows := make([]Lead, n)
	at := time.Date(2026, 1, 5, 9, 30, 15, 123456000, time.UTC)
	for i := range rows {
		rows[i] = Lead{
			ID: "01890a5d-ac96-774b-bcce-b302099a8057", Name: "Ada Lovelace", Email: new("ada@example.com"),
			Value: 1250.5, Active: true, OrgUnit: "uk", CreatedAt: at.Add(time.Duration(i) * time.Minute), UpdatedAt: at,
		}
	}
	return rows
}

// A sink is a ResponseWriter that costs nothing and keeps no body.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func newSink() *sink { return &sink{header: make(http.Header, 16)} }

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

func (s *sink) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	s.bytes += len(p)
	return len(p), nil
}

func (s *sink) WriteString(p string) (int, error) {
	s.WriteHeader(http.StatusOK)
	s.bytes += len(p)
	return len(p), nil
}

func (s *sink) reset() {
	clear(s.header)
	s.status, s.bytes = 0, 0
}

func request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// A contender is one way to serve a scenario.
type contender struct {
	name    string
	handler http.Handler
}

// compete measures every contender with the same request, whose status has to
// be want.
func compete(b *testing.B, r *http.Request, want int, contenders ...contender) {
	b.Helper()
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			w := newSink()
			// Routers leave their traces in the request.
			c.handler.ServeHTTP(w, r.Clone(r.Context()))
			if w.status != want {
				b.Fatalf("%s answers %d, want %d", c.name, w.status, want)
			}
			mine := r.Clone(r.Context())
			b.ReportAllocs()
			for b.Loop() {
				w.reset()
				c.handler.ServeHTTP(w, mine)
			}
			if w.status != want {
				b.Fatalf("%s answers %d at the end, want %d", c.name, w.status, want)
			}
		})
	}
}

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// secret is the HS256 key of all tokens here.
var secret = []byte(strings.Repeat("0123456789abcdef", 2))
