package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tenetkit/tenet/ouscope"
)

const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

// Options adjusts a [Store].
type Options struct {
	Dialect string // "sqlite" or "postgres"; required

	// Prefix begins the names of the tables and indexes: a lower-case letter,
	// then lower-case letters, digits and underscores, 39 at most. If empty, ou_.
	Prefix string

	// Channel is a channel of PostgreSQL on which the store tells of what it
	// changed, in the transaction of the change (NOTIFY): the subject whose
	// roles changed, or the empty text for units. Package follow hears it in
	// other processes. A tool that writes to the tables by itself does the
	// same by SELECT pg_notify('ou_changes', ''). Lower-case letters, digits
	// and underscores, at most 63. If empty, nothing is told.
	Channel string
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "ou_"
	}
	if err := o.tables().Check(); err != nil {
		return o, err
	}
	if o.Channel != "" && o.Dialect != postgres {
		return o, errors.New("a channel needs PostgreSQL")
	}
	if len(o.Channel) > 63 || strings.ContainsFunc(o.Channel, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }) {
		return o, fmt.Errorf("channel %q is not made of up to 63 lower-case letters, digits and underscores", o.Channel)
	}
	return o, nil
}

// A Store is a [ouscope.Directory] and a [ouscope.ChoiceStore] in a database. It
// is safe for concurrent use.
type Store struct {
	db   *sql.DB
	opts Options

	units, assignments, choice, choose, forget, addUnit, assign string
	lock, changeUnit, count, held, grant, assignment, revoke    string
}

// New returns a Store in db. It fails if db is nil or an option is wrong; it
// does not reach for the database. The tables have to be there before the store
// is used: see [Store.Migrate].
func New(db *sql.DB, opts Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: New: db is required")
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: New: %w", err)
	}
	query := func(text string) string {
		text = strings.ReplaceAll(text, "{prefix}", opts.Prefix)
		if opts.Dialect == sqlite {
			text = strings.ReplaceAll(text, "$", "?")
		}
		return text
	}
	return &Store{
		db: db, opts: opts,
		units: query(`SELECT id, organization, COALESCE(parent, ''), name, slug, external_ref, is_default, disabled
			FROM {prefix}units ORDER BY organization, id`),
		assignments: query(`SELECT id, subject, organization, COALESCE(unit, ''), role, no_inherit
			FROM {prefix}assignments WHERE subject = $1 ORDER BY id`),
		choice: query(`SELECT unit FROM {prefix}choices WHERE organization = $1 AND subject = $2`),
		choose: query(`INSERT INTO {prefix}choices (organization, subject, unit) VALUES ($1, $2, $3)
			ON CONFLICT (organization, subject) DO UPDATE SET unit = excluded.unit`),
		forget: query(`DELETE FROM {prefix}choices WHERE organization = $1 AND subject = $2`),
		addUnit: query(`INSERT INTO {prefix}units (id, organization, parent, name, slug, external_ref, is_default, disabled)
			VALUES ($1, $2, NULLIF($3, ''), $4, $5, $6, $7, $8)`),
		assign: query(`INSERT INTO {prefix}assignments (id, subject, organization, unit, role, no_inherit)
			VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6)`),
		lock: query(opts.lock()),
		changeUnit: query(`UPDATE {prefix}units SET parent = NULLIF($3, ''), name = $4, slug = $5, external_ref = $6, is_default = $7, disabled = $8
			WHERE id = $1 AND organization = $2`),
		count: query(`SELECT count(*) FROM {prefix}assignments WHERE (organization = $1 OR $1 = '') AND unit IN (` + opts.list("$2") + `)`),
		held: query(`SELECT id, subject, organization, COALESCE(unit, ''), role, no_inherit
			FROM {prefix}assignments WHERE (organization = $1 OR $1 = '') AND unit IN (` + opts.list("$2") + `)
			ORDER BY subject, unit, role, id LIMIT $3 OFFSET $4`),
		grant: query(`INSERT INTO {prefix}assignments (id, subject, organization, unit, role, no_inherit)
			SELECT $1, $2, organization, id, $5, CAST($6 AS boolean) FROM {prefix}units WHERE organization = $3 AND id = $4 ON CONFLICT DO NOTHING`),
		assignment: query(`SELECT id, subject, organization, COALESCE(unit, ''), role, no_inherit
			FROM {prefix}assignments WHERE id = $1`),
		revoke: query(`DELETE FROM {prefix}assignments WHERE id = $1`),
	}, nil
}

// Units returns all units, ordered by organization and id.
func (s *Store) Units(ctx context.Context) ([]ouscope.Unit, error) {
	units, err := collect(ctx, s.db, scanUnit, s.units)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: Units: %w", err)
	}
	return units, nil
}

// Assignments returns the assignments of the subject, ordered by id.
func (s *Store) Assignments(ctx context.Context, subject string) ([]ouscope.Assignment, error) {
	if !storable(subject) {
		return nil, nil
	}
	assignments, err := collect(ctx, s.db, scanAssignment, s.assignments, subject)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: Assignments: %w", err)
	}
	return assignments, nil
}

// Choice returns the unit that the subject chose last, or the empty string.
func (s *Store) Choice(ctx context.Context, organization, subject string) (string, error) {
	if !storable(subject) {
		return "", nil
	}
	var unit string
	err := s.db.QueryRowContext(ctx, s.choice, organization, subject).Scan(&unit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("sqlstore: Choice: %w", err)
	}
	return unit, nil
}

// SetChoice replaces the choice of the subject; an empty unit takes it back.
func (s *Store) SetChoice(ctx context.Context, organization, subject, unit string) error {
	if unit == "" && !storable(subject) {
		return nil
	}
	query, args := s.choose, []any{organization, subject, unit}
	if unit == "" {
		query, args = s.forget, args[:2]
	}
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("sqlstore: SetChoice: %w", err)
	}
	return nil
}

// An execer runs a statement.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Insert adds units and assignments through tx, a *sql.DB, *sql.Conn or *sql.Tx,
// parents before children whatever their order here. An assignment without an ID gets one, and one
// without an Organization that of its unit, if the unit is among units. It fails
// at the first that the tables refuse, so give it a transaction.
func (s *Store) Insert(ctx context.Context, tx execer, units []ouscope.Unit, assignments []ouscope.Assignment) error {
	sorted, err := parentsFirst(units)
	if err != nil {
		return fmt.Errorf("sqlstore: Insert: %w", err)
	}
	organization := make(map[string]string, len(units))
	for _, u := range sorted {
		if err := checkID(u.ID); err != nil {
			return fmt.Errorf("sqlstore: Insert: %w", err)
		}
		organization[u.ID] = u.Organization
		if _, err := tx.ExecContext(ctx, s.addUnit, u.ID, u.Organization, u.Parent, u.Name, u.Slug, u.ExternalRef, u.Default, u.Disabled); err != nil {
			return fmt.Errorf("sqlstore: Insert: unit %q: %w", u.ID, err)
		}
	}
	if len(units) > 0 {
		if err := s.tell(ctx, tx, ""); err != nil {
			return fmt.Errorf("sqlstore: Insert: %w", err)
		}
	}
	for _, a := range assignments {
		if a.ID == "" {
			a.ID = rand.Text()
		}
		if a.Organization == "" {
			a.Organization = organization[a.Unit]
		}
		if _, err := tx.ExecContext(ctx, s.assign, a.ID, a.Subject, a.Organization, a.Unit, a.Role, a.NoInherit); err != nil {
			return fmt.Errorf("sqlstore: Insert: assignment of %q to %q: %w", a.Subject, a.Unit, err)
		}
		if err := s.tell(ctx, tx, a.Subject); err != nil {
			return fmt.Errorf("sqlstore: Insert: %w", err)
		}
	}
	return nil
}

// maxPayload is below what PostgreSQL takes as the payload of a notification.
const maxPayload = 7000

// tell notifies those who listen. PostgreSQL sends it with the commit, and equal
// ones of a transaction once.
func (s *Store) tell(ctx context.Context, tx execer, subject string) error {
	if s.opts.Channel == "" {
		return nil
	}
	if len(subject) > maxPayload {
		subject = ""
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_notify($1, $2)", s.opts.Channel, subject); err != nil {
		return fmt.Errorf("telling of the change: %w", err)
	}
	return nil
}

// checkID refuses an id that a Scoper would refuse, and with it all units.
func checkID(id string) error {
	_, err := ouscope.NewMemory([]ouscope.Unit{{ID: id}}, nil)
	return err
}

// parentsFirst orders units so that each stands behind its parent.
func parentsFirst(units []ouscope.Unit) ([]ouscope.Unit, error) {
	type key struct{ organization, id string }
	below := make(map[key][]ouscope.Unit)
	here := make(map[key]bool, len(units))
	for _, u := range units {
		here[key{u.Organization, u.ID}] = true
	}
	sorted := make([]ouscope.Unit, 0, len(units))
	for _, u := range units {
		if parent := (key{u.Organization, u.Parent}); u.Parent != "" && here[parent] {
			below[parent] = append(below[parent], u)
			continue
		}
		sorted = append(sorted, u)
	}
	for i := 0; i < len(sorted); i++ {
		k := key{sorted[i].Organization, sorted[i].ID}
		sorted = append(sorted, below[k]...)
		delete(below, k)
	}
	if len(sorted) < len(units) {
		return nil, errors.New("units are their own ancestors, or there twice")
	}
	return sorted, nil
}

// A queryer is a *sql.DB or a *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func collect[T any](ctx context.Context, db queryer, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// storable reports whether PostgreSQL can hold the text. What it cannot hold is
// not in the tables either, and asking would end in an error.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}
