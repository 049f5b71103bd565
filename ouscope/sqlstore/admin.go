package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

// lock is the statement that makes a transaction wait for others that change
// units.
func (o Options) lock() string {
	if o.Dialect == postgres {
		return "LOCK TABLE {prefix}units IN SHARE ROW EXCLUSIVE MODE"
	}
	// A write takes SQLite's only write lock.
	return "UPDATE {prefix}units SET id = id WHERE 1 = 0"
}

// list is the query that yields the elements of a JSON array of texts.
func (o Options) list(placeholder string) string {
	if o.Dialect == postgres {
		return "SELECT jsonb_array_elements_text(CAST(" + placeholder + " AS jsonb))"
	}
	return "SELECT value FROM json_each(" + placeholder + ")"
}

// SaveUnit replaces the unit was by now, which has the same id and organization,
// or adds now if was is the zero Unit. It fails with a 409 if the unit is not
// as was says any more, and with a 422 if its parent is not there, or is the
// unit itself or below it. Changes wait for each other, so that two moves
// cannot make a circle together.
func (s *Store) SaveUnit(ctx context.Context, was, now ouscope.Unit) error {
	if err := checkID(now.ID); err != nil {
		return fmt.Errorf("sqlstore: SaveUnit: %w", err)
	}
	err := s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.lock); err != nil {
			return err
		}
		units, err := collect(ctx, tx, scanUnit, s.units)
		if err != nil {
			return err
		}
		type key struct{ organization, id string }
		stored := make(map[key]ouscope.Unit, len(units))
		for _, u := range units {
			stored[key{u.Organization, u.ID}] = u
		}
		if stored[key{now.Organization, now.ID}] != was {
			return apierror.Conflict("", "changed", "The unit was changed meanwhile")
		}
		for parent, steps := now.Parent, 0; parent != ""; steps++ {
			u, ok := stored[key{now.Organization, parent}]
			if !ok || parent == now.ID || steps > len(units) {
				return apierror.ValidationFailed(apierror.FieldError{Field: "parent", Code: "parent", Message: "The parent is not there, or is below the unit"})
			}
			parent = u.Parent
		}
		query := s.changeUnit
		if was == (ouscope.Unit{}) {
			query = s.addUnit
		}
		if _, err := tx.ExecContext(ctx, query, now.ID, now.Organization, now.Parent, now.Name, now.Slug, now.ExternalRef, now.Default, now.Disabled); err != nil {
			return err
		}
		return s.tell(ctx, tx, "")
	})
	if err != nil {
		return fmt.Errorf("sqlstore: SaveUnit: %w", err)
	}
	return nil
}

// Held returns the assignments on the units, ordered by subject, from the offset
// on and at most limit of them, and how many there are in all. An empty
// organization stands for all.
func (s *Store) Held(ctx context.Context, organization string, units []string, offset, limit int) ([]ouscope.Assignment, int, error) {
	list, err := json.Marshal(append([]string{}, units...))
	if err != nil {
		return nil, 0, fmt.Errorf("sqlstore: Held: %w", err)
	}
	var total int
	if err := s.db.QueryRowContext(ctx, s.count, organization, string(list)).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("sqlstore: Held: %w", err)
	}
	held, err := collect(ctx, s.db, scanAssignment, s.held, organization, string(list), limit, offset)
	if err != nil {
		return nil, 0, fmt.Errorf("sqlstore: Held: %w", err)
	}
	return held, total, nil
}

// Grant adds an assignment on a unit. It fails with a 409 if the subject holds
// the role there already, or the unit is gone.
func (s *Store) Grant(ctx context.Context, a ouscope.Assignment) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, s.grant, a.ID, a.Subject, a.Organization, a.Unit, a.Role, a.NoInherit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return apierror.Conflict("role", "exists", "The subject holds this role on the unit already")
		}
		return s.tell(ctx, tx, a.Subject)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: Grant: %w", err)
	}
	return nil
}

// Revoke removes the assignment with the id if check agrees, or returns what
// check says. It fails with a 404 if there is none.
func (s *Store) Revoke(ctx context.Context, id string, check func(ouscope.Assignment) error) error {
	if !storable(id) {
		return apierror.NotFound("")
	}
	err := s.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.lock); err != nil {
			return err
		}
		found, err := collect(ctx, tx, scanAssignment, s.assignment, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return apierror.NotFound("")
		}
		if err := check(found[0]); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.revoke, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, found[0].Subject)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: Revoke: %w", err)
	}
	return nil
}

func (s *Store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func scanUnit(rows *sql.Rows, u *ouscope.Unit) error {
	return rows.Scan(&u.ID, &u.Organization, &u.Parent, &u.Name, &u.Slug, &u.ExternalRef, &u.Default, &u.Disabled)
}

func scanAssignment(rows *sql.Rows, a *ouscope.Assignment) error {
	return rows.Scan(&a.ID, &a.Subject, &a.Organization, &a.Unit, &a.Role, &a.NoInherit)
}
