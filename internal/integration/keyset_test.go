package integration

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

func keysetPager(t testing.TB) *keyset.Pager {
	t.Helper()
	pager, err := keyset.New([][]byte{bytes.Repeat([]byte{1}, 32)}, keyset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pager
}

func keysetRequest(t testing.TB, pager *keyset.Pager, order []keyset.Column, limit int, cursor string) keyset.Request {
	t.Helper()
	target := "/?limit=" + strconv.Itoa(limit)
	if cursor != "" {
		target += "&cursor=" + cursor
	}
	req, err := pager.ParseRequest(httptest.NewRequest("GET", target, nil), order)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// pagedRow has keys of each kind, with many equal values and many nulls.
type pagedRow struct {
	ID    int64
	Name  string
	Note  *string
	Score float64
}

const pagedTable = `CREATE TABLE paged (id bigint PRIMARY KEY, name text NOT NULL, note text, score double precision NOT NULL)`

func randomPagedRow(rnd *rand.Rand, id int64) pagedRow {
	// Every collation but that of bytes sorts some of these differently.
	words := []string{"", "a", "A", "b", "B", "ä", "z", "Z", "é", "e", "_", "a b", "ab", "日", "🙂", "\uffff"}
	r := pagedRow{ID: id, Name: words[rnd.IntN(len(words))], Score: float64(rnd.IntN(4)) / 2}
	if rnd.IntN(3) > 0 {
		r.Note = &words[rnd.IntN(len(words))]
	}
	return r
}

// TestKeysetWalksAChangingTable reads a table there and back while rows are
// inserted and deleted. Every page is the one that the same cursor gives of the
// rows in memory, so that the SQL says what the package does; what stayed is seen
// once in each direction.
func TestKeysetWalksAChangingTable(t *testing.T) {
	t.Parallel()
	id, idDown := keyset.Column{Name: "id"}, keyset.Column{Name: "id", Desc: true}
	name, nameDown := keyset.Column{Name: "name", Text: true}, keyset.Column{Name: "name", Text: true, Desc: true}
	score := keyset.Column{Name: "score", Desc: true}
	note := func(desc, nullsFirst bool) keyset.Column {
		return keyset.Column{Name: "note", Text: true, Nullable: true, Desc: desc, NullsFirst: nullsFirst}
	}
	orders := map[string][]keyset.Column{
		"one column":                   {id},
		"one column down":              {idDown},
		"equal directions":             {name, id},
		"equal directions down":        {nameDown, idDown},
		"mixed directions":             {score, name, id},
		"mixed directions, the others": {name, score, idDown},
		"nulls last":                   {note(false, false), id},
		"nulls first":                  {note(false, true), idDown},
		"nulls last, down":             {note(true, false), id},
		"nulls first, down":            {note(true, true), idDown},
		"nulls in the middle":          {score, note(false, false), name, id},
	}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			for about, order := range orders {
				t.Run(about, func(t *testing.T) {
					db := open(t)
					if _, err := db.ExecContext(t.Context(), pagedTable); err != nil {
						t.Fatal(err)
					}
					walkTable(t, db, dialect, order)
				})
			}
		})
	}
}

func walkTable(t *testing.T, db *sql.DB, dialect string, order []keyset.Column) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pager := keysetPager(t)
	key := func(r pagedRow) []any {
		keys := make([]any, len(order))
		for i, c := range order {
			keys[i] = map[string]any{"id": r.ID, "name": r.Name, "note": r.Note, "score": r.Score}[c.Name]
		}
		return keys
	}
	rows := map[int64]pagedRow{}
	var nextID int64
	insert := func(n int) {
		for range n {
			r := randomPagedRow(rnd, nextID)
			mustExec(t, db, dialect, "INSERT INTO paged (id, name, note, score) VALUES (?, ?, ?, ?)", r.ID, r.Name, r.Note, r.Score)
			rows[r.ID] = r
			nextID++
		}
	}
	insert(120)
	all := func() []pagedRow {
		list := make([]pagedRow, 0, len(rows))
		for _, r := range rows {
			list = append(list, r)
		}
		slices.SortFunc(list, func(a, b pagedRow) int { return int(a.ID - b.ID) })
		return list
	}
	read := func(cursor string) keyset.Page[pagedRow] {
		req := keysetRequest(t, pager, order, 7, cursor)
		where, tail, args := req.SQL(dialect, 1)
		query := "SELECT id, name, note, score FROM paged WHERE " + where + " " + tail
		got := queryPaged(t, db, query, args)
		if diff := cmp.Diff(keyset.Select(req, all(), key), got); diff != "" {
			t.Fatalf("%s %v mismatch (-memory +engine):\n%s", query, args, diff)
		}
		page, err := keyset.NewPage(req, got, key)
		if err != nil {
			t.Fatal(err)
		}
		insert(rnd.IntN(4))
		for _, r := range all() {
			if rnd.IntN(40) == 0 {
				mustExec(t, db, dialect, "DELETE FROM paged WHERE id = ?", r.ID)
				delete(rows, r.ID)
			}
		}
		return page
	}

	before := all()
	page := read("")
	seen := map[int64]int{}
	for {
		for _, r := range page.Data {
			seen[r.ID]++
		}
		if page.Next == "" {
			break
		}
		page = read(page.Next)
	}
	stayed := func(before []pagedRow, seen map[int64]int, way string) {
		for _, r := range before {
			if _, still := rows[r.ID]; still && seen[r.ID] != 1 {
				t.Errorf("%s: row %+v stayed and was seen %d times", way, r, seen[r.ID])
			}
		}
		for id, n := range seen {
			if n > 1 {
				t.Errorf("%s: row %d was seen %d times", way, id, n)
			}
		}
	}
	stayed(before, seen, "there")

	before = slices.DeleteFunc(all(), func(r pagedRow) bool { return seen[r.ID] == 0 })
	seen = map[int64]int{}
	for {
		for _, r := range page.Data {
			seen[r.ID]++
		}
		if page.Prev == "" {
			break
		}
		page = read(page.Prev)
	}
	stayed(before, seen, "back")
}

func mustExec(t testing.TB, db *sql.DB, dialect, query string, args ...any) {
	t.Helper()
	if dialect == "postgres" {
		for i := range args {
			query = strings.Replace(query, "?", "$"+strconv.Itoa(i+1), 1)
		}
	}
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func queryPaged(t testing.TB, db *sql.DB, query string, args []any) []pagedRow {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	list := []pagedRow{}
	for rows.Next() {
		var r pagedRow
		if err := rows.Scan(&r.ID, &r.Name, &r.Note, &r.Score); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPaginateSQL pages by offset, and counts to a cap, on the engines.
func TestPaginateSQL(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			mustExec(t, db, dialect, pagedTable)
			for id := range int64(30) {
				mustExec(t, db, dialect, "INSERT INTO paged (id, name, score) VALUES (?, '', 0)", id)
			}
			req, err := paginate.Options{}.ParseQuery("page=3&limit=8")
			if err != nil {
				t.Fatal(err)
			}
			end, args := req.SQL(dialect, 1)
			var ids []int64
			for _, r := range queryPaged(t, db, "SELECT id, name, note, score FROM paged ORDER BY id "+end, args) {
				ids = append(ids, r.ID)
			}
			if diff := cmp.Diff([]int64{16, 17, 18, 19, 20, 21, 22, 23}, ids); diff != "" {
				t.Errorf("page 3 mismatch (-want +got):\n%s", diff)
			}
			for most, want := range map[int]int{0: 30, 10: 11, 29: 30, 30: 30, 100: 30} {
				var got int
				if err := db.QueryRowContext(t.Context(), paginate.CountSQL("paged", most)).Scan(&got); err != nil || got != want {
					t.Errorf("CountSQL(%d) counts %d, %v; want %d", most, got, err, want)
				}
			}
		})
	}
}

// TestKeysetPage40000CostsWhatPage1Does measures the depth that an offset cannot
// reach at a price. The offset's time is reported beside it.
func TestKeysetPage40000CostsWhatPage1Does(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a table with 1,000,000 rows")
	}
	const limit = 25
	fill := map[string]string{
		"sqlite": `INSERT INTO deep WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT i, (i * 7919) %% 1000003, 'lead ' || i FROM n`,
		"postgres": `INSERT INTO deep SELECT i, (i::bigint * 7919) %% 1000003, 'lead ' || i FROM generate_series(1, %d) AS i`,
	}
	orders := map[string][]keyset.Column{
		"equal directions": {{Name: "value", Desc: true}, {Name: "id", Desc: true}},
		"mixed directions": {{Name: "value", Desc: true}, {Name: "id"}},
	}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			rows := 1_000_000
			if dialect == "sqlite" {
				rows = sized(rows, 20_000)
			}
			db := open(t)
			db.SetMaxOpenConns(1) // one session, whose plans and pages are warm
			for _, query := range []string{
				"CREATE TABLE deep (id bigint PRIMARY KEY, value bigint NOT NULL, name text NOT NULL)", fmt.Sprintf(fill[dialect], rows),
				"CREATE INDEX deep_equal ON deep (value, id)", "CREATE INDEX deep_mixed ON deep (value DESC, id)", "ANALYZE",
			} {
				mustExec(t, db, dialect, query)
			}
			for about, order := range orders {
				t.Run(about, func(t *testing.T) {
					var terms []string
					for _, c := range order {
						term := c.Name
						if c.Desc {
							term += " DESC"
						}
						terms = append(terms, term)
					}
					// The row before page 40,000, found by offset and timed.
					offset := fmt.Sprintf("SELECT id, value, name FROM deep ORDER BY %s LIMIT 1 OFFSET %d", strings.Join(terms, ", "), rows-limit-1)
					began := time.Now()
					var id, value int64
					var name string
					if err := db.QueryRowContext(t.Context(), offset).Scan(&id, &value, &name); err != nil {
						t.Fatal(err)
					}
					byOffset := time.Since(began)

					pager := keysetPager(t)
					first := keysetRequest(t, pager, order, limit, "")
					key := func(int64) []any { return []any{value, id} }
					page, err := keyset.NewPage(first, make([]int64, limit+1), key)
					if err != nil {
						t.Fatal(err)
					}
					deep := keysetRequest(t, pager, order, limit, page.Next)
					ratio := 0.0
					for range 5 { // a shared machine has bad moments
						near, far := fastest(t, db, dialect, first, limit+1), fastest(t, db, dialect, deep, limit)
						near, far = min(near, fastest(t, db, dialect, first, limit+1)), min(far, fastest(t, db, dialect, deep, limit))
						ratio = float64(far) / float64(near)
						t.Logf("page 1 %v, page %d %v (%.2f), by offset %v", near, rows/limit, far, ratio, byOffset)
						if ratio <= 1.2 {
							return
						}
					}
					t.Errorf("page %d costs %.2f of page 1, want at most 1.2", rows/limit, ratio)
				})
			}
		})
	}
}

// fastest returns the best of many times that the page of req takes, prepared
// once as a pool does it.
func fastest(t *testing.T, db *sql.DB, dialect string, req keyset.Request, want int) time.Duration {
	t.Helper()
	where, tail, args := req.SQL(dialect, 1)
	query, err := db.PrepareContext(t.Context(), "SELECT id, value, name FROM deep WHERE "+where+" "+tail)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	best := time.Hour
	for range 200 {
		began := time.Now()
		rows, err := query.QueryContext(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var id, value int64
			var name string
			if err := rows.Scan(&id, &value, &name); err != nil {
				t.Fatal(err)
			}
			n++
		}
		best = min(best, time.Since(began))
		if err := rows.Err(); err != nil || n != want {
			t.Fatalf("%d rows, %v; want %d", n, err, want)
		}
		rows.Close()
	}
	return best
}
