package sqlstore

import (
	"context"
	"fmt"

	"github.com/tenetkit/tenet/internal/sqlschema"
)

// migrations holds the statements that create the tables, and then those that bring
// tables of each version to the next one, the oldest first: released ones never
// change.
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
	return opts.tables().Statements(), nil
}

func (o Options) tables() sqlschema.Tables {
	return sqlschema.Tables{Dialect: o.Dialect, Prefix: o.Prefix, Migrations: migrations}
}

// Migrate creates the tables or brings them to the version that this package
// needs, in one transaction, and leaves newer ones alone. Several processes may
// call it at once. Where nothing is to be done it only reads, so that a program
// may run as a role of PostgreSQL that does not own the tables and may read the
// one that ends in schema.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.opts.tables().Migrate(ctx, s.db); err != nil {
		return fmt.Errorf("sqlstore: Migrate: %w", err)
	}
	return nil
}
