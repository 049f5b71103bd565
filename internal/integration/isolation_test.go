package integration

import (
	"context"
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
	"github.com/tenetkit/tenet/ouscope/redisstore"
	"github.com/tenetkit/tenet/ouscope/sqlstore"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
	rows "github.com/tenetkit/tenet/resource/sqlstore"
)

type isolatedLead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Unit      string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type isolatedLeadInput struct {
	Name string `json:"name" validate:"required"`
}

// The attacks of ouscopetest on the whole of it: units, roles, choices and rows
// in one database, a resource on top, with and without a cache, in each mode.
func TestResourcesAreIsolated(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		for _, mode := range []string{"subtree", "exact", "granted"} {
			t.Run(dialect+" "+mode, func(t *testing.T) {
				t.Parallel()
				ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
					return isolatedService(t, dialect, open(t), mode)
				})
			})
		}
	}
}

func isolatedService(t *testing.T, dialect string, db *sql.DB, mode string) ouscopetest.Service {
	t.Helper()
	units := ouStore(t, dialect, db)
	store, err := rows.New[isolatedLead](db, rows.Options{Dialect: dialect, Table: "leads", Unit: "org_unit"})
	if err != nil {
		t.Fatalf("resource/sqlstore: %v", err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	scoper, err := ouscope.New(units, ouscopetest.Subject, ouscope.Options{
		Choices: units, Mode: mode, CacheTTL: time.Hour, Implies: map[string][]string{"admin": {"editor"}, "editor": {"reader"}},
	})
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	leads, err := resource.New[isolatedLead, isolatedLeadInput]("/leads", store, resource.Options{
		Scope: func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
		Roles: resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"},
		Rescope: func(ctx context.Context, accepted resource.Scope) (resource.Scope, error) {
			was := accepted.(ouscope.Scope)
			return scoper.For(ctx, was.Subject(), was.Active())
		},
	})
	if err != nil {
		t.Fatalf("resource.New: %v", err)
	}
	office, err := admin.New(scoper, units, admin.Options{})
	if err != nil {
		t.Fatalf("admin.New: %v", err)
	}
	runner, err := jobs.New(ouscopetest.Subject, func(r *http.Request) string { return ouscope.FromContext(r.Context()).Active() }, jobs.Options{})
	if err != nil {
		t.Fatalf("jobs.New: %v", err)
	}
	t.Cleanup(func() {
		if err := runner.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/org-units", office.UnitsHandler())
	mux.Handle("/org-units/{id}", office.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/role-assignments", office.AssignmentsHandler())
	mux.Handle("/role-assignments/{id}", office.AssignmentsHandler())
	mux.Handle("/leads", scoper.Handler(leads))
	mux.Handle("/leads/{id}", scoper.Handler(leads))
	mux.Handle("POST /leads/import", scoper.Handler(runner.Start(leads.Import)))
	mux.Handle("/jobs/{id}", scoper.Handler(runner.Handler()))
	return ouscopetest.Service{
		Handler: mux, Path: "/leads", ImportPath: "/leads/import", Admin: true, Mode: mode,
		Replace: func(ctx context.Context, all []ouscope.Unit, assignments []ouscope.Assignment) error {
			if err := replaceOrganization(ctx, db, units, all, assignments); err != nil {
				return err
			}
			scoper.Invalidate()
			return nil
		},
	}
}

// replaceOrganization swaps units and assignments in one transaction.
func replaceOrganization(ctx context.Context, db *sql.DB, store *sqlstore.Store, units []ouscope.Unit, assignments []ouscope.Assignment) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{"DELETE FROM ou_assignments", "UPDATE ou_units SET parent = NULL", "DELETE FROM ou_units"} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := store.Insert(ctx, tx, units, assignments); err != nil {
		return err
	}
	return tx.Commit()
}

func TestSQLChoicesKeepThePromises(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			ouscopetest.TestChoices(t, func(t *testing.T) ouscope.ChoiceStore { return ouStore(t, dialect, open(t)) })
		})
	}
}

func TestRedisChoicesKeepThePromises(t *testing.T) {
	t.Parallel()
	ouscopetest.TestChoices(t, func(t *testing.T) ouscope.ChoiceStore {
		rdb, prefix := redisClient(t)
		store, err := redisstore.New(func(ctx context.Context, args ...any) (any, error) {
			return rdb.Do(ctx, args...).Result()
		}, redisstore.Options{Prefix: prefix})
		if err != nil {
			t.Fatalf("redisstore.New: %v", err)
		}
		return store
	})
}
