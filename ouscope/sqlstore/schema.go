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
	`CREATE TABLE {prefix}units (
	organization text NOT NULL DEFAULT '',
	id text NOT NULL CHECK (id <> ''),
	parent text,
	name text NOT NULL DEFAULT '',
	slug text NOT NULL DEFAULT '',
	external_ref text NOT NULL DEFAULT '',
	is_default {flag} NOT NULL DEFAULT {off},
	disabled {flag} NOT NULL DEFAULT {off},
	PRIMARY KEY (organization, id),
	FOREIGN KEY (organization, parent) REFERENCES {prefix}units (organization, id)
)`,
	`CREATE INDEX {prefix}units_parent ON {prefix}units (organization, parent)`,
	`CREATE TABLE {prefix}assignments (
	id text NOT NULL PRIMARY KEY CHECK (id <> ''),
	subject text NOT NULL CHECK (subject <> ''),
	organization text NOT NULL DEFAULT '',
	unit text,
	role text NOT NULL CHECK (role <> ''),
	no_inherit {flag} NOT NULL DEFAULT {off},
	UNIQUE (subject, organization, unit, role),
	CHECK (unit IS NOT NULL OR organization <> ''),
	FOREIGN KEY (organization, unit) REFERENCES {prefix}units (organization, id) ON DELETE CASCADE
)`,
	`CREATE INDEX {prefix}assignments_unit ON {prefix}assignments (organization, unit)`,
	`CREATE UNIQUE INDEX {prefix}assignments_organization ON {prefix}assignments (subject, organization, role) WHERE unit IS NULL`,
	`CREATE TABLE {prefix}choices (
	organization text NOT NULL DEFAULT '',
	subject text NOT NULL,
	unit text NOT NULL,
	PRIMARY KEY (organization, subject)
)`,
}}

// Schema returns the statements that create the tables, in order, for those who
// run migrations with a tool of their own. It fails as [New] does.
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
