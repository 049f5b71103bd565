package bench

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/goredisstore.v9"
	ulule "github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// redisClient returns the client that all contenders share, and a prefix for their
// keys, which are removed at the end.
func redisClient(b *testing.B) (rdb *redis.Client, prefix string) {
	b.Helper()
	address := os.Getenv("TENET_REDIS_URL")
	if address == "" {
		if os.Getenv("TENET_REQUIRE_ENGINES") == "1" {
			b.Fatal("TENET_REDIS_URL is not set, and TENET_REQUIRE_ENGINES=1 demands it")
		}
		b.Skip("TENET_REDIS_URL is not set")
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		b.Fatalf("TENET_REDIS_URL: %v", err)
	}
	options.MaxRetries, options.ContextTimeoutEnabled = -1, true
	rdb = redis.NewClient(options)
	b.Cleanup(func() { rdb.Close() })
	if err := rdb.Ping(b.Context()).Err(); err != nil {
		b.Fatalf("reaching Redis: %v", err)
	}
	prefix = "tenet_bench_" + strconv.FormatInt(time.Now().UnixNano(), 36) + ":"
	b.Cleanup(func() {
		ctx := context.WithoutCancel(b.Context()) // the benchmark's own is done by now
		// redis_rate puts a prefix of its own before ours.
		keys := rdb.Scan(ctx, 0, "*"+prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := rdb.Del(ctx, keys.Val()).Err(); err != nil {
				b.Errorf("removing keys: %v", err)
				return
			}
		}
		if err := keys.Err(); err != nil {
			b.Errorf("removing keys: %v", err)
		}
	})
	return rdb, prefix
}

// A taker counts one request of a caller in Redis, without a middleware, and
// reports whether it may pass.
type taker struct {
	name string
	take func(ctx context.Context, caller string) (bool, error)
}

// redisTakers are the stores alone, with perHour requests an hour and no burst
// beyond that.
func redisTakers(b *testing.B, perHour int, leases bool) []taker {
	b.Helper()
	rdb, prefix := redisClient(b)
	store := tenetInRedis(b, rdb, prefix, leases)
	bucket := ratelimit.Rate{Limit: perHour, Period: time.Hour, Burst: perHour}

	windows, err := ululeredis.NewStoreWithOptions(rdb, ulule.StoreOptions{Prefix: prefix + "ulule"})
	must(b, err)
	window := ulule.Rate{Period: time.Hour, Limit: int64(perHour)}

	rate := redis_rate.NewLimiter(rdb)
	allowance := redis_rate.PerHour(perHour)

	gcra, err := goredisstore.NewCtx(rdb, prefix+"throttled:")
	must(b, err)
	quota := throttled.RateQuota{MaxRate: throttled.PerHour(perHour), MaxBurst: perHour - 1}
	throttle, err := throttled.NewGCRARateLimiterCtx(gcra, quota)
	must(b, err)

	return []taker{
		{"tenet", func(ctx context.Context, caller string) (bool, error) {
			s, err := store.Take(ctx, caller, 1, bucket)
			return s.Allowed, err
		}},
		{"ulule", func(ctx context.Context, caller string) (bool, error) {
			s, err := windows.Get(ctx, caller, window)
			return !s.Reached, err
		}},
		{"redis_rate", func(ctx context.Context, caller string) (bool, error) {
			s, err := rate.Allow(ctx, prefix+caller, allowance)
			return err == nil && s.Allowed > 0, err
		}},
		{"throttled", func(ctx context.Context, caller string) (bool, error) {
			limited, _, err := throttle.RateLimitCtx(ctx, caller, 1)
			return !limited, err
		}},
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func tenetInRedis(b *testing.B, rdb *redis.Client, prefix string, leases bool) *redisstore.Store {
	b.Helper()
	opts := redisstore.Options{Prefix: prefix + "tenet:"}
	if leases {
		opts.Lease = 100 * time.Millisecond
	}
	store, err := redisstore.New(func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }, opts)
	must(b, err)
	return store
}

// redisLimiters guard ok, keyed by X-Client. redis_rate has no middleware; its line
// is what people write around it, with its answer's headers.
func redisLimiters(b *testing.B, perHour int, leases bool) []contender {
	b.Helper()
	rdb, prefix := redisClient(b)
	key := func(r *http.Request) (string, bool) { return r.Header.Get("X-Client"), true }
	tenet, err := ratelimit.New(tenetInRedis(b, rdb, prefix, leases), key, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: perHour, Period: time.Hour}},
		// Who counts locally while the machine is busy elsewhere would win.
		Timeout: time.Minute,
	})
	must(b, err)

	windows, err := ululeredis.NewStoreWithOptions(rdb, ulule.StoreOptions{Prefix: prefix + "ulule"})
	must(b, err)
	window := ulule.New(windows, ulule.Rate{Period: time.Hour, Limit: int64(perHour)})

	rate := redis_rate.NewLimiter(rdb)
	allowance := redis_rate.PerHour(perHour)
	byHand := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := rate.Allow(r.Context(), prefix+r.Header.Get("X-Client"), allowance)
		if err != nil {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("X-RateLimit-Limit", strconv.Itoa(allowance.Rate))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(s.Remaining))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(s.ResetAfter).Unix(), 10))
		if s.Allowed == 0 {
			h.Set("Retry-After", strconv.Itoa(int(s.RetryAfter/time.Second)))
			http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
			return
		}
		ok.ServeHTTP(w, r)
	})

	return []contender{
		{"tenet", tenet.Handler(ok)},
		{"ulule (text)", stdlib.NewMiddleware(window, stdlib.WithKeyGetter(func(r *http.Request) string { return r.Header.Get("X-Client") })).Handler(ok)},
		{"redis_rate by hand (text)", byHand},
	}
}

// atOnce runs a benchmark from eight goroutines on two processors: what counts is
// how many requests pass in a second, not how long each waits for Redis.
func atOnce(b *testing.B, each func(pb *testing.PB)) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(each)
}

// takeAtOnce measures the stores, whose answer has to be allowed.
func takeAtOnce(b *testing.B, callers []string, allowed bool, takers []taker) {
	b.Helper()
	for _, c := range takers {
		b.Run(c.name, func(b *testing.B) {
			for range 3 { // makes the script known, and the bucket empty if it holds one
				_, err := c.take(b.Context(), callers[0])
				must(b, err)
			}
			var turn atomic.Int64
			atOnce(b, func(pb *testing.PB) {
				for i := int(turn.Add(1)) * 7919; pb.Next(); i++ {
					if got, err := c.take(b.Context(), callers[i%len(callers)]); err != nil || got != allowed {
						b.Errorf("%s: allowed: %t, %v, want %t", c.name, got, err, allowed)
						return
					}
				}
			})
		})
	}
}

// serveAtOnce measures the middlewares, whose answer has to be of the status want.
func serveAtOnce(b *testing.B, want int, contenders []contender) {
	b.Helper()
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			r := request("GET", "/leads", "X-Client", "demo-emea")
			for range 3 {
				c.handler.ServeHTTP(newSink(), r.Clone(b.Context()))
			}
			atOnce(b, func(pb *testing.PB) {
				w, mine := newSink(), r.Clone(b.Context())
				for pb.Next() {
					w.reset()
					c.handler.ServeHTTP(w, mine)
					if w.status != want {
						b.Errorf("%s answers %d, want %d", c.name, w.status, want)
						return
					}
				}
			})
		})
	}
}

// withoutThrottled leaves throttled out: it compares and swaps, and gives up after
// ten attempts where eight goroutines count one caller.
func withoutThrottled(takers []taker) []taker {
	return slices.DeleteFunc(takers, func(t taker) bool { return t.name == "throttled" })
}

var oneCaller = []string{"demo-emea"}

// BenchmarkRedisTake is a request that passes, of one caller, in the stores alone.
func BenchmarkRedisTake(b *testing.B) {
	takeAtOnce(b, oneCaller, true, withoutThrottled(redisTakers(b, endless, false)))
}

// BenchmarkRedisTakeManyCallers is 10,000 callers in turn.
func BenchmarkRedisTakeManyCallers(b *testing.B) {
	callers := make([]string, 10_000)
	for i := range callers {
		callers[i] = "client-" + strconv.Itoa(i)
	}
	takeAtOnce(b, callers, true, redisTakers(b, endless, false))
}

// BenchmarkRedisTakeRefused is a request over the limit.
func BenchmarkRedisTakeRefused(b *testing.B) {
	takeAtOnce(b, oneCaller, false, redisTakers(b, 1, false))
}

// BenchmarkRedisTakeLeased is BenchmarkRedisTake where Tenet takes requests in
// advance, for 100 ms.
func BenchmarkRedisTakeLeased(b *testing.B) {
	takeAtOnce(b, oneCaller, true, withoutThrottled(redisTakers(b, endless, true)))
}

// BenchmarkRedisLimit is a request that passes, of one caller, with the middlewares.
func BenchmarkRedisLimit(b *testing.B) {
	serveAtOnce(b, http.StatusOK, redisLimiters(b, endless, false))
}

// BenchmarkRedisLimitRefused is a request over the limit.
func BenchmarkRedisLimitRefused(b *testing.B) {
	serveAtOnce(b, http.StatusTooManyRequests, redisLimiters(b, 1, false))
}

// BenchmarkRedisLimitLeased is BenchmarkRedisLimit where Tenet takes requests in
// advance, for 100 ms.
func BenchmarkRedisLimitLeased(b *testing.B) {
	serveAtOnce(b, http.StatusOK, redisLimiters(b, endless, true))
}
