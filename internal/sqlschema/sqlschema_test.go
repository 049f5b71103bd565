package sqlschema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/internal/sqlschema"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tables sqlschema.Tables
		want   string // part of the error, or "" for none
	}{
		"sqlite":                     {sqlschema.Tables{Dialect: "sqlite", Prefix: "ou_"}, ""},
		"postgres":                   {sqlschema.Tables{Dialect: "postgres", Prefix: "a1_"}, ""},
		"no dialect":                 {sqlschema.Tables{Prefix: "ou_"}, "dialect"},
		"another dialect":            {sqlschema.Tables{Dialect: "mysql", Prefix: "ou_"}, "dialect"},
		"a digit first":              {sqlschema.Tables{Dialect: "sqlite", Prefix: "1_"}, "prefix"},
		"capitals":                   {sqlschema.Tables{Dialect: "sqlite", Prefix: "Ou_"}, "prefix"},
		"as long as may be":          {sqlschema.Tables{Dialect: "postgres", Prefix: strings.Repeat("a", 39)}, ""},
		"too long for PostgreSQL":    {sqlschema.Tables{Dialect: "postgres", Prefix: strings.Repeat("a", 40)}, "prefix"},
		"what would end a statement": {sqlschema.Tables{Dialect: "sqlite", Prefix: "a;drop table b"}, "prefix"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.tables.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check() = %v, want an error about %q", err, tt.want)
			}
		})
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	migrations := [][]string{{"CREATE TABLE {prefix}a (b {flag} DEFAULT {off}, d {bytes})"}, {"ALTER TABLE {prefix}a ADD COLUMN c"}}
	for dialect, want := range map[string][]string{
		"sqlite":   {"CREATE TABLE x_a (b integer DEFAULT 0, d blob)"},
		"postgres": {"CREATE TABLE x_a (b boolean DEFAULT false, d bytea)"},
	} {
		got := sqlschema.Tables{Dialect: dialect, Prefix: "x_", Migrations: migrations}.Statements()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Statements mismatch (-want +got):\n%s", dialect, diff)
		}
	}
}
