package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	uluredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
	"github.com/tenetkit/tenet/ratelimit/ululestore"
)

// doWith is the line that the documentation of redisstore names.
func doWith(rdb redis.UniversalClient) redisstore.Do {
	return func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }
}

func newRedisStore(t testing.TB, do redisstore.Do, prefix string) *redisstore.Store {
	t.Helper()
	return newRedisStoreWith(t, do, redisstore.Options{Prefix: prefix})
}

func newRedisStoreWith(t testing.TB, do redisstore.Do, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	store, err := redisstore.New(do, opts)
	if err != nil {
		t.Fatalf("redisstore.New error = %v", err)
	}
	return store
}

func TestRedisStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		rdb, prefix := redisClient(t)
		return newRedisStore(t, doWith(rdb), prefix)
	}, ratelimittest.Options{})
}

func TestLeasedRedisStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		rdb, prefix := redisClient(t)
		// So long that no lot is lost when the machine is busy.
		return newRedisStoreWith(t, doWith(rdb), redisstore.Options{Prefix: prefix, Lease: time.Minute})
	}, ratelimittest.Options{Cautious: true})
}

func TestUluleStoreOnRedisIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		rdb, prefix := redisClient(t)
		windows, err := uluredis.NewStoreWithOptions(rdb, limiter.StoreOptions{Prefix: prefix})
		if err != nil {
			t.Fatalf("ulule's NewStoreWithOptions error = %v", err)
		}
		store, err := ululestore.New(windows)
		if err != nil {
			t.Fatalf("ululestore.New error = %v", err)
		}
		return store
	}, ratelimittest.Options{Window: true})
}

// A bucket left behind by a clock that was ahead counts as an empty one at most.
func TestRedisStoreOutlivesAClockThatSteps(t *testing.T) {
	t.Parallel()
	rdb, prefix := redisClient(t)
	store := newRedisStore(t, doWith(rdb), prefix)
	rate := ratelimit.Rate{Limit: 1, Period: time.Hour, Burst: 2}
	now, err := rdb.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	const hour = 3600
	tests := map[string]struct {
		ahead     int64 // seconds from now to the instant at which the bucket is full
		allowed   bool
		remaining int
	}{
		"a thousand years ahead":   {ahead: 1000 * 365 * 24 * hour},
		"a year ahead":             {ahead: 365 * 24 * hour},
		"three hours ahead":        {ahead: 3 * hour},
		"an hour and a half ahead": {ahead: 3 * hour / 2},
		"half an hour ahead":       {ahead: hour / 2, allowed: true},
		"an hour behind":           {ahead: -hour, allowed: true, remaining: 1},
		"at the beginning of time": {ahead: -now.Unix(), allowed: true, remaining: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := rdb.Set(t.Context(), prefix+name, fmt.Sprintf("%d.000000000", now.Unix()+tt.ahead), 0).Err(); err != nil {
				t.Fatal(err)
			}
			s, err := store.Take(t.Context(), name, 1, rate)
			if err != nil || s.Allowed != tt.allowed || s.Remaining != tt.remaining {
				t.Errorf("Take = %+v, %v, want allowed: %t, remaining %d", s, err, tt.allowed, tt.remaining)
			}
			if s.Next > time.Hour || s.Reset > time.Hour {
				t.Errorf("Take = %+v, want nobody to wait longer than an empty bucket takes", s)
			}
		})
	}
}

func TestRedisStoreKeepsKeysNoLongerThanNeeded(t *testing.T) {
	t.Parallel()
	rdb, prefix := redisClient(t)
	store := newRedisStore(t, doWith(rdb), prefix)
	rate := ratelimit.Rate{Limit: 100, Period: time.Minute, Burst: 200}
	for cost, want := range map[int]time.Duration{1: 600 * time.Millisecond, 100: time.Minute, 200: 2 * time.Minute} {
		key := strconv.Itoa(cost)
		if _, err := store.Take(t.Context(), key, cost, rate); err != nil {
			t.Fatalf("Take error = %v", err)
		}
		ttl, err := rdb.PTTL(t.Context(), prefix+key).Result()
		if err != nil {
			t.Fatal(err)
		}
		// The key may be gone by now, -2.
		if ttl > want+2*time.Millisecond || ttl == -1 {
			t.Errorf("the key of a cost of %d lives for %v, want at most %v", cost, ttl, want)
		}
		if _, err := store.Take(t.Context(), key, -cost, rate); err != nil {
			t.Fatalf("Take error = %v", err)
		}
		if n := rdb.Exists(t.Context(), prefix+key).Val(); n != 0 {
			t.Errorf("the key of a full bucket exists, want it gone")
		}
	}
}

// The whole contract, counted in Redis.
func TestTheContractOnRedis(t *testing.T) {
	t.Parallel()
	rdb, prefix := redisClient(t)
	l, err := ratelimit.New(newRedisStore(t, doWith(rdb), prefix), ratelimit.Header("X-Client"), ratelimit.Options{
		Timeout:  10 * time.Second, // it is not the outage that is tested
		Policies: []ratelimit.Policy{{Limit: 100, Period: time.Hour, Burst: 200}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := l.Handler(http.NotFoundHandler())
	for n := 1; n <= 201; n++ {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Client", "alice")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		want, remaining := http.StatusNotFound, max(200-n, 0)
		if n == 201 {
			want = http.StatusTooManyRequests
		}
		if rec.Code != want || rec.Header().Get("X-RateLimit-Remaining") != strconv.Itoa(remaining) {
			t.Fatalf("request %d = %d %v, want %d with %d remaining", n, rec.Code, rec.Header(), want, remaining)
		}
	}
}
