package ratelimit_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
)

// The bubbles of synctest start at midnight of 2000-01-01.
const epoch = 946684800

const (
	exceededBody = `{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limit_exceeded"}}`
	costBody     = `{"error":"too_many_requests","message":"The request costs more than the limit allows at once","details":{"code":"cost_exceeds_burst"}}`
)

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }

func refusal(length string, more map[string]string) map[string]string {
	h := map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"Content-Length":         length,
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "no-store",
	}
	maps.Copy(h, more)
	return h
}

// "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset on every answer
// that was counted, Retry-After on a 429"
func TestHeaders(t *testing.T) {
	t.Parallel()
	cost := func(n int) func(*http.Request) int { return func(*http.Request) int { return n } }
	tests := map[string]struct {
		opts   ratelimit.Options
		before int           // requests sent before
		wait   time.Duration // and then waited
		step   time.Duration // of the wall clock
		method string
		status int
		header map[string]string
		body   string
	}{
		"the contract's first request": {
			status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "199", "X-Ratelimit-Reset": "946684800"},
		},
		"half way down the burst": {
			before: 99, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "100", "X-Ratelimit-Reset": "946684800"},
		},
		"one below the limit": {
			before: 100, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "99", "X-Ratelimit-Reset": "946684801"},
		},
		"the last of the burst": {
			before: 199, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946684860"},
		},
		"the first above the burst": {
			before: 200, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946684860", "Retry-After": "1",
			}),
		},
		"a HEAD above the burst": {
			before: 200, method: "HEAD", status: 429,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946684860", "Retry-After": "1",
			}),
		},
		"a minute after the burst": {
			before: 200, wait: time.Minute, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "99", "X-Ratelimit-Reset": "946684861"},
		},
		"a fraction of a second is rounded up": {
			wait: 1, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "199", "X-Ratelimit-Reset": "946684801"},
		},
		"a slow limit": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 3, Period: time.Hour}}},
			before: 3, wait: 90 * time.Second, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "3", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946688400", "Retry-After": "1110",
			}),
		},
		"a cost": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Cost: cost(50)}}},
			status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "150", "X-Ratelimit-Reset": "946684800"},
		},
		"a cost that is not left": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Cost: cost(150)}}},
			before: 1, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "50", "X-Ratelimit-Reset": "946684830", "Retry-After": "60",
			}),
		},
		"a cost above the burst": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Cost: cost(201)}}},
			status: 429, body: costBody,
			header: refusal("134", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "200", "X-Ratelimit-Reset": "946684800",
			}),
		},
		"no cost": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Cost: cost(0)}}},
			before: 500, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "200", "X-Ratelimit-Reset": "946684800"},
		},
		"a negative cost is none": {
			opts:   ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 3, Cost: cost(-1)}}},
			before: 1, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "3", "X-Ratelimit-Remaining": "3", "X-Ratelimit-Reset": "946684800"},
		},
		"remaining capped at the limit": {
			opts:   ratelimit.Options{CapRemaining: true},
			status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "100", "X-Ratelimit-Reset": "946684800"},
		},
		"the wall clock an hour ahead": {
			before: 199, step: time.Hour, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946688460"},
		},
		"the wall clock a year ahead": {
			before: 200, step: 365 * 24 * time.Hour, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "978220860", "Retry-After": "1",
			}),
		},
		"the wall clock set back by an hour": {
			before: 200, step: -time.Hour, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946681260", "Retry-After": "1",
			}),
		},
		"the wall clock set back by a year": {
			before: 200, step: -365 * 24 * time.Hour, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "915148860", "Retry-After": "1",
			}),
		},
		"the tightest of two policies": {
			opts: ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "hour", Limit: 1000, Period: time.Hour},
				{Name: "second", Limit: 10, Period: time.Second},
			}},
			before: 2, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "10", "X-Ratelimit-Remaining": "7", "X-Ratelimit-Reset": "946684801"},
		},
		"the tightest at what the request costs": {
			opts: ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "requests", Limit: 6},
				{Name: "rows", Limit: 100, Cost: cost(40)},
			}},
			before: 1, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "20", "X-Ratelimit-Reset": "946684848"},
		},
		"a policy that costs nothing is not the tightest": {
			opts: ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "export", Limit: 1, Cost: cost(0)},
				{Name: "requests", Limit: 6},
			}},
			before: 1, status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "6", "X-Ratelimit-Remaining": "4", "X-Ratelimit-Reset": "946684820"},
		},
		"the one that is reset last where as much is left": {
			opts: ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "minute", Limit: 6},
				{Name: "hour", Limit: 6, Period: time.Hour},
				{Name: "second", Limit: 6, Period: time.Second},
			}},
			status: 200, body: "hello",
			header: map[string]string{"X-Ratelimit-Limit": "6", "X-Ratelimit-Remaining": "5", "X-Ratelimit-Reset": "946685400"},
		},
		"the policy that makes wait longest": {
			opts: ratelimit.Options{Policies: []ratelimit.Policy{
				{Name: "second", Limit: 10, Period: time.Second},
				{Name: "hour", Limit: 10, Period: time.Hour},
			}},
			before: 10, status: 429, body: exceededBody,
			header: refusal("102", map[string]string{
				"X-Ratelimit-Limit": "10", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "946688400", "Retry-After": "360",
			}),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, alice, tt.opts)
				h := l.Handler(http.HandlerFunc(hello))
				for range tt.before {
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
				}
				time.Sleep(tt.wait)
				l.StepWallClock(tt.step)

				rec := httptest.NewRecorder()
				if tt.method == "" {
					tt.method = "GET"
				}
				h.ServeHTTP(rec, httptest.NewRequest(tt.method, "/", nil))
				if rec.Code != tt.status || rec.Body.String() != tt.body {
					t.Errorf("answer = %d %q, want %d %q", rec.Code, rec.Body, tt.status, tt.body)
				}
				got := make(map[string]string)
				for field, values := range rec.Header() {
					if len(values) != 1 {
						t.Errorf("%s has %d values, want 1", field, len(values))
					}
					got[field] = values[0]
				}
				if rec.Code == http.StatusOK {
					delete(got, "Content-Type") // the handler's own
				}
				if diff := cmp.Diff(tt.header, got); diff != "" {
					t.Errorf("header mismatch (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The values of header fields are shared between answers: those who add to one
// must not change another's.
func TestHeaderValuesAreNotChangedByHandlersThatAddToThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, alice, ratelimit.Options{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("X-RateLimit-Limit", "more")
		}))
		for range 2 {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			if got, want := rec.Header()["X-Ratelimit-Limit"], []string{"100", "more"}; !cmp.Equal(got, want) {
				t.Errorf("X-RateLimit-Limit = %q, want %q", got, want)
			}
		}
	})
}

func TestEpochOfTheBubbles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if got := time.Now().Unix(); got != epoch {
			t.Errorf("bubbles start at %d, want %d", got, epoch)
		}
	})
}
