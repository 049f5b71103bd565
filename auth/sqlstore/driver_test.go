package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
)

// engine is a database that notes what it is asked and answers queries with rows
// of the test, in the place of drivers that the module does without.
type engine struct {
	mu     sync.Mutex
	calls  []call
	rows   [][]driver.Value
	failAt string // the call that fails
	none   string // the call that touches no row
}

// call is a statement, of which the first three words are enough, or begin, commit
// or rollback.
type call struct {
	Text string
	Args []any
}

var errEngine = errors.New("engine: failed")

func (e *engine) db() *sql.DB { return sql.OpenDB(e) }

func (e *engine) note(ctx context.Context, text string, args ...driver.NamedValue) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	words := strings.Fields(text)
	c := call{Text: strings.Join(words[:min(3, len(words))], " ")}
	for _, a := range args {
		c.Args = append(c.Args, a.Value)
	}
	e.calls = append(e.calls, c)
	if c.Text == e.failAt {
		return errEngine
	}
	return ctx.Err()
}

func (e *engine) Connect(context.Context) (driver.Conn, error) { return conn{e}, nil }
func (e *engine) Driver() driver.Driver                        { return nil }

type conn struct{ e *engine }

func (c conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("engine: prepared") }
func (c conn) Begin() (driver.Tx, error)           { return nil, errors.New("engine: no context") }
func (c conn) Close() error                        { return nil }
func (c conn) Commit() error                       { return c.e.note(context.Background(), "commit") }

func (c conn) Rollback() error { return c.e.note(context.Background(), "rollback") }

func (c conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return c, c.e.note(ctx, "begin")
}

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.e.none != "" && strings.HasPrefix(query, c.e.none) {
		return driver.RowsAffected(0), nil
	}
	return driver.RowsAffected(1), c.e.note(ctx, query, args...)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.e.note(ctx, query, args...); err != nil {
		return nil, err
	}
	return &rows{left: c.e.rows}, nil
}

type rows struct{ left [][]driver.Value }

func (r *rows) Columns() []string { return make([]string, 7) }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(to []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	copy(to, r.left[0])
	r.left = r.left[1:]
	return nil
}
