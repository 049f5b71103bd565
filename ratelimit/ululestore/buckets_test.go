package ululestore_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/ululestore"
)

var perMinute = limiter.Rate{Limit: 100, Period: time.Minute}

func newBuckets(tb testing.TB, burst int) *ululestore.Buckets {
	tb.Helper()
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		tb.Fatalf("NewMemory error = %v", err)
	}
	buckets, err := ululestore.NewBuckets(store, burst)
	if err != nil {
		tb.Fatalf("NewBuckets error = %v", err)
	}
	return buckets
}

var _ limiter.Store = (*ululestore.Buckets)(nil)

func TestBuckets(t *testing.T) {
	t.Parallel()
	type call = func(b *ululestore.Buckets) (limiter.Context, error)
	get := func(b *ululestore.Buckets) (limiter.Context, error) { return b.Get(t.Context(), "k", perMinute) }
	peek := func(b *ululestore.Buckets) (limiter.Context, error) { return b.Peek(t.Context(), "k", perMinute) }
	reset := func(b *ululestore.Buckets) (limiter.Context, error) { return b.Reset(t.Context(), "k", perMinute) }
	increment := func(n int64) call {
		return func(b *ululestore.Buckets) (limiter.Context, error) {
			return b.Increment(t.Context(), "k", n, perMinute)
		}
	}
	const now = 946684800 // where bubbles start
	tests := map[string]struct {
		burst int
		calls []call
		want  limiter.Context // of the last
	}{
		"the first":                      {burst: 200, calls: []call{get}, want: limiter.Context{Limit: 100, Remaining: 199, Reset: now}},
		"the first without a burst":      {calls: []call{get}, want: limiter.Context{Limit: 100, Remaining: 99, Reset: now + 1}},
		"a peek":                         {burst: 200, calls: []call{get, peek, peek}, want: limiter.Context{Limit: 100, Remaining: 199, Reset: now}},
		"all":                            {burst: 200, calls: []call{increment(200)}, want: limiter.Context{Limit: 100, Reset: now + 60}},
		"one above all":                  {burst: 200, calls: []call{increment(200), get}, want: limiter.Context{Limit: 100, Reset: now + 60, Reached: true}},
		"a peek when nothing is left":    {burst: 200, calls: []call{increment(200), peek}, want: limiter.Context{Limit: 100, Reset: now + 60, Reached: true}},
		"more than is left":              {burst: 200, calls: []call{increment(150), increment(51)}, want: limiter.Context{Limit: 100, Remaining: 50, Reset: now + 30, Reached: true}},
		"more than ever fits":            {burst: 200, calls: []call{increment(1 << 62)}, want: limiter.Context{Limit: 100, Remaining: 200, Reset: now, Reached: true}},
		"a reset":                        {burst: 200, calls: []call{increment(200), reset}, want: limiter.Context{Limit: 100, Remaining: 200, Reset: now}},
		"given back":                     {burst: 200, calls: []call{increment(200), increment(-20)}, want: limiter.Context{Limit: 100, Remaining: 20, Reset: now + 48}},
		"more given back than was taken": {burst: 200, calls: []call{get, increment(-1 << 63)}, want: limiter.Context{Limit: 100, Remaining: 200, Reset: now}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBuckets(t, tt.burst)
				var got limiter.Context
				for _, call := range tt.calls {
					var err error
					if got, err = call(b); err != nil {
						t.Fatalf("error = %v", err)
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("context mismatch (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What a window of ulule's does not give: a client of ulule's own middleware that
// keeps to the header fields is never refused.
func TestAnObedientClientOfUlulesMiddlewareIsNotRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123456789)
		middleware := stdlib.NewMiddleware(limiter.New(newBuckets(t, 200), perMinute),
			stdlib.WithKeyGetter(func(*http.Request) string { return "alice" }))
		client := ratelimittest.Client{Handler: middleware.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
		served := 0
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); served++ {
			if res := client.Do(httptest.NewRequest("GET", "/", nil)); res.StatusCode != http.StatusOK {
				t.Fatalf("request %d = %d, want 200", served, res.StatusCode)
			}
		}
		if served < 1000 {
			t.Errorf("%d requests were served in ten minutes, want 1000 or more", served)
		}
	})
}

func TestNewBucketsRefuses(t *testing.T) {
	t.Parallel()
	if _, err := ululestore.NewBuckets(nil, 1); err == nil {
		t.Error("NewBuckets without a store: error = nil, want one")
	}
	if _, err := ululestore.NewBuckets(newStore(t), -1); err == nil {
		t.Error("NewBuckets with a negative burst: error = nil, want one")
	}
}

func TestBucketsRefuseRatesThatAreNotValid(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]limiter.Rate{
		"no limit":  {Period: time.Minute},
		"no period": {Limit: 1},
		"overflow":  {Limit: 1 << 40, Period: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c, err := newBuckets(t, 0).Get(t.Context(), "k", rate); err == nil {
				t.Errorf("Get(%+v) = %+v, nil, want an error", rate, c)
			}
		})
	}
	// A window behind the buckets cannot hold a burst.
	b, err := ululestore.NewBuckets(newStore(t), 200)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := b.Get(t.Context(), "k", perMinute); err == nil {
		t.Errorf("Get in a window = %+v, nil, want an error", c)
	}
}

type downStore struct{}

var errDown = errors.New("down")

func (downStore) Take(context.Context, string, int, ratelimit.Rate) (ratelimit.State, error) {
	return ratelimit.State{}, errDown
}

// downWindows is a store of ulule's that is down.
type downWindows struct{ limiter.Store }

func (downWindows) Peek(context.Context, string, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, errDown
}

func (downWindows) Increment(context.Context, string, int64, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, errDown
}

func TestStoreTellsTheWindowsError(t *testing.T) {
	t.Parallel()
	store, err := ululestore.New(downWindows{})
	if err != nil {
		t.Fatal(err)
	}
	for _, cost := range []int{0, 1, 2, -1} {
		if _, err := store.Take(t.Context(), "k", cost, ratelimit.Rate{Limit: 5, Period: time.Hour, Burst: 5}); !errors.Is(err, errDown) {
			t.Errorf("Take(%d) error = %v, want the store's", cost, err)
		}
	}
}

// A plan with a burst, which the window cannot hold, gives way to the policy.
func TestAPlanThatAWindowCannotKeepIsNotUsed(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.New(newStore(t), ratelimit.Header("X-Client"), ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{{
		Limit: 5, Plan: func(*http.Request) ratelimit.Rate { return ratelimit.Rate{Limit: 10, Burst: 20} },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := l.Check(httptest.NewRequest("GET", "/", nil)); err != nil || d.Limit != 5 || d.Remaining != 4 || d.Degraded {
		t.Errorf("Check = %+v, %v, want the policy's 5", d, err)
	}
}

func TestBucketsTellTheStoresError(t *testing.T) {
	t.Parallel()
	b, err := ululestore.NewBuckets(downStore{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "k", perMinute); !errors.Is(err, errDown) {
		t.Errorf("Get error = %v, want the store's", err)
	}
}

func BenchmarkStores(b *testing.B) {
	memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	buckets, err := ululestore.NewBuckets(memory, 0)
	if err != nil {
		b.Fatal(err)
	}
	rate := limiter.Rate{Limit: 1_000_000_000, Period: time.Second}
	for name, store := range map[string]limiter.Store{"buckets": buckets, "ulule": windows()} {
		for _, n := range []int{1, 10_000} {
			keys := make([]string, n)
			for i := range keys {
				keys[i] = strconv.Itoa(i)
			}
			b.Run(name+"/keys="+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					_, _ = store.Get(b.Context(), keys[i%n], rate)
				}
			})
		}
	}
}

// discard is a ResponseWriter that keeps its header map from request to request.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkMiddleware compares our middleware with ulule's for net/http, each on
// its own store in memory.
func BenchmarkMiddleware(b *testing.B) {
	key := func(*http.Request) string { return "alice" }
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, limit := range map[string]int{"allowed": 1_000_000_000, "denied": 1} {
		period := time.Second // in which the greater limit is never used up
		if limit == 1 {
			period = time.Hour
		}
		memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
		if err != nil {
			b.Fatal(err)
		}
		ours, err := ratelimit.New(memory, func(r *http.Request) (string, bool) { return key(r), true },
			ratelimit.Options{Policies: []ratelimit.Policy{{Limit: limit, Period: period}}})
		if err != nil {
			b.Fatal(err)
		}
		theirs := stdlib.NewMiddleware(limiter.New(windows(), limiter.Rate{Limit: int64(limit), Period: period}), stdlib.WithKeyGetter(key))
		for of, h := range map[string]http.Handler{"tenet": ours.Handler(next), "ulule": theirs.Handler(next)} {
			b.Run(name+"/"+of, func(b *testing.B) {
				r := httptest.NewRequest("GET", "/", nil)
				w := discard{make(http.Header)}
				b.ReportAllocs()
				for b.Loop() {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
			})
		}
	}
}
