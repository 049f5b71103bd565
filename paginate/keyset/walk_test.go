package keyset_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/paginate/keyset"
)

// row has keys with many equal values and many nulls, so that ties are broken
// all the time.
type row struct {
	id    int
	group *string
	score int
}

func (r row) String() string {
	group := "null"
	if r.group != nil {
		group = *r.group
	}
	return fmt.Sprintf("%s/%d/%d", group, r.score, r.id)
}

func randomRow(rnd *rand.Rand, id int) row {
	r := row{id: id, score: rnd.IntN(4)}
	if rnd.IntN(3) > 0 {
		r.group = new(string(rune('a' + rnd.IntN(4))))
	}
	return r
}

// table is the list that is read and changed at once.
type table struct {
	rows   map[int]row
	nextID int
}

func (tb *table) all() []row {
	rows := make([]row, 0, len(tb.rows))
	for _, r := range tb.rows {
		rows = append(rows, r)
	}
	return rows
}

// churn inserts and deletes a few rows, anywhere in the order.
func (tb *table) churn(rnd *rand.Rand) {
	for range rnd.IntN(6) {
		tb.rows[tb.nextID] = randomRow(rnd, tb.nextID)
		tb.nextID++
	}
	for _, r := range tb.all() {
		if rnd.IntN(20) == 0 {
			delete(tb.rows, r.id)
		}
	}
}

// TestPagesNeitherRepeatNorSkip reads a list to its end, and back to its start,
// while rows come and go. What stayed all the time is seen once in each
// direction, in order.
func TestPagesNeitherRepeatNorSkip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			walk(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { walk(t, rand.New(rand.NewPCG(a, b))) })
}

func walk(t *testing.T, rnd *rand.Rand) {
	flip := func() bool { return rnd.IntN(2) == 0 }
	order := []keyset.Column{
		{Name: "grp", Desc: flip(), Nullable: true, NullsFirst: flip()},
		{Name: "score", Desc: flip()},
		{Name: "id", Desc: flip()},
	}
	key := func(r row) []any { return []any{r.group, r.score, r.id} }
	p := newPager(t, keyset.Options{})
	tb := &table{rows: map[int]row{}}
	for range rnd.IntN(60) {
		tb.rows[tb.nextID] = randomRow(rnd, tb.nextID)
		tb.nextID++
	}
	read := func(cursor string) keyset.Page[row] {
		query := "limit=" + strconv.Itoa(1+rnd.IntN(7))
		if cursor != "" {
			query += "&cursor=" + cursor
		}
		req, err := parse(p, query, order)
		if err != nil {
			t.Fatal(err)
		}
		page, err := keyset.NewPage(req, keyset.Select(req, tb.all(), key), key)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Data) > req.Limit {
			t.Fatalf("a page of %d rows at limit %d", len(page.Data), req.Limit)
		}
		return page
	}

	// sweep follows next, or prev, to the end, and returns the rows in the
	// order of the list.
	sweep := func(page keyset.Page[row], back bool) (seen []row, last keyset.Page[row]) {
		seen = slices.Clone(page.Data)
		for range 10_000 {
			cursor := page.Next
			if back {
				cursor = page.Prev
			}
			if cursor == "" {
				return seen, page
			}
			tb.churn(rnd)
			page = read(cursor)
			if back {
				seen = append(slices.Clone(page.Data), seen...)
			} else {
				seen = append(seen, page.Data...)
			}
		}
		t.Fatal("the list has no end")
		return nil, page
	}
	check := func(name string, before map[int]row, seen []row) {
		times := map[int]int{}
		for _, r := range seen {
			times[r.id]++
		}
		for id, n := range times {
			if n > 1 {
				t.Errorf("%s: row %d was seen %d times", name, id, n)
			}
		}
		for id, r := range before {
			if _, stayed := tb.rows[id]; stayed && times[id] != 1 {
				t.Errorf("%s: row %v stayed and was seen %d times", name, r, times[id])
			}
		}
		if sorted := independentlySorted(seen, order); !slices.EqualFunc(seen, sorted, func(a, b row) bool { return a.id == b.id }) {
			t.Errorf("%s: seen in order %v, want %v", name, seen, sorted)
		}
		if t.Failed() {
			t.Fatalf("%s: order %+v", name, order)
		}
	}

	before := maps.Clone(tb.rows)
	seen, last := sweep(read(""), false)
	check("forward", before, seen)

	// On the way back, what was seen on the way there and is still there.
	before = map[int]row{}
	for _, r := range seen {
		if _, stayed := tb.rows[r.id]; stayed {
			before[r.id] = r
		}
	}
	seen, start := sweep(last, true)
	check("back", before, seen)

	if len(tb.rows) > 0 && start.Next == "" && len(start.Data) < len(tb.rows) {
		t.Fatalf("back at the start there is no way on: %+v of %d rows", start, len(tb.rows))
	}
}

// independentlySorted sorts by text that orders like the keys do, which owes
// nothing to the code under test.
func independentlySorted(rows []row, order []keyset.Column) []row {
	digits := func(n int, desc bool) string {
		if desc {
			n = 99_999 - n
		}
		return fmt.Sprintf("%05d", n)
	}
	text := func(r row) string {
		var b strings.Builder
		switch {
		case r.group == nil && order[0].NullsFirst:
			b.WriteString("0")
		case r.group == nil:
			b.WriteString("2")
		default:
			b.WriteString("1" + digits(int((*r.group)[0]), order[0].Desc))
		}
		return b.String() + "," + digits(r.score, order[1].Desc) + "," + digits(r.id, order[2].Desc)
	}
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, func(a, b row) int { return strings.Compare(text(a), text(b)) })
	return sorted
}
