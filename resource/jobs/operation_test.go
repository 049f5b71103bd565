package jobs_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/jobs"
)

type run = func(ctx context.Context, subject string, input []byte) (any, error)

func bodyOf(r *http.Request) ([]byte, error) { return io.ReadAll(r.Body) }

// operate registers an operation whose input is the request's body.
func operate(t testing.TB, runner *jobs.Runner, op jobs.Operation) http.Handler {
	t.Helper()
	if op.Name == "" {
		op.Name = "test"
	}
	if op.Accept == nil {
		op.Accept = bodyOf
	}
	h, err := runner.Operation(op)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// begin starts a job of ada and returns its location.
func begin(t testing.TB, h http.Handler, body string) string {
	t.Helper()
	r := httptest.NewRequest("POST", "/import", strings.NewReader(body))
	r.Header.Set("X-Subject", "ada")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	location := rec.Header().Get("Location")
	if want := `{"id":"` + strings.TrimPrefix(location, "/jobs/") + `","status":"queued"}`; rec.Code != http.StatusAccepted || rec.Body.String() != want || rec.Header().Get("Retry-After") != "1" {
		t.Fatalf("POST = %d %v %s, want 202 %s", rec.Code, rec.Header(), rec.Body, want)
	}
	return location
}

// withoutTimes is state without the times.
func withoutTimes(t testing.TB, runner *jobs.Runner, location string) string {
	t.Helper()
	text := state(t, runner, location)
	status, rest, _ := strings.Cut(text, `,"created_at":`)
	_, rest, _ = strings.Cut(rest, `,"updated_at":"`)
	_, rest, _ = strings.Cut(rest, `"`)
	return status + rest
}

// everyStore runs a test on operations in memory and in a store.
func everyStore(t *testing.T, test func(t *testing.T, opts jobs.Options)) {
	for name, opts := range map[string]func() jobs.Options{
		"in memory":  func() jobs.Options { return jobs.Options{} },
		"in a store": func() jobs.Options { return jobs.Options{Store: newFakeStore()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, opts()) })
		})
	}
}

func TestAnOperationGetsItsInputAndItsSubject(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, opts jobs.Options) {
		runner := newRunner(t, opts)
		h := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, subject string, input []byte) (any, error) {
			if ctx.Value(valueKey{}) != nil {
				t.Error("the context has the values of the request")
			}
			jobs.Progress(ctx, told{Done: 1})
			time.Sleep(5 * time.Second)
			return map[string]string{"subject": subject, "input": hex.EncodeToString(input)}, ctx.Err()
		}})
		r := httptest.NewRequest("POST", "/import", strings.NewReader("seven \xff"))
		r.Header.Set("X-Subject", "ada")
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), valueKey{}, 1))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r.WithContext(ctx))
		cancel()
		location := rec.Header().Get("Location")
		time.Sleep(3 * time.Second)
		if got := withoutTimes(t, runner, location); got != `"running","done":1}` {
			t.Errorf("the job is %s, want running and 1", got)
		}
		if other := send(runner.Handler(), "GET", location, "bob"); other.Code != 404 {
			t.Errorf("GET as another = %d %s, want 404", other.Code, other.Body)
		}
		time.Sleep(3 * time.Second)
		if got := withoutTimes(t, runner, location); got != `"succeeded","input":"736576656e20ff","subject":"ada"}` {
			t.Errorf("the job is %s", got)
		}
		if err := runner.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		refused := send(h, "POST", "/import", "ada")
		if refused.Code != 503 || refused.Header().Get("Retry-After") != "1" {
			t.Errorf("POST after Close = %d %s, want 503", refused.Code, refused.Body)
		}
	})
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	const internal = `"errors":[{"code":"internal_server_error","message":"Internal server error"}]}`
	// fails returns work of which the first n attempts fail.
	fails := func(n int, err func() error) func() run {
		return func() run {
			attempts := 0
			return func(ctx context.Context, _ string, _ []byte) (any, error) {
				attempts++
				jobs.Progress(ctx, told{Done: attempts})
				if attempts <= n {
					return nil, err()
				}
				return map[string]int{"attempt": attempts}, nil
			}
		}
	}
	result := func(v any) run { return func(context.Context, string, []byte) (any, error) { return v, nil } }
	once := func(do func() run) func() jobs.Operation {
		return func() jobs.Operation { return jobs.Operation{Run: do()} }
	}
	cause := func(err error) func() error { return func() error { return err } }
	tests := map[string]struct {
		op    func() jobs.Operation
		want  string
		after time.Duration // until it ends
	}{
		"none fails":             {once(fails(0, nil)), `"succeeded","attempt":1}`, 0},
		"the first fails":        {once(fails(1, cause(errors.New("x")))), `"succeeded","attempts":2,"attempt":2}`, time.Second},
		"two fail":               {once(fails(2, cause(apierror.Unavailable(0)))), `"succeeded","attempts":3,"attempt":3}`, 3 * time.Second},
		"all fail":               {once(fails(3, cause(errors.New("x")))), `"failed","attempts":3,"done":3,` + internal, 3 * time.Second},
		"a refusal":              {once(fails(1, cause(apierror.Forbidden("missing_role", "No")))), `"failed","done":1,"errors":[{"code":"missing_role","message":"No"}]}`, 0},
		"a panic":                {once(fails(1, func() error { panic("secret") })), `"succeeded","attempts":2,"attempt":2}`, time.Second},
		"no JSON":                {once(func() run { return result(func() {}) }), `"failed",` + internal, 0},
		"a panic in MarshalJSON": {once(func() run { return result(explosive{}) }), `"failed",` + internal, 0},
		"more than three, at most": {
			func() jobs.Operation {
				return jobs.Operation{Attempts: 5, Wait: time.Minute, Run: fails(4, cause(errors.New("x")))()}
			},
			`"succeeded","attempts":5,"attempt":5}`, (1 + 2 + 4 + 5) * time.Minute,
		},
		"one, and no other": {
			func() jobs.Operation { return jobs.Operation{Attempts: 1, Run: fails(1, cause(errors.New("x")))()} }, `"failed","done":1,` + internal, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, store := range []*fakeStore{nil, newFakeStore()} {
				synctest.Test(t, func(t *testing.T) {
					opts := jobs.Options{}
					if store != nil {
						opts.Store = store
					}
					var log bytes.Buffer
					opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
					runner := newRunner(t, opts)
					location := begin(t, operate(t, runner, tt.op()), "")
					synctest.Wait()
					if tt.after > 0 {
						time.Sleep(tt.after - time.Millisecond)
						if got := withoutTimes(t, runner, location); strings.HasPrefix(got, `"succeeded`) || strings.HasPrefix(got, `"failed`) {
							t.Errorf("before %v the job is %s", tt.after, got)
						}
						// The store is asked once a second.
						time.Sleep(time.Second + time.Millisecond)
					}
					synctest.Wait()
					if got := withoutTimes(t, runner, location); got != tt.want {
						t.Errorf("the job is %s, want %s\n%s", got, tt.want, &log)
					}
					if err := runner.Close(t.Context()); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
			}
		})
	}
}

func TestOperationRefuses(t *testing.T) {
	t.Parallel()
	runner := newRunner(t, jobs.Options{})
	do := func(context.Context, string, []byte) (any, error) { return nil, nil }
	tests := map[string]struct {
		op   jobs.Operation
		want string
	}{
		"no name":     {jobs.Operation{Accept: bodyOf, Run: do}, `jobs: Operation: the name "" is not made of 1 to 100 letters, digits, dots, dashes and underscores`},
		"a bad name":  {jobs.Operation{Name: "a b", Accept: bodyOf, Run: do}, `jobs: Operation: the name "a b" is not made of 1 to 100 letters, digits, dots, dashes and underscores`},
		"no Run":      {jobs.Operation{Name: "a", Accept: bodyOf}, "jobs: Operation: both Accept and Run are required"},
		"no Accept":   {jobs.Operation{Name: "a", Run: do}, "jobs: Operation: both Accept and Run are required"},
		"negative":    {jobs.Operation{Name: "a", Accept: bodyOf, Run: do, Attempts: -1}, "jobs: Operation: neither Attempts nor Wait may be negative"},
		"the same":    {jobs.Operation{Name: "there", Accept: bodyOf, Run: do}, `jobs: Operation: there is an operation "there" already`},
		"a long name": {jobs.Operation{Name: strings.Repeat("a", 101), Accept: bodyOf, Run: do}, fmt.Sprintf("jobs: Operation: the name %q is not made of 1 to 100 letters, digits, dots, dashes and underscores", strings.Repeat("a", 101))},
	}
	if _, err := runner.Operation(jobs.Operation{Name: "there", Accept: bodyOf, Run: do}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := runner.Operation(tt.op); err == nil || err.Error() != tt.want {
				t.Errorf("Operation: error = %v, want %s", err, tt.want)
			}
		})
	}
	h := operate(t, runner, jobs.Operation{Accept: func(*http.Request) ([]byte, error) { return nil, apierror.BadRequest("x", "y", "No") }, Run: do})
	if rec := send(h, "POST", "/import", "ada"); rec.Code != 400 {
		t.Errorf("POST that Accept refuses = %d %s, want 400", rec.Code, rec.Body)
	}
	if rec := send(h, "PUT", "/import", "ada"); rec.Code != 405 || rec.Header().Get("Allow") != "OPTIONS, POST" {
		t.Errorf("PUT = %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
}
