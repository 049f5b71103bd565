package integration

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
	uluredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// BenchmarkRateLimitInRedis compares what one hot key costs from eight
// goroutines: ulule's store, ours, ours with leases, and refusals.
func BenchmarkRateLimitInRedis(b *testing.B) {
	rdb, prefix := redisClient(b)
	run := func(name string, take func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := take(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	windows, err := uluredis.NewStoreWithOptions(rdb, limiter.StoreOptions{Prefix: prefix})
	if err != nil {
		b.Fatal(err)
	}
	window := limiter.Rate{Limit: 1_000_000_000, Period: time.Minute}
	run("ulule", func() error { _, err := windows.Get(b.Context(), "hot", window); return err })

	generous := ratelimit.Rate{Limit: 1_000_000_000, Period: time.Minute, Burst: 1_000_000_000}
	stingy := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 1}
	exact := newRedisStore(b, doWith(rdb), prefix+"exact:")
	leased := newRedisStoreWith(b, doWith(rdb), redisstore.Options{Prefix: prefix + "leased:", Lease: 100 * time.Millisecond})
	for name, store := range map[string]*redisstore.Store{"exact": exact, "leased": leased} {
		run(name, func() error { _, err := store.Take(b.Context(), "hot", 1, generous); return err })
		run(name+" refused", func() error { _, err := store.Take(b.Context(), "cold", 1, stingy); return err })

		l, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
			Timeout:  time.Second,
			Policies: []ratelimit.Policy{{Limit: generous.Limit, Period: generous.Period}},
		})
		if err != nil {
			b.Fatal(err)
		}
		h := l.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest("GET", "/", nil)
		run(name+" middleware", func() error { h.ServeHTTP(httptest.NewRecorder(), r); return nil })
	}
}
