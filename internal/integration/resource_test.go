package integration

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// thing has a field of every kind that a row may have.
type thing struct {
	ID        string            `json:"id"`
	OrgUnit   string            `json:"org_unit"`
	Name      string            `json:"name"`
	Order     string            `json:"order"` // a word of SQL
	Note      *string           `json:"note"`
	Active    bool              `json:"active"`
	Checked   *bool             `json:"checked"`
	Count     int64             `json:"count"`
	Small     int8              `json:"small"`
	Places    *uint16           `json:"places"`
	Value     float64           `json:"value"`
	Ratio     *float32          `json:"ratio"`
	Due       time.Time         `json:"due"`
	Paid      *time.Time        `json:"paid"`
	Tags      []string          `json:"tags"`
	Labels    map[string]string `json:"labels"`
	Raw       json.RawMessage   `json:"raw"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

func newThing(id, unit string, n int) thing {
	words := []string{
		"", "a", "B", "ab", "Z", "é", "z", "Ünder", "a b", "' OR '1'='1", "%", "_", "\u2028", "𝄞", `"q"`, "ÿ",
		"a\U0010ffff", "a\U0010ffff\U0010ffffx", "\ud7ff", "\ud7ffx", "\ue000", "a\x7f", "a\u0080", "\u07ff", "\u0800",
	}
	out := thing{
		ID: id, OrgUnit: unit, Name: words[n%len(words)], Order: words[n*7%len(words)],
		Active: n%3 == 0, Count: int64(n-50) * 90071992547409919, Small: int8(n), Value: float64(n%11) / 3,
		Due:  time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(n*100%9990, 0, n).Add(time.Duration(n) * time.Microsecond),
		Tags: words[:n%4], CreatedAt: time.UnixMicro(int64(n) * 1_000_003).UTC(), UpdatedAt: time.UnixMicro(int64(n%5) - 2).UTC(),
		Raw: json.RawMessage(`{"z":1.50,"a":[]}`),
	}
	if n%2 == 0 {
		out.Note, out.Checked = &words[n*3%len(words)], new(n%4 == 0)
		out.Labels = map[string]string{"k": words[n%5]}
	}
	if n%5 > 1 {
		out.Places, out.Ratio, out.Paid = new(uint16(n%4*20000)), new(float32(n)/10), new(time.UnixMicro(int64(n%7)).UTC())
	}
	return out
}

func TestResourceStores(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			resourcetest.TestStore(t, resourcetest.Options[thing]{
				New: func(t *testing.T) resource.Store[thing] {
					return newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
				},
				Row: newThing,
			})
		})
	}
}

func newThings(t *testing.T, db *sql.DB, opts sqlstore.Options) *sqlstore.Store[thing] {
	t.Helper()
	store, err := sqlstore.New[thing](db, opts)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time everything is there
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v\n%s", err, strings.Join(store.Schema(), ";\n"))
		}
	}
	return store
}
