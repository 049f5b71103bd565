package integration

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
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

// TestImportIsCanceledCleanly: jobs that are canceled at whatever moment count
// what is in the table.
func TestImportIsCanceledCleanly(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.SetMaxOpenConns(2)
			store := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			things, err := resource.New[thing, thingInput]("/things", store, resource.Options{
				Scope: func(*http.Request) resource.Scope { return resourcetest.Scope("a") },
			})
			if err != nil {
				t.Fatal(err)
			}
			body := "[" + strings.Repeat(`{"name":"x"},{"name":""},`, 200) + `{"name":"x"}]`
			succeeded, unsure := 0, 0
			for range 20 {
				r := httptest.NewRequest("POST", "/things/import", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				work, err := things.Import(r)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20_000))*time.Microsecond)
				result, err := work(ctx)
				cancel()
				if err != nil {
					unsure++ // of the row at which it ended
				}
				text, err := json.Marshal(result)
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Counts struct{ Total, Succeeded, Failed int }
				}
				if err := json.Unmarshal(text, &got); err != nil || got.Counts.Total != 401 {
					t.Fatalf("the import = %s, %v", text, err)
				}
				succeeded += got.Counts.Succeeded
			}
			var rows int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if rows < succeeded || rows > succeeded+unsure {
				t.Errorf("%d rows are in, and the imports counted %d, of which %d ended early", rows, succeeded, unsure)
			}
		})
	}
}
