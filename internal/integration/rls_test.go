package integration

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/rls"
)

// A walled table, and a connection of a role that cannot pass the wall.
type walled struct {
	*testing.T
	wall *rls.Wall
	db   *sql.DB
	conn *sql.Conn
	role string
}

func newWalled(t *testing.T) *walled {
	t.Helper()
	db := postgresDB(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE leads (id integer PRIMARY KEY, org_unit text)"); err != nil {
		t.Fatalf("CREATE TABLE: %v", err)
	}
	wall, role := wallAround(t, db, "leads")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("Conn: %v", err)
	}
	t.Cleanup(func() {
		_, _ = conn.ExecContext(context.WithoutCancel(t.Context()), "RESET ROLE")
		_ = conn.Close()
	})
	if _, err := conn.ExecContext(t.Context(), "SET ROLE "+role); err != nil {
		t.Fatalf("SET ROLE: %v", err)
	}
	return &walled{t, wall, db, conn, role}
}

// wallAround puts a wall around the table, and returns a role that may use it and
// cannot pass.
func wallAround(t testing.TB, db *sql.DB, table string) (wall *rls.Wall, role string) {
	t.Helper()
	wall, err := rls.New(rls.Options{})
	if err != nil {
		t.Fatalf("rls.New: %v", err)
	}
	statements, err := wall.Statements(table, "org_unit")
	if err != nil {
		t.Fatalf("Statements: %v", err)
	}
	role = ownName()
	var schema string
	if err := db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatalf("current_schema: %v", err)
	}
	all := append([]string{"CREATE ROLE " + role}, append(statements, statements...)...) // twice: they may be run again
	all = append(all, "GRANT USAGE ON SCHEMA "+schema+" TO "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+table+" TO "+role)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, statement := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	for _, statement := range all {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return wall, role
}

// behind returns a database whose every statement is behind the wall, of the role
// and of db's schema.
func behind(t testing.TB, db *sql.DB, wall *rls.Wall, role string) *sql.DB {
	t.Helper()
	var schema string
	if err := db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatalf("current_schema: %v", err)
	}
	config, err := pgx.ParseConfig(engineURL(t, "TENET_POSTGRES_URL"))
	if err != nil {
		t.Fatalf("TENET_POSTGRES_URL: %v", err)
	}
	config.RuntimeParams["search_path"] = schema
	walled := sql.OpenDB(wall.Connector(stdlib.GetConnector(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET ROLE "+role)
		return err
	}))))
	walled.SetMaxOpenConns(4)
	t.Cleanup(func() { walled.Close() })
	return walled
}

// fill adds a row for each unit as the superuser that the tests have.
func (w *walled) fill(units []string) {
	w.Helper()
	for i, unit := range append([]string{"not a unit"}, units...) {
		if _, err := w.db.ExecContext(w.Context(), "INSERT INTO leads VALUES ($1, $2)", i, unit); err != nil {
			w.Fatalf("inserting: %v", err)
		}
	}
	if _, err := w.db.ExecContext(w.Context(), "INSERT INTO leads VALUES (-1, NULL)"); err != nil {
		w.Fatalf("inserting: %v", err)
	}
}

// entered runs f in a transaction behind the wall and rolls back or commits.
func (w *walled) entered(scope ouscope.Scope, commit bool, f func(*sql.Tx)) {
	w.Helper()
	tx, err := w.conn.BeginTx(w.Context(), nil)
	if err != nil {
		w.Fatalf("BeginTx: %v", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := w.wall.Enter(w.Context(), func(ctx context.Context, query string, args ...any) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}, scope); err != nil {
		w.Fatalf("Enter: %v", err)
	}
	f(tx)
	if commit {
		if err := tx.Commit(); err != nil {
			w.Fatalf("Commit: %v", err)
		}
	}
}

func (w *walled) count(q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
},
) (n int) {
	w.Helper()
	if err := q.QueryRowContext(w.Context(), "SELECT count(*) FROM leads").Scan(&n); err != nil {
		w.Fatalf("count: %v", err)
	}
	return n
}

func walledScope(t *testing.T, units []ouscope.Unit, grants []ouscope.Assignment) ouscope.Scope {
	t.Helper()
	directory, err := ouscope.NewMemory(units, grants)
	if err != nil {
		t.Fatalf("NewMemory: %v", err)
	}
	scoper, err := ouscope.New(directory, callerHeader, ouscope.Options{Mode: "granted"})
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	scope, _ := scoper.Resolve(ouRequest(t.Context(), "ann", http.MethodGet, ""))
	return scope
}

// A bare SELECT returns nothing, before a scope is entered and after, on the
// same connection.
func TestWithoutAScopeTheWallShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.fill([]string{"uk", "uk", "de", "us"})
	units := []ouscope.Unit{{ID: "emea"}, {ID: "uk", Parent: "emea"}, {ID: "de", Parent: "emea"}, {ID: "us"}}
	emea := walledScope(t, units, []ouscope.Assignment{{Subject: "ann", Unit: "emea", Role: "reader"}})

	if got := w.count(w.conn); got != 0 {
		t.Errorf("a bare SELECT counts %d rows, want 0", got)
	}
	for _, commit := range []bool{true, false} {
		w.entered(emea, commit, func(tx *sql.Tx) {
			if got := w.count(tx); got != 3 {
				t.Errorf("a bare SELECT behind the wall counts %d rows, want 3", got)
			}
		})
		if got := w.count(w.conn); got != 0 {
			t.Errorf("a bare SELECT on the connection that was used (commit %v) counts %d rows, want 0", commit, got)
		}
	}
	var kept sql.NullString
	if err := w.conn.QueryRowContext(t.Context(), "SELECT current_setting('tenet.org_units', true)").Scan(&kept); err != nil || kept.String != "" {
		t.Errorf("the connection keeps the setting %v, %v, want it empty", kept, err)
	}
	w.entered(emea, false, func(tx *sql.Tx) {
		if err := w.wall.Enter(t.Context(), func(ctx context.Context, query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		}, ouscope.Scope{}); err != nil {
			t.Fatalf("Enter: %v", err)
		}
		if got := w.count(tx); got != 0 {
			t.Errorf("behind the zero scope a bare SELECT counts %d rows, want 0", got)
		}
	})
	// Outside of a transaction nothing is entered.
	if err := w.wall.Enter(t.Context(), func(ctx context.Context, query string, args ...any) error {
		_, err := w.conn.ExecContext(ctx, query, args...)
		return err
	}, emea); err != nil {
		t.Fatalf("Enter: %v", err)
	}
	if got := w.count(w.conn); got != 0 {
		t.Errorf("after Enter without a transaction a bare SELECT counts %d rows, want 0", got)
	}
}

func TestTheWallStopsWrites(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.fill([]string{"uk", "us"})
	units := []ouscope.Unit{{ID: "uk"}, {ID: "us"}}
	uk := walledScope(t, units, []ouscope.Assignment{{Subject: "ann", Unit: "uk", Role: "reader"}})
	for name, tt := range map[string]struct {
		statement string
		rows      int64 // or -1 for an error
	}{
		"insert":          {"INSERT INTO leads VALUES (100, 'uk')", 1},
		"insert foreign":  {"INSERT INTO leads VALUES (100, 'us')", -1},
		"insert nowhere":  {"INSERT INTO leads VALUES (100, NULL)", -1},
		"move away":       {"UPDATE leads SET org_unit = 'us'", -1},
		"update":          {"UPDATE leads SET id = id + 1000", 1},
		"update foreign":  {"UPDATE leads SET id = 99 WHERE org_unit = 'us'", 0},
		"delete":          {"DELETE FROM leads", 1},
		"delete foreign":  {"DELETE FROM leads WHERE org_unit <> 'uk'", 0},
		"empty the table": {"TRUNCATE leads", -1},
		"take it down":    {"ALTER TABLE leads DISABLE ROW LEVEL SECURITY", -1},
	} {
		w.entered(uk, false, func(tx *sql.Tx) {
			got := int64(-1)
			result, err := tx.ExecContext(t.Context(), tt.statement)
			if err == nil {
				got, err = result.RowsAffected()
			}
			if got != tt.rows {
				t.Errorf("%s: %d rows, %v, want %d", name, got, err, tt.rows)
			}
		})
	}
}

// Without any condition, exactly the rows of the scope are visible, for random
// trees and grants.
func TestTheWallShowsExactlyWhatTheScopeContains(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.fill(oddIDs)
	random := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		units, grants := randomOrganization(random)
		scope := walledScope(t, units, grants)
		var want []int
		for i, id := range oddIDs {
			if scope.Contains(id) {
				want = append(want, i+1)
			}
		}
		w.entered(scope, false, func(tx *sql.Tx) {
			rows, err := tx.QueryContext(t.Context(), "SELECT id FROM leads ORDER BY id")
			if err != nil {
				t.Fatalf("SELECT: %v", err)
			}
			defer rows.Close()
			var got []int
			for rows.Next() {
				var id int
				if err := rows.Scan(&id); err != nil {
					t.Fatalf("Scan: %v", err)
				}
				got = append(got, id)
			}
			if diff := cmp.Diff(want, got); rows.Err() != nil || diff != "" {
				t.Fatalf("%v, mismatch (-want +got):\n%s", rows.Err(), diff)
			}
		})
	}
}

// Statements are run again while others read: nothing is visible to them after any
// of them.
func TestTheWallStandsWhileItIsBuiltAgain(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	w.fill([]string{"uk", "de"})
	statements, err := w.wall.Statements("leads", "org_unit")
	if err != nil {
		t.Fatalf("Statements: %v", err)
	}
	for i, statement := range statements {
		if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if got := w.count(w.conn); got != 0 {
			t.Errorf("after statement %d, %s, a bare SELECT counts %d rows, want 0", i, statement, got)
		}
	}
}

func TestVerifyFindsAWallThatDoesNotHold(t *testing.T) {
	t.Parallel()
	w := newWalled(t)
	exec := func(q interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	},
	) rls.Exec {
		return func(ctx context.Context, query string, args ...any) error {
			_, err := q.ExecContext(ctx, query, args...)
			return err
		}
	}
	if err := w.wall.Verify(t.Context(), exec(w.conn), "leads"); err != nil {
		t.Errorf("Verify = %v, want nil", err)
	}
	if err := w.wall.Verify(t.Context(), exec(w.db), "leads"); err == nil {
		t.Error("Verify as the owner = nil, want an error")
	}
	for what, change := range map[string][2]string{
		"may truncate the table": {"GRANT TRUNCATE ON leads TO " + w.role, "REVOKE TRUNCATE ON leads FROM " + w.role},
		"has BYPASSRLS":          {"ALTER ROLE " + w.role + " BYPASSRLS", "ALTER ROLE " + w.role + " NOBYPASSRLS"},
	} {
		for i, statement := range change {
			if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
			err := w.wall.Verify(t.Context(), exec(w.conn), "leads")
			if (i == 0) != (err != nil && strings.Contains(err.Error(), what)) {
				t.Errorf("Verify after %s = %v", statement, err)
			}
		}
	}
	if err := w.wall.Verify(t.Context(), exec(w.conn), "leads", "nothing"); err == nil {
		t.Error("Verify of a table that is not there = nil, want an error")
	}
	for _, statement := range []string{
		"ALTER TABLE leads NO FORCE ROW LEVEL SECURITY", "ALTER TABLE leads FORCE ROW LEVEL SECURITY; DROP POLICY org_units_wall ON leads",
		"ALTER TABLE leads DISABLE ROW LEVEL SECURITY",
	} {
		for part := range strings.SplitSeq(statement, ";") {
			if _, err := w.db.ExecContext(t.Context(), part); err != nil {
				t.Fatalf("%s: %v", part, err)
			}
		}
		if err := w.wall.Verify(t.Context(), exec(w.conn), "leads"); err == nil || !strings.Contains(err.Error(), "no wall") {
			t.Errorf("Verify after %s = %v, want an error", statement, err)
		}
	}
}
