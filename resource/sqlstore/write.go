package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"math/rand/v2"
	"strings"
	"time"
	"unsafe"

	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/resource"
)

// Create adds the row.
func (s *Store[Row]) Create(ctx context.Context, scope resource.Scope, row Row) (Row, error) {
	if scope == nil || s.unit != nil && !scope.Contains(s.unitOf(&row)) {
		return row, resource.ErrNotFound
	}
	return row, s.Insert(ctx, s.db, row)
}

func (s *Store[Row]) unitOf(row *Row) string {
	return *s.unit.Text(unsafe.Pointer(row))
}

// maxArgs is how many values one statement binds at most. SQLite's own limit is
// 32,766.
const maxArgs = 8000

// Insert adds rows as they are, with their ids, units and times, through tx,
// which is a [*sql.DB], [*sql.Tx] or [*sql.Conn], many in a statement. It asks no
// scope: it is for seeds and migrations.
func (s *Store[Row]) Insert(ctx context.Context, tx execer, rows ...Row) error {
	batch := max(1, maxArgs/len(s.fields))
	for len(rows) > 0 {
		n := min(batch, len(rows))
		var text strings.Builder
		text.WriteString("INSERT INTO " + quote(s.opts.Table) + " (" + s.columns + ") VALUES ")
		args := make([]any, 0, n*len(s.fields))
		for i := range n {
			if i > 0 {
				text.WriteString(", ")
			}
			for j := range s.fields {
				text.WriteString([2]string{"(", ", "}[min(j, 1)])
				text.WriteString(s.placeholder(len(args) + j + 1))
			}
			text.WriteByte(')')
			var err error
			if args, err = s.args(args, &rows[i], true); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, text.String(), args...); err != nil {
			return s.translate(ctx, err)
		}
		rows = rows[n:]
	}
	return nil
}

// Update replaces the row with the id by what change makes of it.
func (s *Store[Row]) Update(ctx context.Context, scope resource.Scope, id string, change func(Row) (Row, error)) (row Row, err error) {
	err = s.atomically(ctx, func(q querier) error {
		if row, err = s.one(ctx, q, scope, id, s.lock()); err != nil {
			return err
		}
		if row, err = change(row); err != nil {
			return err
		}
		args, err := s.args(nil, &row, false)
		if err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, "UPDATE "+quote(s.opts.Table)+" SET "+s.set+" WHERE "+s.column("id")+" = "+s.byID, append(args, id)...)
		return s.translate(ctx, err)
	})
	return row, err
}

// Delete removes the row with the id if check agrees.
func (s *Store[Row]) Delete(ctx context.Context, scope resource.Scope, id string, check func(Row) error) error {
	return s.atomically(ctx, func(q querier) error {
		row, err := s.one(ctx, q, scope, id, s.lock())
		if err != nil {
			return err
		}
		if err := check(row); err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, "DELETE FROM "+quote(s.opts.Table)+" WHERE "+s.column("id")+" = "+s.placeholder(1), id)
		return s.translate(ctx, err)
	})
}

func (s *Store[Row]) lock() string {
	if s.opts.Dialect == postgres {
		return " FOR UPDATE"
	}
	return ""
}

// A transaction that others got in the way of is tried again: at least so often,
// and for so long.
const (
	attempts = 3
	patience = time.Second
)

// atomically runs f in a transaction that no other writer of what f reads comes
// between.
func (s *Store[Row]) atomically(ctx context.Context, f func(querier) error) error {
	if s.opts.Dialect == sqlite {
		return s.immediately(ctx, f)
	}
	start := time.Now()
	for n := 1; ; n++ {
		err := s.transact(ctx, f)
		if !sqlerr.Retryable(err) || n >= attempts && time.Since(start) >= patience {
			return err
		}
		// By chance, so that those who were in each other's way are not again.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Millisecond << min(n, 6))):
		}
	}
}

func (s *Store[Row]) transact(ctx context.Context, f func(querier) error) error {
	// Whatever the database's default is: the row is locked before it is read, and
	// above read committed a writer who waited for the lock would be sent away.
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return s.translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return s.translate(ctx, tx.Commit())
}

// immediately takes SQLite's write lock before anything is read: a transaction
// that begins by reading fails when another has written meanwhile, and no
// timeout helps. BeginTx cannot ask for it in a way that all drivers share.
func (s *Store[Row]) immediately(ctx context.Context, f func(querier) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.translate(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	done := false
	defer func() {
		if !done {
			undo(ctx, conn)
		}
	}()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return s.translate(ctx, err)
	}
	if err := f(conn); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return s.translate(ctx, err)
	}
	done = true
	return nil
}

// undo sees to it that conn goes back to the pool without a transaction, or not
// at all: also after a panic, and after an error of a statement that has taken
// effect, which is how drivers report a context that ends meanwhile. Since BEGIN
// may be that statement, one is begun if there is none, so that the ROLLBACK
// fails only where the connection is broken.
func undo(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = conn.ExecContext(ctx, "BEGIN")
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
