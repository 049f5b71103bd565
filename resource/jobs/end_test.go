package jobs_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/resource/jobs"
)

func TestAFullQueueIs503(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 2, Queue: 3, RetryAfter: 2500 * time.Millisecond})
		gate := make(chan struct{})
		var done atomic.Int32
		do := func(context.Context) (any, error) { <-gate; done.Add(1); return nil, nil }
		handler := runner.Start(func(*http.Request) (work, error) { return do, nil })
		accepted := 0
		for range 10 {
			rec := send(handler, "POST", "/import", "ada")
			switch rec.Code {
			case 202:
				accepted++
			case 503:
				if rec.Header().Get("Retry-After") != "3" || rec.Header().Get("Location") != "" {
					t.Errorf("503 with %v, want Retry-After 3", rec.Header())
				}
			default:
				t.Errorf("POST = %d %s", rec.Code, rec.Body)
			}
		}
		if accepted != 5 {
			t.Errorf("%d jobs were accepted, want 2 that run and 3 that wait", accepted)
		}
		close(gate)
		if err := runner.Close(t.Context()); err != nil || done.Load() != 5 {
			t.Errorf("Close: %v, and %d jobs are done, want 5", err, done.Load())
		}
		if rec := send(handler, "POST", "/import", "ada"); rec.Code != 503 {
			t.Errorf("POST after Close = %d, want 503", rec.Code)
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 1})
		ended := make(chan struct{})
		running := start(t, runner, func(ctx context.Context) (any, error) {
			defer close(ended)
			<-ctx.Done()
			return 7, nil
		})
		waiting := start(t, runner, func(context.Context) (any, error) {
			t.Error("a job that was given up runs")
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := runner.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want context.DeadlineExceeded", err)
		}
		<-ended
		synctest.Wait()
		for _, location := range []string{running, waiting} {
			rec := send(runner.Handler(), "GET", location, "ada")
			want := `"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`
			if status, _ := look(t, runner, location); status != "failed" || !strings.HasSuffix(rec.Body.String(), want) {
				t.Errorf("GET = %s, want %s at the end", rec.Body, want)
			}
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Errorf("Close when all has ended: %v", err)
		}
	})
}

func TestDeleteCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 1})
		obedient := start(t, runner, func(ctx context.Context) (any, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil, ctx.Err()
		})
		waiting := start(t, runner, func(context.Context) (any, error) {
			t.Error("a job that was canceled runs")
			return nil, nil
		})
		deaf := start(t, runner, func(context.Context) (any, error) {
			time.Sleep(time.Minute)
			return 7, nil
		})
		synctest.Wait()
		h := runner.Handler()
		for _, location := range []string{obedient, waiting} {
			if rec := send(h, "DELETE", location, "bob"); rec.Code != 404 {
				t.Errorf("DELETE of another's job = %d %s, want 404", rec.Code, rec.Body)
			}
		}
		if rec := send(h, "DELETE", waiting, "ada"); rec.Code != 204 || rec.Body.Len() > 0 {
			t.Errorf("DELETE of a job that waits = %d %s, want 204", rec.Code, rec.Body)
		}
		for range 2 {
			rec := send(h, "DELETE", obedient, "ada")
			if rec.Code != 202 || !strings.Contains(rec.Body.String(), `"status":"running"`) || rec.Header().Get("Retry-After") != "1" {
				t.Errorf("DELETE of a job that runs = %d %v %s, want 202", rec.Code, rec.Header(), rec.Body)
			}
		}
		time.Sleep(2 * time.Second)
		if rec := send(h, "DELETE", deaf, "ada"); rec.Code != 202 {
			t.Errorf("DELETE of a job that runs = %d %s, want 202", rec.Code, rec.Body)
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, location := range []string{obedient, waiting} {
			rec := send(h, "GET", location, "ada")
			want := `,"errors":[{"code":"canceled","message":"The job was canceled"}]}`
			if status, _ := look(t, runner, location); status != "failed" || !strings.HasSuffix(rec.Body.String(), want) {
				t.Errorf("GET = %s, want failed with %s", rec.Body, want)
			}
		}
		if status, _ := look(t, runner, deaf); status != "succeeded" {
			t.Errorf("a job that does not heed its context: %s, want succeeded", status)
		}
		want := `{"error":"conflict","message":"The job has ended","details":{"code":"finished"}}`
		if rec := send(h, "DELETE", deaf, "ada"); rec.Code != 409 || rec.Body.String() != want {
			t.Errorf("DELETE of a job that has ended = %d %s, want 409 %s", rec.Code, rec.Body, want)
		}
	})
}
