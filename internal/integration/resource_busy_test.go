package integration

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// TestImportWaitsForALockedDatabase: another process holds SQLite's lock for
// longer than the driver waits.
func TestImportWaitsForALockedDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	things, err := resource.New[thing, thingInput]("/things",
		newThings(t, db, sqlstore.Options{Dialect: "sqlite", Table: "things", Unit: "org_unit"}),
		resource.Options{Scope: func(*http.Request) resource.Scope { return resourcetest.Scope("a") }})
	if err != nil {
		t.Fatal(err)
	}
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if rec := send(things, "POST", "/things", `{"name":"x"}`); rec.Code != 503 {
		t.Fatalf("POST while the database is locked = %d %s, want 503", rec.Code, rec.Body)
	}
	r := httptest.NewRequest("POST", "/things/import", strings.NewReader(`[{"name":"x"},{"name":"y"}]`))
	r.Header.Set("Content-Type", "application/json")
	work, err := things.Import(r)
	if err != nil {
		t.Fatal(err)
	}
	unlocked := make(chan error, 1)
	time.AfterFunc(250*time.Millisecond, func() {
		_, err := other.ExecContext(t.Context(), "ROLLBACK")
		unlocked <- err
	})
	result, err := work(t.Context())
	if err := <-unlocked; err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(result)
	if want := `{"counts":{"total":2,"succeeded":2,"failed":0},"errors":[]}`; err != nil || string(got) != want {
		t.Errorf("the import = %s, %v, want %s", got, err, want)
	}
}

// TestResourceIDsAreTakenOnce: by this an import knows that a row which it tries
// again is in.
func TestResourceIDsAreTakenOnce(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			store := newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			row := newThing("1", "a", 1)
			if _, err := store.Create(t.Context(), resource.Everything(), row); err != nil {
				t.Fatal(err)
			}
			_, err := store.Create(t.Context(), resource.Everything(), row)
			if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Status != 409 || e.Details.Field != "id" {
				t.Errorf("Create of the same row = %v, want a 409 of the field id", err)
			}
		})
	}
}
