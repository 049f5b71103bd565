package ouscope_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
)

// bigOrganization returns a tree of n units, each with up to eight below it, and
// ids as a service would generate them.
func bigOrganization(n int) []ouscope.Unit {
	units := make([]ouscope.Unit, n)
	for i := range units {
		units[i] = ouscope.Unit{ID: bigID(i), Organization: "acme", Name: fmt.Sprint("Unit ", i), Slug: fmt.Sprint("unit-", i)}
		if i > 0 {
			units[i].Parent = bigID((i - 1) / 8)
		}
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(n, func(i, j int) { units[i], units[j] = units[j], units[i] })
	return units
}

func bigID(i int) string { return fmt.Sprintf("0192f0c1-7a3b-7c4d-8e5f-%012d", i) }

// bigScope has 10,000 units and 64 grants of ann, of three roles, below unit 0.
func bigScoper(tb testing.TB) (*ouscope.Scoper, *http.Request) {
	tb.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	grants := []ouscope.Assignment{{Subject: "ann", Unit: bigID(0), Role: "member", NoInherit: true}}
	for len(grants) < 64 {
		grants = append(grants, ouscope.Assignment{
			Subject: "ann", Unit: bigID(73 + random.IntN(512)), Role: []string{"admin", "editor", "reader"}[random.IntN(3)],
		})
	}
	dir, err := ouscope.NewMemory(bigOrganization(10_000), grants)
	if err != nil {
		tb.Fatalf("NewMemory: %v", err)
	}
	scoper, err := ouscope.New(dir, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{Implies: roles})
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return scoper, httptest.NewRequest(http.MethodGet, "/leads", nil)
}

func bigScope(tb testing.TB) ouscope.Scope {
	tb.Helper()
	scoper, r := bigScoper(tb)
	scope, err := scoper.Resolve(r)
	if err != nil {
		tb.Fatalf("Resolve: %v", err)
	}
	return scope
}

func BenchmarkHasRole(b *testing.B) {
	scope := bigScope(b)
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = bigID(i * 9)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		scope.HasRole(ids[i%len(ids)], "editor")
	}
}

func BenchmarkContains(b *testing.B) {
	scope := bigScope(b)
	ids := make([]string, 1024)
	for i := range ids {
		ids[i] = bigID(i * 9)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		scope.Contains(ids[i%len(ids)])
	}
}

func BenchmarkIDs(b *testing.B) {
	scope := bigScope(b)
	b.ReportMetric(float64(len(scope.IDs())), "units")
	b.ReportAllocs()
	for b.Loop() {
		scope.IDs()
	}
}

func BenchmarkSQL(b *testing.B) {
	scope := bigScope(b)
	for _, dialect := range []string{"postgres", "sqlite"} {
		b.Run(dialect, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				scope.SQL(dialect, "org_unit", 1)
			}
		})
	}
}

func BenchmarkHandler(b *testing.B) {
	scoper, r := bigScoper(b)
	h := scoper.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		h.ServeHTTP(w, r)
	}
}

func BenchmarkHandlerWithCookie(b *testing.B) {
	h, r := cookieHandler(b)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		h.ServeHTTP(w, r)
	}
}

// cookieHandler returns a handler and a request that carries a signed choice.
func cookieHandler(tb testing.TB) (http.Handler, *http.Request) {
	tb.Helper()
	s := newService(tb, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{CookieKeys: [][]byte{keyOne}, CacheTTL: time.Hour})
	r := httptest.NewRequest(http.MethodGet, "/leads", nil)
	r.Header.Set("Subject", "ann")
	r.Header.Set("Cookie", pair(s.choose(tb, "ann", "apac")))
	return s.scoper.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r
}

func BenchmarkUnits(b *testing.B) {
	scoper, r := bigScoper(b)
	h := scoper.UnitsHandler()
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	dir := &directory{units: bigOrganization(10_000)}
	scoper, err := ouscope.New(dir, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{Organization: "acme"})
	if err != nil {
		b.Fatalf("New: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dir.units[0].ExternalRef = fmt.Sprint(i) // or the old snapshot stays
		scoper.Invalidate()
		_, _ = scoper.Resolve(r)
	}
}

func TestAllocations(t *testing.T) {
	scope := bigScope(t)
	inside, outside := scope.IDs()[1], bigID(9_999_999)
	scoper, r := bigScoper(t)
	h := scoper.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	cookieH, cookieR := cookieHandler(t)
	cookieH.ServeHTTP(w, cookieR)
	tests := map[string]struct {
		want float64
		f    func()
	}{
		"Contains allocates nothing":        {0, func() { scope.Contains(inside); scope.Contains(outside) }},
		"HasRole allocates nothing":         {0, func() { scope.HasRole(inside, "editor"); scope.HasRole(outside, "editor") }},
		"Check allocates nothing":           {0, func() { _ = scope.Check(inside, "editor"); _ = scope.Check(outside, "editor") }},
		"Digest allocates nothing":          {0, func() { scope.Digest() }},
		"IDs allocates the slice alone":     {1, func() { scope.IDs() }},
		"SQL allocates text and arguments":  {2, func() { scope.SQL("postgres", "org_unit", 1) }},
		"Resolve allocates nothing":         {0, func() { _, _ = scoper.Resolve(r) }},
		"Handler allocates for the context": {2, func() { clear(w.Header()); h.ServeHTTP(w, r) }},
		"a cookie costs one more":           {3, func() { clear(w.Header()); cookieH.ServeHTTP(w, cookieR) }},
	}
	if race {
		// The detector makes a sync.Pool forget at random.
		delete(tests, "a cookie costs one more")
	}
	for name, tt := range tests {
		if got := testing.AllocsPerRun(100, tt.f); got > tt.want {
			t.Errorf("%s: %v allocations, want %v", name, got, tt.want)
		}
	}
}
