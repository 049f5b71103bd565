// Package sqlstore keeps the rows of a resource in a table of SQLite or
// PostgreSQL, through database/sql and whatever driver the program has.
//
//	store, err := sqlstore.New[Lead](db, sqlstore.Options{Dialect: "sqlite", Table: "leads", Unit: "org_unit"})
//	err = store.Migrate(ctx)
//	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{Scope: scopeOf})
//
// The table has a column for each JSON member of the row type, under its name.
// Strings, bools, numbers and times have columns of their kind; anything else is
// kept as JSON text. A pointer is a column that may be NULL.
//
//	              SQLite                            PostgreSQL
//	string        TEXT                              text COLLATE "C"
//	bool          INTEGER, 0 or 1                   boolean
//	integers      INTEGER                           bigint
//	floats        REAL                              double precision
//	time.Time     TEXT, RFC 3339 with six decimals  timestamptz
//	other types   TEXT, JSON                        text, JSON
//
// Strings are ordered by their bytes and NULL comes first on both, so that a list
// is in the same order everywhere.
//
// # Scope
//
// Every statement but [Store.Insert] carries the condition of the scope
// ([resource.Scope]), the counting one included; values are bound, never written
// into the text. Updates read, change and write in one transaction: SELECT ...
// FOR UPDATE on PostgreSQL, BEGIN IMMEDIATE on SQLite, where a busy_timeout in
// the data source name lets writers wait for each other instead of failing.
//
// # Cursors
//
// A page behind a cursor ([resource.Options.Cursors]) is found by a condition on
// the sort keys, without an OFFSET. What makes it, and the first page, cheap in a
// large table is an index in the order of the list, which Migrate does not know
// of; those over the id it makes itself:
//
//	CREATE INDEX leads_by_date ON leads (created_at, id)
//	CREATE INDEX leads_by_email ON leads (email NULLS FIRST, id)  -- a column with nulls, on PostgreSQL
//
// It serves both directions. With the unit as its first column it serves callers
// of one unit better, and those of several not at all.
//
// # Conflicts
//
// What the engine refuses because of the row is an [*apierror.Error] by the rules
// of package [sqlerr]: a value that breaks a unique index is a 409, with the field
// where the index is one of [Options.Unique] or named by PostgreSQL's custom
// (leads_email_key). A database that is locked for too long is a 503.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

// Options names the table of a [Store]. Dialect and Table are required.
type Options struct {
	// Dialect is sqlite or postgres.
	Dialect string

	// Table is the name of the table: lower-case letters, digits and _.
	Table string

	// Unit is the column with the row's unit, which is the JSON name in the
	// row type (org_unit). If empty, the rows belong to no unit, and every
	// scope but nil holds all of them: it is for unscoped resources alone.
	Unit string

	// Unique lists fields whose values are unique within a unit, or within the
	// table where there is no Unit. A value that is taken is a 409.
	Unique []string
}

// A Store keeps rows of one type. It is safe for concurrent use.
type Store[Row any] struct {
	db     *sql.DB
	opts   Options
	fields []rowtype.Field
	id     *rowtype.Field
	unit   *rowtype.Field // nil if the rows have none
	errors sqlerr.Options

	columns  string // all, quoted, with commas
	selected string // the same, each with its table
	set      string // column = placeholder of all but the id
	byID     string // placeholder of the id behind those of set
}

var _ resource.Store[struct{}] = (*Store[struct{}])(nil)

// New returns a store in db. It does not touch the database; see
// [Store.Migrate]. It fails if the options do not fit the row type.
func New[Row any](db *sql.DB, opts Options) (*Store[Row], error) {
	s := &Store[Row]{db: db, opts: opts}
	if err := s.declare(); err != nil {
		return nil, fmt.Errorf("sqlstore: New: %w", err)
	}
	return s, nil
}

func (s *Store[Row]) declare() error {
	switch {
	case s.db == nil:
		return errors.New("a database is required")
	case s.opts.Dialect != sqlite && s.opts.Dialect != postgres:
		return fmt.Errorf("Options.Dialect is %q and must be sqlite or postgres", s.opts.Dialect)
	case !soundTable(s.opts.Table):
		return fmt.Errorf("Options.Table: %q is not made of lower-case letters, digits and _", s.opts.Table)
	}
	t := reflect.TypeFor[Row]()
	var err error
	if s.fields, err = rowtype.Fields(t); err != nil {
		return err
	}
	if s.id, err = s.text(t, "id"); err != nil {
		return err
	}
	if s.opts.Unit != "" {
		if s.unit, err = s.text(t, s.opts.Unit); err != nil {
			return err
		}
		if len(s.opts.Table)+len(s.opts.Unit) > maxIndexed {
			return fmt.Errorf("Options.Unit: the name of the index on %q would be too long", s.opts.Unit)
		}
	}
	s.errors = s.answers()
	lower := map[string]string{}
	var columns, selected, set []string
	for i := range s.fields {
		f := &s.fields[i]
		if strings.ContainsAny(f.Name, "\"\x00") || len(f.Name) > 63 {
			return fmt.Errorf("field %s: the JSON name %q cannot be a column", f.GoName, f.Name)
		}
		if f.Kind == rowtype.Uint && f.Bits() == 64 {
			return fmt.Errorf("field %s: a %v may be larger than any integer of the database; use int64", f.GoName, f.Type)
		}
		if other, ok := lower[strings.ToLower(f.Name)]; ok {
			return fmt.Errorf("field %s: the column %q differs from %q in case alone", f.GoName, f.Name, other)
		}
		lower[strings.ToLower(f.Name)] = f.Name
		columns, selected = append(columns, quote(f.Name)), append(selected, s.column(f.Name))
		if f.Name != "id" {
			set = append(set, quote(f.Name)+" = "+s.placeholder(len(set)+1))
		}
	}
	for _, name := range s.opts.Unique {
		if f := rowtype.Find(s.fields, name); f == nil || f.Kind == rowtype.JSON {
			return fmt.Errorf("Options.Unique: %v has no field %q that can be compared", t, name)
		}
		if len(s.opts.Table)+len(name) > maxIndexed {
			return fmt.Errorf("Options.Unique: the name of the index on %q would be too long", name)
		}
	}
	s.columns, s.selected, s.set = strings.Join(columns, ", "), strings.Join(selected, ", "), strings.Join(set, ", ")
	s.byID = s.placeholder(len(set) + 1)
	return nil
}

func (s *Store[Row]) text(t reflect.Type, name string) (*rowtype.Field, error) {
	f := rowtype.Find(s.fields, name)
	if f == nil || f.Kind != rowtype.String || f.Nullable {
		return nil, fmt.Errorf("%v has no string with the JSON name %q", t, name)
	}
	return f, nil
}

// maxIndexed is how long the names of a table and a column may be together for
// PostgreSQL not to cut off the name of an index: table_column_key.
const maxIndexed = 63 - len("__key")

func soundTable(name string) bool {
	return name != "" && len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" &&
		(name[0] < '0' || name[0] > '9')
}

func quote(name string) string { return `"` + name + `"` }

// column returns a column as expressions name it: with its table, since SQLite
// takes a name alone, if no column has it, for a text.
func (s *Store[Row]) column(name string) string { return quote(s.opts.Table) + "." + quote(name) }

// placeholder returns the n-th of a statement, counted from 1.
func (s *Store[Row]) placeholder(n int) string {
	if s.opts.Dialect == postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// UnitField returns Options.Unit, by which [resource.New] sees that store and
// resource mean the same field.
func (s *Store[Row]) UnitField() string { return s.opts.Unit }

// execer is what all statements that return nothing go through.
type execer = interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// querier is what all statements go through.
type querier interface {
	execer
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
