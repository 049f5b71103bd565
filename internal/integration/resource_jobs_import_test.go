package integration

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
	oustore "github.com/tenetkit/tenet/ouscope/sqlstore"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// TestAnImportGoesOnAfterARestart: a service ends in the middle of an import. The
// next one adds what is missing, unless the role was revoked meanwhile.
func TestAnImportGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		for about, revoked := range map[string]bool{"and adds what is missing": false, "but not without the role": true} {
			t.Run(dialect+", "+about, func(t *testing.T) {
				t.Parallel()
				db := open(t)
				units, err := oustore.New(db, oustore.Options{Dialect: dialect})
				if err != nil {
					t.Fatal(err)
				}
				if err := units.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := units.Insert(t.Context(), db, []ouscope.Unit{{ID: "a"}}, []ouscope.Assignment{{ID: "1", Subject: "ada", Unit: "a", Role: "editor"}}); err != nil {
					t.Fatal(err)
				}
				things := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit", Unique: []string{"order"}})
				caller := func(r *http.Request) (string, bool) { return "ada", true }
				// service is one process: the handler that accepts imports, and the runner.
				service := func(store any) (http.Handler, *jobs.Runner) {
					scoper, err := ouscope.New(units, caller, ouscope.Options{Choices: units})
					if err != nil {
						t.Fatal(err)
					}
					res, err := resource.New[thing, thingInput]("/things", store, resource.Options{
						Roles: resource.Roles{Create: "editor"},
						Scope: func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
						Restore: func(ctx context.Context, subject, unit string) (resource.Scope, error) {
							return scoper.For(ctx, subject, unit)
						},
					})
					if err != nil {
						t.Fatal(err)
					}
					accept, work, err := res.ImportOperation()
					if err != nil {
						t.Fatal(err)
					}
					runner, err := jobs.New(caller, jobs.Unscoped, jobs.Options{Store: jobStore(t, db, dialect)})
					if err != nil {
						t.Fatal(err)
					}
					imports, err := runner.Operation(jobs.Operation{Name: "things.import", Accept: accept, Run: work})
					if err != nil {
						t.Fatal(err)
					}
					return scoper.Handler(imports), runner
				}

				ended, end := context.WithCancel(t.Context())
				canceled := make(chan struct{})
				first, runner := service(&revoking{Store: things, at: 40, do: func() {
					end()
					<-canceled
				}})
				rows := make([]string, 100)
				for n := range rows {
					rows[n] = `{"name":"x","order":"` + strings.Repeat("n", n+1) + `"}`
				}
				body := "[" + strings.Join(rows, ",")
				accepted := send(first, "POST", "/things/import", body+`,{"name":""},{"name":"x","order":"nn"}]`)
				if accepted.Code != http.StatusAccepted {
					t.Fatalf("POST = %d %s", accepted.Code, accepted.Body)
				}
				location := accepted.Header().Get("Location")
				<-ended.Done()
				time.AfterFunc(100*time.Millisecond, func() { close(canceled) }) // Close has canceled the work by then
				if err := runner.Close(ended); err == nil {
					t.Error("Close has waited for all of it")
				}
				if revoked {
					if err := units.Revoke(t.Context(), "1", func(ouscope.Assignment) error { return nil }); err != nil {
						t.Fatal(err)
					}
				}
				_, next := service(things)
				want := `"succeeded","counts":{"total":102,"succeeded":100,"failed":2},"errors":[` +
					`{"index":100,"field":"name","code":"required","message":"Name is required"},{"index":101,"field":"order","code":"unique","message":"Order is taken"}]}`
				if revoked {
					want = `"failed","counts":{"total":102,"succeeded":0,"failed":0},"errors":[{"code":"missing_role","message":"Your roles do not permit this here"}]}`
				}
				jobState(t, next, location, want)
				var in int
				if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&in); err != nil {
					t.Fatal(err)
				}
				if !revoked && in != 100 || revoked && (in < 39 || in > 40) {
					t.Errorf("%d rows are in", in)
				}
				if err := next.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
	}
}
