package integration

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	authstore "github.com/tenetkit/tenet/auth/sqlstore"
	oustore "github.com/tenetkit/tenet/ouscope/sqlstore"
	"github.com/tenetkit/tenet/resource"
	keystore "github.com/tenetkit/tenet/resource/idempotency/sqlstore"
	jobstore "github.com/tenetkit/tenet/resource/jobs/sqlstore"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// TestMigrateAsARoleThatOwnsNothing: a program starts on a finished schema as the
// role that row level security demands, which may not create anything.
func TestMigrateAsARoleThatOwnsNothing(t *testing.T) {
	t.Parallel()
	owner := postgresDB(t)
	var schema string
	if err := owner.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	role := ownName()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, statement := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := owner.ExecContext(ctx, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	for _, statement := range []string{"CREATE ROLE " + role, "GRANT USAGE ON SCHEMA " + schema + " TO " + role} {
		if _, err := owner.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	config, err := pgx.ParseConfig(engineURL(t, "TENET_POSTGRES_URL"))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["search_path"], config.RuntimeParams["role"] = schema, role
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })

	opts := sqlstore.Options{Dialect: "postgres", Table: "things", Unit: "org_unit", Unique: []string{"note"}}
	migrations := map[string]func(*sql.DB) error{
		"resource": func(db *sql.DB) error {
			store, err := sqlstore.New[thing](db, opts)
			if err != nil {
				return err
			}
			return store.Migrate(t.Context())
		},
		"ouscope": func(db *sql.DB) error {
			store, err := oustore.New(db, oustore.Options{Dialect: "postgres"})
			if err != nil {
				return err
			}
			return store.Migrate(t.Context())
		},
		"auth": func(db *sql.DB) error {
			store, err := authstore.New(db, authstore.Options{Dialect: "postgres"})
			if err != nil {
				return err
			}
			return store.Migrate(t.Context())
		},
		"jobs": func(db *sql.DB) error {
			store, err := jobstore.New(db, jobstore.Options{Dialect: "postgres"})
			if err != nil {
				return err
			}
			return store.Migrate(t.Context())
		},
		"idempotency": func(db *sql.DB) error {
			store, err := keystore.New(db, keystore.Options{Dialect: "postgres"})
			if err != nil {
				return err
			}
			return store.Migrate(t.Context())
		},
	}
	for name, migrate := range migrations {
		if err := migrate(db); err == nil {
			t.Errorf("%s: a role without rights migrated an empty schema", name)
		}
		if err := migrate(owner); err != nil {
			t.Fatalf("%s: Migrate as the owner: %v", name, err)
		}
	}
	if _, err := owner.ExecContext(t.Context(), "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema+" TO "+role); err != nil {
		t.Fatal(err)
	}
	for name, migrate := range migrations {
		if err := migrate(db); err != nil {
			t.Errorf("%s: Migrate as a role that owns nothing: %v", name, err)
		}
	}
	store, err := sqlstore.New[thing](db, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), resource.Everything(), newThing("1", "a", 1)); err != nil {
		t.Errorf("Create as that role: %v", err)
	}
	// An index that is missing is still made.
	if _, err := owner.ExecContext(t.Context(), "DROP INDEX things_note_key"); err != nil {
		t.Fatal(err)
	}
	if err := migrations["resource"](db); err == nil {
		t.Error("a role that owns nothing made an index")
	}
	if err := migrations["resource"](owner); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.ExecContext(t.Context(), "DROP INDEX things_note_key"); err != nil {
		t.Errorf("the index was not made again: %v", err)
	}
}
