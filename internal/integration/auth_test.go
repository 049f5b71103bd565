package integration

import (
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
