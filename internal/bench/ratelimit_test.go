package bench

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/didip/tollbooth/v7"
	"github.com/didip/tollbooth/v7/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/httplimit"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	ulule "github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	ululememory "github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/tenetkit/tenet/ratelimit"
)

// limiters guards ok with each limiter, in memory and keyed by X-Client, with
// perMinute requests a minute and no burst beyond that.
func limiters(b *testing.B, perMinute int) []contender {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	key := func(r *http.Request) (string, bool) { return r.Header.Get("X-Client"), true }
	keyOrError := func(r *http.Request) (string, error) { return r.Header.Get("X-Client"), nil }

	memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: 200_000})
	must(err)
	tenet, err := ratelimit.New(memory, key, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: perMinute}}})
	must(err)

	gcra, err := memstore.NewCtx(200_000)
	must(err)
	quota := throttled.RateQuota{MaxRate: throttled.PerMin(perMinute), MaxBurst: perMinute - 1}
	rate, err := throttled.NewGCRARateLimiterCtx(gcra, quota)
	must(err)
	throttle := throttled.HTTPRateLimiterCtx{RateLimiter: rate, VaryBy: &throttled.VaryBy{Headers: []string{"X-Client"}}}

	store, err := memorystore.New(&memorystore.Config{Tokens: uint64(perMinute), Interval: time.Minute})
	must(err)
	b.Cleanup(func() { store.Close(b.Context()) })
	golimiter, err := httplimit.NewMiddleware(store, keyOrError)
	must(err)

	booth := tollbooth.NewLimiter(float64(perMinute)/60, &limiter.ExpirableOptions{DefaultExpirationTTL: time.Hour})
	booth.SetBurst(perMinute)
	booth.SetIPLookups([]string{"RemoteAddr"})
	booth.SetHeader("X-Client", nil)

	window := ulule.New(ululememory.NewStore(), ulule.Rate{Period: time.Minute, Limit: int64(perMinute)})

	return []contender{
		{"tenet", tenet.Handler(ok)},
		{"throttled", throttle.RateLimit(ok)},
		{"go-limiter", golimiter.Handle(ok)},
		{"httprate", httprate.LimitBy(perMinute, time.Minute, keyOrError)(ok)},
		{"ulule", stdlib.NewMiddleware(window, stdlib.WithKeyGetter(func(r *http.Request) string { return r.Header.Get("X-Client") })).Handler(ok)},
		{"tollbooth", tollbooth.LimitHandler(booth, ok)},
	}
}

const endless = 1 << 30 // requests a minute that no benchmark uses up

// BenchmarkLimit is a request that passes, always of the same caller.
func BenchmarkLimit(b *testing.B) {
	compete(b, request("GET", "/leads", "X-Client", "demo-emea"), http.StatusOK, limiters(b, endless)...)
}

// BenchmarkLimitRefused is a request over the limit.
func BenchmarkLimitRefused(b *testing.B) {
	r := request("GET", "/leads", "X-Client", "demo-emea")
	contenders := limiters(b, 1)
	for _, c := range contenders {
		for range 3 {
			c.handler.ServeHTTP(newSink(), r.Clone(r.Context()))
		}
	}
	compete(b, r, http.StatusTooManyRequests, contenders...)
}

// BenchmarkLimitManyCallers is 100,000 callers in turn, from all processors.
func BenchmarkLimitManyCallers(b *testing.B) {
	const callers = 100_000
	keys := make([][]string, callers)
	for i := range keys {
		keys[i] = []string{"client-" + strconv.Itoa(i)}
	}
	for _, c := range limiters(b, 60_000_000) {
		b.Run(c.name, func(b *testing.B) {
			// Every caller is known before the clock runs.
			warm := request("GET", "/leads", "X-Client", "")
			for _, key := range keys {
				warm.Header["X-Client"] = key
				c.handler.ServeHTTP(newSink(), warm)
			}
			var turn atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := request("GET", "/leads", "X-Client", "")
				w := newSink()
				for i := int(turn.Add(callers / 2)); pb.Next(); i += 7919 {
					r.Header["X-Client"] = keys[i%callers]
					w.reset()
					c.handler.ServeHTTP(w, r)
				}
				if w.status > http.StatusOK { // 0: this processor had no turn
					b.Errorf("%s answers %d", c.name, w.status)
				}
			})
		})
	}
}
