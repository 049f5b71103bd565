package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// minCursorKey is the least number of bytes in a key of cursors.
const minCursorKey = 32

// parseCursorKeys reads what -cursor-key says: keys in base64, or the name of a
// file with them, one a line. An error tells nothing of a key.
func parseCursorKeys(value string) ([][]byte, error) {
	if value == "" {
		return nil, nil
	}
	if keys, err := decodeCursorKeys(value); err == nil {
		return keys, nil
	}
	text, err := os.ReadFile(value)
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // the path may be a key that was mistyped
		}
		return nil, fmt.Errorf("-cursor-key is neither base64 of %d bytes or more nor a file that can be read: %w", minCursorKey, err)
	}
	keys, err := decodeCursorKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("-cursor-key: the file: %w", err)
	}
	return keys, nil
}

// decodeCursorKeys reads keys in base64 that are separated by commas or white space.
func decodeCursorKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for i, word := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		key, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(key) < minCursorKey {
			return nil, fmt.Errorf("key %d is no base64 of %d bytes or more", i+1, minCursorKey)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key in it")
	}
	return keys, nil
}

// keptCursorKey returns the key that the database keeps, and makes it where there
// is none: all instances on one database take each other's cursors, and those of
// before a restart. Whoever reads the key there can read the rows, too, which is
// all that a cursor hides.
func keptCursorKey(ctx context.Context, db *sql.DB, dialect string) (key []byte, err error) {
	const find = "SELECT secret FROM leads_keys WHERE name = 'cursors'"
	read := func(row *sql.Row) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		keys, err := decodeCursorKeys(text)
		if err != nil {
			return fmt.Errorf("leads_keys: cursors: %w", err)
		}
		key = keys[0]
		return nil
	}
	// First without a lock, and without the right to create anything.
	if read(db.QueryRowContext(ctx, find)) == nil {
		return key, nil
	}
	made := make([]byte, minCursorKey)
	rand.Read(made)
	err = alone(ctx, db, dialect, func(tx *sql.Tx) error {
		for _, statement := range []string{
			"CREATE TABLE IF NOT EXISTS leads_keys (name text NOT NULL PRIMARY KEY, secret text NOT NULL)",
			"INSERT INTO leads_keys (name, secret) VALUES ('cursors', '" + base64.StdEncoding.EncodeToString(made) + "') ON CONFLICT DO NOTHING",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return read(tx.QueryRowContext(ctx, find))
	})
	return key, err
}
