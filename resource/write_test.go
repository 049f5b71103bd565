package resource_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
)

// Callers who ask for what has changed since a time miss no row because the clocks
// of two processes differ.
func TestUpdatedAtNeverGoesBack(t *testing.T) {
	t.Parallel()
	past := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour)
	for name, tt := range map[string]struct{ created, updated time.Time }{
		"a clock that was set back":         {created: past.Add(3 * time.Hour), updated: past.Add(3 * time.Hour)},
		"an update by a clock that is fast": {created: past, updated: past.Add(2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leads, store := newLeads(t, resource.Options{})
			row := Lead{ID: "1", Name: "a", OrgUnit: "emea", CreatedAt: tt.created, UpdatedAt: tt.updated}
			if _, err := store.Create(t.Context(), resource.Everything(), row); err != nil {
				t.Fatal(err)
			}
			rec := do(leads, editor, "PATCH", "/leads/1", `{"name":"b"}`)
			var got Lead
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
				t.Fatalf("PATCH = %d %s", rec.Code, rec.Body)
			}
			if got.Name != "b" || !got.UpdatedAt.Equal(tt.updated) {
				t.Errorf("PATCH = %s, want the updated_at %v that the row has", rec.Body, tt.updated)
			}
		})
	}
}
