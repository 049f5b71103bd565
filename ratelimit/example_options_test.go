package ratelimit_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/ratelimit"
)

// A stricter limit is tried out in the shadow of the one in force: nobody is refused
// by it, and a metric tells how many would be.
func ExampleOptions_metrics() {
	counts := make(map[string]int) // stands for a metric, safe for concurrent use
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{
			{Name: "now", Limit: 4},
			{Name: "planned", Limit: 3, Shadow: true},
		},
		OnDecision: func(_ *http.Request, d ratelimit.Decision) {
			switch {
			case d.Degraded:
				counts["degraded"]++ // the store is down
			case !d.Allowed:
				counts["denied by "+d.Policy]++
			case d.Shadowed != "":
				counts["shadowed by "+d.Shadowed]++
			default:
				counts["allowed"]++
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(ok)
	for range 6 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	fmt.Println(counts)
	// Output: map[allowed:3 denied by now:2 shadowed by planned:1]
}

// A refusal in words of one's own. The header fields are set before.
func ExampleOptions_denied() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 1}},
		Denied: func(w http.ResponseWriter, _ *http.Request, d ratelimit.Decision) {
			status := http.StatusTooManyRequests
			if d.Policy == "" {
				status = http.StatusServiceUnavailable // FailClosed, and the store is down
			}
			http.Error(w, "Please come back in "+w.Header().Get("Retry-After")+" seconds.", status)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(ok)
	for range 2 {
		answer(h, httptest.NewRequest("GET", "/", nil))
	}
	// Output:
	// 200 1 0 ok
	// 429 1 0 Please come back in 60 seconds.
}

// A handler that does less when little is left.
func ExampleFromContext() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies:  []ratelimit.Policy{{Limit: 3}},
		InContext: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, found := ratelimit.FromContext(r.Context())
		fmt.Fprint(w, "preview: ", found && d.Remaining < 2)
	}))
	for range 3 {
		answer(h, httptest.NewRequest("GET", "/", nil))
	}
	// Output:
	// 200 3 2 preview: false
	// 200 3 1 preview: true
	// 200 3 0 preview: true
}

// What clients say that expect the IETF's fields, or that do not expect burst credit.
func ExampleOptions_headers() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		DraftHeaders: true,
		CapRemaining: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	rec := httptest.NewRecorder()
	limiter.Handler(ok).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining"} {
		fmt.Printf("%s: %s\n", name, rec.Header().Get(name))
	}
	// Output:
	// RateLimit-Policy: "default";q=100;w=60
	// RateLimit: "default";r=100;t=1
	// X-RateLimit-Limit: 100
	// X-RateLimit-Remaining: 100
}
