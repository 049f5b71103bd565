package resource_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
)

// Values at the ends of their types come back from a cursor as they were.
func TestCursorsOverEveryKind(t *testing.T) {
	t.Parallel()
	type row struct {
		ID        string    `json:"id"`
		Big       uint64    `json:"big"`
		Small     int64     `json:"small"`
		Ratio     float32   `json:"ratio"`
		Seen      time.Time `json:"seen"`
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	type input struct {
		Big uint64 `json:"big"`
	}
	store, err := resource.NewMemory[row]("")
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{"big", "small", "ratio", "seen"}
	rows, err := resource.New[row, input]("/rows", store, resource.Options{Unscoped: true, Sort: fields, Cursors: newPager(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(7) {
		_, err := store.Create(t.Context(), resource.Everything(), row{
			ID: fmt.Sprint(n), Big: math.MaxUint64 - 3 + n, Small: math.MinInt64 + int64(n)*(math.MaxInt64/3), Ratio: 0.1 * float32(n),
			// Finer than a microsecond, as no other store keeps it.
			Seen: time.Unix(0, int64(n)*400),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, field := range fields {
		for _, sort := range []string{field, "-" + field} {
			seen, cursor := map[string]bool{}, ""
			for n := 0; n == 0 || cursor != ""; n++ {
				query := "/rows?limit=1&sort=" + sort
				if cursor != "" {
					query += "&cursor=" + cursor
				}
				rec := httptest.NewRecorder()
				rows.ServeHTTP(rec, httptest.NewRequest("GET", query, nil))
				var list struct {
					Data       []row
					NextCursor string `json:"next_cursor"`
				}
				if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || rec.Code != 200 || n > 7 {
					t.Fatalf("GET %s = %d %s after %d", query, rec.Code, rec.Body, n)
				}
				seen[list.Data[0].ID], cursor = true, list.NextCursor
			}
			if len(seen) != 7 {
				t.Errorf("sort=%s by cursors shows %d rows, want 7", sort, len(seen))
			}
		}
	}
}
