package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
)

// state returns the members of a job behind those that every job has.
func state(t testing.TB, runner *jobs.Runner, location string) string {
	t.Helper()
	rec := send(runner.Handler(), "GET", location, "ada")
	_, rest, ok := strings.Cut(rec.Body.String(), `"status":`)
	if rec.Code != http.StatusOK || !ok {
		t.Fatalf("GET %s = %d %s", location, rec.Code, rec.Body)
	}
	return rest
}

type told struct {
	Done   int      `json:"done"`
	Status string   `json:"status,omitempty"` // gives way to the job's own
	Errors []string `json:"errors,omitempty"`
}

func TestAJobTellsItsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		runner := newRunner(t, jobs.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var late context.Context
		location := start(t, runner, func(ctx context.Context) (any, error) {
			late = ctx
			for n := range 3 {
				jobs.Progress(ctx, told{Done: n, Status: "x"})
				time.Sleep(time.Second)
			}
			jobs.Progress(ctx, func() {})
			jobs.Progress(ctx, told{Done: 3, Errors: []string{"a"}})
			time.Sleep(time.Second)
			return map[string]int{"total": 4}, nil
		})
		for _, want := range []string{
			`"running","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:00Z","done":0}`,
			`"running","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:01Z","done":1}`,
			`"running","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:02Z","done":2}`,
			`"running","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:03Z","done":3,"errors":["a"]}`,
			`"succeeded","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:04Z","total":4}`,
		} {
			synctest.Wait()
			if got := state(t, runner, location); got != want {
				t.Errorf("the job is %s, want %s", got, want)
			}
			time.Sleep(time.Second)
		}
		jobs.Progress(late, told{Done: 9})
		jobs.Progress(t.Context(), told{Done: 9})
		if got := state(t, runner, location); !strings.HasSuffix(got, `04Z","total":4}`) {
			t.Errorf("the job afterwards is %s", got)
		}
		if got := log.String(); strings.Count(got, "progress that cannot be kept") != 1 || strings.Contains(got, "ERROR") {
			t.Errorf("the log says %s", got)
		}
	})
}

func TestAJobThatFailsKeepsItsProgress(t *testing.T) {
	t.Parallel()
	const cause = `"errors":[{"code":"internal_server_error","message":"Internal server error"}]}`
	tests := map[string]struct {
		do   work
		want string
	}{
		"an error":  {func(context.Context) (any, error) { return nil, errors.New("secret") }, `"done":7,` + cause},
		"a panic":   {func(context.Context) (any, error) { panic("secret") }, `"done":7,` + cause},
		"a refusal": {func(context.Context) (any, error) { return nil, apierror.Forbidden("x", "No") }, `"done":7,"errors":[{"code":"x","message":"No"}]}`},
		"a result":  {func(context.Context) (any, error) { return told{Done: 8}, errors.New("secret") }, `"done":8,` + cause},
		"given up": {
			func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
			`"done":7,"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`,
		},
		"given up, with a result": {
			func(ctx context.Context) (any, error) { <-ctx.Done(); return told{Done: 8}, ctx.Err() },
			`"done":8,"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runner := newRunner(t, jobs.Options{})
				location := start(t, runner, func(ctx context.Context) (any, error) {
					jobs.Progress(ctx, told{Done: 7})
					return tt.do(ctx)
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_ = runner.Close(ctx)
				synctest.Wait()
				if got := state(t, runner, location); !strings.HasPrefix(got, `"failed"`) || !strings.HasSuffix(got, tt.want) {
					t.Errorf("the job is %s, want failed with %s", got, tt.want)
				}
			})
		})
	}
}

// Work that does not heed its context is given up all the same.
func TestAJobThatIsGivenUpKeepsItsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runner := newRunner(t, jobs.Options{})
		location := start(t, runner, func(ctx context.Context) (any, error) {
			jobs.Progress(ctx, told{Done: 7})
			time.Sleep(time.Minute)
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = runner.Close(ctx)
		const want = `"done":7,"errors":[{"code":"service_unavailable","message":"Service temporarily unavailable"}]}`
		if got := state(t, runner, location); !strings.HasPrefix(got, `"failed"`) || !strings.HasSuffix(got, want) {
			t.Errorf("the job is %s, want failed with %s", got, want)
		}
		time.Sleep(time.Minute)
	})
}

// slow takes a second for every row.
type slow struct{ resource.Store[Lead] }

func (s slow) Create(ctx context.Context, scope resource.Scope, row Lead) (Lead, error) {
	time.Sleep(time.Second)
	return s.Store.Create(ctx, scope, row)
}

func TestAnImportTellsItsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := resource.NewMemory[Lead]("")
		if err != nil {
			t.Fatal(err)
		}
		leads, err := resource.New[Lead, LeadInput]("/leads", slow{store}, resource.Options{Unscoped: true})
		if err != nil {
			t.Fatal(err)
		}
		runner := newRunner(t, jobs.Options{})
		r := httptest.NewRequest("POST", "/leads/import", strings.NewReader(`[{"name":"Ada"},{"name":""},{"name":"Bob"},{"name":"Eve"}]`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Subject", "ada")
		rec := httptest.NewRecorder()
		runner.Start(leads.Import).ServeHTTP(rec, r)
		for _, want := range []string{
			`"counts":{"total":4,"succeeded":0,"failed":0}}`,
			`"counts":{"total":4,"succeeded":1,"failed":1}}`,
			`"counts":{"total":4,"succeeded":2,"failed":1}}`,
			`"counts":{"total":4,"succeeded":3,"failed":1},"errors":[{"index":1,"field":"name","code":"required","message":"Name is required"}]}`,
		} {
			synctest.Wait()
			if got := state(t, runner, rec.Header().Get("Location")); !strings.HasSuffix(got, want) {
				t.Errorf("the import is %s, want %s", got, want)
			}
			time.Sleep(time.Second)
		}
	})
}
