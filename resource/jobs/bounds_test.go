package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/jobs"
)

func TestASubjectHasOnlySoManyJobs(t *testing.T) {
	t.Parallel()
	for most, opts := range map[int]jobs.Options{10: {Workers: 2}, 2: {Workers: 2, MaxPerSubject: 2}} {
		synctest.Test(t, func(t *testing.T) {
			runner := newRunner(t, opts)
			gate := make(chan struct{})
			h := runner.Start(func(*http.Request) (work, error) {
				return func(context.Context) (any, error) { <-gate; return nil, nil }, nil
			})
			var last string
			for n := range most {
				rec := send(h, "POST", "/import", "ada")
				if last = rec.Header().Get("Location"); rec.Code != 202 {
					t.Fatalf("POST %d = %d %s, want 202", n+1, rec.Code, rec.Body)
				}
				synctest.Wait()
			}
			rec := send(h, "POST", "/import", "ada")
			if rec.Code != 429 || rec.Header().Get("Retry-After") != "1" || !strings.Contains(rec.Body.String(), `"code":"too_many_jobs"`) {
				t.Errorf("POST beyond %d = %d %v %s, want 429", most, rec.Code, rec.Header(), rec.Body)
			}
			for _, caller := range []string{"bob", ""} {
				if rec := send(h, "POST", "/import", caller); rec.Code != 202 {
					t.Errorf("POST as %q = %d %s, want 202", caller, rec.Code, rec.Body)
				}
			}
			if most == 10 {
				if rec := send(runner.Handler(), "DELETE", last, "ada"); rec.Code != 204 {
					t.Errorf("DELETE = %d %s, want 204", rec.Code, rec.Body)
				}
				if rec := send(h, "POST", "/import", "ada"); rec.Code != 202 {
					t.Errorf("POST after a job was canceled = %d %s, want 202", rec.Code, rec.Body)
				}
			}
			close(gate)
			synctest.Wait()
			for range most {
				if rec := send(h, "POST", "/import", "ada"); rec.Code != 202 {
					t.Errorf("POST when all have ended = %d %s, want 202", rec.Code, rec.Body)
				}
				synctest.Wait()
			}
		})
	}
}

// TestAnEndedJobKeepsItsCounts: what was done stays known, however a job ends.
func TestAnEndedJobKeepsItsCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		runner := newRunner(t, jobs.Options{Workers: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		do := func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return map[string]int{"succeeded": 3}, ctx.Err()
		}
		canceled, lost := start(t, runner, do), start(t, runner, do)
		synctest.Wait()
		waiting := start(t, runner, do)
		send(runner.Handler(), "DELETE", canceled, "ada")
		synctest.Wait()
		start(t, runner, do)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := runner.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		synctest.Wait()
		for location, want := range map[string]string{
			canceled: `,"succeeded":3,"errors":[{"code":"canceled","message":"The job was canceled"}]}`,
			lost:     `,"succeeded":3,"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`,
			waiting:  `,"succeeded":3,"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`,
		} {
			rec := send(runner.Handler(), "GET", location, "ada")
			if !strings.Contains(rec.Body.String(), `"status":"failed"`) || !strings.HasSuffix(rec.Body.String(), want) {
				t.Errorf("GET = %s, want failed and %s at the end", rec.Body, want)
			}
		}
		if want := `msg="jobs were given up" queued=1 running=2`; !strings.Contains(log.String(), want) || strings.Count(log.String(), `msg="job failed"`) != 3 {
			t.Errorf("the log is\n%s\nwant three failures and %s", &log, want)
		}
	})
}

func TestJobsTakeNoParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{})
		location := start(t, runner, func(context.Context) (any, error) { return nil, nil })
		synctest.Wait()
		for query, want := range map[string]string{
			"org_unit=uk&x=1": `{"error":"bad_request","message":"Unknown parameter org_unit","details":{"field":"org_unit","code":"unknown"}}`,
			"&x":              `{"error":"bad_request","message":"Unknown parameter x","details":{"field":"x","code":"unknown"}}`,
			"%zz":             `{"error":"bad_request","message":"The query does not decode","details":{"code":"encoding"}}`,
		} {
			for _, target := range []string{location, "/jobs/UNKNOWN"} {
				if rec := send(runner.Handler(), "GET", target+"?"+query, "ada"); rec.Code != 400 || rec.Body.String() != want {
					t.Errorf("GET %s?%s = %d %s, want %s", target, query, rec.Code, rec.Body, want)
				}
			}
		}
		if rec := send(runner.Handler(), "GET", location+"?&", "ada"); rec.Code != 200 {
			t.Errorf("GET with an empty query = %d %s, want 200", rec.Code, rec.Body)
		}
	})
}

func TestOptionsOfJobs(t *testing.T) {
	t.Parallel()
	runner := newRunner(t, jobs.Options{})
	for allow, h := range map[string]http.Handler{
		"OPTIONS, POST":              runner.Start(func(*http.Request) (work, error) { return nil, nil }),
		"DELETE, GET, HEAD, OPTIONS": runner.Handler(),
	} {
		if rec := send(h, "OPTIONS", "/jobs/1", "ada"); rec.Code != 204 || rec.Header().Get("Allow") != allow || rec.Body.Len() > 0 {
			t.Errorf("OPTIONS = %d, Allow %q, want 204 with %q", rec.Code, rec.Header().Get("Allow"), allow)
		}
	}
}

func TestResultsHaveOnlySoManyBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 1})
		sizes := []int{15 << 20, 10 << 20, 6 << 20, 14 << 20}
		var locations []string
		for _, size := range sizes {
			result := json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
			locations = append(locations, start(t, runner, func(context.Context) (any, error) { return result, nil }))
			synctest.Wait()
			if size == 6<<20 { // 31 MiB
				for _, location := range locations {
					if rec := send(runner.Handler(), "HEAD", location, "ada"); rec.Code != 200 {
						t.Errorf("HEAD = %d, want 200", rec.Code)
					}
				}
			}
		}
		for i, want := range []int{404, 200, 200, 200} {
			if rec := send(runner.Handler(), "HEAD", locations[i], "ada"); rec.Code != want {
				t.Errorf("HEAD of job %d = %d, want %d", i, rec.Code, want)
			}
		}
	})
}

// TestAResultHasOnlySoManyBytes: one that a database may refuse is not kept, and the
// work is not done again for that.
func TestAResultHasOnlySoManyBytes(t *testing.T) {
	t.Parallel()
	const most = 16 << 20
	const internal = `"errors":[{"code":"internal_server_error","message":"Internal server error"}]}`
	text := func(size int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", size-2) + `"`) }
	tests := map[string]struct {
		result any
		err    error
		want   string
	}{
		"a result as large as may be":     {text(most), nil, `"succeeded","result":` + string(text(most)) + `}`},
		"a result that is larger":         {text(most + 1), nil, `"failed","done":1,` + internal},
		"a larger one beside an error":    {text(most + 1), apierror.Conflict("", "taken", "Taken"), `"failed","done":1,"errors":[{"code":"taken","message":"Taken"}]}`},
		"reasons that are longer than so": {nil, apierror.Conflict("", "taken", strings.Repeat("x", 1<<20)), `"failed","done":1,` + internal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyStore(t, func(t *testing.T, opts jobs.Options) {
				runs := 0
				runner := newRunner(t, opts)
				closing(t, runner)
				location := begin(t, operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
					runs++
					jobs.Progress(ctx, told{Done: 1})
					jobs.Progress(ctx, text(most+1))
					time.Sleep(2 * time.Second)
					return tt.result, tt.err
				}}), "")
				time.Sleep(time.Hour / 2)
				if got := withoutTimes(t, runner, location); got != tt.want || runs != 1 {
					t.Errorf("after %d runs the job is %.200s, want %.200s", runs, got, tt.want)
				}
			})
		})
	}
}
