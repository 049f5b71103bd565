package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// discard is a ResponseWriter that keeps its header map from request to request.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func alice(*http.Request) (string, bool) { return "alice", true }

func newLimiter(tb testing.TB, key ratelimit.KeyFunc, opts ratelimit.Options) *ratelimit.Limiter {
	tb.Helper()
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	l, err := ratelimit.New(store, key, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// generous is never exhausted, stingy always is after the first request.
var (
	generous = ratelimit.Policy{Limit: 1_000_000_000, Period: time.Second}
	stingy   = ratelimit.Policy{Limit: 1, Period: time.Hour}
)

// answers is a handler that writes what a refusal does beside the rate limit: the
// same fields and as many bytes.
var answers = func() http.Handler {
	body, length := []byte(exceededBody), []string{strconv.Itoa(len(exceededBody))}
	contentType, nosniff, noStore := []string{"application/json; charset=utf-8"}, []string{"nosniff"}, []string{"no-store"}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = contentType
		h["X-Content-Type-Options"] = nosniff
		h["Cache-Control"] = noStore
		h["Content-Length"] = length
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	})
}()

func BenchmarkHandler(b *testing.B) {
	benchmarks := map[string]ratelimit.Options{
		"allowed":       {Policies: []ratelimit.Policy{generous}},
		"answered":      {Policies: []ratelimit.Policy{generous}},
		"denied":        {Policies: []ratelimit.Policy{stingy}},
		"two policies":  {Policies: []ratelimit.Policy{generous, {Name: "b", Limit: generous.Limit, Period: generous.Period}}},
		"in context":    {Policies: []ratelimit.Policy{generous}, InContext: true},
		"draft headers": {Policies: []ratelimit.Policy{generous}, DraftHeaders: true},
	}
	for name, opts := range benchmarks {
		b.Run(name, func(b *testing.B) {
			next := http.Handler(nothing)
			if name == "answered" {
				next = answers
			}
			h := newLimiter(b, alice, opts).Handler(next)
			r := httptest.NewRequest("GET", "/", nil)
			w := discard{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
	b.Run("guarded", func(b *testing.B) {
		l, err := ratelimit.New(struct{ ratelimit.Store }{newMemory(b, 0)}, alice, benchmarks["allowed"])
		if err != nil {
			b.Fatal(err)
		}
		h := l.Handler(nothing)
		r := httptest.NewRequest("GET", "/", nil)
		w := discard{make(http.Header)}
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		h := newLimiter(b, alice, benchmarks["allowed"]).Handler(nothing)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			r := httptest.NewRequest("GET", "/", nil)
			w := discard{make(http.Header)}
			for pb.Next() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	})
}

func BenchmarkMemory(b *testing.B) {
	rate := ratelimit.Rate{Limit: 1_000_000_000, Period: time.Second, Burst: 1_000_000_000}
	for _, n := range []int{1, 1000, 1_000_000} {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprint("default:client-", i)
		}
		store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: n})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				i += 0x9E3779B97F4A7C15 // visit the keys in no order
				_, _ = store.Take(b.Context(), keys[(i>>32)%uint64(n)], 1, rate)
			}
		})
		b.Run(fmt.Sprintf("keys=%d/parallel", n), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := uint64(0); pb.Next(); {
					i += 0x9E3779B97F4A7C15
					_, _ = store.Take(b.Context(), keys[(i>>32)%uint64(n)], 1, rate)
				}
			})
		})
	}
}

// BenchmarkMemoryFlood lets ten million keys come to a store for a million, once a
// round: the heap must not grow.
func BenchmarkMemoryFlood(b *testing.B) {
	const keys, more = 1_000_000, 10_000_000
	var perKey float64
	var growth int64
	for b.Loop() {
		perKey, growth = flood(b, keys, more)
	}
	b.ReportMetric(perKey, "B/key")
	b.ReportMetric(float64(growth), "B/flood")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(keys+more), "ns/key")
}
