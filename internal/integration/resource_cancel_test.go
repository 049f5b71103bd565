package integration

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// TestResourceWritesAfterDeadlines: a write whose deadline passes at whatever
// moment leaves no transaction open on a connection that others get.
func TestResourceWritesAfterDeadlines(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.SetMaxOpenConns(2)
			store := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			row := newThing("1", "a", 1)
			if err := store.Insert(t.Context(), db, row); err != nil {
				t.Fatal(err)
			}
			count := func(old thing) (thing, error) {
				old.Count++
				return old, nil
			}
			ended := 0
			for range 3000 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(150))*time.Microsecond)
				if _, err := store.Update(ctx, resource.Everything(), "1", count); err != nil {
					ended++
				}
				cancel()
			}
			for range 4 {
				if _, err := store.Update(t.Context(), resource.Everything(), "1", count); err != nil {
					t.Fatalf("Update after %d that ran out of time: %v", ended, err)
				}
			}
			if used := db.Stats().InUse; used != 0 {
				t.Errorf("%d connections are in use", used)
			}
		})
	}
}
