package sqlstore_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope/sqlstore"
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
		"sqlite":                   {&sql.DB{}, sqlstore.Options{Dialect: "sqlite"}, ""},
		"postgres with a prefix":   {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Prefix: "my_2_"}, ""},
		"postgres with a channel":  {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Channel: "ou_changes"}, ""},
		"sqlite with a channel":    {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Channel: "ou_changes"}, "needs PostgreSQL"},
		"a channel with a quote":   {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Channel: `a"`}, "channel"},
		"a channel in capitals":    {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Channel: "Changes"}, "channel"},
		"a channel that is cut":    {&sql.DB{}, sqlstore.Options{Dialect: "postgres", Channel: strings.Repeat("a", 64)}, "channel"},
		"no database":              {nil, sqlstore.Options{Dialect: "sqlite"}, "db is required"},
		"no dialect":               {&sql.DB{}, sqlstore.Options{}, `dialect ""`},
		"another dialect":          {&sql.DB{}, sqlstore.Options{Dialect: "mysql"}, `dialect "mysql"`},
		"a prefix with a quote":    {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: `a"; DROP TABLE x; --`}, "prefix"},
		"a prefix in capitals":     {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: "OU_"}, "prefix"},
		"a prefix with a digit up": {&sql.DB{}, sqlstore.Options{Dialect: "sqlite", Prefix: "1_"}, "prefix"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlstore.New(tt.db, tt.opts)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("New = %v, want %q", err, tt.want)
			}
		})
	}
}

// The statements for a migration tool of one's own.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.Options{Dialect: "postgres"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, statement := range statements {
		first, _, _ := strings.Cut(statement, " (")
		fmt.Println(first)
	}
	// Output:
	// CREATE TABLE ou_units
	// CREATE INDEX ou_units_parent ON ou_units
	// CREATE TABLE ou_assignments
	// CREATE INDEX ou_assignments_unit ON ou_assignments
	// CREATE UNIQUE INDEX ou_assignments_organization ON ou_assignments
	// CREATE TABLE ou_choices
}
