package ululestore_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ululestore"
)

// A store of ulule's behind the middleware, here the one in memory. The policy
// has no burst: a window could not hold it.
func Example() {
	store, err := ululestore.New(memory.NewStore())
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 2}},
		Timeout:  time.Second, // by default 25 ms
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	}))
	for range 3 {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		fmt.Println(rec.Code, rec.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// 200 1
	// 200 0
	// 429 0
}

// Our buckets behind ulule's own middleware, here the one for net/http. Its
// drivers for gin and fasthttp take the same store.
func ExampleBuckets() {
	memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	store, err := ululestore.NewBuckets(memory, 200)
	if err != nil {
		log.Fatal(err)
	}
	middleware := stdlib.NewMiddleware(limiter.New(store, limiter.Rate{Limit: 100, Period: time.Minute}))
	h := middleware.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "ok")
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Code, rec.Header().Get("X-RateLimit-Limit"), rec.Header().Get("X-RateLimit-Remaining"))
	// Output:
	// 200 100 199
}
