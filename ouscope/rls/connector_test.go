package rls_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/rls"
)

// The tests of the wall itself run on PostgreSQL, in internal/integration. These
// are about what happens when things go wrong, on a driver that only notes what
// it is asked for.

// A fake is a driver and its only connection.
type fake struct {
	log      []string
	fail     map[string]error // by the line of the log
	opened   int
	rows     int
	contexts bool
}

func (f *fake) note(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	f.log = append(f.log, line)
	return f.fail[line]
}

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	f.opened++
	if !f.contexts {
		return bare{f}, nil
	}
	return fakeConn{bare{f}}, nil
}

func (f *fake) Driver() driver.Driver { return nil }

type bare struct{ f *fake }

func (b bare) Prepare(string) (driver.Stmt, error) { return bareStmt{}, nil }
func (b bare) Begin() (driver.Tx, error)           { return nil, errors.New("Begin was called") }
func (b bare) Close() error                        { return b.f.note("close") }

type bareStmt struct{ driver.Stmt }

func (bareStmt) Close() error { return nil }

type fakeConn struct{ bare }

func (c fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return fakeTx{c.f}, c.f.note("begin")
}

func (c fakeConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(query, "set_config") {
		return driver.RowsAffected(1), c.f.note("enter %q", args[1].Value)
	}
	return driver.RowsAffected(1), c.f.note("exec %s", query)
}

func (c fakeConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.f.note("query %s", query); err != nil {
		return nil, err
	}
	return &fakeRows{f: c.f}, nil
}

func (c fakeConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	if query == "bare" {
		return bareStmt{}, nil
	}
	return fakeStmt{c, query}, c.f.note("prepare %s", query)
}

type fakeStmt struct {
	c     fakeConn
	query string
}

func (s fakeStmt) Close() error                               { return nil }
func (s fakeStmt) NumInput() int                              { return -1 }
func (s fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("no context") }

func (s fakeStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("no context") }

func (s fakeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.ExecContext(ctx, s.query, args)
}

func (s fakeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.QueryContext(ctx, s.query, args)
}

type fakeTx struct{ f *fake }

func (t fakeTx) Commit() error   { return t.f.note("commit") }
func (t fakeTx) Rollback() error { return t.f.note("rollback") }

type fakeRows struct {
	f    *fake
	read int
}

func (r *fakeRows) Columns() []string { return []string{"id"} }
func (r *fakeRows) Close() error      { return r.f.note("close rows") }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.read == r.f.rows {
		if err := r.f.fail["next"]; err != nil {
			return err
		}
		return io.EOF
	}
	r.read++
	dest[0] = int64(r.read)
	return nil
}

// read returns the rows of a query, and the error that a caller who looks at
// Err alone would see.
func read(rows *sql.Rows, err error) (n int, _ error) {
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

func TestEachStatementEntersTheScopeOfItsContext(t *testing.T) {
	t.Parallel()
	scope := emea(t)
	lost := errors.New("lost")
	const entered = `enter "emea\x1fuk"`
	tests := map[string]struct {
		fail map[string]error
		run  func(ctx context.Context, db *sql.DB) error
		want []string
		err  string // part of the error, or "" if none is expected
		left int    // connections that were opened for it and one more statement
	}{
		"exec": {
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "exec x", "commit"},
		},
		"exec fails": {
			fail: map[string]error{"exec x": lost},
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "exec x", "rollback"}, err: "lost",
		},
		"entering fails": {
			fail: map[string]error{entered: lost},
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "rollback"}, err: "lost",
		},
		"entering fails, and the rollback": {
			fail: map[string]error{entered: lost, "rollback": lost},
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "rollback", "close"}, err: "lost", left: 2,
		},
		"the commit fails": {
			fail: map[string]error{"commit": lost},
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "exec x", "commit", "close"}, err: "lost", left: 2,
		},
		"the commit loses the connection: not sent again": {
			fail: map[string]error{"commit": driver.ErrBadConn},
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "x"); return err },
			want: []string{"begin", entered, "exec x", "commit", "close"}, err: "while a statement was committed", left: 2,
		},
		"query": {
			run:  func(ctx context.Context, db *sql.DB) error { return count(2)(read(db.QueryContext(ctx, "x"))) },
			want: []string{"begin", entered, "query x", "close rows", "commit"},
		},
		"query fails": {
			fail: map[string]error{"query x": lost},
			run:  func(ctx context.Context, db *sql.DB) error { return count(0)(read(db.QueryContext(ctx, "x"))) },
			want: []string{"begin", entered, "query x", "rollback"}, err: "lost",
		},
		"a row fails": {
			fail: map[string]error{"next": lost},
			run:  func(ctx context.Context, db *sql.DB) error { return count(2)(read(db.QueryContext(ctx, "x"))) },
			want: []string{"begin", entered, "query x", "close rows", "rollback"}, err: "lost",
		},
		"the commit of a query fails": {
			fail: map[string]error{"commit": lost},
			run:  func(ctx context.Context, db *sql.DB) error { return count(2)(read(db.QueryContext(ctx, "x"))) },
			want: []string{"begin", entered, "query x", "close rows", "commit", "close"}, err: "lost", left: 2,
		},
		"one row of several": {
			run: func(ctx context.Context, db *sql.DB) error {
				var n int
				return db.QueryRowContext(ctx, "x").Scan(&n)
			},
			want: []string{"begin", entered, "query x", "close rows", "commit"},
		},
		"one row, and the commit fails": {
			fail: map[string]error{"commit": lost},
			run: func(ctx context.Context, db *sql.DB) error {
				var n int
				return db.QueryRowContext(ctx, "x").Scan(&n)
			},
			want: []string{"begin", entered, "query x", "close rows", "commit", "close"}, err: "lost", left: 2,
		},
		"what is read cannot be closed": {
			fail: map[string]error{"close rows": lost},
			run:  func(ctx context.Context, db *sql.DB) error { return count(2)(read(db.QueryContext(ctx, "x"))) },
			want: []string{"begin", entered, "query x", "close rows", "close rows", "rollback"}, err: "lost",
		},
		"a prepared statement": {
			run: func(ctx context.Context, db *sql.DB) error {
				stmt, err := db.PrepareContext(ctx, "x")
				if err != nil {
					return err
				}
				defer stmt.Close()
				if _, err := stmt.ExecContext(ctx); err != nil {
					return err
				}
				return count(2)(read(stmt.QueryContext(ctx)))
			},
			want: []string{"prepare x", "begin", entered, "exec x", "commit", "begin", entered, "query x", "close rows", "commit"},
		},
		"a statement of another kind": {
			run:  func(ctx context.Context, db *sql.DB) error { _, err := db.PrepareContext(ctx, "bare"); return err },
			want: nil, err: "do not take contexts",
		},
		"a transaction": {
			run: func(ctx context.Context, db *sql.DB) error {
				return transact(ctx, db, func(tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, "x"); err != nil {
						return err
					}
					if _, err := tx.ExecContext(context.Background(), "SAVEPOINT a"); err != nil { // in the transaction's scope
						return err
					}
					if _, err := tx.ExecContext(ouscope.NewContext(ctx, emea(t)), "y"); err != nil { // an equal one
						return err
					}
					return count(2)(read(tx.QueryContext(ctx, "z")))
				})
			},
			want: []string{"begin", entered, "exec x", "exec SAVEPOINT a", "exec y", "query z", "close rows", "commit"},
		},
		"a transaction that cannot enter": {
			fail: map[string]error{entered: lost},
			run: func(ctx context.Context, db *sql.DB) error {
				return transact(ctx, db, func(*sql.Tx) error { return nil })
			},
			want: []string{"begin", entered, "rollback"}, err: "lost",
		},
		"another scope in a transaction": {
			run: func(ctx context.Context, db *sql.DB) error {
				return transact(ctx, db, func(tx *sql.Tx) error {
					_, err := tx.ExecContext(ouscope.NewContext(ctx, uk(t)), "x")
					return err
				})
			},
			want: []string{"begin", entered, "rollback"}, err: "another scope than its transaction",
		},
		"another scope in a transaction without one": {
			run: func(ctx context.Context, db *sql.DB) error {
				return transact(context.Background(), db, func(tx *sql.Tx) error { return count(0)(read(tx.QueryContext(ctx, "x"))) })
			},
			want: []string{"begin", `enter ""`, "rollback"}, err: "another scope than its transaction",
		},
		"no scope": {
			run: func(_ context.Context, db *sql.DB) error {
				if _, err := db.ExecContext(context.Background(), "VACUUM"); err != nil {
					return err
				}
				return count(2)(read(db.QueryContext(context.Background(), "x")))
			},
			want: []string{"exec VACUUM", "query x", "close rows"},
		},
	}
	for _, control := range []string{"BEGIN", " begin;", "Start Transaction", "COMMIT", "end", "ROLLBACK TO a", "abort", "SAVEPOINT a", "RELEASE a", ";\nBEGIN\n"} {
		tests["a transaction by hand: "+control] = struct {
			fail map[string]error
			run  func(ctx context.Context, db *sql.DB) error
			want []string
			err  string
			left int
		}{
			run: func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, control); return err }, err: "use BeginTx",
		}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{fail: tt.fail, rows: 2, contexts: true}
			wall, err := rls.New(rls.Options{})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			db := sql.OpenDB(wall.Connector(f))
			defer db.Close()
			err = tt.run(ouscope.NewContext(t.Context(), scope), db)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, f.log); diff != "" {
				t.Errorf("what was sent mismatch (-want +got):\n%s", diff)
			}
			if err := db.PingContext(t.Context()); err != nil {
				t.Errorf("Ping: %v", err)
			}
			if want := max(tt.left, 1); f.opened != want {
				t.Errorf("%d connections were opened, want %d", f.opened, want)
			}
		})
	}
}

// count makes an error of another number of rows than want.
func count(want int) func(got int, err error) error {
	return func(got int, err error) error {
		if err == nil && got != want {
			return fmt.Errorf("%d rows, want %d", got, want)
		}
		return err
	}
}

func transact(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func TestADriverWithoutContextsIsRefused(t *testing.T) {
	t.Parallel()
	f := &fake{}
	wall, err := rls.New(rls.Options{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	db := sql.OpenDB(wall.Connector(f))
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "do not take contexts") {
		t.Errorf("Ping = %v, want an error", err)
	}
	if diff := cmp.Diff([]string{"close"}, f.log); diff != "" {
		t.Errorf("what was sent mismatch (-want +got):\n%s", diff)
	}
}
