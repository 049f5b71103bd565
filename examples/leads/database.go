package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/tenetkit/tenet/ouscope/follow"
	ouscopesql "github.com/tenetkit/tenet/ouscope/sqlstore"
	idempotencysql "github.com/tenetkit/tenet/resource/idempotency/sqlstore"
	jobsql "github.com/tenetkit/tenet/resource/jobs/sqlstore"
	resourcesql "github.com/tenetkit/tenet/resource/sqlstore"
)

// data is everything that the service keeps.
type data struct {
	db      *sql.DB
	walled  *sql.DB           // the same, behind row level security, on PostgreSQL alone
	units   *ouscopesql.Store // units, roles and active units
	leads   *resourcesql.Store[Lead]
	answers *idempotencysql.Store // to requests with an Idempotency-Key
	jobs    *jobsql.Store         // imports that wait, run or have ended
	cursors [][]byte              // keys of cursors; the first one makes them
}

// openData opens the database, creates what it lacks, and fills it where it is new.
func openData(ctx context.Context, c config) (_ *data, err error) {
	cursors, err := parseCursorKeys(c.cursorKey)
	if err != nil {
		return nil, err
	}
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
	d := &data{db: db, cursors: cursors}
	table := resourcesql.Options{Dialect: dialect, Table: "leads", Unit: "org_unit"}
	if err := d.openStores(ctx, dialect, table); err != nil {
		return nil, err
	}
	if len(d.cursors) == 0 {
		key, err := keptCursorKey(ctx, db, dialect)
		if err != nil {
			return nil, err
		}
		d.cursors = [][]byte{key}
	}
	if err := d.seed(ctx, dialect, c.rows); err != nil || dialect != "postgres" {
		return d, err
	}
	if d.walled, err = openWalled(ctx, db, c.db); err != nil {
		return nil, err
	}
	d.leads, err = resourcesql.New[Lead](d.walled, table)
	return d, err
}

// openStores makes the stores, and their tables.
func (d *data) openStores(ctx context.Context, dialect string, table resourcesql.Options) (err error) {
	unitOptions := ouscopesql.Options{Dialect: dialect}
	if dialect == "postgres" {
		unitOptions.Channel = changes
	}
	if d.units, err = ouscopesql.New(d.db, unitOptions); err != nil {
		return err
	}
	if d.leads, err = resourcesql.New[Lead](d.db, table); err != nil {
		return err
	}
	if d.answers, err = idempotencysql.New(d.db, idempotencysql.Options{Dialect: dialect}); err != nil {
		return err
	}
	if d.jobs, err = jobsql.New(d.db, jobsql.Options{Dialect: dialect}); err != nil {
		return err
	}
	for _, store := range []interface{ Migrate(context.Context) error }{d.units, d.leads, d.answers, d.jobs} {
		if err := store.Migrate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// changes is the channel of PostgreSQL on which each instance tells the others of
// changes to units and roles.
const changes = "leads_changes"

// listen hears of the changes of other instances.
func listen(url string) follow.Listen {
	return func(ctx context.Context, notify func(subject string)) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if _, err := conn.Exec(ctx, "LISTEN "+changes); err != nil {
			return err
		}
		notify("") // heard from here on
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			notify(n.Payload)
		}
	}
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
	return alone(ctx, d.db, dialect, func(tx *sql.Tx) error {
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
		return nil
	})
}

// alone runs do in a transaction, one process at a time, also where several start
// on one new database.
func alone(ctx context.Context, db *sql.DB, dialect string, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// In SQLite the transaction itself has the lock.
	if dialect == "postgres" {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('leads'))"); err != nil {
			return err
		}
	}
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
