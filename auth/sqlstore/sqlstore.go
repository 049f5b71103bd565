// Package sqlstore keeps the clients of package auth in SQLite or PostgreSQL,
// through database/sql and whichever driver the program uses.
//
//	store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
//	err = store.Migrate(ctx)
//	basic, err := auth.NewBasic(store.Client, auth.BasicOptions{})
//
// # Tables
//
// Two tables, whose names begin with a prefix (auth_ by default): clients and
// secrets, which hold hashes alone. [Schema] shows their statements, for those
// who run migrations with a tool of their own; [Store.Migrate] runs them. Other
// tools may write to them: a client is read anew for each request, so a change
// counts at once.
//
// # Rotation
//
// [Store.Rotate] adds a secret and gives the others an end, so that both are good
// for a while. Secrets that have ended are removed on the next rotation.
//
// A [Store] is safe for concurrent use, also by several processes.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/auth"
)

const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

// Options describes the database. Dialect is required.
type Options struct {
	// Dialect is sqlite or postgres.
	Dialect string

	// Prefix begins the names of the tables: lower-case letters, digits and
	// underscores, 39 at most, not a digit first. If empty, auth_.
	Prefix string
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "auth_"
	}
	return o, o.tables().Check()
}

// Store has the clients. Make one with [New].
type Store struct {
	db   *sql.DB
	opts Options

	selectClient string
}

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
	s.selectClient = s.fill(`SELECT c.id, c.scopes, c.roles, c.unit, c.disabled, s.hash, s.not_after
FROM {prefix}clients c LEFT JOIN {prefix}secrets s ON s.client = c.id
WHERE c.id = $1 ORDER BY s.hash`)
	return s, nil
}

// fill completes a statement, whose parameters are written as $1.
func (s *Store) fill(template string) string {
	parameter := "$"
	if s.opts.Dialect == sqlite {
		parameter = "?"
	}
	return strings.NewReplacer("{prefix}", s.opts.Prefix, "$", parameter).Replace(template)
}

// Client returns the client with the id, or the zero Client if there is none. It
// is an [auth.ClientFunc] and takes one query. Ids are compared byte by byte, whatever
// the collation of the table.
func (s *Store) Client(ctx context.Context, id string) (auth.Client, error) {
	c, err := s.client(ctx, id)
	if err != nil {
		return auth.Client{}, fmt.Errorf("sqlstore: Client: %w", err)
	}
	return c, nil
}

func (s *Store) client(ctx context.Context, id string) (c auth.Client, err error) {
	rows, err := s.db.QueryContext(ctx, s.selectClient, id)
	if err != nil {
		return c, err
	}
	defer rows.Close()
	var scopes, roles string
	for rows.Next() {
		var row auth.Client
		var rowScopes, rowRoles string
		var hash sql.NullString
		var notAfter sql.NullInt64
		if err := rows.Scan(&row.ID, &rowScopes, &rowRoles, &row.Unit, &row.Disabled, &hash, &notAfter); err != nil {
			return c, err
		}
		if row.ID != id {
			continue
		}
		row.Secrets = c.Secrets
		c, scopes, roles = row, rowScopes, rowRoles
		if hash.Valid {
			secret := auth.Secret{Hash: hash.String}
			if notAfter.Valid {
				secret.NotAfter = time.UnixMicro(notAfter.Int64).UTC()
			}
			c.Secrets = append(c.Secrets, secret)
		}
	}
	if err := rows.Err(); err != nil || c.ID == "" {
		return auth.Client{}, err
	}
	if err := json.Unmarshal([]byte(scopes), &c.Scopes); err != nil {
		return c, fmt.Errorf("client %q: scopes: %w", id, err)
	}
	if err := json.Unmarshal([]byte(roles), &c.Roles); err != nil {
		return c, fmt.Errorf("client %q: roles: %w", id, err)
	}
	return c, nil
}

// Put stores the client with all its secrets, in place of the one that has the id
// now, if any. Claims are not kept; of a hash that is listed twice the one that ends
// last is. It fails for a client that [auth.Clients] refuses.
func (s *Store) Put(ctx context.Context, c auth.Client) error {
	_, err := auth.Clients(c)
	if err == nil {
		err = s.change(ctx, func(exec execFunc) error { return put(exec, c) })
	}
	if err != nil {
		return fmt.Errorf("sqlstore: Put: %w", err)
	}
	return nil
}

func put(exec execFunc, c auth.Client) error {
	if _, err := exec(`INSERT INTO {prefix}clients (id, scopes, roles, unit, disabled) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE SET scopes = $2, roles = $3, unit = $4, disabled = $5`,
		c.ID, list(c.Scopes), list(c.Roles), c.Unit, c.Disabled); err != nil {
		return err
	}
	if _, err := exec(`DELETE FROM {prefix}secrets WHERE client = $1`, c.ID); err != nil {
		return err
	}
	for _, secret := range unique(c.Secrets) {
		if err := insert(exec, c.ID, secret); err != nil {
			return err
		}
	}
	return nil
}

// unique leaves one secret for each hash, the one that ends last.
func unique(secrets []auth.Secret) []auth.Secret {
	var kept []auth.Secret
	for _, s := range secrets {
		i := slices.IndexFunc(kept, func(k auth.Secret) bool { return k.Hash == s.Hash })
		switch {
		case i < 0:
			kept = append(kept, s)
		case kept[i].NotAfter.IsZero(): // it never ends
		case s.NotAfter.IsZero() || s.NotAfter.After(kept[i].NotAfter):
			kept[i] = s
		}
	}
	return kept
}

func list(values []string) string {
	text, _ := json.Marshal(append([]string{}, values...)) // never fails
	return string(text)
}

func insert(exec execFunc, id string, secret auth.Secret) error {
	var notAfter any
	if !secret.NotAfter.IsZero() {
		notAfter = secret.NotAfter.UnixMicro()
	}
	_, err := exec(`INSERT INTO {prefix}secrets (client, hash, not_after) VALUES ($1, $2, $3)`, id, secret.Hash, notAfter)
	return err
}

// Rotate adds the hash of a new secret and lets the client's others end after the
// overlap, unless they end before; if it is zero, at once. It fails with
// [sql.ErrNoRows] if there is no such client, and if the client has the hash already.
func (s *Store) Rotate(ctx context.Context, id, hash string, overlap time.Duration) error {
	_, err := auth.Clients(auth.Client{ID: id, Secrets: []auth.Secret{{Hash: hash}}})
	if err == nil && overlap < 0 {
		err = errors.New("the overlap is negative")
	}
	if err == nil {
		now := time.Now()
		err = s.change(ctx, func(exec execFunc) error {
			// Takes the row's lock, too, so that rotations come one by one.
			n, err := exec(`UPDATE {prefix}clients SET id = id WHERE id = $1`, id)
			if err == nil && n == 0 {
				err = sql.ErrNoRows
			}
			if err != nil {
				return err
			}
			if _, err := exec(`DELETE FROM {prefix}secrets WHERE client = $1 AND not_after <= $2`, id, now.UnixMicro()); err != nil {
				return err
			}
			if _, err := exec(`UPDATE {prefix}secrets SET not_after = $2 WHERE client = $1 AND (not_after IS NULL OR not_after > $2)`,
				id, now.Add(overlap).UnixMicro()); err != nil {
				return err
			}
			return insert(exec, id, auth.Secret{Hash: hash})
		})
	}
	if err != nil {
		return fmt.Errorf("sqlstore: Rotate: %w", err)
	}
	return nil
}

// ReplaceHash stores another hash of the same secret. It is what to do in
// [auth.BasicOptions].Outdated. Where the old one has gone meanwhile, nothing
// happens.
func (s *Store) ReplaceHash(ctx context.Context, id, old, hash string) error {
	_, err := auth.Clients(auth.Client{ID: id, Secrets: []auth.Secret{{Hash: hash}}})
	if err == nil {
		err = s.change(ctx, func(exec execFunc) error {
			_, err := exec(`UPDATE {prefix}secrets SET hash = $3 WHERE client = $1 AND hash = $2`, id, old, hash)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("sqlstore: ReplaceHash: %w", err)
	}
	return nil
}

// Delete removes the client and its secrets; there may be none. To shut a client
// out for a while, Put it as disabled.
func (s *Store) Delete(ctx context.Context, id string) error {
	err := s.change(ctx, func(exec execFunc) error {
		// The client first, as in all changes: in another order two of them would
		// wait for each other. SQLite may not be told to delete the secrets with it.
		if _, err := exec(`DELETE FROM {prefix}clients WHERE id = $1`, id); err != nil {
			return err
		}
		_, err := exec(`DELETE FROM {prefix}secrets WHERE client = $1`, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlstore: Delete: %w", err)
	}
	return nil
}

// execFunc runs a statement and returns how many rows it touched.
type execFunc func(template string, args ...any) (int64, error)

// change runs f in a transaction.
func (s *Store) change(ctx context.Context, f func(execFunc) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	err = f(func(template string, args ...any) (int64, error) {
		result, err := tx.ExecContext(ctx, s.fill(template), args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}
