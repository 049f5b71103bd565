package rls_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/rls"
)

// The tests of the policies themselves run on PostgreSQL, in
// internal/integration.

func TestNamesThatAreNotPlainAreRefused(t *testing.T) {
	t.Parallel()
	for _, opts := range []rls.Options{
		{Setting: "units"},
		{Setting: "a.b.c"},
		{Setting: "a."},
		{Setting: ".b"},
		{Setting: "a.b'"},
		{Setting: "A.b"},
		{Policy: `a"b`},
		{Policy: "1a"},
		{Policy: strings.Repeat("a", 51)},
	} {
		if _, err := rls.New(opts); err == nil {
			t.Errorf("New(%+v) = nil, want an error", opts)
		}
	}
	wall, err := rls.New(rls.Options{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, name := range []string{"", `a"`, "a b", "a;b", "Leads", "a.b.c", ".a", "a."} {
		if _, err := wall.Statements(name, "org_unit"); err == nil {
			t.Errorf("Statements(%q) = nil, want an error", name)
		}
		if err := wall.Verify(t.Context(), func(context.Context, string, ...any) error { return nil }, name); err == nil {
			t.Errorf("Verify(%q) = nil, want an error", name)
		}
	}
	for _, column := range []string{"", `a"`, "a.b"} {
		if _, err := wall.Statements("leads", column); err == nil {
			t.Errorf("Statements with column %q = nil, want an error", column)
		}
	}
	if err := wall.Verify(t.Context(), func(context.Context, string, ...any) error { return nil }); err == nil {
		t.Error("Verify without a table = nil, want an error")
	}
}

func TestEnterSetsTheUnits(t *testing.T) {
	t.Parallel()
	wall, err := rls.New(rls.Options{Setting: "my.units"})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for want, scope := range map[string]ouscope.Scope{"": {}, "emea\x1fuk": emea(t)} {
		var got []any
		err := wall.Enter(t.Context(), func(_ context.Context, query string, args ...any) error {
			got = append([]any{query}, args...)
			return nil
		}, scope)
		if diff := cmp.Diff([]any{"SELECT set_config($1, $2, true)", "my.units", want}, got); err != nil || diff != "" {
			t.Errorf("Enter: %v, mismatch (-want +got):\n%s", err, diff)
		}
	}
	down := errors.New("connection lost")
	if err := wall.Enter(t.Context(), func(context.Context, string, ...any) error { return down }, emea(t)); !errors.Is(err, down) {
		t.Errorf("Enter = %v, want %v", err, down)
	}
}

func emea(t testing.TB) ouscope.Scope { return scopeOf(t, "emea") }
func uk(t testing.TB) ouscope.Scope   { return scopeOf(t, "uk") }

// scopeOf returns the scope of a role on the unit; examples have no t.
func scopeOf(t testing.TB, unit string) ouscope.Scope {
	if t != nil {
		t.Helper()
	}
	directory, err := ouscope.NewMemory([]ouscope.Unit{{ID: "emea"}, {ID: "uk", Parent: "emea"}},
		[]ouscope.Assignment{{Subject: "ann", Unit: unit, Role: "reader"}})
	if err != nil {
		panic(err)
	}
	scoper, err := ouscope.New(directory, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{})
	if err != nil {
		panic(err)
	}
	scope, err := scoper.Resolve(httptest.NewRequest(http.MethodGet, "/", nil))
	if err != nil {
		panic(err)
	}
	return scope
}

// The statements for a migration.
func ExampleWall_Statements() {
	wall, err := rls.New(rls.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	statements, err := wall.Statements("leads", "org_unit")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, statement := range statements {
		first, _, _ := strings.Cut(statement, " USING")
		fmt.Println(first)
	}
	// Output:
	// ALTER TABLE "leads" ENABLE ROW LEVEL SECURITY
	// ALTER TABLE "leads" FORCE ROW LEVEL SECURITY
	// DROP POLICY IF EXISTS "org_units_open" ON "leads"
	// DROP POLICY IF EXISTS "org_units_wall" ON "leads"
	// CREATE POLICY "org_units_wall" ON "leads" AS RESTRICTIVE
	// CREATE POLICY "org_units_open" ON "leads"
}

// A transaction of pgx, or of any other driver, enters by one func.
func ExampleWall_Enter() {
	wall, err := rls.New(rls.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	list := func(ctx context.Context) {
		// tx, err := pool.Begin(ctx)
		exec := func(_ context.Context, query string, args ...any) error {
			// _, err := tx.Exec(ctx, query, args...)
			fmt.Printf("%s %q\n", query, args)
			return nil
		}
		scope := ouscope.FromContext(ctx)
		if err := wall.Enter(ctx, exec, scope); err != nil {
			fmt.Println(err)
			return
		}
		where, args := scope.SQL("postgres", "org_unit", 1)
		fmt.Println("SELECT name FROM leads WHERE", where, args)
	}

	list(ouscope.NewContext(context.Background(), scopeOf(nil, "emea")))
	list(context.Background()) // the middleware was forgotten
	// Output:
	// SELECT set_config($1, $2, true) ["tenet.org_units" "emea\x1fuk"]
	// SELECT name FROM leads WHERE org_unit = ANY($1) [[emea uk]]
	// SELECT set_config($1, $2, true) ["tenet.org_units" ""]
	// SELECT name FROM leads WHERE 1=0 []
}

// With database/sql, whoever uses the database is behind the wall; here the driver
// is pgx, at the start of a service.
func ExampleWall_Connector() {
	start := func(ctx context.Context, connector driver.Connector) (*sql.DB, error) { // stdlib.GetConnector(config)
		wall, err := rls.New(rls.Options{})
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(wall.Connector(connector))
		err = wall.Verify(ctx, func(ctx context.Context, query string, args ...any) error {
			_, err := db.ExecContext(ctx, query, args...)
			return err
		}, "leads")
		return db, err
	}
	_ = start
}
