package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/jobs"
)

// subject is the caller that the request names.
func subject(r *http.Request) (string, bool) {
	name := r.Header.Get("X-Subject")
	return name, name != ""
}

type work = func(context.Context) (any, error)

func newRunner(t testing.TB, opts jobs.Options) *jobs.Runner {
	t.Helper()
	runner, err := jobs.New(subject, unit, opts)
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

func send(h http.Handler, method, target, caller string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if caller != "" {
		r.Header.Set("X-Subject", caller)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// start starts a job of ada and returns its location.
func start(t testing.TB, runner *jobs.Runner, do work) string {
	t.Helper()
	rec := send(runner.Start(func(*http.Request) (work, error) { return do, nil }), "POST", "/import", "ada")
	if rec.Code != http.StatusAccepted {
		t.Fatalf("POST = %d %s, want 202", rec.Code, rec.Body)
	}
	return rec.Header().Get("Location")
}

// look returns status and body of a job, with what differs from run to run taken
// out.
func look(t testing.TB, runner *jobs.Runner, location string) (string, http.Header) {
	t.Helper()
	rec := send(runner.Handler(), "GET", location, "ada")
	if rec.Code != http.StatusOK {
		t.Fatalf("GET %s = %d %s, want 200", location, rec.Code, rec.Body)
	}
	var state struct{ ID, Status string }
	if err := json.Unmarshal(rec.Body.Bytes(), &state); err != nil || !strings.HasSuffix(location, state.ID) {
		t.Fatalf("GET %s = %s, %v", location, rec.Body, err)
	}
	return state.Status, rec.Header()
}

func TestAJobFromQueuedToSucceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 1})
		gate := make(chan struct{})
		type result struct {
			Counts map[string]int `json:"counts"`
			Status string         `json:"status"` // gives way to the job's own
		}
		do := func(context.Context) (any, error) {
			<-gate
			return result{map[string]int{"total": 2}, "x"}, nil
		}
		first := send(runner.Start(func(*http.Request) (work, error) { return do, nil }), "POST", "/import", "ada")
		location := first.Header().Get("Location")
		id := strings.TrimPrefix(location, "/jobs/")
		if want := `{"id":"` + id + `","status":"queued"}`; first.Code != 202 || first.Body.String() != want {
			t.Errorf("POST = %d %s, want 202 %s", first.Code, first.Body, want)
		}
		want := http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": first.Header()["Content-Length"],
			"Location": {"/jobs/" + id}, "Retry-After": {"1"},
		}
		if diff := cmp.Diff(want, first.Header()); diff != "" {
			t.Errorf("POST: header mismatch (-want +got):\n%s", diff)
		}
		second := start(t, runner, do)
		synctest.Wait()
		if status, h := look(t, runner, location); status != "running" || h.Get("Retry-After") != "1" {
			t.Errorf("the first job: %s %v, want running", status, h)
		}
		if status, h := look(t, runner, second); status != "queued" || h.Get("Retry-After") != "1" {
			t.Errorf("the second job: %s %v, want queued", status, h)
		}
		time.Sleep(1500 * time.Millisecond)
		close(gate)
		synctest.Wait()
		rec := send(runner.Handler(), "GET", location, "ada")
		wantBody := `{"id":"` + id + `","status":"succeeded","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:01.5Z","counts":{"total":2}}`
		if rec.Body.String() != wantBody {
			t.Errorf("GET = %s, want %s", rec.Body, wantBody)
		}
		want = http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(wantBody))},
			"Cache-Control": {"private, no-cache"},
		}
		if diff := cmp.Diff(want, rec.Header()); diff != "" {
			t.Errorf("GET: header mismatch (-want +got):\n%s", diff)
		}
		if head := send(runner.Handler(), "HEAD", location, "ada"); head.Code != 200 || head.Body.Len() > 0 {
			t.Errorf("HEAD = %d with %d bytes", head.Code, head.Body.Len())
		}
	})
}

func TestHowJobsEnd(t *testing.T) {
	t.Parallel()
	const internal = `"status":"failed","errors":[{"code":"internal_server_error","message":"Internal server error"}]`
	tests := map[string]struct {
		do   work
		want string
	}{
		"no result":          {func(context.Context) (any, error) { return nil, nil }, `"status":"succeeded"`},
		"a number":           {func(context.Context) (any, error) { return 7, nil }, `"status":"succeeded","result":7`},
		"a list":             {func(context.Context) (any, error) { return []int{}, nil }, `"status":"succeeded","result":[]`},
		"an error":           {func(context.Context) (any, error) { return nil, errors.New("dial 10.0.0.7: secret") }, internal},
		"a panic":            {func(context.Context) (any, error) { panic("secret") }, internal},
		"a nil panic":        {func(context.Context) (any, error) { panic(nil) }, internal},
		"the goroutine ends": {func(context.Context) (any, error) { runtime.Goexit(); return 7, nil }, internal},
		"no JSON":            {func(context.Context) (any, error) { return func() {}, nil }, internal},
		"a panic in MarshalJSON": {
			func(context.Context) (any, error) { return explosive{}, nil }, internal,
		},
		"an error to show": {
			func(context.Context) (any, error) {
				return nil, apierror.Conflict("name", "taken", "Name is taken")
			},
			`"status":"failed","errors":[{"field":"name","code":"taken","message":"Name is taken"}]`,
		},
		"a result and an error": {
			func(context.Context) (any, error) {
				return json.RawMessage(`{"counts":{"total":2},"errors":[{"index":0}],"more":1}`), errors.New("secret")
			},
			`"status":"failed","counts":{"total":2},"more":1,"errors":[{"code":"internal_server_error","message":"Internal server error"},{"index":0}]`,
		},
		"a result without errors and an error": {
			func(context.Context) (any, error) { return json.RawMessage(`{"errors":[]}`), errors.New("secret") }, internal,
		},
		"a number and an error": {
			func(context.Context) (any, error) { return 7, apierror.Forbidden("missing_role", "") },
			`"status":"failed","result":7,"errors":[{"code":"missing_role","message":"` + apierror.Forbidden("", "").Message + `"}]`,
		},
		"errors that are no list": {
			func(context.Context) (any, error) { return map[string]int{"errors": 3}, nil }, `"status":"succeeded","errors":3`,
		},
		"several errors to show": {
			func(context.Context) (any, error) {
				return nil, apierror.ValidationFailed(apierror.FieldError{Field: "a", Code: "x", Message: "A"}, apierror.FieldError{Field: "b", Code: "y", Message: "B"})
			},
			`"status":"failed","errors":[{"field":"a","code":"x","message":"A"},{"field":"b","code":"y","message":"B"}]`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runner := newRunner(t, jobs.Options{Workers: 1})
				location := start(t, runner, tt.do)
				after := start(t, runner, func(context.Context) (any, error) { return nil, nil })
				if err := runner.Close(t.Context()); err != nil {
					t.Fatalf("Close: %v", err)
				}
				rec := send(runner.Handler(), "GET", location, "ada")
				got := strings.Replace(rec.Body.String(), `,"created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:00Z"`, "", 1)
				if !strings.HasSuffix(got, ","+tt.want+"}") {
					t.Errorf("GET = %s, want %s at the end", got, tt.want)
				}
				if status, _ := look(t, runner, after); status != "succeeded" {
					t.Errorf("the job behind it: %s, want succeeded", status)
				}
			})
		})
	}
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic("secret") }

func TestAJobBelongsToItsSubject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{})
		location := start(t, runner, func(context.Context) (any, error) { return nil, nil })
		synctest.Wait()
		want := send(runner.Handler(), "GET", "/jobs/UNKNOWN", "ada")
		if body := `{"error":"not_found","message":"Resource not found"}`; want.Code != 404 || want.Body.String() != body {
			t.Errorf("GET of no job = %d %s, want 404 %s", want.Code, want.Body, body)
		}
		for _, caller := range []string{"bob", ""} {
			got := send(runner.Handler(), "GET", location, caller)
			if got.Code != 404 || got.Body.String() != want.Body.String() {
				t.Errorf("GET as %q = %d %s, want 404 %s", caller, got.Code, got.Body, want.Body)
			}
			if diff := cmp.Diff(want.Header(), got.Header()); diff != "" {
				t.Errorf("GET as %q: header mismatch (-unknown +foreign):\n%s", caller, diff)
			}
		}
		if status, _ := look(t, runner, location); status != "succeeded" {
			t.Errorf("its own subject sees %s, want succeeded", status)
		}
	})
}

type valueKey struct{}

func TestTheContextOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{})
		gate := make(chan struct{})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), valueKey{}, "kept"))
		r := httptest.NewRequest("POST", "/import", nil).WithContext(ctx)
		r.Header.Set("X-Subject", "ada")
		rec := httptest.NewRecorder()
		runner.Start(func(*http.Request) (work, error) {
			return func(ctx context.Context) (any, error) {
				<-gate
				return map[string]any{"value": ctx.Value(valueKey{})}, ctx.Err()
			}, nil
		}).ServeHTTP(rec, r)
		cancel()
		close(gate)
		synctest.Wait()
		got := send(runner.Handler(), "GET", rec.Header().Get("Location"), "ada")
		if !strings.HasSuffix(got.Body.String(), `,"value":"kept"}`) {
			t.Errorf("GET = %s, want succeeded with the value", got.Body)
		}
	})
}

func TestFinishedJobsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{Workers: 1, Keep: time.Minute, KeepMost: 2})
		var locations []string
		for range 3 {
			locations = append(locations, start(t, runner, func(context.Context) (any, error) { return nil, nil }))
			synctest.Wait()
			time.Sleep(time.Second)
		}
		want := []int{404, 200, 200}
		for i, location := range locations {
			if rec := send(runner.Handler(), "GET", location, "ada"); rec.Code != want[i] {
				t.Errorf("GET of job %d = %d, want %d", i, rec.Code, want[i])
			}
		}
		time.Sleep(58 * time.Second)
		want = []int{404, 404, 200}
		for i, location := range locations {
			if rec := send(runner.Handler(), "GET", location, "ada"); rec.Code != want[i] {
				t.Errorf("a minute later: GET of job %d = %d, want %d", i, rec.Code, want[i])
			}
		}
	})
}

func TestRequestsThatAreNoJobs(t *testing.T) {
	t.Parallel()
	runner := newRunner(t, jobs.Options{})
	h := runner.Start(func(*http.Request) (work, error) { return nil, apierror.BadRequest("x", "y", "No") })
	if rec := send(h, "POST", "/import", "ada"); rec.Code != 400 || rec.Header().Get("Location") != "" {
		t.Errorf("POST that prepare refuses = %d %v", rec.Code, rec.Header())
	}
	if rec := send(h, "GET", "/import", "ada"); rec.Code != 405 || rec.Header().Get("Allow") != "OPTIONS, POST" {
		t.Errorf("GET = %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
	if rec := send(runner.Handler(), "PUT", "/jobs/1", "ada"); rec.Code != 405 || rec.Header().Get("Allow") != "DELETE, GET, HEAD, OPTIONS" {
		t.Errorf("PUT = %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
	r := httptest.NewRequest("POST", "/import", nil)
	r.Header.Set("Accept", "text/html")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != 406 {
		t.Errorf("POST with Accept text/html = %d, want 406", rec.Code)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		subject func(*http.Request) (string, bool)
		unit    func(*http.Request) string
	}{{nil, unit}, {subject, nil}} {
		if _, err := jobs.New(of.subject, of.unit, jobs.Options{}); err == nil || err.Error() != "jobs: New: subject and unit are required" {
			t.Errorf("New(%p, %p): %v", of.subject, of.unit, err)
		}
	}
	for name, opts := range map[string]jobs.Options{
		"negative workers": {Workers: -1}, "negative queue": {Queue: -1}, "negative keep": {Keep: -1}, "negative jobs of a subject": {MaxPerSubject: -1}, "a path without slash": {Path: "jobs"},
		"a path with a slash at the end": {Path: "/jobs/"},
	} {
		if _, err := jobs.New(subject, unit, opts); err == nil {
			t.Errorf("New accepts %s", name)
		}
	}
}

func BenchmarkStartAndRun(b *testing.B) {
	runner := newRunner(b, jobs.Options{})
	h := runner.Start(func(*http.Request) (work, error) {
		return func(context.Context) (any, error) { return nil, nil }, nil
	})
	b.ReportAllocs()
	for b.Loop() {
		send(h, "POST", "/import", "ada")
	}
	if err := runner.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLook(b *testing.B) {
	runner := newRunner(b, jobs.Options{})
	location := start(b, runner, func(context.Context) (any, error) { return map[string]int{"total": 7}, nil })
	if err := runner.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	h := runner.Handler()
	b.ReportAllocs()
	for b.Loop() {
		send(h, "GET", location, "ada")
	}
}
