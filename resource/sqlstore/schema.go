package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// Schema returns the statements that create the table and its indexes where they
// are missing. They do not change a table that exists: new columns are for the
// program's own migrations.
func (s *Store[Row]) Schema() []string {
	var b strings.Builder
	b.WriteString("CREATE TABLE IF NOT EXISTS " + quote(s.opts.Table) + " (\n")
	for i := range s.fields {
		f := &s.fields[i]
		b.WriteString("\t" + quote(f.Name) + " " + s.columnType(f))
		if !f.Nullable {
			b.WriteString(" NOT NULL")
		}
		if f.Name == "id" {
			b.WriteString(" PRIMARY KEY")
		}
		if i < len(s.fields)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteByte(')')
	statements := []string{b.String()}
	if s.unit != nil {
		statements = append(statements, s.index("INDEX", s.opts.Table+"_"+s.opts.Unit+"_idx", s.opts.Unit, "id"))
	}
	for _, name := range s.opts.Unique {
		columns := []string{name}
		if s.unit != nil && name != s.opts.Unit {
			columns = []string{s.opts.Unit, name}
		}
		statements = append(statements, s.index("UNIQUE INDEX", s.opts.Table+"_"+name+"_key", columns...))
	}
	return statements
}

func (s *Store[Row]) index(kind, name string, columns ...string) string {
	return "CREATE " + kind + " IF NOT EXISTS " + quote(name) + " ON " + quote(s.opts.Table) +
		` ("` + strings.Join(columns, `", "`) + `")`
}

func (s *Store[Row]) columnType(f *rowtype.Field) string {
	lite, pg := "TEXT", "text"
	switch f.Kind {
	case rowtype.String:
		pg = `text COLLATE "C"`
	case rowtype.Bool:
		lite, pg = "INTEGER", "boolean"
	case rowtype.Int, rowtype.Uint:
		lite, pg = "INTEGER", "bigint"
	case rowtype.Float:
		lite, pg = "REAL", "double precision"
	case rowtype.Time:
		pg = "timestamptz"
	}
	if s.opts.Dialect == postgres {
		return pg
	}
	return lite
}

// Migrate runs the statements of [Store.Schema] in one transaction. Several
// processes may call it at once.
func (s *Store[Row]) Migrate(ctx context.Context) error {
	err := s.atomically(ctx, func(q querier) error {
		if s.opts.Dialect == postgres {
			// IF NOT EXISTS alone fails where two processes race.
			if _, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('tenet resource'), hashtext($1))", s.opts.Table); err != nil {
				return err
			}
		}
		for _, statement := range s.Schema() {
			if _, err := q.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlstore: Migrate: %w", err)
	}
	return nil
}
