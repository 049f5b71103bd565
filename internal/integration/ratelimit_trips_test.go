package integration

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// A countedConn counts what is sent: go-redis sends a command in one piece and
// waits for its answer.
type countedConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countedConn) Write(p []byte) (int, error) {
	c.sent.Add(1)
	return c.Conn.Write(p)
}

// calls returns how often each command has run, those of scripts included.
func calls(t *testing.T, rdb *redis.Client) map[string]int {
	t.Helper()
	info, err := rdb.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	for _, m := range regexp.MustCompile(`cmdstat_(\w+)[^:]*:calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		counts[m[1]] += n
	}
	return counts
}

// "exactly 1 round trip a request in exact mode; leased at most 0.06 round trips;
// refused at most 0.001"
func TestRoundTripsToRedis(t *testing.T) {
	t.Parallel()
	const (
		workers  = 8
		requests = 16_000
	)
	generous := ratelimit.Policy{Limit: 1_000_000, Period: time.Second}
	stingy := ratelimit.Policy{Limit: 1, Period: 24 * time.Hour}
	tests := map[string]struct {
		opts   redisstore.Options
		policy ratelimit.Policy
		status int
		least  int // round trips
		most   int
	}{
		"exact":           {policy: generous, status: http.StatusOK, least: requests, most: requests},
		"exact, refused":  {policy: stingy, status: http.StatusTooManyRequests, least: requests, most: requests},
		"leased":          {opts: redisstore.Options{Lease: 100 * time.Millisecond}, policy: generous, status: http.StatusOK, most: requests * 6 / 100},
		"leased, refused": {opts: redisstore.Options{Lease: 100 * time.Millisecond}, policy: stingy, status: http.StatusTooManyRequests, most: requests / 1000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t)
			var sent atomic.Int64
			rdb := redis.NewClient(&redis.Options{
				Addr: server.addr, MaxRetries: -1, ContextTimeoutEnabled: true,
				Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					return countedConn{conn, &sent}, err
				},
				PoolSize: workers,
			})
			t.Cleanup(func() { rdb.Close() })
			tt.opts.Prefix = "trips:"
			l, err := ratelimit.New(newRedisStoreWith(t, doWith(rdb), tt.opts), ratelimit.Header("X-Client"), ratelimit.Options{
				Policies: []ratelimit.Policy{tt.policy},
				Timeout:  time.Minute, // it is not the outage that is tested
			})
			if err != nil {
				t.Fatal(err)
			}
			handler := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
			load := func(n int) map[int]int {
				statuses := make(map[int]int)
				var mu sync.Mutex
				var working sync.WaitGroup
				for range workers {
					working.Go(func() {
						for range n / workers {
							r := httptest.NewRequest("GET", "/", nil)
							r.Header.Set("X-Client", "alice")
							rec := httptest.NewRecorder()
							handler.ServeHTTP(rec, r)
							mu.Lock()
							statuses[rec.Code]++
							mu.Unlock()
						}
					})
				}
				working.Wait()
				return statuses
			}
			openAll(t, rdb, workers)
			load(workers * 10) // makes the script known, and empties the bucket

			// The server's count is asked through a client of its own.
			observer := redis.NewClient(&redis.Options{Addr: server.addr})
			t.Cleanup(func() { observer.Close() })
			before := calls(t, observer)
			sent.Store(0)
			if diff := cmp.Diff(map[int]int{tt.status: requests}, load(requests)); diff != "" {
				t.Errorf("statuses mismatch (-want +got):\n%s", diff)
			}
			trips := int(sent.Load())
			after := calls(t, observer)

			t.Logf("%d requests took %d round trips: %.4f each", requests, trips, float64(trips)/requests)
			if trips < tt.least || trips > tt.most {
				t.Errorf("%d requests took %d round trips, want %d to %d", requests, trips, tt.least, tt.most)
			}
			maps.DeleteFunc(after, func(command string, n int) bool {
				switch command {
				case "info", "time", "get", "set": // the observer, the script
					return true
				}
				after[command] -= before[command]
				return after[command] == 0
			})
			want := map[string]int{}
			if trips > 0 {
				want["evalsha"] = trips
			}
			if diff := cmp.Diff(want, after); diff != "" {
				t.Errorf("the server's count of commands mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// openAll makes the client's connections, which it does one by one when they are
// needed, with a greeting each.
func openAll(t *testing.T, rdb *redis.Client, n int) {
	t.Helper()
	for range n {
		conn := rdb.Conn()
		defer conn.Close()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
