package redisstore_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// Three processes share one limit. With go-redis do is
//
//	func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }
//
// and here a stand-in, so that the example runs without a server.
func Example() {
	do := newFakeRedis().do

	var processes []http.Handler
	for range 3 {
		store, err := redisstore.New(do, redisstore.Options{Prefix: "widgets:"})
		if err != nil {
			log.Fatal(err)
		}
		limiter, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
			Policies:  []ratelimit.Policy{{Limit: 4}},
			Timeout:   time.Second, // by default 25 ms
			Instances: 3,           // while Redis is down each enforces a third
			OnOutage:  func(err error) { log.Print("rate limits in Redis: ", err) },
		})
		if err != nil {
			log.Fatal(err)
		}
		processes = append(processes, limiter.Handler(http.NotFoundHandler()))
	}

	for n := range 5 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Client", "alice")
		rec := httptest.NewRecorder()
		processes[n%3].ServeHTTP(rec, r)
		fmt.Println(rec.Code, rec.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// 404 3
	// 404 2
	// 404 1
	// 404 0
	// 429 0
}
