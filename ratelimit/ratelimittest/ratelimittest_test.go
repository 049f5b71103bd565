package ratelimittest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
)

func TestClientWaits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"nothing is said":          {},
		"something is left":        {header: map[string]string{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "946684860"}},
		"nothing is left":          {header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "946684860"}, want: time.Minute},
		"refused":                  {header: map[string]string{"Retry-After": "7", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "946684860"}, want: 7 * time.Second},
		"nothing that can be read": {header: map[string]string{"Retry-After": "soon", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "later"}},
		"a reset that has gone by": {header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := ratelimittest.Client{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					for field, value := range tt.header {
						w.Header().Set(field, value)
					}
				})}
				start := time.Now()
				client.Do(httptest.NewRequest("GET", "/", nil))
				if got := time.Since(start); got != 0 {
					t.Errorf("the first request waited %v, want 0", got)
				}
				client.Do(httptest.NewRequest("GET", "/", nil))
				if got := time.Since(start); got != tt.want {
					t.Errorf("the second request waited %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// A client that keeps to what a handler tells it.
func ExampleClient() {
	client := ratelimittest.Client{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Unix(), 10))
	})}
	res := client.Do(httptest.NewRequest("GET", "/", nil))
	fmt.Println(res.StatusCode)
	// Output: 200
}

// In real time; the stores' own tests run the suite in bubbles.
func TestTestStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{Keys: 1})
		if err != nil {
			t.Fatalf("NewMemory error = %v", err)
		}
		return store
	}, ratelimittest.Options{})
}
