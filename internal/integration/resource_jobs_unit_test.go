package integration

import (
	"context"
	"database/sql"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	keystore "github.com/tenetkit/tenet/resource/idempotency/sqlstore"
	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/jobs/sqlstore"
)

// jobUnit is the unit that the request names.
func jobUnit(r *http.Request) string { return r.Header.Get("X-Unit") }

func jobStaysInItsUnit(t *testing.T, _ *sql.DB, _ string, opts jobs.Options) {
	opts.MaxPerSubject, opts.Workers = 2, 1
	in := func(unit string, h http.Handler, method, target string) *httptest.ResponseRecorder {
		return send(h, method, target, "", "X-Subject", "ada", "X-Unit", unit)
	}
	gate := make(chan struct{})
	runner, h := jobRunner(t, opts, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) {
		<-gate
		return map[string]int{"done": 1}, nil
	}})
	running := in("uk", h, "POST", "/import").Header().Get("Location")
	jobStateAs(t, runner, running, `"running"}`, "X-Subject", "ada", "X-Unit", "uk")
	waiting := in("uk", h, "POST", "/import").Header().Get("Location")
	if rec := in("de", h, "POST", "/import"); rec.Code != 429 {
		t.Errorf("POST of a third job in another unit = %d %s, want 429", rec.Code, rec.Body)
	}
	hidden := func() {
		t.Helper()
		for _, unit := range []string{"de", "UK", ""} {
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				unknown := in(unit, runner.Handler(), method, "/jobs/NONE")
				for _, location := range []string{running, waiting} {
					rec := in(unit, runner.Handler(), method, location)
					if rec.Code != 404 || rec.Body.String() != unknown.Body.String() || !maps.EqualFunc(rec.Header(), unknown.Header(), slices.Equal) {
						t.Errorf("%s in unit %q = %d %s, want 404 as for an unknown job", method, unit, rec.Code, rec.Body)
					}
				}
			}
		}
	}
	hidden()
	if rec := in("uk", runner.Handler(), "DELETE", waiting); rec.Code != 204 {
		t.Errorf("DELETE = %d %s, want 204", rec.Code, rec.Body)
	}
	close(gate)
	jobStateAs(t, runner, running, `"succeeded","done":1}`, "X-Subject", "ada", "X-Unit", "uk")
	hidden()
}

// TestJobsOfATableWithoutUnits: a table that was made before jobs had units gets the
// column, and its jobs go on.
func TestJobsOfATableWithoutUnits(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			jobStore(t, db, dialect)
			mustExec(t, db, dialect, "ALTER TABLE jobs_queue DROP COLUMN unit")
			mustExec(t, db, dialect, "UPDATE jobs_schema SET version = 1")
			mustExec(t, db, dialect, "INSERT INTO jobs_queue (id, owner, operation, status, created, updated, due) VALUES ('OLD', 'ada', 'test', 'queued', 0, 0, 0)")
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect})
					if err == nil {
						err = store.Migrate(t.Context())
					}
					if err != nil {
						t.Errorf("Migrate: %v", err)
					}
				})
			}
			wg.Wait()
			opts := jobs.Options{Store: jobStore(t, db, dialect)}
			runner, h := jobRunner(t, opts, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { return nil, nil }})
			jobState(t, runner, "/jobs/OLD", `"succeeded"}`)
			jobState(t, runner, startJob(t, h, ""), `"succeeded"}`)
			if rec := send(runner.Handler(), "GET", "/jobs/OLD", "", "X-Subject", "ada", "X-Unit", "uk"); rec.Code != 404 {
				t.Errorf("GET of an old job in a unit = %d %s, want 404", rec.Code, rec.Body)
			}
		})
	}
}

// TestSchemaByHand: the statements may be run as often as one likes, and Migrate
// takes what they have made as its own.
func TestSchemaByHand(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			jobTables, err := sqlstore.Schema(sqlstore.Options{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			keyTables, err := keystore.Schema(keystore.Options{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for _, statement := range slices.Concat(jobTables, keyTables) {
					if _, err := db.ExecContext(t.Context(), statement); err != nil {
						t.Errorf("%s: %v", statement, err)
					}
				}
			}
			keys, err := keystore.New(db, keystore.Options{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := keys.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate: %v", err)
				}
			}
			runner, h := jobRunner(t, jobs.Options{Store: jobStore(t, db, dialect)}, jobs.Operation{
				Run: func(context.Context, string, []byte) (any, error) { return nil, nil },
			})
			jobState(t, runner, startJob(t, h, ""), `"succeeded"}`)
		})
	}
}
