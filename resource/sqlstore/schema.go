package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// Schema returns the statements that create the table and its indexes where they
// are missing. They do not change a table that exists: new columns are for the
// program's own migrations.
func (s *Store[Row]) Schema() []string {
	var statements []string
	for _, o := range s.objects() {
		statements = append(statements, o.create)
	}
	return statements
}

// object is a table or an index.
type object struct{ name, create string }

func (s *Store[Row]) objects() []object {
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
	all := []object{{s.opts.Table, b.String()}}
	if s.unit != nil {
		all = append(all, s.index("INDEX", s.opts.Table+"_"+s.opts.Unit+"_idx", s.opts.Unit, "id"))
	}
	for _, name := range s.opts.Unique {
		columns := []string{name}
		if s.unit != nil && name != s.opts.Unit {
			columns = []string{s.opts.Unit, name}
		}
		all = append(all, s.index("UNIQUE INDEX", s.opts.Table+"_"+name+"_key", columns...))
	}
	return all
}

func (s *Store[Row]) index(kind, name string, columns ...string) object {
	return object{name, "CREATE " + kind + " IF NOT EXISTS " + quote(name) + " ON " + quote(s.opts.Table) +
		` ("` + strings.Join(columns, `", "`) + `")`}
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

// Migrate runs the statements of [Store.Schema] for what is missing, in one
// transaction. Several processes may call it at once. Where nothing is missing it
// needs no right to create anything, so that a program may run as a role of
// PostgreSQL that does not own the table.
func (s *Store[Row]) Migrate(ctx context.Context) error {
	err := s.atomically(ctx, func(q querier) error {
		if s.opts.Dialect == postgres {
			// IF NOT EXISTS alone fails where two processes race.
			if _, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('tenet resource'), hashtext($1))", s.opts.Table); err != nil {
				return err
			}
		}
		for _, o := range s.objects() {
			table, err := s.tableOf(ctx, q, o.name)
			if err != nil {
				return err
			}
			if table != "" && !strings.EqualFold(table, s.opts.Table) {
				return fmt.Errorf("the name %q belongs to %q already; give one of the tables another name", o.name, table)
			}
			if table != "" {
				continue
			}
			if _, err := q.ExecContext(ctx, o.create); err != nil {
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

// tableOf looks for a table or an index where it would be created, and returns
// which table it is, or is of, or "". PostgreSQL asks for the owner's rights before
// it finds that there is nothing to do.
func (s *Store[Row]) tableOf(ctx context.Context, q querier, name string) (table string, err error) {
	query := "SELECT tbl_name FROM sqlite_master WHERE name = ? COLLATE NOCASE"
	if s.opts.Dialect == postgres {
		query = `SELECT coalesce(t.relname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
WHERE n.nspname = current_schema() AND c.relname = $1`
	}
	rows, err := q.QueryContext(ctx, query, name)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		err = rows.Scan(&table)
	}
	return table, cmp.Or(err, rows.Err())
}
