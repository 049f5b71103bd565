package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	ouscopesql "github.com/tenetkit/tenet/ouscope/sqlstore"
	resourcesql "github.com/tenetkit/tenet/resource/sqlstore"
)

// data is everything that the service keeps.
type data struct {
	db    *sql.DB
	units *ouscopesql.Store // units, roles and active units
	leads *resourcesql.Store[Lead]
}

// openData opens the database, creates what it lacks, and fills it where it is new.
func openData(ctx context.Context, c config) (_ *data, err error) {
	db, dialect, err := openDatabase(c.db)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
			err = fmt.Errorf("-db: %w", err)
		}
	}()
	if err := db.PingContext(ctx); err != nil {
		return nil, err
	}
	units, err := ouscopesql.New(db, ouscopesql.Options{Dialect: dialect})
	if err != nil {
		return nil, err
	}
	leads, err := resourcesql.New[Lead](db, resourcesql.Options{Dialect: dialect, Table: "leads", Unit: "org_unit"})
	if err != nil {
		return nil, err
	}
	d := &data{db: db, units: units, leads: leads}
	if err := d.units.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := d.leads.Migrate(ctx); err != nil {
		return nil, err
	}
	return d, d.seed(ctx, dialect, c.rows)
}

// openDatabase opens PostgreSQL for a URL and SQLite for a path.
func openDatabase(name string) (db *sql.DB, dialect string, err error) {
	if isPostgres(name) {
		db, err = sql.Open("pgx", name)
		return db, "postgres", err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, "", fmt.Errorf("-db: %w", err)
	}
	// Readers do not wait for the writer (WAL), writers wait for each other, and a
	// transaction takes the write lock at its start, so that none fails half way.
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(name), RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err = sql.Open("sqlite", dsn.String())
	return db, "sqlite", err
}

// seed fills a database that has no units yet, in one transaction: an
// interrupted start leaves it new.
func (d *data) seed(ctx context.Context, dialect string, rows int) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// One process at a time, also where several start on one new database. In
	// SQLite the transaction itself has the lock.
	if dialect == "postgres" {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('leads'))"); err != nil {
			return err
		}
	}
	if units, err := d.units.Units(ctx); err != nil || len(units) > 0 {
		return err
	}
	if err := d.units.Insert(ctx, tx, demoUnits(), demoAssignments()); err != nil {
		return err
	}
	for _, unit := range demoUnits() {
		if err := d.leads.Insert(ctx, tx, demoLeads(unit.ID, rows)...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
