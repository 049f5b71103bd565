package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

func newMemory(t *testing.T) *ratelimit.Memory {
	t.Helper()
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func get(h http.Handler, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/widgets", nil)
	r.Header.Set("X-Api-Key", key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// "100 requests per minute, burst 200": what a window cannot hold.
func TestTheContractBehindUlulesMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler, err := newHandler(newMemory(t))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now().Unix()
		wantHeader := func(w *httptest.ResponseRecorder, name, want string) {
			t.Helper()
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		for n := 1; n <= 200; n++ {
			w := get(handler, "alice")
			if w.Code != http.StatusOK || w.Body.String() != `["gear"]` {
				t.Fatalf("request %d = %d %s, want 200", n, w.Code, w.Body)
			}
			wantHeader(w, "X-RateLimit-Limit", "100")
			wantHeader(w, "X-RateLimit-Remaining", strconv.Itoa(200-n))
		}
		w := get(handler, "alice")
		const body = `{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limit_exceeded"}}`
		if w.Code != http.StatusTooManyRequests || w.Body.String() != body {
			t.Errorf("request 201 = %d %s, want 429 %s", w.Code, w.Body, body)
		}
		wantHeader(w, "X-RateLimit-Limit", "100")
		wantHeader(w, "X-RateLimit-Remaining", "0")
		wantHeader(w, "X-RateLimit-Reset", strconv.FormatInt(start+60, 10))
		wantHeader(w, "Retry-After", "60")
		wantHeader(w, "Content-Type", "application/json; charset=utf-8")
		if w := get(handler, "bob"); w.Code != http.StatusOK {
			t.Errorf("another caller = %d, want 200", w.Code)
		}
		time.Sleep(time.Minute)
		if w := get(handler, "alice"); w.Code != http.StatusOK {
			t.Errorf("a minute later = %d, want 200", w.Code)
		}
	})
}

// A client that keeps to the header fields is never refused.
func TestAnObedientClientIsNeverRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123456789)
		handler, err := newHandler(newMemory(t))
		if err != nil {
			t.Fatal(err)
		}
		client := ratelimittest.Client{Handler: handler}
		served := 0
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); served++ {
			if res := client.Do(httptest.NewRequest(http.MethodGet, "/widgets", nil)); res.StatusCode != http.StatusOK {
				t.Fatalf("request %d = %d, want 200", served, res.StatusCode)
			}
		}
		if served < 1000 {
			t.Errorf("%d requests were served in ten minutes, want 1000 or more", served)
		}
	})
}

type downStore struct{}

func (downStore) Take(context.Context, string, int, ratelimit.Rate) (ratelimit.State, error) {
	return ratelimit.State{}, errors.New("dial tcp 10.1.2.3:6379: connection refused")
}

func TestAStoreThatIsDownIsA503(t *testing.T) {
	t.Parallel()
	handler, err := newHandler(downStore{})
	if err != nil {
		t.Fatal(err)
	}
	w := get(handler, "alice")
	const body = `{"error":"service_unavailable","message":"Service temporarily unavailable"}`
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != body || w.Header().Get("Retry-After") != "1" {
		t.Errorf("answer = %d %s, Retry-After %q, want 503 %s and 1", w.Code, w.Body, w.Header().Get("Retry-After"), body)
	}
}
