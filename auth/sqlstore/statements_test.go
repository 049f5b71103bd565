package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/sqlstore"
)

func newStore(t *testing.T, e *engine, dialect string) *sqlstore.Store {
	t.Helper()
	db := e.db()
	t.Cleanup(func() { _ = db.Close() })
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func hash() string {
	_, hash := auth.GenerateSecret()
	return hash
}

// What a lookup makes of the rows: one query, and no client but the one asked for,
// whatever the collation of the table.
func TestClient(t *testing.T) {
	t.Parallel()
	first, second := hash(), hash()
	at := time.Date(2030, 1, 2, 3, 4, 5, 678000, time.UTC)
	row := func(id string, rest ...driver.Value) []driver.Value { return append([]driver.Value{id}, rest...) }
	tests := map[string]struct {
		rows [][]driver.Value
		want auth.Client
		err  string
	}{
		"nobody": {},
		"without secrets": {
			rows: [][]driver.Value{row("bob", "[]", "[]", "", false, nil, nil)},
			want: auth.Client{ID: "bob", Scopes: []string{}, Roles: []string{}},
		},
		"all of it": {
			rows: [][]driver.Value{
				row("bob", `["a","b"]`, `["editor of all"]`, "emea", true, first, at.UnixMicro()),
				row("bob", `["a","b"]`, `["editor of all"]`, "emea", true, second, nil),
			},
			want: auth.Client{
				ID: "bob", Scopes: []string{"a", "b"}, Roles: []string{"editor of all"}, Unit: "emea", Disabled: true,
				Secrets: []auth.Secret{{Hash: first, NotAfter: at}, {Hash: second}},
			},
		},
		"flags as SQLite has them": {
			rows: [][]driver.Value{row("bob", "null", "null", "", int64(1), nil, nil)},
			want: auth.Client{ID: "bob", Disabled: true},
		},
		"another client by a collation": {
			rows: [][]driver.Value{row("BOB", "[]", "[]", "", false, first, nil), row("bob ", "[]", "[]", "", false, second, nil)},
		},
		"another client beside it": {
			rows: [][]driver.Value{
				row("BOB", `["all"]`, `["admin"]`, "emea", false, first, nil),
				row("bob", "[]", "[]", "", true, second, nil),
				row("Bob", `["all"]`, `["admin"]`, "emea", false, first, nil),
			},
			want: auth.Client{ID: "bob", Scopes: []string{}, Roles: []string{}, Disabled: true, Secrets: []auth.Secret{{Hash: second}}},
		},
		"scopes that are no JSON": {rows: [][]driver.Value{row("bob", "a b", "[]", "", false, nil, nil)}, err: `client "bob": scopes: `},
		"roles that are no array": {rows: [][]driver.Value{row("bob", "[]", `"admin"`, "", false, nil, nil)}, err: `client "bob": roles: `},
		"a flag that is none":     {rows: [][]driver.Value{row("bob", "[]", "[]", "", "maybe", nil, nil)}, err: "sql: Scan error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &engine{rows: tt.rows}
			got, err := newStore(t, e, "postgres").Client(t.Context(), "bob")
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "sqlstore: Client: ") || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("Client = %v, want an error with %q", err, tt.err)
				}
				tt.want = auth.Client{}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("client mismatch (-want +got):\n%s", diff)
			}
			if len(e.calls) != 1 || !cmp.Equal(e.calls[0].Args, []any{"bob"}) {
				t.Errorf("calls = %v, want one query for bob", e.calls)
			}
		})
	}
}

// The statements of each change, in one transaction. Every one takes the row of the
// client before those of its secrets: two that took them in different orders would
// stop each other.
func TestChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := hash(), hash()
		now := time.Now()
		micros := func(d time.Duration) int64 { return now.Add(d).UnixMicro() }
		tests := map[string]struct {
			change func(*sqlstore.Store) error
			want   []call
		}{
			"Put": {
				func(s *sqlstore.Store) error {
					return s.Put(t.Context(), auth.Client{
						ID: "bob", Roles: []string{"editor"}, Disabled: true,
						// A hash may be listed twice; what ends last counts.
						Secrets: []auth.Secret{
							{Hash: first, NotAfter: now.Add(time.Hour)},
							{Hash: second},
							{Hash: first, NotAfter: now.Add(2 * time.Hour)},
							{Hash: first, NotAfter: now},
							{Hash: second, NotAfter: now},
						},
					})
				},
				[]call{
					{"begin", nil},
					{"INSERT INTO auth_clients", []any{"bob", "[]", `["editor"]`, "", true}},
					{"DELETE FROM auth_secrets", []any{"bob"}},
					{"INSERT INTO auth_secrets", []any{"bob", first, micros(2 * time.Hour)}},
					{"INSERT INTO auth_secrets", []any{"bob", second, nil}},
					{"commit", nil},
				},
			},
			"Rotate": {
				func(s *sqlstore.Store) error { return s.Rotate(t.Context(), "bob", first, time.Hour) },
				[]call{
					{"begin", nil},
					{"UPDATE auth_clients SET", []any{"bob"}},
					{"DELETE FROM auth_secrets", []any{"bob", micros(0)}},
					{"UPDATE auth_secrets SET", []any{"bob", micros(time.Hour)}},
					{"INSERT INTO auth_secrets", []any{"bob", first, nil}},
					{"commit", nil},
				},
			},
			"ReplaceHash": {
				func(s *sqlstore.Store) error { return s.ReplaceHash(t.Context(), "bob", first, second) },
				[]call{
					{"begin", nil},
					{"UPDATE auth_secrets SET", []any{"bob", first, second}},
					{"commit", nil},
				},
			},
			"Delete": {
				func(s *sqlstore.Store) error { return s.Delete(t.Context(), "bob") },
				[]call{
					{"begin", nil},
					{"DELETE FROM auth_clients", []any{"bob"}},
					{"DELETE FROM auth_secrets", []any{"bob"}},
					{"commit", nil},
				},
			},
		}
		for name, tt := range tests {
			e := &engine{}
			if err := tt.change(newStore(t, e, "postgres")); err != nil {
				t.Errorf("%s = %v", name, err)
			}
			if diff := cmp.Diff(tt.want, e.calls); diff != "" {
				t.Errorf("%s: calls mismatch (-want +got):\n%s", name, diff)
			}
			// A failure anywhere undoes all and is told.
			for _, c := range tt.want {
				e := &engine{failAt: c.Text}
				err := tt.change(newStore(t, e, "postgres"))
				if !errors.Is(err, errEngine) || !strings.HasPrefix(err.Error(), "sqlstore: "+name+": ") {
					t.Errorf("%s with a failure at %q = %v", name, c.Text, err)
				}
				if last := e.calls[len(e.calls)-1].Text; c.Text != "begin" && c.Text != "commit" && last != "rollback" {
					t.Errorf("%s with a failure at %q ends with %q, want a rollback", name, c.Text, last)
				}
			}
		}
	})
}

func TestRotateOfNobody(t *testing.T) {
	t.Parallel()
	e := &engine{none: "UPDATE auth_clients SET"}
	if err := newStore(t, e, "postgres").Rotate(t.Context(), "bob", hash(), 0); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("Rotate = %v, want sql.ErrNoRows", err)
	}
	if last := e.calls[len(e.calls)-1].Text; last != "rollback" {
		t.Errorf("the last call = %q, want a rollback", last)
	}
}

// A caller that has left costs nothing more.
func TestContexts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &engine{}
	store := newStore(t, e, "sqlite")
	_, err := store.Client(ctx, "bob")
	for name, err := range map[string]error{
		"Client":      err,
		"Put":         store.Put(ctx, auth.Client{ID: "bob"}),
		"Rotate":      store.Rotate(ctx, "bob", hash(), 0),
		"ReplaceHash": store.ReplaceHash(ctx, "bob", hash(), hash()),
		"Delete":      store.Delete(ctx, "bob"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
	if len(e.calls) > 0 {
		t.Errorf("calls = %v, want none", e.calls)
	}
}
