// Package sqlstore keeps the jobs of package jobs in a table of SQLite or
// PostgreSQL, through database/sql and whatever driver the program has: they
// survive a restart, and several processes share the work.
//
//	store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
//	err = store.Migrate(ctx)
//	runner, err := jobs.New(auth.Subject, unit, jobs.Options{Store: store})
//
//	accept, work, err := leads.ImportOperation()
//	imports, err := runner.Operation(jobs.Operation{Name: "leads.import", Accept: accept, Run: work})
//	mux.Handle("POST /leads/import", imports)
//	mux.Handle("/jobs/{id}", runner.Handler())
//
// # One process at a time
//
// A process claims a job for [jobs.Options.Lease] and prolongs the claim while it
// runs the job; where it dies, another takes the job over when the lease is over.
// A process that cannot prolong a claim cancels the job's context before. Clocks
// have to agree to within a sixth of the lease; work has to heed its context. A
// job that was taken over begins anew: what it does has to bear being done again.
//
// The bounds of [jobs.Options] are counted when a job is added. On PostgreSQL jobs
// that are added at the same moment do not see each other: with n connections a
// bound may be passed by n-1.
//
// # What is in the table
//
// Subjects, units, inputs as [jobs.Operation] has accepted them, until the job has ended,
// and results: it needs the protection that the data itself has. Jobs that are
// kept no longer ([jobs.Options.Keep]) are removed by the runners.
//
// A [Store] is safe for concurrent use, also by several processes. Its methods but
// Migrate are for a [jobs.Runner] alone.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/internal/sqlschema"
	"github.com/tenetkit/tenet/resource/jobs"
	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// Options describes the database. Dialect is required.
type Options struct {
	// Dialect is sqlite or postgres.
	Dialect string

	// Prefix begins the names of the tables: lower-case letters, digits and
	// underscores, 39 at most, not a digit first. If empty, jobs_.
	Prefix string
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "jobs_"
	}
	return o, o.tables().Check()
}

func (o Options) tables() sqlschema.Tables {
	// Version 1, of before the first release, had no units: what was started then
	// belongs to none.
	return sqlschema.Tables{Dialect: o.Dialect, Prefix: o.Prefix, Migrations: [][]string{{
		`CREATE TABLE IF NOT EXISTS {prefix}queue (
	id text NOT NULL PRIMARY KEY,
	owner text NOT NULL,
	unit text NOT NULL DEFAULT '',
	operation text NOT NULL,
	status text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
	input {bytes},
	members {bytes},
	attempts integer NOT NULL DEFAULT 0,
	canceled {flag} NOT NULL DEFAULT {off},
	token text NOT NULL DEFAULT '',
	due bigint NOT NULL,
	created bigint NOT NULL,
	updated bigint NOT NULL
)`,
		`CREATE INDEX IF NOT EXISTS {prefix}queue_status_due_idx ON {prefix}queue (status, due)`,
		`CREATE INDEX IF NOT EXISTS {prefix}queue_owner_status_idx ON {prefix}queue (owner, status)`,
	}, {
		`ALTER TABLE {prefix}queue ADD COLUMN unit text NOT NULL DEFAULT ''`,
	}}}
}

// Schema returns the statements that create the tables, in order, for those who
// run migrations with a tool of their own; what is there already, they leave
// alone. Times are in microseconds since 1970; due is when a queued job may begin,
// the lease of a running one ends, and one that has ended is removed. It fails as
// [New] does.
func Schema(opts Options) ([]string, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: Schema: %w", err)
	}
	return opts.tables().Statements(), nil
}

// A Store keeps jobs. Make one with [New].
type Store struct {
	db   *sql.DB
	opts Options
}

var _ = jobs.Options{Store: (*Store)(nil)}

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
	return &Store{db: db, opts: opts}, nil
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

// fill completes a statement, whose parameters are written as $1.
func (s *Store) fill(template string) string {
	// Workers that claim at once take what the others leave.
	parameter, skip := "$", " FOR UPDATE SKIP LOCKED"
	if s.opts.Dialect == sqlschema.SQLite {
		parameter, skip = "?", ""
	}
	return strings.NewReplacer("{jobs}", s.opts.Prefix+"queue", "{skip}", skip, "{bytes}", sqlschema.BytesType(s.opts.Dialect), "$", parameter).Replace(template)
}

// Add keeps a job that waits, unless there are too many.
func (s *Store) Add(ctx context.Context, job jobstore.Job, bounds jobstore.Bounds) (jobstore.Verdict, error) {
	const open = `(SELECT count(*) FROM {jobs} WHERE owner = $2 AND status IN ('queued', 'running'))`
	const waiting = `(SELECT count(*) FROM {jobs} WHERE status = 'queued')`
	added, err := s.exec(ctx, `INSERT INTO {jobs} (id, owner, unit, operation, status, input, created, updated, due)
SELECT CAST($1 AS text), CAST($2 AS text), CAST($8 AS text), CAST($3 AS text), 'queued', CAST($4 AS {bytes}), CAST($5 AS bigint), CAST($5 AS bigint), CAST($5 AS bigint)
WHERE `+open+` < CAST($6 AS bigint) AND `+waiting+` < CAST($7 AS bigint)`,
		job.ID, job.Owner, job.Operation, job.Input, job.Created.UnixMicro(), int64(bounds.PerOwner), int64(bounds.Queued), job.Unit)
	if err != nil || added > 0 {
		return jobstore.Added, s.wrap(ctx, "Add", err)
	}
	var has int
	err = s.row(ctx, func(row *sql.Row) error { return row.Scan(&has) },
		`SELECT count(*) FROM {jobs} WHERE owner = $1 AND status IN ('queued', 'running')`, job.Owner)
	if err != nil {
		return jobstore.Added, s.wrap(ctx, "Add", err)
	}
	if has >= bounds.PerOwner {
		return jobstore.TooMany, nil
	}
	return jobstore.Full, nil
}

// Claim takes the job that has waited longest.
func (s *Store) Claim(ctx context.Context, operations []string, token string, lease time.Time) (*jobstore.Job, error) {
	args := []any{time.Now().UnixMicro()}
	marks := make([]string, len(operations))
	for i, name := range operations {
		args = append(args, name)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	waiting := `SELECT id FROM {jobs} WHERE status IN ('queued', 'running') AND due <= $1 AND operation IN (` + strings.Join(marks, ", ") + `)`
	// Mostly there is none. SQLite has one writer at a time, who should not be
	// disturbed to learn that.
	var id string
	err := s.row(ctx, func(row *sql.Row) error { return row.Scan(&id) }, waiting+` LIMIT 1`, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.wrap(ctx, "Claim", err)
	}
	n := len(args)
	job := &jobstore.Job{Status: jobstore.Running}
	err = s.row(ctx, func(row *sql.Row) error {
		return row.Scan(&job.ID, &job.Owner, &job.Operation, &job.Input, &job.Members, &job.Attempts, &job.Canceled)
	}, fmt.Sprintf(`UPDATE {jobs} SET status = 'running', token = $%d, due = $%d, updated = $1, attempts = attempts + 1
WHERE id = (%s ORDER BY due, id LIMIT 1{skip}) RETURNING id, owner, operation, input, members, attempts, canceled`, n+1, n+2, waiting),
		append(args, token, lease.UnixMicro())...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return job, s.wrap(ctx, "Claim", err)
}

// Renew prolongs a claim and keeps the progress.
func (s *Store) Renew(ctx context.Context, id, token string, lease time.Time, members []byte) (held, canceled bool, err error) {
	set, args := "", []any{lease.UnixMicro(), id, token}
	if members != nil {
		set, args = ", members = $4, updated = $5", append(args, members, time.Now().UnixMicro())
	}
	err = s.row(ctx, func(row *sql.Row) error { return row.Scan(&canceled) },
		`UPDATE {jobs} SET due = $1`+set+` WHERE id = $2 AND token = $3 AND status = 'running' RETURNING canceled`, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	return err == nil, canceled, s.wrap(ctx, "Renew", err)
}

// Leave ends a claim.
func (s *Store) Leave(ctx context.Context, job jobstore.Job, token string, at time.Time) (bool, error) {
	rest := "due = $4, input = NULL"
	if job.Status == jobstore.Queued {
		rest = "due = CASE WHEN canceled THEN CAST($5 AS bigint) ELSE CAST($4 AS bigint) END"
	}
	left, err := s.exec(ctx, `UPDATE {jobs} SET status = $1, members = $2, attempts = $3, updated = $5, token = '', `+rest+`
WHERE id = $6 AND token = $7 AND status = 'running'`,
		job.Status, job.Members, int64(job.Attempts), at.UnixMicro(), time.Now().UnixMicro(), job.ID, token)
	return left > 0, s.wrap(ctx, "Leave", err)
}

// Cancel ends the owner's job of the unit, or has it ended.
func (s *Store) Cancel(ctx context.Context, id, owner, unit string, members []byte, until time.Time) (status string, err error) {
	for range attempts {
		changed, err := s.exec(ctx, `UPDATE {jobs} SET status = 'failed', members = $1, input = NULL, due = $2, updated = $3
WHERE id = $4 AND owner = $5 AND unit = $6 AND status = 'queued'`, members, until.UnixMicro(), time.Now().UnixMicro(), id, owner, unit)
		if err != nil || changed > 0 {
			return jobstore.Queued, s.wrap(ctx, "Cancel", err)
		}
		changed, err = s.exec(ctx, `UPDATE {jobs} SET canceled = (1 = 1) WHERE id = $1 AND owner = $2 AND unit = $3 AND status = 'running'`, id, owner, unit)
		if err != nil || changed > 0 {
			return jobstore.Running, s.wrap(ctx, "Cancel", err)
		}
		job, err := s.Look(ctx, id, owner, unit)
		switch {
		case err != nil || job == nil:
			return "", err
		case job.Status != jobstore.Queued && job.Status != jobstore.Running:
			return job.Status, nil
		}
		// It was queued again, or claimed, in between.
	}
	return jobstore.Running, nil
}

// Look returns the owner's job of the unit.
func (s *Store) Look(ctx context.Context, id, owner, unit string) (*jobstore.Job, error) {
	job := &jobstore.Job{ID: id, Owner: owner, Unit: unit}
	var created, updated int64
	err := s.row(ctx, func(row *sql.Row) error {
		return row.Scan(&job.Operation, &job.Status, &created, &updated, &job.Attempts, &job.Members, &job.Canceled)
	}, `SELECT operation, status, created, updated, attempts, members, canceled FROM {jobs} WHERE id = $1 AND owner = $2 AND unit = $3`, id, owner, unit)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	job.Created, job.Updated = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	return job, s.wrap(ctx, "Look", err)
}

// Sweep removes jobs that are kept no longer, some at a time, so that nobody has to
// wait for it.
func (s *Store) Sweep(ctx context.Context) error {
	for {
		swept, err := s.exec(ctx, `DELETE FROM {jobs} WHERE id IN (SELECT id FROM {jobs} WHERE status IN ('succeeded', 'failed') AND due <= $1 ORDER BY due LIMIT 500{skip})`,
			time.Now().UnixMicro())
		if err != nil || swept < 500 {
			return s.wrap(ctx, "Sweep", err)
		}
	}
}

// attempts is how often a statement is run that others get in the way of: a
// database whose transactions are serializable by default may ask for that.
const attempts = 10

func (s *Store) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	query = s.fill(query)
	err = s.repeat(ctx, func() error {
		result, err := s.db.ExecContext(ctx, query, args...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return err
	})
	return changed, err
}

func (s *Store) row(ctx context.Context, scan func(*sql.Row) error, query string, args ...any) error {
	query = s.fill(query)
	return s.repeat(ctx, func() error { return scan(s.db.QueryRowContext(ctx, query, args...)) })
}

func (s *Store) repeat(ctx context.Context, f func() error) (err error) {
	for range attempts {
		if err = f(); err == nil || !sqlerr.Retryable(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// wrap turns what the engine says into what can be answered.
func (s *Store) wrap(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("sqlstore: %s: %w", method, cause) // drivers report a cancellation each in its own way
	}
	if e := sqlerr.Map(err); e != nil {
		return fmt.Errorf("sqlstore: %s: %w", method, e)
	}
	return fmt.Errorf("sqlstore: %s: %w", method, err)
}
