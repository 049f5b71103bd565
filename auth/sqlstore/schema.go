package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// migrations holds the statements of each version of the schema, the oldest
// first. Released ones never change.
var migrations = [][]string{{
	`CREATE TABLE {prefix}clients (
	id text NOT NULL PRIMARY KEY CHECK (id <> ''),
	scopes text NOT NULL DEFAULT '[]',
	roles text NOT NULL DEFAULT '[]',
	unit text NOT NULL DEFAULT '',
	disabled {flag} NOT NULL DEFAULT {off}
)`,
	`CREATE TABLE {prefix}secrets (
	client text NOT NULL REFERENCES {prefix}clients (id) ON DELETE CASCADE,
	hash text NOT NULL CHECK (hash <> ''),
	not_after bigint,
	PRIMARY KEY (client, hash)
)`,
}}

// Schema returns the statements that create the tables, in order, for those who
// run migrations with a tool of their own. Scopes and roles are JSON arrays of
// strings, not_after is in microseconds since 1970. It fails as [New] does.
func Schema(opts Options) ([]string, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: Schema: %w", err)
	}
	var all []string
	for _, templates := range migrations {
		all = append(all, opts.statements(templates)...)
	}
	return all, nil
}

func (o Options) statements(templates []string) []string {
	flag, off := "boolean", "false"
	if o.Dialect == sqlite {
		flag, off = "integer", "0"
	}
	fill := strings.NewReplacer("{prefix}", o.Prefix, "{flag}", flag, "{off}", off)
	filled := make([]string, len(templates))
	for i, template := range templates {
		filled[i] = fill.Replace(template)
	}
	return filled
}

// Migrate creates the tables or brings them to the version that this package
// needs, in one transaction, and leaves newer ones alone. Several processes may
// call it at once. Where nothing is to be done it only reads, so that a program
// may run as a role of PostgreSQL that does not own the tables and may read the
// one that ends in schema.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("sqlstore: Migrate: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	table := s.opts.Prefix + "schema"
	if done, err := s.migrated(ctx, table); done || err != nil {
		return err
	}
	create := "CREATE TABLE IF NOT EXISTS " + table + " (version integer NOT NULL)"
	if s.opts.Dialect == sqlite {
		// Outside, so that the transaction begins with a write: SQLite refuses
		// one that has read and then meets another's write.
		if _, err := s.db.ExecContext(ctx, create); err != nil {
			return err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if s.opts.Dialect == postgres {
		// IF NOT EXISTS alone fails where two processes race.
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('tenet auth'), hashtext($1))", table); err != nil {
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
	if version >= len(migrations) {
		return tx.Commit()
	}
	for _, templates := range migrations[version:] {
		for _, statement := range s.opts.statements(templates) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET version = %d", table, len(migrations))); err != nil {
		return err
	}
	return tx.Commit()
}

// migrated looks whether the tables have the version that this package needs.
func (s *Store) migrated(ctx context.Context, table string) (bool, error) {
	look := "SELECT count(*) FROM sqlite_master WHERE name = ?"
	if s.opts.Dialect == postgres {
		look = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = $1"
	}
	var there int
	if err := s.db.QueryRowContext(ctx, look, table).Scan(&there); err != nil || there == 0 {
		return false, err
	}
	var version int
	err := s.db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&version)
	return version >= len(migrations), err
}
