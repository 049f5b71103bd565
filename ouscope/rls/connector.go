package rls

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/tenetkit/tenet/ouscope"
)

// Connector returns a connector whose statements are behind the wall by
// themselves, whoever sends them: each enters the scope of its own context.
//
//	config, err := pgx.ParseConfig(url)
//	db := sql.OpenDB(wall.Connector(stdlib.GetConnector(*config)))
//
// A transaction has the scope of the context that it began with. A statement in it
// whose context has another scope, with other units, fails; one whose context has
// none goes on in that of the transaction. A statement outside of a transaction
// gets one of its own, which costs three round trips: several statements of a
// request are better sent in one. Without a scope nothing is entered and nothing
// visible, so that such a database serves other tables as before.
//
// Statements that begin and end transactions are refused where they would go
// wrong: use BeginTx. The func of sql.Conn.Raw gets no connection of the driver,
// which would be in front of the wall.
//
// The driver's connections have to implement the interfaces of database/sql/driver
// that take a context, as those of pgx do; Connect fails if they do not.
func (w *Wall) Connector(c driver.Connector) driver.Connector { return &connector{w, c} }

type connector struct {
	wall *Wall
	driver.Connector
}

// A conn is what a connection of the driver has to offer.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

// Connect connects as the driver does.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	able, ok := inner.(conn)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("rls: Connector: connections of type %T do not take contexts", inner)
	}
	return &connection{wall: c.wall, conn: able}, nil
}

// A connection is used by one goroutine at a time.
type connection struct {
	wall *Wall
	conn
	tx     *transaction // that was begun by BeginTx and has not ended
	broken bool         // nobody knows which transaction is open
}

// A transaction has entered a scope.
type transaction struct {
	driver.Tx
	connection *connection
	scope      ouscope.Scope
	units      string
}

// Commit and Rollback end the transaction.
func (t *transaction) Commit() error   { return t.end(t.Tx.Commit) }
func (t *transaction) Rollback() error { return t.end(t.Tx.Rollback) }

func (t *transaction) end(how func() error) error {
	t.connection.tx = nil
	return how()
}

// BeginTx begins a transaction in the scope of ctx.
func (c *connection) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	scope := ouscope.FromContext(ctx)
	tx, err := c.enter(ctx, scope, opts)
	if err != nil {
		return nil, err
	}
	c.tx = &transaction{Tx: tx, connection: c, scope: scope, units: units(scope)}
	return c.tx, nil
}

// Begin is not called where there is a BeginTx.
func (c *connection) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// enter begins a transaction of the driver and enters the scope.
func (c *connection) enter(ctx context.Context, scope ouscope.Scope, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	exec := func(ctx context.Context, query string, args ...any) error {
		named := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		}
		_, err := c.conn.ExecContext(ctx, query, named)
		return err
	}
	if err := c.wall.Enter(ctx, exec, scope); err != nil {
		return nil, c.undo(tx, err)
	}
	return tx, nil
}

// undo rolls back and returns err.
func (c *connection) undo(tx driver.Tx, err error) error {
	if tx.Rollback() != nil {
		c.broken = true
	}
	return err
}

// commit commits what a statement alone has done. An error that made database/sql
// send the statement again would do it twice: nobody knows what has happened.
func (c *connection) commit(tx driver.Tx) error {
	err := tx.Commit()
	if err != nil {
		c.broken = true
	}
	if errors.Is(err, driver.ErrBadConn) {
		return errors.New("rls: the connection was lost while a statement was committed")
	}
	return err
}

var errOtherScope = errors.New("rls: the statement has another scope than its transaction")

// alone reports whether a statement needs a transaction of its own.
func (c *connection) alone(ctx context.Context, query string) (scope ouscope.Scope, alone bool, err error) {
	scope = ouscope.FromContext(ctx)
	switch {
	case scope == (ouscope.Scope{}):
		return scope, false, nil
	case c.tx == nil && controls(query):
		return scope, false, fmt.Errorf("rls: %.20q would begin or end no transaction here; use BeginTx", query)
	case c.tx == nil:
		return scope, true, nil
	case scope != c.tx.scope && units(scope) != c.tx.units:
		return scope, false, errOtherScope
	}
	return scope, false, nil
}

// controls reports whether the statement begins or ends a transaction.
func controls(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n;")
	word, _, _ := strings.Cut(query, " ")
	switch strings.ToUpper(strings.TrimRight(word, "; \t\r\n")) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		return true
	}
	return false
}

// ExecContext runs the statement in the scope of ctx.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, query, func() (driver.Result, error) { return c.conn.ExecContext(ctx, query, args) })
}

func (c *connection) exec(ctx context.Context, query string, send func() (driver.Result, error)) (driver.Result, error) {
	result, tx, err := entered(ctx, c, query, send)
	if err != nil || tx == nil {
		return result, err
	}
	if err := c.commit(tx); err != nil {
		return nil, err
	}
	return result, nil
}

// entered sends the statement, in a transaction of its own that entered the scope
// of ctx where there is none. The transaction is the caller's to end; it is nil
// where there was one, or nothing to enter, or an error.
func entered[T any](ctx context.Context, c *connection, query string, send func() (T, error)) (result T, tx driver.Tx, err error) {
	scope, alone, err := c.alone(ctx, query)
	if err != nil {
		return result, nil, err
	}
	if !alone {
		result, err = send()
		return result, nil, err
	}
	tx, err = c.enter(ctx, scope, driver.TxOptions{})
	if err != nil {
		return result, nil, err
	}
	result, err = send()
	if err != nil {
		return *new(T), nil, c.undo(tx, err)
	}
	return result, tx, nil
}

// QueryContext runs the statement in the scope of ctx.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, query, func() (driver.Rows, error) { return c.conn.QueryContext(ctx, query, args) })
}

func (c *connection) query(ctx context.Context, query string, send func() (driver.Rows, error)) (driver.Rows, error) {
	sent, tx, err := entered(ctx, c, query, send)
	if err != nil || tx == nil {
		return sent, err
	}
	return &rows{Rows: sent, connection: c, tx: tx}, nil
}

// PrepareContext prepares the statement, which enters the scope of each run.
func (c *connection) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	able, ok := stmt.(preparable)
	if !ok {
		_ = stmt.Close()
		return nil, fmt.Errorf("rls: Connector: statements of type %T do not take contexts", stmt)
	}
	return &statement{able, c, query}, nil
}

// Prepare is not called where there is a PrepareContext.
func (c *connection) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// What the driver's connection may offer, and what stands for it otherwise.

// Ping reaches for the server.
func (c *connection) Ping(ctx context.Context) error {
	if p, ok := c.conn.(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

// ResetSession is called before the connection is used again.
func (c *connection) ResetSession(ctx context.Context) error {
	if c.broken || c.tx != nil {
		return driver.ErrBadConn
	}
	if r, ok := c.conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

// IsValid is called before the connection goes back to the pool.
func (c *connection) IsValid() bool {
	if c.broken {
		return false
	}
	v, ok := c.conn.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue converts an argument.
func (c *connection) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type preparable interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// A statement is prepared on one connection.
type statement struct {
	preparable
	connection *connection
	text       string
}

func (s *statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.connection.exec(ctx, s.text, func() (driver.Result, error) { return s.preparable.ExecContext(ctx, args) })
}

func (s *statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.connection.query(ctx, s.text, func() (driver.Rows, error) { return s.preparable.QueryContext(ctx, args) })
}

// CheckNamedValue converts an argument.
func (s *statement) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := s.preparable.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return s.connection.CheckNamedValue(v)
}

// rows are those of a statement alone, whose transaction ends with them.
type rows struct {
	driver.Rows
	connection *connection
	tx         driver.Tx // nil once it has ended
}

func (r *rows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == nil || r.tx == nil || errors.Is(err, io.EOF) {
		return err
	}
	return r.roll(err)
}

// Close commits. Where that fails, database/sql shows it as the error of the rows,
// also to those who have read all of them and close nothing.
func (r *rows) Close() error {
	if r.tx == nil {
		return nil // with the transaction
	}
	return r.end()
}

// end closes what is read and commits.
func (r *rows) end() error {
	if err := r.Rows.Close(); err != nil {
		return r.roll(err)
	}
	tx := r.tx
	r.tx = nil
	return r.connection.commit(tx)
}

// roll gives up after err.
func (r *rows) roll(err error) error {
	_ = r.Rows.Close()
	tx := r.tx
	r.tx = nil
	return r.connection.undo(tx, err)
}

// What database/sql asks of rows, answered as it would if there were nobody to
// ask.

func (r *rows) HasNextResultSet() bool {
	n, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	if n, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return n.NextResultSet()
	}
	return io.EOF
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if c, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return c.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if c, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return c.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (int64, bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypeLength); ok {
		return c.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypeNullable); ok {
		return c.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if c, ok := r.Rows.(driver.RowsColumnTypePrecisionScale); ok {
		return c.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
