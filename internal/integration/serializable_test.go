package integration

import (
	"database/sql"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// isolatedDB is a database of PostgreSQL whose transactions have the level by
// default.
func isolatedDB(t testing.TB, level string) *sql.DB {
	t.Helper()
	var schema string
	if err := postgresDB(t).QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(os.Getenv("TENET_POSTGRES_URL"))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["search_path"], config.RuntimeParams["default_transaction_isolation"] = schema, level
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(8)
	return db
}

var levels = []string{"read committed", "repeatable read", "serializable"}

// TestMigrateAtAnyIsolation: the second of two processes has to see what the first
// one has done while it waited.
func TestMigrateAtAnyIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range levels {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			for range 5 {
				db := isolatedDB(t, level)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						jobStore(t, db, "postgres")
						newThings(t, db, sqlstore.Options{Dialect: "postgres", Table: "things", Unit: "org_unit", Unique: []string{"name"}})
					})
				}
				wg.Wait()
			}
		})
	}
}

// TestResourceStoreAtAnyIsolation: above read committed, PostgreSQL ends the
// transactions that it would let wait otherwise.
func TestResourceStoreAtAnyIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range levels[1:] {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			resourcetest.TestStore(t, resourcetest.Options[thing]{
				New: func(t *testing.T) resource.Store[thing] {
					return newThings(t, isolatedDB(t, level), sqlstore.Options{Dialect: "postgres", Table: "things", Unit: "org_unit"})
				},
				Row: newThing,
			})
		})
	}
}
