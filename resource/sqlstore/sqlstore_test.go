package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource/sqlstore"
)

type Lead struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Email     *string           `json:"email"`
	Value     float64           `json:"value"`
	Active    bool              `json:"active"`
	Count     int               `json:"count"`
	Labels    map[string]string `json:"labels"`
	OrgUnit   string            `json:"org_unit"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

// unreachable is a database that nobody answers for: New and Schema do not ask.
type unreachable struct{}

func (unreachable) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("no database")
}
func (unreachable) Driver() driver.Driver { return nil }

func TestSchema(t *testing.T) {
	t.Parallel()
	const indexes = `CREATE INDEX IF NOT EXISTS "leads_org_unit_idx" ON "leads" ("org_unit", "id");
CREATE UNIQUE INDEX IF NOT EXISTS "leads_email_key" ON "leads" ("org_unit", "email");
`
	tests := map[string]string{
		"sqlite": `CREATE TABLE IF NOT EXISTS "leads" (
	"id" TEXT NOT NULL PRIMARY KEY,
	"name" TEXT NOT NULL,
	"email" TEXT,
	"value" REAL NOT NULL,
	"active" INTEGER NOT NULL,
	"count" INTEGER NOT NULL,
	"labels" TEXT NOT NULL,
	"org_unit" TEXT NOT NULL,
	"created_at" TEXT NOT NULL,
	"updated_at" TEXT NOT NULL
);
` + indexes,
		"postgres": `CREATE TABLE IF NOT EXISTS "leads" (
	"id" text COLLATE "C" NOT NULL PRIMARY KEY,
	"name" text COLLATE "C" NOT NULL,
	"email" text COLLATE "C",
	"value" double precision NOT NULL,
	"active" boolean NOT NULL,
	"count" bigint NOT NULL,
	"labels" text NOT NULL,
	"org_unit" text COLLATE "C" NOT NULL,
	"created_at" timestamptz NOT NULL,
	"updated_at" timestamptz NOT NULL
);
` + indexes,
	}
	for dialect, want := range tests {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			store, err := sqlstore.New[Lead](sql.OpenDB(unreachable{}), sqlstore.Options{
				Dialect: dialect, Table: "leads", Unit: "org_unit", Unique: []string{"email"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, strings.Join(store.Schema(), ";\n")+";\n"); diff != "" {
				t.Errorf("Schema mismatch (-want +got):\n%s", diff)
			}
			if err := store.Migrate(t.Context()); err == nil || err.Error() != "sqlstore: Migrate: no database" {
				t.Errorf("Migrate without a database: %v", err)
			}
		})
	}
}

func TestNewRefusesWhatCannotBeATable(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(unreachable{})
	sound := sqlstore.Options{Dialect: "sqlite", Table: "leads", Unit: "org_unit"}
	type big struct {
		ID    string `json:"id"`
		Count uint64 `json:"count"`
	}
	type cases struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		NAME string `json:"Name"`
	}
	type long struct {
		ID   string `json:"id"`
		Name string `json:"a_name_that_is_longer_than_the_sixty_three_bytes_that_postgresql_keeps"`
	}
	type wide struct {
		ID   string `json:"id"`
		Unit string `json:"a_name_of_fifty_four_bytes_that_a_column_may_well_have"`
	}
	tests := map[string]struct {
		err  error
		want string
	}{
		"no database":          {tryNew[Lead](nil, sound), "a database is required"},
		"no dialect":           {tryNew[Lead](db, sqlstore.Options{Table: "leads"}), `Options.Dialect is "" and must be sqlite or postgres`},
		"a strange table":      {tryNew[Lead](db, sqlstore.Options{Dialect: "sqlite", Table: `leads"; DROP`}), "is not made of lower-case letters"},
		"no such unit":         {tryNew[Lead](db, sqlstore.Options{Dialect: "sqlite", Table: "leads", Unit: "ou"}), `no string with the JSON name "ou"`},
		"no such unique":       {tryNew[Lead](db, sqlstore.Options{Dialect: "sqlite", Table: "leads", Unique: []string{"nam"}}), `has no field "nam"`},
		"a unique of many":     {tryNew[Lead](db, sqlstore.Options{Dialect: "sqlite", Table: "leads", Unique: []string{"labels"}}), `has no field "labels"`},
		"no struct":            {tryNew[int](db, sqlstore.Options{Dialect: "sqlite", Table: "leads"}), "int is not a struct"},
		"an integer too large": {tryNew[big](db, sqlstore.Options{Dialect: "sqlite", Table: "leads"}), "field Count: a uint64 may be larger"},
		"names in two cases":   {tryNew[cases](db, sqlstore.Options{Dialect: "sqlite", Table: "leads"}), `the column "Name" differs from "name" in case alone`},
		"an index too long": {
			tryNew[wide](db, sqlstore.Options{Dialect: "sqlite", Table: "leads", Unit: "a_name_of_fifty_four_bytes_that_a_column_may_well_have"}),
			`the name of the index on "a_name_of_fifty_four_bytes_that_a_column_may_well_have" would be too long`,
		},
		"a name too long": {tryNew[long](db, sqlstore.Options{Dialect: "sqlite", Table: "leads"}), "cannot be a column"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) || !strings.HasPrefix(tt.err.Error(), "sqlstore: New: ") {
				t.Errorf("New: error = %v, want one with %q", tt.err, tt.want)
			}
		})
	}
}

func tryNew[Row any](db *sql.DB, opts sqlstore.Options) error {
	_, err := sqlstore.New[Row](db, opts)
	return err
}
