package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/rls"
	"github.com/tenetkit/tenet/resource"
	resourcesql "github.com/tenetkit/tenet/resource/sqlstore"
)

// rowsRole is the role of PostgreSQL that serves the leads. It owns nothing, so
// that row level security holds for it: a statement that forgot its condition
// would return nothing.
const rowsRole = "leads_rows"

// openWalled returns a database that reaches the leads behind a wall, and builds
// the wall where it does not stand. The table has to be there.
func openWalled(ctx context.Context, db *sql.DB, url string) (_ *sql.DB, err error) {
	wall, err := rls.New(rls.Options{})
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	walled := sql.OpenDB(wall.Connector(stdlib.GetConnector(*config, stdlib.OptionAfterConnect(stepDown))))
	defer func() {
		if err != nil {
			err = errors.Join(err, walled.Close())
		}
	}()
	exec := func(ctx context.Context, query string, args ...any) error {
		_, err := walled.ExecContext(ctx, query, args...)
		return err
	}
	if wall.Verify(ctx, exec, "leads") == nil {
		return walled, nil
	}
	if err := buildWall(ctx, db, wall); err != nil {
		return nil, fmt.Errorf("row level security: %w", err)
	}
	if err := wall.Verify(ctx, exec, "leads"); err != nil {
		return nil, fmt.Errorf("row level security: %w", err)
	}
	return walled, nil
}

// stepDown makes a connection of the owner one of the role that cannot pass.
func stepDown(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET ROLE "+rowsRole)
	return err
}

// buildWall creates the role and the policies. It takes a user who owns the table
// and may create roles, once.
func buildWall(ctx context.Context, db *sql.DB, wall *rls.Wall) error {
	policies, err := wall.Statements("leads", "org_unit")
	if err != nil {
		return err
	}
	statements := append([]string{
		// Roles belong to all databases of a server.
		`DO $$ BEGIN
			CREATE ROLE ` + rowsRole + `;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
		END $$`,
		`DO $$ BEGIN
			IF NOT pg_has_role('` + rowsRole + `', 'MEMBER') THEN GRANT ` + rowsRole + ` TO CURRENT_USER; END IF;
			EXECUTE format('GRANT USAGE ON SCHEMA %I TO ` + rowsRole + `', current_schema());
		END $$`,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON leads TO " + rowsRole,
	}, policies...)
	return alone(ctx, db, "postgres", func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// A leadStore hands the scope to the wall, which reads it from the context: that of
// a request has it, that of an import, which goes on without one, has not.
type leadStore struct{ *resourcesql.Store[Lead] }

// Create adds a row in the scope.
func (s leadStore) Create(ctx context.Context, scope resource.Scope, lead Lead) (Lead, error) {
	return s.Store.Create(entering(ctx, scope), scope, lead)
}

// Get is asked by an import whether a row is in already.
func (s leadStore) Get(ctx context.Context, scope resource.Scope, id string) (Lead, error) {
	return s.Store.Get(entering(ctx, scope), scope, id)
}

func entering(ctx context.Context, scope resource.Scope) context.Context {
	if units, ok := scope.(ouscope.Scope); ok {
		return ouscope.NewContext(ctx, units)
	}
	return ctx
}
