package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/sqlstore"
)

// The tests of the statements themselves run on the engines, in
// internal/integration.

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		db   *sql.DB
		opts sqlstore.Options
		want string // part of the error, or "" if none is expected
	}{
		"sqlite":                 {&sql.DB{}, sqlstore.Options{Dialect: "sqlite"}, ""},
		"postgres with a prefix": {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Prefix: "my_2_"}, ""},
		"no database":            {nil, sqlstore.Options{Dialect: "sqlite"}, "db is required"},
		"no dialect":             {&sql.DB{}, sqlstore.Options{}, `dialect ""`},
		"another dialect":        {&sql.DB{}, sqlstore.Options{Dialect: "mysql"}, `dialect "mysql"`},
		"a prefix with a quote":  {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: `a"; DROP TABLE x; --`}, "prefix"},
		"a prefix in capitals":   {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: "AUTH_"}, "prefix"},
		"a digit first":          {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: "1_"}, "prefix"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlstore.New(tt.db, tt.opts)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
			if _, err := sqlstore.Schema(tt.opts); tt.db != nil && (err == nil) != (tt.want == "") {
				t.Errorf("Schema = %v", err)
			}
		})
	}
}

// What auth would refuse does not get as far as the database.
func TestWritesRefuse(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.New(&sql.DB{}, sqlstore.Options{Dialect: "sqlite"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, hash := auth.GenerateSecret()
	for name, err := range map[string]error{
		"Put without an id":               store.Put(ctx, auth.Client{}),
		"Put of a plain secret":           store.Put(ctx, auth.Client{ID: "a", Secrets: []auth.Secret{{Hash: "secret"}}}),
		"Rotate to a plain secret":        store.Rotate(ctx, "a", "secret", time.Hour),
		"Rotate with a negative overlap":  store.Rotate(ctx, "a", hash, -1),
		"ReplaceHash with a plain secret": store.ReplaceHash(ctx, "a", hash, "secret"),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "sqlstore: ") {
			t.Errorf("%s = %v, want an error", name, err)
		}
	}
}

// The database is opened with whichever driver the program uses.
func Example() {
	start := func(ctx context.Context, db *sql.DB) (*auth.Basic, error) {
		store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
		if err != nil {
			return nil, err
		}
		if err := store.Migrate(ctx); err != nil {
			return nil, err
		}
		return auth.NewBasic(store.Client, auth.BasicOptions{
			// Hashes of an older kind are renewed when their secret comes by.
			Outdated: func(ctx context.Context, id, old, secret string) {
				if hash, err := auth.HashSecret(secret); err == nil {
					_ = store.ReplaceHash(ctx, id, old, hash)
				}
			},
		})
	}
	_ = start
}

// The statements for a migration tool of one's own.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.Options{Dialect: "sqlite"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, statement := range statements {
		fmt.Println(statement)
	}
	// Output:
	// CREATE TABLE auth_clients (
	// 	id text NOT NULL PRIMARY KEY CHECK (id <> ''),
	// 	scopes text NOT NULL DEFAULT '[]',
	// 	roles text NOT NULL DEFAULT '[]',
	// 	unit text NOT NULL DEFAULT '',
	// 	disabled integer NOT NULL DEFAULT 0
	// )
	// CREATE TABLE auth_secrets (
	// 	client text NOT NULL REFERENCES auth_clients (id) ON DELETE CASCADE,
	// 	hash text NOT NULL CHECK (hash <> ''),
	// 	not_after bigint,
	// 	PRIMARY KEY (client, hash)
	// )
}
