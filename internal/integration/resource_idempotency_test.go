package integration

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource/idempotency"
	"github.com/tenetkit/tenet/resource/idempotency/idempotencytest"
	"github.com/tenetkit/tenet/resource/idempotency/sqlstore"
)

func newKeys(t *testing.T, db *sql.DB, dialect string) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time everything is there
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
	}
	return store
}

func TestIdempotencyStores(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			idempotencytest.TestStore(t, func(t *testing.T) idempotency.Store { return newKeys(t, open(t), dialect) })
		})
	}
}

// TestIdempotencyStoreOnASerializableDatabase: a transaction that has to be run
// again is.
func TestIdempotencyStoreOnASerializableDatabase(t *testing.T) {
	t.Parallel()
	idempotencytest.TestStore(t, func(t *testing.T) idempotency.Store {
		db := postgresDB(t)
		db.SetMaxOpenConns(1)
		mustExec(t, db, "postgres", "SET default_transaction_isolation = 'serializable'")
		return newKeys(t, db, "postgres")
	})
}

// TestARetriedPostRunsOnceInAllProcesses sends one request to several processes at
// once, each with a store of its own over the same table, and again afterwards and
// after a restart.
func TestARetriedPostRunsOnceInAllProcesses(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			var paid atomic.Int32
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			start := func() http.Handler {
				caller := func(r *http.Request) (string, bool) { return r.Header.Get("X-Subject"), true }
				unit := func(r *http.Request) string { return r.Header.Get("X-Unit") }
				once, err := idempotency.New(caller, unit, newKeys(t, db, dialect), idempotency.Options{Logger: logger})
				if err != nil {
					t.Fatal(err)
				}
				return once(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", fmt.Sprint("/payments/", paid.Add(1)))
					w.WriteHeader(http.StatusCreated)
				}))
			}
			post := func(h http.Handler, key, body, unit string) *httptest.ResponseRecorder {
				r := httptest.NewRequest("POST", "/payments", strings.NewReader(body))
				r.Header.Set("Idempotency-Key", key)
				r.Header.Set("X-Subject", "ada")
				r.Header.Set("X-Unit", unit)
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				return rec
			}
			var wg sync.WaitGroup
			for key := range 5 {
				for range 4 {
					h := start()
					wg.Go(func() {
						rec := post(h, fmt.Sprint("key", key), "{}", "uk")
						if rec.Code != 201 && rec.Code != 409 {
							t.Errorf("POST = %d %s, want 201 or 409", rec.Code, rec.Body)
						}
					})
				}
			}
			wg.Wait()
			if n := paid.Load(); n != 5 {
				t.Errorf("%d payments under five keys", n)
			}
			again := start()
			first := post(again, "key0", "{}", "uk")
			if first.Code != 201 || first.Header().Get("Idempotency-Replayed") != "true" || !strings.HasPrefix(first.Header().Get("Location"), "/payments/") {
				t.Errorf("POST after a restart = %d %v, want the first answer", first.Code, first.Header())
			}
			if rec := post(again, "key0", `{"amount":1}`, "uk"); rec.Code != 422 || !strings.Contains(rec.Body.String(), "idempotency_key_reused") {
				t.Errorf("POST of something else = %d %s, want 422", rec.Code, rec.Body)
			}
			if rec := post(again, "key0", "{}", "de"); rec.Code != 201 || rec.Header().Get("Idempotency-Replayed") != "" {
				t.Errorf("POST in another unit = %d %v, want a payment of its own", rec.Code, rec.Header())
			}
			if log.Len() > 0 {
				t.Errorf("the log says %s", &log)
			}
		})
	}
}

// TestOldKeysAreRemoved: the table does not grow for ever, and what is young or
// running stays.
func TestOldKeysAreRemoved(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := newKeys(t, db, dialect)
			claim := func(id string, lease time.Time) {
				t.Helper()
				if taken, err := store.Begin(t.Context(), id, "request", lease); err != nil || taken != nil {
					t.Fatalf("Begin = %v, %v, want a claim", taken, err)
				}
			}
			now := time.Now().UTC().Truncate(time.Microsecond)
			for n := range 700 {
				claim(fmt.Sprint("old", n), now.Add(-2*time.Hour))
			}
			claim("running", now.Add(time.Minute))
			claim("late", now.Add(-time.Minute)) // its work may still end
			for n := range 100 {
				id := fmt.Sprint("young", n)
				claim(id, now.Add(time.Minute))
				if err := store.Finish(t.Context(), id, now.Add(time.Minute), []byte("{}"), now.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			var left int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM idempotency_keys").Scan(&left); err != nil || left != 102 {
				t.Errorf("%d keys are left, %v, want 102", left, err)
			}
		})
	}
}

// TestAClientThatLeavesEarlyBlocksNoKey: whatever moment the context of a request
// ends at, its key is claimed by it or free.
func TestAClientThatLeavesEarlyBlocksNoKey(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := newKeys(t, db, dialect)
			ended := map[string]bool{}
			for n := range 1000 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(300))*time.Microsecond)
				id := fmt.Sprint("id", n)
				taken, err := store.Begin(ctx, id, "request", time.Now().UTC().Add(time.Minute).Truncate(time.Microsecond))
				cancel()
				if taken != nil {
					t.Fatalf("Begin of a new id = %v", taken)
				}
				if err != nil {
					ended[id] = true
				}
			}
			blocked := 0
			for id := range ended {
				taken, err := store.Begin(t.Context(), id, "request", time.Now().UTC().Add(time.Minute).Truncate(time.Microsecond))
				if err != nil {
					t.Fatal(err)
				}
				if taken != nil {
					blocked++
				}
			}
			if blocked > 0 {
				t.Errorf("%d of %d keys whose clients left are blocked", blocked, len(ended))
			}
		})
	}
}
