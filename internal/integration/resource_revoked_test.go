package integration

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
	oustore "github.com/tenetkit/tenet/ouscope/sqlstore"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// revoking calls do before the row with the number at is added.
type revoking struct {
	resource.Store[thing]
	at int
	do func()
}

func (r *revoking) Create(ctx context.Context, scope resource.Scope, row thing) (thing, error) {
	if r.at--; r.at == 0 {
		r.do()
	}
	return r.Store.Create(ctx, scope, row)
}

// TestARevokedRoleEndsARunningImport: "a role revoked or a unit removed ends
// access at once (or within a stated cache time)".
func TestARevokedRoleEndsARunningImport(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
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
			subject := func(*http.Request) (string, bool) { return "ada", true }
			scoper, err := ouscope.New(units, subject, ouscope.Options{Choices: units})
			if err != nil {
				t.Fatal(err)
			}
			store := &revoking{
				Store: newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"}),
				at:    150,
				do: func() {
					if err := units.Revoke(t.Context(), "1", func(ouscope.Assignment) error { return nil }); err != nil {
						t.Errorf("Revoke: %v", err)
					}
					scoper.Invalidate("ada")
				},
			}
			things, err := resource.New[thing, thingInput]("/things", store, resource.Options{
				Roles: resource.Roles{Create: "editor"},
				Scope: func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
				Rescope: func(ctx context.Context, accepted resource.Scope) (resource.Scope, error) {
					was := accepted.(ouscope.Scope)
					return scoper.For(ctx, was.Subject(), was.Active())
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			runner, err := jobs.New(subject, jobs.Unscoped, jobs.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			body := "[" + strings.Repeat(`{"name":"x"},`, 999) + `{"name":"x"}]`
			accepted := send(scoper.Handler(runner.Start(things.Import)), "POST", "/things/import", body)
			if accepted.Code != http.StatusAccepted {
				t.Fatalf("POST = %d %s", accepted.Code, accepted.Body)
			}
			if err := runner.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			runner.Handler().ServeHTTP(rec, httptest.NewRequest("GET", accepted.Header().Get("Location"), nil))
			want := regexp.MustCompile(`"status":"failed",.*"counts":{"total":1000,"succeeded":(1[5-9][0-9]|2[0-4][0-9]),"failed":0},"errors":\[{"code":"[a-z_]+","message":"[^"]+"}\]}$`)
			if !want.MatchString(rec.Body.String()) || !strings.Contains(log.String(), "403") {
				t.Errorf("GET = %s, want %s, and the log is %s", rec.Body, want, &log)
			}
		})
	}
}
