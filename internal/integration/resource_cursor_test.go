package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// A deep is a row of a table that is too large to be counted often.
type deep struct {
	ID        string    `json:"id"`
	OrgUnit   string    `json:"org_unit"`
	Rank      int64     `json:"rank"`
	Note      *string   `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type deepInput struct {
	Rank int64 `json:"rank"`
}

// TestAPageByCursorCostsTheSameAtAnyDepth compares the first answer to a cursor
// with one at the far end of the list, in orders that one index serves each.
func TestAPageByCursorCostsTheSameAtAnyDepth(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("fills a table with 100,000 rows, and measures")
	}
	const rows = 100_000
	fill := map[string]string{
		"sqlite": `INSERT INTO deeps WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT printf('%%08d', i), CASE i %% 2 WHEN 0 THEN 'a' ELSE 'b' END, i * 7919 %% 1000003, CASE WHEN i %% 2 = 0 THEN NULL ELSE printf('%%08d', i * 31 %% 1000003) END,
				printf('2026-01-%%02dT00:00:%%02d.%%06dZ', 1 + i %% 28, i %% 60, i), '2026-01-01T00:00:00.000000Z' FROM n`,
		"postgres": `INSERT INTO deeps SELECT to_char(i, 'FM00000000'), CASE i %% 2 WHEN 0 THEN 'a' ELSE 'b' END, i::bigint * 7919 %% 1000003,
				CASE WHEN i %% 2 = 0 THEN NULL ELSE to_char(i::bigint * 31 %% 1000003, 'FM00000000') END,
				'2026-01-01T00:00:00Z'::timestamptz + i * interval '1 second', '2026-01-01T00:00:00Z' FROM generate_series(1, %d) AS i`,
	}
	nullsFirst := map[string]string{"sqlite": "", "postgres": " NULLS FIRST"}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			db := open(t)
			db.SetMaxOpenConns(1)
			store, err := sqlstore.New[deep](db, sqlstore.Options{Dialect: dialect, Table: "deeps", Unit: "org_unit"})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{
				fmt.Sprintf(fill[dialect], rows), "CREATE INDEX deeps_rank ON deeps (rank, id)", "CREATE INDEX deeps_created ON deeps (created_at, id)",
				"CREATE INDEX deeps_note ON deeps (note" + nullsFirst[dialect] + ", id)", "ANALYZE",
			} {
				mustExec(t, db, dialect, statement)
			}
			handler, err := resource.New[deep, deepInput]("/deeps", store, resource.Options{
				Scope: func(*http.Request) resource.Scope { return resourcetest.Scope("a", "b") },
				Sort:  []string{"rank", "note", "created_at"}, Filter: []string{"note"}, Cursors: keysetPager(t), MaxTotal: 1000,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, sort := range []string{"id", "rank", "-rank", "created_at", "-created_at", "note", "-note"} {
				t.Run(sort, func(t *testing.T) { sameCost(t, handler, sort, rows) })
			}
			t.Run("filters", func(t *testing.T) { indexed(t, handler) })
		})
	}
}

// sameCost times the second answer and those behind and before places of the list
// that are found through pages.
func sameCost(t *testing.T, h http.Handler, sort string, rows int) {
	query := "/deeps?limit=25"
	if sort != "id" {
		query += "&sort=" + sort
	}
	beside := func(page int, member string) string {
		rec := send(h, "GET", fmt.Sprint(query, "&page=", page), "")
		var list map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || rec.Code != 200 || list[member] == nil {
			t.Fatalf("GET %s, page %d = %d %.300s, want a %s", query, page, rec.Code, rec.Body, member)
		}
		return query + "&cursor=" + list[member].(string)
	}
	last := rows / 25
	near := beside(1, "next_cursor")
	for about, far := range map[string]string{
		"at the end":         beside(last-1, "next_cursor"),
		"before the end":     beside(last, "prev_cursor"),
		"behind the middle":  beside(last/2+100, "next_cursor"), // in the middle, nulls end or begin
		"over the middle":    beside(last/2, "next_cursor"),
		"before the middle":  beside(last/2-100, "next_cursor"),
		"back to the middle": beside(last/2+1, "prev_cursor"),
	} {
		ratio := 0.0
		for range 5 { // a shared machine has bad moments
			a, b := cost(t, h, near), cost(t, h, far)
			if ratio = float64(b) / float64(a); ratio < 2 {
				break
			}
			t.Logf("%s: %v, the first %v", about, b, a)
		}
		if ratio >= 2 {
			t.Errorf("sort=%s: a page %s costs %.1f times the first, want less than 2", sort, about, ratio)
		}
	}
}

// cost returns the best of many times that an answer with rows takes.
func cost(t *testing.T, h http.Handler, target string) time.Duration {
	t.Helper()
	best := time.Hour
	for range 60 {
		began := time.Now()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", target, nil))
		best = min(best, time.Since(began))
		if rec.Code != 200 || !bytes.HasPrefix(rec.Body.Bytes(), []byte(`{"data":[{`)) {
			t.Fatalf("GET %s = %d %.300s", target, rec.Code, rec.Body)
		}
	}
	return best
}

// indexed compares filters by lists and beginnings, which few rows fulfill, with
// one for equality. To read the table would cost a hundred times as much.
func indexed(t *testing.T, h http.Handler) {
	const query = "/deeps?limit=5&sort=note&filter=note"
	for _, filter := range []string{"^=00031", "~=00000031,00000093,00000155"} {
		ratio := 0.0
		for range 5 {
			equal := cost(t, h, query+"=00000031")
			if ratio = float64(cost(t, h, query+filter)) / float64(equal); ratio < 5 {
				break
			}
		}
		if ratio >= 5 {
			t.Errorf("filter=note%s costs %.1f times what = does, want less than 5", filter, ratio)
		}
	}
}
