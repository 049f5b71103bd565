// Package rls puts row level security of PostgreSQL under the conditions of
// package ouscope: a second wall, behind which a statement that forgot its
// condition returns no rows.
//
//	wall, err := rls.New(rls.Options{})
//	statements, err := wall.Statements("leads", "org_unit") // for a migration
//
//	db := sql.OpenDB(wall.Connector(connector)) // whoever uses db is behind the wall
//	scope := ouscope.FromContext(ctx)
//	where, args := scope.SQL("postgres", "org_unit", 1) // still: the wall is no index
//	rows, err := db.QueryContext(ctx, "SELECT name FROM leads WHERE "+where, args...)
//
// Without database/sql, [Wall.Enter] does it by hand, here with pgx:
//
//	tx, err := pool.Begin(ctx)
//	exec := func(ctx context.Context, query string, args ...any) error {
//		_, err := tx.Exec(ctx, query, args...)
//		return err
//	}
//	err = wall.Enter(ctx, exec, scope)
//
// # What it takes
//
// The policies compare a row's unit with a setting of the transaction, which is
// made of the scope. A transaction that did not enter sees nothing, and so does
// one of a pooled connection that had entered before. The setting never outlives
// its transaction, so that poolers such as PgBouncer are no danger.
//
// The role that the program uses must be neither superuser nor owner of the
// table, nor have BYPASSRLS: all of these pass every wall, or can take it down.
// [Wall.Verify] finds out at start-up. A program that connects as the owner can
// step down with SET ROLE on each connection.
//
// # What it does not do
//
// Whoever can run statements of their own can change the setting: the wall
// stops a condition that was forgotten, not an injection. And it finds no rows
// by itself: without the condition of the scope every row is read and compared.
// Unique keys and foreign keys look behind it, so that a conflict tells of a row
// that cannot be seen. TRUNCATE passes it, and so does a view, which reads as its
// owner unless it is a security_invoker.
//
// # What it costs
//
// Under the condition, on 1,000,000 rows and with scopes of 1, 49 and 1,666 units, a
// page took 1.2 to 1.3 times as long as without the wall and a count 1.5 to 2 times,
// with an index over the unit and the order of the page
// (TENET_MILLION=1 .ci/engines go test -v -run TestTheWallCosts ./internal/integration).
// A count that reads a smaller index, over the unit alone, is faster without the
// wall, which then weighs more.
//
// # Concurrency
//
// A [Wall] is immutable and safe for concurrent use.
package rls

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenetkit/tenet/ouscope"
)

// An Exec runs one statement in the transaction or, for [Wall.Verify], anywhere.
// Any driver serves, pgx without database/sql too.
type Exec = func(ctx context.Context, query string, args ...any) error

// Options adjusts a [Wall].
type Options struct {
	// Setting is the name of the setting that holds the units, with one dot.
	// If empty, tenet.org_units.
	Setting string

	// Policy begins the names of the policies. If empty, org_units.
	Policy string
}

// A Wall is the policies and the setting that they read.
type Wall struct {
	setting, policy string
}

// New returns a Wall. It fails if an option is no plain name: lower-case
// letters, digits and underscores.
func New(opts Options) (*Wall, error) {
	if opts.Setting == "" {
		opts.Setting = "tenet.org_units"
	}
	if opts.Policy == "" {
		opts.Policy = "org_units"
	}
	space, name, _ := strings.Cut(opts.Setting, ".")
	if !plain(space) || !plain(name) {
		return nil, fmt.Errorf("rls: New: setting %q is not made of two plain names and a dot", opts.Setting)
	}
	if !plain(opts.Policy) {
		return nil, fmt.Errorf("rls: New: policy %q is no plain name", opts.Policy)
	}
	return &Wall{opts.Setting, opts.Policy}, nil
}

// separator stands between the units in the setting. No unit's id has a control
// character.
const separator = "\x1f"

// Statements returns the statements that put the wall around the table, whose
// column holds the unit of a row. They may be run again; in one transaction,
// nobody meets the table half way. The table may have a schema in front of it.
//
// The first policy is restrictive, so that no other policy of the table opens
// it. The second lets through what the first leaves; on a table that has
// permissive policies of its own, leave out the last statement.
func (w *Wall) Statements(table, column string) ([]string, error) {
	name, err := quoteTable(table)
	if err != nil {
		return nil, fmt.Errorf("rls: Statements: %w", err)
	}
	if !plain(column) {
		return nil, fmt.Errorf("rls: Statements: column %q is no plain name", column)
	}
	// The subselect is run once for a statement and hashed; a comparison with
	// an array would be made again and again for each row. NULLIF, because a
	// connection that has once entered keeps the setting, empty.
	inScope := fmt.Sprintf(`%q IN (SELECT unnest(string_to_array(NULLIF(current_setting('%s', true), ''), chr(31))))`, column, w.setting)
	return []string{
		`ALTER TABLE ` + name + ` ENABLE ROW LEVEL SECURITY`,
		`ALTER TABLE ` + name + ` FORCE ROW LEVEL SECURITY`,
		// What opens goes first and comes last, so that nothing is visible between
		// two statements.
		fmt.Sprintf(`DROP POLICY IF EXISTS "%s_open" ON %s`, w.policy, name),
		fmt.Sprintf(`DROP POLICY IF EXISTS "%s_wall" ON %s`, w.policy, name),
		fmt.Sprintf(`CREATE POLICY "%s_wall" ON %s AS RESTRICTIVE USING (%s) WITH CHECK (%s)`, w.policy, name, inScope, inScope),
		fmt.Sprintf(`CREATE POLICY "%s_open" ON %s USING (true) WITH CHECK (true)`, w.policy, name),
	}, nil
}

// Enter makes the rows of the scope visible until the transaction of exec ends.
// Outside of a transaction it has no effect, and nothing is visible. The zero
// Scope makes nothing visible, also where another was entered before.
func (w *Wall) Enter(ctx context.Context, exec Exec, scope ouscope.Scope) error {
	if err := exec(ctx, "SELECT set_config($1, $2, true)", w.setting, units(scope)); err != nil {
		return fmt.Errorf("rls: Enter: %w", err)
	}
	return nil
}

func units(scope ouscope.Scope) string { return strings.Join(scope.IDs(), separator) }

// Verify returns an error if the role of exec passes the wall around one of the
// tables, or if a table has none.
func (w *Wall) Verify(ctx context.Context, exec Exec, tables ...string) error {
	if len(tables) == 0 {
		return errors.New("rls: Verify: no table is named")
	}
	for _, table := range tables {
		name, err := quoteTable(table)
		if err != nil {
			return fmt.Errorf("rls: Verify: %w", err)
		}
		if err := exec(ctx, fmt.Sprintf(verification, name, w.policy+"_wall")); err != nil {
			return fmt.Errorf("rls: Verify: table %s: %w", table, err)
		}
	}
	return nil
}

const verification = `DO $verify$
DECLARE
	wall record;
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)) THEN
		RAISE EXCEPTION 'role %% is a superuser or has BYPASSRLS', current_user;
	END IF;
	SELECT relrowsecurity AND relforcerowsecurity AS up, pg_get_userbyid(relowner) AS owner
		INTO wall FROM pg_class WHERE oid = '%[1]s'::regclass;
	IF pg_has_role(current_user, wall.owner, 'MEMBER') THEN
		RAISE EXCEPTION 'role %% owns the table', current_user;
	END IF;
	IF has_table_privilege('%[1]s'::regclass, 'TRUNCATE') THEN
		RAISE EXCEPTION 'role %% may truncate the table, which no policy stops', current_user;
	END IF;
	IF NOT wall.up OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = '%[1]s'::regclass AND polname = '%[2]s' AND NOT polpermissive) THEN
		RAISE EXCEPTION 'the table has no wall';
	END IF;
END $verify$`

// quoteTable quotes a table's name and that of its schema, if any.
func quoteTable(table string) (string, error) {
	parts := strings.Split(table, ".")
	for _, part := range parts {
		if !plain(part) || len(parts) > 2 {
			return "", fmt.Errorf("table %q is no plain name", table)
		}
	}
	return `"` + strings.Join(parts, `"."`) + `"`, nil
}

func plain(name string) bool {
	if name == "" || len(name) > 50 || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
