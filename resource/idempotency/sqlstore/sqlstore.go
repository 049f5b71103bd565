// Package sqlstore keeps the keys of package idempotency in a table of SQLite or
// PostgreSQL, through database/sql and whatever driver the program has: a key that
// one process has answered is known to all of them, and after a restart.
//
//	store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
//	err = store.Migrate(ctx)
//	once, err := idempotency.New(auth.Subject, unit, store, idempotency.Options{})
//
// A request with a key costs two statements: one that claims the key, atomically
// and without a transaction that stays open while the handler runs, and one that
// keeps the answer. A repeated one costs two that change nothing.
//
// # What is in the table
//
// Digests of keys and requests, and the answers as they were sent, bodies
// included: it needs the protection that the data itself has. What is too old is
// removed, an hour later at most in a table that is used, by the requests
// themselves; no job has to run. Times are those of the processes, whose clocks
// have to agree to within less than [idempotency.Options.Lease].
//
// [Schema] shows the statements, for those who run migrations with a tool of their
// own; [Store.Migrate] runs them.
//
// A [Store] is safe for concurrent use, also by several processes.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/internal/sqlschema"
	"github.com/tenetkit/tenet/resource/idempotency"
)

// Options describes the database. Dialect is required.
type Options struct {
	// Dialect is sqlite or postgres.
	Dialect string

	// Prefix begins the names of the tables: lower-case letters, digits and
	// underscores, 39 at most, not a digit first. If empty, idempotency_.
	Prefix string
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "idempotency_"
	}
	return o, o.tables().Check()
}

func (o Options) tables() sqlschema.Tables {
	return sqlschema.Tables{Dialect: o.Dialect, Prefix: o.Prefix, Migrations: [][]string{{
		`CREATE TABLE IF NOT EXISTS {prefix}keys (
	id text NOT NULL PRIMARY KEY,
	request text NOT NULL,
	until bigint NOT NULL,
	answer {bytes}
)`,
		`CREATE INDEX IF NOT EXISTS {prefix}keys_until_idx ON {prefix}keys (until)`,
	}}}
}

// Schema returns the statements that create the tables, in order; what is there
// already, they leave alone. The column until is in microseconds since 1970. It
// fails as [New] does.
func Schema(opts Options) ([]string, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: Schema: %w", err)
	}
	return opts.tables().Statements(), nil
}

// A Store keeps keys. Make one with [New].
type Store struct {
	db   *sql.DB
	opts Options

	claim, look, finish, release, sweep string

	finished atomic.Uint64
}

var _ idempotency.Store = (*Store)(nil)

// New returns a Store over the database. It asks nothing of it yet, and fails if
// db is nil or an option is wrong.
func New(db *sql.DB, opts Options) (*Store, error) {
	opts, err := opts.withDefaults()
	if err == nil && db == nil {
		err = errors.New("db is required")
	}
	if err != nil {
		return nil, fmt.Errorf("sqlstore: New: %w", err)
	}
	s := &Store{db: db, opts: opts}
	s.claim = s.fill(`INSERT INTO {prefix}keys (id, request, until) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET request = excluded.request, until = excluded.until, answer = NULL WHERE {prefix}keys.until <= $4`)
	s.look = s.fill(`SELECT request, answer FROM {prefix}keys WHERE id = $1 AND until > $2`)
	s.finish = s.fill(`UPDATE {prefix}keys SET answer = $1, until = $2 WHERE id = $3 AND until = $4 AND answer IS NULL`)
	s.release = s.fill(`DELETE FROM {prefix}keys WHERE id = $1 AND until = $2 AND answer IS NULL`)
	s.sweep = s.fill(`DELETE FROM {prefix}keys WHERE id IN (SELECT id FROM {prefix}keys WHERE until < $1 ORDER BY until LIMIT $2{skip})`)
	return s, nil
}

// fill completes a statement, whose parameters are written as $1.
func (s *Store) fill(template string) string {
	// Processes that sweep at once take what the others leave.
	parameter, skip := "$", " FOR UPDATE SKIP LOCKED"
	if s.opts.Dialect == sqlschema.SQLite {
		parameter, skip = "?", ""
	}
	return strings.NewReplacer("{prefix}", s.opts.Prefix, "{skip}", skip, "$", parameter).Replace(template)
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

// attempts is how often a key is claimed, or looked at, that others are releasing
// at the same moment.
const attempts = 10

// patience is how long a claim may take. It goes on where its request ends
// meanwhile: cut off, nobody would know whether it has taken effect, and a key
// could be blocked by a request that never ran.
const patience = 5 * time.Second

// Begin claims the id, or returns what it is taken by.
func (s *Store) Begin(ctx context.Context, id, request string, lease time.Time) (*idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	taken, err := s.begin(within, text(id), text(request), lease)
	if err == nil && taken == nil {
		err = ctx.Err()
	}
	if err == nil {
		return taken, nil
	}
	// The request will not run: what it may have claimed is freed.
	within, cancel = context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.exec(within, s.release, text(id), lease.UnixMicro())
	return nil, fmt.Errorf("sqlstore: Begin: %w", s.translate(ctx, err))
}

func (s *Store) begin(ctx context.Context, key, request string, lease time.Time) (*idempotency.Record, error) {
	for range attempts {
		now := time.Now().UnixMicro()
		claimed, err := s.exec(ctx, s.claim, key, request, lease.UnixMicro(), now)
		if err != nil || claimed > 0 {
			return nil, err
		}
		var record idempotency.Record
		err = s.db.QueryRowContext(ctx, s.look, key, now).Scan(&record.Request, &record.Answer)
		if errors.Is(err, sql.ErrNoRows) {
			continue // it was released in between
		}
		if err != nil {
			return nil, err
		}
		record.Request, err = untext(record.Request)
		return &record, err
	}
	// Whoever has it now is running.
	request, err := untext(request)
	return &idempotency.Record{Request: request}, err
}

// Finish keeps the answer if the claim with that lease still stands.
func (s *Store) Finish(ctx context.Context, id string, lease time.Time, answer []byte, until time.Time) error {
	if answer == nil {
		answer = []byte{} // NULL stands for none yet
	}
	if _, err := s.exec(ctx, s.finish, answer, until.UnixMicro(), text(id), lease.UnixMicro()); err != nil {
		return fmt.Errorf("sqlstore: Finish: %w", err)
	}
	if s.finished.Add(1)%sweepEvery == 0 {
		if _, err := s.exec(ctx, s.sweep, time.Now().Add(-sweepAfter).UnixMicro(), sweepMost); err != nil {
			return fmt.Errorf("sqlstore: Finish: the answer is kept, but old ones could not be removed: %w", err)
		}
	}
	return nil
}

// Every so many answers some old ones are removed: more than came meanwhile, so
// that what has piled up goes, and few enough to delay nobody. They are old
// enough that no claim can still stand, however long its work goes on.
const (
	sweepEvery = 50
	sweepMost  = 500
	sweepAfter = time.Hour
)

// Release frees the id if the claim with that lease still stands.
func (s *Store) Release(ctx context.Context, id string, lease time.Time) error {
	if _, err := s.exec(ctx, s.release, text(id), lease.UnixMicro()); err != nil {
		return fmt.Errorf("sqlstore: Release: %w", err)
	}
	return nil
}

// exec runs a statement, again where it failed by bad luck: a database whose
// transactions are serializable by default may ask for that.
func (s *Store) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	for range attempts {
		var result sql.Result
		if result, err = s.db.ExecContext(ctx, query, args...); err == nil {
			return result.RowsAffected()
		}
		if !sqlerr.Retryable(err) || ctx.Err() != nil {
			break
		}
	}
	return 0, s.translate(ctx, err)
}

// translate turns what the engine says into what can be answered.
func (s *Store) translate(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause // drivers report a cancellation each in its own way
	}
	if e := sqlerr.Map(err); e != nil {
		return e
	}
	return err
}

// text writes a digest, which is any bytes, as a column keeps it.
func text(digest string) string { return base64.RawURLEncoding.EncodeToString([]byte(digest)) }

func untext(column string) (string, error) {
	digest, err := base64.RawURLEncoding.DecodeString(column)
	return string(digest), err
}
