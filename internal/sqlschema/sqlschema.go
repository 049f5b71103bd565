// Package sqlschema brings the tables of a package to the version that it needs,
// in SQLite or PostgreSQL, through database/sql.
package sqlschema

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// The dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Tables are the tables of one package in one database.
type Tables struct {
	Dialect string // SQLite or Postgres

	// Prefix begins the names of the tables: a lower-case letter or an
	// underscore, then digits too, 39 at most. The table that keeps the version is
	// Prefix + "schema".
	Prefix string

	// Migrations holds first the statements that create the tables as they
	// are at the newest version, and then those that bring tables of each
	// version to the next one, the oldest first: released ones never change. In
	// them {prefix} stands for the prefix, {flag} for the type of a bool, {off}
	// for its false, {bytes} for [BytesType].
	Migrations [][]string
}

// maxPrefix leaves room for the longest name, of 24 letters: PostgreSQL cuts off
// what is behind 63, and two names would be one.
const maxPrefix = 39

// Check returns what is wrong with the dialect or the prefix.
func (t Tables) Check() error {
	if t.Dialect != SQLite && t.Dialect != Postgres {
		return fmt.Errorf("dialect %q is neither %s nor %s", t.Dialect, SQLite, Postgres)
	}
	if len(t.Prefix) > maxPrefix {
		return fmt.Errorf("prefix %q has more than %d letters", t.Prefix, maxPrefix)
	}
	for i, c := range []byte(t.Prefix) {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("prefix %q is not made of lower-case letters, digits and _", t.Prefix)
		}
	}
	return nil
}

// Statements returns those that create the tables, in order.
func (t Tables) Statements() []string { return t.fill(t.Migrations[0]) }

// BytesType returns the type of a column of bytes.
func BytesType(dialect string) string {
	if dialect == SQLite {
		return "blob"
	}
	return "bytea"
}

func (t Tables) fill(templates []string) []string {
	flag, off := "boolean", "false"
	if t.Dialect == SQLite {
		flag, off = "integer", "0"
	}
	fill := strings.NewReplacer("{prefix}", t.Prefix, "{flag}", flag, "{off}", off, "{bytes}", BytesType(t.Dialect))
	filled := make([]string, len(templates))
	for i, template := range templates {
		filled[i] = fill.Replace(template)
	}
	return filled
}

// Migrate creates the tables or brings them to the newest version, in one
// transaction, and leaves those of a newer program alone. Several processes may
// call it at once. Where nothing is to be done it only reads.
func (t Tables) Migrate(ctx context.Context, db *sql.DB) error {
	table := t.Prefix + "schema"
	if done, err := t.done(ctx, db, table); done || err != nil {
		return err
	}
	create := "CREATE TABLE IF NOT EXISTS " + table + " (version integer NOT NULL)"
	if t.Dialect == SQLite {
		// Outside, so that the transaction begins with a write: SQLite refuses
		// one that has read and then meets another's write.
		if _, err := db.ExecContext(ctx, create); err != nil {
			return err
		}
	}
	var opts *sql.TxOptions
	if t.Dialect == Postgres {
		// What others have done before they give the lock away has to be seen,
		// whatever level transactions have by default.
		opts = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if t.Dialect == Postgres {
		// IF NOT EXISTS alone fails where two processes race.
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('tenet'), hashtext($1))", table); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, create); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO "+table+" SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM "+table+")"); err != nil {
		return err
	}
	var version int
	if err := tx.QueryRowContext(ctx, "SELECT max(version) FROM "+table).Scan(&version); err != nil {
		return err
	}
	if version >= len(t.Migrations) {
		return tx.Commit()
	}
	missing := t.Migrations[version:]
	if version == 0 {
		missing = t.Migrations[:1]
	}
	for _, templates := range missing {
		for _, statement := range t.fill(templates) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET version = %d", table, len(t.Migrations))); err != nil {
		return err
	}
	return tx.Commit()
}

// done looks whether the tables have the newest version.
func (t Tables) done(ctx context.Context, db *sql.DB, table string) (bool, error) {
	look := "SELECT count(*) FROM sqlite_master WHERE name = ?"
	if t.Dialect == Postgres {
		look = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = $1"
	}
	var there int
	if err := db.QueryRowContext(ctx, look, table).Scan(&there); err != nil || there == 0 {
		return false, err
	}
	var version int
	err := db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&version)
	return version >= len(t.Migrations), err
}
