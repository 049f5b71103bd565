package integration

import (
	"context"
	"database/sql"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tenetkit/tenet/auth"
	authstore "github.com/tenetkit/tenet/auth/sqlstore"
)

func clientStore(t testing.TB, dialect string, db *sql.DB) *authstore.Store {
	t.Helper()
	store, err := authstore.New(db, authstore.Options{Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestClientsAreStoredAndRead(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store, ctx := clientStore(t, dialect, db), t.Context()
		_, first := auth.GenerateSecret()
		_, second := auth.GenerateSecret()
		bare := auth.Client{ID: "bare"}
		full := auth.Client{
			ID: "it's \"full\" 😀", Scopes: []string{"leads:read", "leads:write"}, Roles: []string{"editor of all"}, Unit: "emea", Disabled: true,
			Secrets: []auth.Secret{{Hash: first, NotAfter: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)}, {Hash: second}},
		}
		for _, want := range []auth.Client{bare, full, {ID: full.ID, Secrets: full.Secrets[:1]}} {
			if err := store.Put(ctx, want); err != nil {
				t.Fatal(err)
			}
			got, err := store.Client(ctx, want.ID)
			if err != nil {
				t.Fatal(err)
			}
			sorted := cmpopts.SortSlices(func(a, b auth.Secret) bool { return a.Hash < b.Hash })
			if diff := cmp.Diff(want, got, sorted, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("client %q mismatch (-want +got):\n%s", want.ID, diff)
			}
		}
		for _, id := range []string{"BARE", "nobody", "bare ", "' OR 1=1 --", "%"} {
			if got, err := store.Client(ctx, id); err != nil || got.ID != "" {
				t.Errorf("Client(%q) = %+v, %v, want none", id, got, err)
			}
		}
		if err := store.Delete(ctx, full.ID); err != nil {
			t.Fatal(err)
		}
		if err := store.Delete(ctx, full.ID); err != nil {
			t.Errorf("Delete of nobody = %v", err)
		}
		if got, err := store.Client(ctx, full.ID); err != nil || got.ID != "" || got.Secrets != nil {
			t.Errorf("a deleted client = %+v, %v", got, err)
		}
	})
}

func TestSecretsOfClientsRotate(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store, ctx := clientStore(t, dialect, db), t.Context()
		basic, err := auth.NewBasic(store.Client, auth.BasicOptions{})
		if err != nil {
			t.Fatal(err)
		}
		status := func(secret string) bool {
			r := httptest.NewRequest("GET", "/", nil)
			r.SetBasicAuth("bob", secret)
			_, err := basic.Authenticate(r)
			return err == nil
		}
		old, oldHash := auth.GenerateSecret()
		fresh, freshHash := auth.GenerateSecret()
		third, thirdHash := auth.GenerateSecret()
		if err := store.Put(ctx, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: oldHash}}}); err != nil {
			t.Fatal(err)
		}
		if err := store.Rotate(ctx, "bob", freshHash, time.Hour); err != nil {
			t.Fatal(err)
		}
		if !status(old) || !status(fresh) {
			t.Error("one of two secrets is refused during the overlap")
		}
		if err := store.Rotate(ctx, "bob", thirdHash, 0); err != nil {
			t.Fatal(err)
		}
		if status(old) || status(fresh) || !status(third) {
			t.Errorf("after a rotation without overlap: old %v, fresh %v, third %v", status(old), status(fresh), status(third))
		}
		_, fourthHash := auth.GenerateSecret()
		if err := store.Rotate(ctx, "bob", fourthHash, time.Hour); err != nil {
			t.Fatal(err)
		}
		if c, err := store.Client(ctx, "bob"); err != nil || len(c.Secrets) != 2 {
			t.Errorf("secrets = %+v, %v, want the two that live", c.Secrets, err)
		}
		if err := store.ReplaceHash(ctx, "bob", fourthHash, oldHash); err != nil || !status(old) {
			t.Errorf("ReplaceHash = %v", err)
		}
		if err := store.Rotate(ctx, "nobody", oldHash, 0); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("Rotate of nobody = %v, want sql.ErrNoRows", err)
		}
	})
}

func TestClientsMigrateAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store, err := authstore.New(db, authstore.Options{Dialect: dialect, Prefix: "other_"})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := store.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate = %v", err)
				}
			})
		}
		wg.Wait()
		if err := store.Put(t.Context(), auth.Client{ID: "a"}); err != nil {
			t.Error(err)
		}
	})
}

// Writers of one client wait for each other, in whatever order they come.
func TestWritersOfOneClientDoNotDeadlock(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store, ctx := clientStore(t, dialect, db), t.Context()
		_, first := auth.GenerateSecret()
		_, second := auth.GenerateSecret()
		var wg sync.WaitGroup
		for _, write := range map[string]func() error{
			"Put": func() error {
				return store.Put(ctx, auth.Client{ID: "a", Secrets: []auth.Secret{{Hash: first}, {Hash: second}}})
			},
			"Delete": func() error { return store.Delete(ctx, "a") },
			"Rotate": func() error {
				_, hash := auth.GenerateSecret()
				if err := store.Rotate(ctx, "a", hash, time.Minute); err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
				return nil
			},
		} {
			wg.Go(func() {
				for range 200 {
					if err := write(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// Where the columns have a collation of their own, BOB is not bob all the same.
func TestClientIDsAreBytesUnderAnyCollation(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store, ctx := clientStore(t, dialect, db), t.Context()
		schema := []string{
			"CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
			"ALTER TABLE auth_secrets DROP CONSTRAINT auth_secrets_client_fkey",
			"ALTER TABLE auth_clients ALTER COLUMN id TYPE text COLLATE nocase",
			"ALTER TABLE auth_secrets ALTER COLUMN client TYPE text COLLATE nocase",
		}
		if dialect == "sqlite" {
			schema = []string{
				"DROP TABLE auth_secrets",
				"DROP TABLE auth_clients",
				"CREATE TABLE auth_clients (id text COLLATE NOCASE PRIMARY KEY, scopes text DEFAULT '[]', roles text DEFAULT '[]', unit text DEFAULT '', disabled integer DEFAULT 0)",
				"CREATE TABLE auth_secrets (client text COLLATE NOCASE, hash text, not_after bigint)",
			}
		}
		for _, statement := range schema {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				t.Fatal(err)
			}
		}
		_, hash := auth.GenerateSecret()
		if err := store.Put(ctx, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}}); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"bob": "bob", "BOB": ""} {
			if got, err := store.Client(ctx, id); err != nil || got.ID != want || len(got.Secrets) != len(want)/3 {
				t.Errorf("Client(%q) = %+v, %v, want %q", id, got, err, want)
			}
		}
	})
}

// A caller who has left gets its own error, and nothing is half written.
func TestClientStoreHeedsTheContext(t *testing.T) {
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := clientStore(t, dialect, db)
		_, hash := auth.GenerateSecret()
		_, other := auth.GenerateSecret()
		want := auth.Client{ID: "a", Secrets: []auth.Secret{{Hash: hash}}}
		if err := store.Put(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		for name, call := range map[string]func() error{
			"Client": func() error { _, err := store.Client(gone, "a"); return err },
			"Put":    func() error { return store.Put(gone, auth.Client{ID: "a"}) },
			"Rotate": func() error { return store.Rotate(gone, "a", other, 0) },
			"Delete": func() error { return store.Delete(gone, "a") },
		} {
			if err := call(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s = %v, want context.Canceled", name, err)
			}
		}
		got, err := store.Client(t.Context(), "a")
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("Client = %v, mismatch (-want +got):\n%s", err, diff)
		}
	})
}
