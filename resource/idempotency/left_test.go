package idempotency_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/resource/idempotency"
)

// A client that timed out and sends the request again does not get it done twice.
func TestWhatAClientLeftStillEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		once := newOnce(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs++
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler) // as apierror.Write does
			case <-time.After(10 * time.Second):
			}
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, runs)
		}), idempotency.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, "POST", "/things", strings.NewReader("x"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Subject", "ada")
		r.Header.Set("Idempotency-Key", "k1")
		var wg sync.WaitGroup
		wg.Go(func() { once.ServeHTTP(httptest.NewRecorder(), r) })
		time.Sleep(2 * time.Second)
		if rec := post(once, "/things", "x", key); rec.Code != 409 {
			t.Errorf("POST while what was left runs = %d %s, want 409", rec.Code, rec.Body)
		}
		wg.Wait()
		rec := post(once, "/things", "x", key)
		if rec.Code != 201 || rec.Body.String() != "1" || rec.Header().Get("Idempotency-Replayed") != "true" || runs != 1 {
			t.Errorf("POST afterwards = %d %s after %d runs, want the first answer", rec.Code, rec.Body, runs)
		}
	})
}

// No work outlasts its claim: two requests under one key never run side by side.
func TestWorkEndsWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, took := time.Now(), time.Duration(0)
		once := newOnce(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			took = time.Since(start)
			w.WriteHeader(http.StatusServiceUnavailable)
		}), idempotency.Options{Lease: time.Minute})
		if rec := post(once, "/things", "x", key); rec.Code != 503 || took != time.Minute {
			t.Errorf("POST = %d after %v, want 503 after a minute", rec.Code, took)
		}
	})
}
