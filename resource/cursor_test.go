package resource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource"
)

func newPager(t testing.TB, secret byte) *keyset.Pager {
	t.Helper()
	pager, err := keyset.New([][]byte{bytes.Repeat([]byte{secret}, 32)}, keyset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pager
}

// cursors are what an answer says of its neighbours.
type cursors struct {
	Data       []Lead
	Total      *int
	Page       *int
	Limit      int
	NextCursor string `json:"next_cursor"`
	PrevCursor string `json:"prev_cursor"`
}

func listed(t testing.TB, h http.Handler, scope units, query string) (cursors, *httptest.ResponseRecorder) {
	t.Helper()
	rec := do(h, scope, "GET", "/leads?"+query, "")
	var list cursors
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || rec.Code != 200 {
		t.Fatalf("GET ?%s = %d %s", query, rec.Code, rec.Body)
	}
	return list, rec
}

// The first request asks for a page; from there every answer says how to go on.
func TestCursorsLeadThereAndBack(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{Cursors: newPager(t, 1)})
	for name, query := range map[string]string{
		"by id":                         "",
		"by a field":                    "sort=name",
		"in descending order":           "sort=-value",
		"with nulls first":              "sort=email,-name",
		"with nulls last":               "sort=-email,name",
		"bools, with many equal values": "sort=active,-created_at",
		"with a filter":                 "sort=-name&filter=value>=1&filter=active=true",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := names(t, do(leads, editor, "GET", "/leads?"+query, "").Body.String())
			query += "&limit=3"
			list, rec := listed(t, leads, editor, query)
			if list.Page == nil || *list.Page != 1 || list.Total == nil || *list.Total != len(want) || list.PrevCursor != "" {
				t.Errorf("the first page = %s, want page 1 of %d rows and no prev_cursor", rec.Body, len(want))
			}
			var there strings.Builder
			there.WriteString(names(t, rec.Body.String()))
			for n := 0; list.NextCursor != "" && n < 10; n++ {
				list, rec = listed(t, leads, editor, query+"&cursor="+list.NextCursor)
				if list.Page != nil || list.Total != nil || list.Limit != 3 || list.PrevCursor == "" {
					t.Errorf("an answer to a cursor = %s, want no page, no total, the limit and a prev_cursor", rec.Body)
				}
				there.WriteString(names(t, rec.Body.String()))
			}
			if there.String() != want {
				t.Errorf("the list by cursors = %s, by page %s", there.String(), want)
			}
			back := names(t, rec.Body.String())
			for n := 0; list.PrevCursor != "" && n < 10; n++ {
				list, rec = listed(t, leads, editor, query+"&cursor="+list.PrevCursor)
				back = names(t, rec.Body.String()) + back
			}
			if back != want {
				t.Errorf("the list back by cursors = %s, want %s", back, want)
			}
		})
	}
}

// Every byte of an answer to a cursor, and its Link field.
func TestAnAnswerToACursor(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{Cursors: newPager(t, 1), DataKey: "leads"})
	first := do(leads, editor, "GET", "/leads?sort=name&limit=4", "")
	envelope := regexp.MustCompile(`^{"leads":\[{.*}\],"total":10,"page":1,"limit":4,"next_cursor":"([\w-]+)"}$`)
	next := envelope.FindStringSubmatch(first.Body.String())
	if next == nil {
		t.Fatalf("GET = %s, want %s", first.Body, envelope)
	}
	want := `<?sort=name&page=1&limit=4>; rel="first", <?sort=name&page=2&limit=4>; rel="next", <?sort=name&page=3&limit=4>; rel="last"`
	if got := first.Header().Get("Link"); got != want {
		t.Errorf("Link of a page = %s, want %s", got, want)
	}

	second := do(leads, editor, "GET", "/leads?sort=name&limit=4&cursor="+next[1], "")
	envelope = regexp.MustCompile(`^{"leads":\[{.*}\],"limit":4,"next_cursor":"([\w-]+)","prev_cursor":"([\w-]+)"}$`)
	both := envelope.FindStringSubmatch(second.Body.String())
	if second.Code != 200 || both == nil {
		t.Fatalf("GET by cursor = %d %s, want %s", second.Code, second.Body, envelope)
	}
	header := http.Header{
		"Content-Type":   {"application/json; charset=utf-8"},
		"Content-Length": {fmt.Sprint(second.Body.Len())},
		"Etag":           second.Header()["Etag"],
		"Link": {`<?sort=name&limit=4>; rel="first", <?sort=name&cursor=` + both[2] + `&limit=4>; rel="prev", ` +
			`<?sort=name&cursor=` + both[1] + `&limit=4>; rel="next"`},
	}
	if diff := cmp.Diff(header, second.Header()); diff != "" {
		t.Errorf("header mismatch (-want +got):\n%s", diff)
	}
	again := do(leads, editor, "GET", "/leads?sort=name&limit=4&cursor="+next[1], "", "If-None-Match: "+second.Header().Get("Etag"))
	if again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("GET with the tag = %d %s, want 304", again.Code, again.Body)
	}
}

func TestPagesNameTheirNeighbours(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{Cursors: newPager(t, 1), MaxTotal: 6})
	tests := map[string]struct {
		query      string
		next, prev string // the names behind the cursors
	}{
		"the first page":       {"limit=4&sort=name", "4567", ""},
		"one in the middle":    {"limit=4&page=2&sort=name", "89", "0123"},
		"the last, with fewer": {"limit=4&page=3&sort=name", "", "4567"},
		"the last, full":       {"limit=5&page=2&sort=name", "", "01234"},
		"past the end":         {"limit=5&page=3&sort=name", "", ""},
		"all rows":             {"limit=10&sort=name", "", ""},
		"no rows":              {"filter=name=x", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, _ := listed(t, leads, editor, tt.query)
			query := strings.Join(regexp.MustCompile(`(limit|sort)=\w+`).FindAllString(tt.query, -1), "&")
			for cursor, want := range map[string]string{list.NextCursor: tt.next, list.PrevCursor: tt.prev} {
				if cursor == "" {
					continue
				}
				rec := do(leads, editor, "GET", "/leads?"+query+"&cursor="+cursor, "")
				if got := names(t, rec.Body.String()); got != want {
					t.Errorf("the neighbour of ?%s = %d %s, want %s", tt.query, rec.Code, got, want)
				}
			}
			if (list.NextCursor == "") != (tt.next == "") || (list.PrevCursor == "") != (tt.prev == "") {
				t.Errorf("GET ?%s: next_cursor %q and prev_cursor %q, want those of %q and %q", tt.query, list.NextCursor, list.PrevCursor, tt.next, tt.prev)
			}
		})
	}
}

func TestCursorsAreRefused(t *testing.T) {
	t.Parallel()
	pager := newPager(t, 1)
	opts := resource.Options{Cursors: pager, Params: []resource.Field{{Name: "q", Example: "x"}}}
	leads := seeded(t, opts)
	const query = "sort=-value&filter=active=true&filter=value>=0&q=x&limit=2"
	list, _ := listed(t, leads, editor, query)
	other := func(path string, opts resource.Options) http.Handler {
		store, err := resource.NewMemory[Lead]("org_unit")
		if err != nil {
			t.Fatal(err)
		}
		opts.Scope, opts.Filter, opts.Sort = scopeOf, []string{"active", "value"}, []string{"value"}
		opts.Params = []resource.Field{{Name: "q", Example: "x"}}
		things, err := resource.New[Lead, LeadInput](path, store, opts)
		if err != nil {
			t.Fatal(err)
		}
		return things
	}
	invalid := refused("cursor", "invalid", "cursor is not valid for this list, or no longer: start again without it")
	tests := map[string]struct {
		h     http.Handler
		scope units
		query string
		want  string
	}{
		"with a page":             {leads, editor, query + "&page=1", refused("cursor", "conflict", "cursor and page exclude each other")},
		"twice":                   {leads, editor, query + "&cursor=x", refused("cursor", "duplicate", "cursor must be given only once")},
		"another sort":            {leads, editor, strings.Replace(query, "-value", "value", 1), invalid},
		"no sort":                 {leads, editor, strings.Replace(query, "sort=-value", "", 1), invalid},
		"another filter":          {leads, editor, strings.Replace(query, "=true", "=false", 1), invalid},
		"another operator":        {leads, editor, strings.Replace(query, ">=0", ">0", 1), invalid},
		"one filter less":         {leads, editor, strings.Replace(query, "&filter=active=true", "", 1), invalid},
		"a parameter changed":     {leads, editor, strings.Replace(query, "q=x", "q=y", 1), invalid},
		"a parameter less":        {leads, editor, strings.Replace(query, "q=x", "", 1), invalid},
		"another scope":           {leads, units{ids: []string{"emea"}}, query, invalid},
		"one that reads the same": {leads, units{ids: []string{"emeauk"}}, query, invalid},
		"another resource":        {other("/things", opts), editor, query, invalid},
		"another secret":          {other("/leads", resource.Options{Cursors: newPager(t, 2)}), editor, query, invalid},
		"a resource without cursors": {
			other("/leads", resource.Options{}), editor, query, refused("cursor", "unknown", "Unknown parameter cursor"),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "/leads?"
			if name == "another resource" {
				path = "/things?"
			}
			rec := do(tt.h, tt.scope, "GET", path+tt.query+"&cursor="+list.NextCursor, "")
			if rec.Code != 400 || rec.Body.String() != tt.want {
				t.Errorf("GET = %d %s, want 400 %s", rec.Code, rec.Body, tt.want)
			}
		})
	}
	for cursor, want := range map[string]string{
		"":                                 invalidEmpty,
		"x":                                invalid,
		list.NextCursor[1:]:                invalid,
		strings.ToLower(list.NextCursor):   invalid,
		list.NextCursor + "A":              invalid,
		url.QueryEscape("' OR 1=1 --\x00"): invalid,
	} {
		rec := do(leads, editor, "GET", "/leads?"+query+"&cursor="+cursor, "")
		if rec.Code != 400 || rec.Body.String() != want {
			t.Errorf("GET with cursor=%s = %d %s, want 400 %s", cursor, rec.Code, rec.Body, want)
		}
	}
	// The same list in other words, and with another limit.
	same := "limit=1&filter=value>=0.0e1&q=%78&filter=active=true&sort=-value&cursor=" + list.NextCursor
	if rec := do(leads, editor, "GET", "/leads?"+same, ""); rec.Code != 200 || names(t, rec.Body.String()) != "4" {
		t.Errorf("GET ?%s = %d %s, want the next row", same, rec.Code, rec.Body)
	}
}

var invalidEmpty = refused("cursor", "invalid", "cursor must not be empty: leave it out to begin with the first page")

// digested is a scope like that of package ouscope: roles are part of its digest.
type digested struct {
	units
	digest string
}

func (d digested) Digest() string { return d.digest }

func TestCursorsAreBoundToTheDigestOfAScope(t *testing.T) {
	t.Parallel()
	scope := digested{units{ids: []string{"emea"}}, "one"}
	leads := seeded(t, resource.Options{
		Cursors: newPager(t, 1),
		Scope: func(r *http.Request) resource.Scope {
			if r.Method == "POST" {
				return scopeOf(r)
			}
			d := scope
			d.digest = r.Header.Get("X-Digest")
			return d
		},
	})
	first := do(leads, editor, "GET", "/leads?limit=2", "", "X-Digest: one")
	var list cursors
	if err := json.Unmarshal(first.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	for digest, want := range map[string]int{"one": 200, "two": 400} {
		rec := do(leads, editor, "GET", "/leads?limit=2&cursor="+list.NextCursor, "", "X-Digest: "+digest)
		if rec.Code != want {
			t.Errorf("GET with the digest %s = %d %s, want %d", digest, rec.Code, rec.Body, want)
		}
	}
}

// asking records what the store is asked for.
type asking struct {
	resource.Store[Lead]
	last resource.Query
}

func (a *asking) Cursors() bool { return true }

func (a *asking) List(ctx context.Context, scope resource.Scope, q resource.Query) ([]Lead, int, error) {
	a.last = q
	return a.Store.List(ctx, scope, q)
}

func TestWhatAStoreIsAskedForBehindACursor(t *testing.T) {
	t.Parallel()
	memory, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for n := range 5 {
		lead := Lead{ID: fmt.Sprint(n), Name: "x", OrgUnit: "emea", Value: 1.5, CreatedAt: at, UpdatedAt: at}
		if _, err := memory.Create(t.Context(), editor, lead); err != nil {
			t.Fatal(err)
		}
	}
	for totals, want := range map[bool]string{false: `],"limit":2,`, true: `],"total":5,"limit":2,`} {
		store := &asking{Store: memory}
		fields := []string{"email", "value", "active", "created_at"}
		leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{
			Scope: scopeOf, Sort: fields, Cursors: newPager(t, 1), CursorTotals: totals,
		})
		if err != nil {
			t.Fatal(err)
		}
		const query = "sort=-email,value,active,-created_at&limit=2"
		list, _ := listed(t, leads, editor, query)
		if store.last.Limit != 3 || store.last.After != nil || store.last.NoTotal {
			t.Errorf("a page asks for %+v, want three rows and the total", store.last)
		}
		rec := do(leads, editor, "GET", "/leads?"+query+"&cursor="+list.NextCursor, "")
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("GET = %s, want %s", rec.Body, want)
		}
		asked := resource.Query{
			Sort:  []resource.Order{{Field: "email", Desc: true}, {Field: "value"}, {Field: "active"}, {Field: "created_at", Desc: true}, {Field: "id", Desc: true}},
			Limit: 3, After: []any{nil, 1.5, false, at, "3"}, NoTotal: !totals,
		}
		if diff := cmp.Diff(asked, store.last); diff != "" {
			t.Errorf("the query behind a cursor (-want +got):\n%s", diff)
		}
	}
}

// Rows that come and go make no other row appear twice or not at all.
func TestCursorsInAChangingList(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{Cursors: newPager(t, 1)})
	list, _ := listed(t, leads, editor, "sort=name&limit=4") // 0123
	do(leads, editor, "POST", "/leads", `{"name":"l00"}`)
	do(leads, editor, "DELETE", "/leads/"+list.Data[0].ID, "")
	do(leads, editor, "DELETE", "/leads/"+list.Data[3].ID, "") // where the cursor stands
	next, _ := listed(t, leads, editor, "sort=name&limit=4&cursor="+list.NextCursor)
	if next.Data[0].Name != "l4" || next.Data[3].Name != "l7" {
		t.Errorf("the rows behind l3 = %+v, want l4 to l7", next.Data)
	}
	for _, lead := range next.Data {
		do(leads, editor, "DELETE", "/leads/"+lead.ID, "")
	}
	empty, _ := listed(t, leads, editor, "sort=name&limit=4&cursor="+next.PrevCursor)
	if len(empty.Data) != 3 || empty.NextCursor == "" {
		t.Errorf("the rows before l4 = %+v, want l00 to l2 and a next_cursor", empty)
	}
	// Where all rows are gone, the way back and on is still there.
	end, _ := listed(t, leads, editor, "sort=name&limit=4&cursor="+next.NextCursor) // 89
	for _, lead := range end.Data {
		do(leads, editor, "DELETE", "/leads/"+lead.ID, "")
	}
	none, rec := listed(t, leads, editor, "sort=name&limit=4&cursor="+next.NextCursor)
	if len(none.Data) != 0 || none.NextCursor != "" || none.PrevCursor == "" || !strings.HasPrefix(rec.Body.String(), `{"data":[],"limit":4,"prev_cursor":"`) {
		t.Errorf("GET at the end of a list whose end is gone = %s, want no rows and a prev_cursor", rec.Body)
	}
	back, _ := listed(t, leads, editor, "sort=name&limit=4&cursor="+none.PrevCursor)
	if len(back.Data) != 3 || back.Data[2].Name != "l2" {
		t.Errorf("the rows before the end = %+v, want l00 to l2", back.Data)
	}
}

func TestNewRefusesCursors(t *testing.T) {
	t.Parallel()
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	type hiding struct{ resource.Store[Lead] }
	pager := newPager(t, 1)
	tests := map[string]struct {
		store any
		opts  resource.Options
		want  string
	}{
		"of a store that may not know them": {
			hiding{store},
			resource.Options{Cursors: pager},
			"resource: New: /leads: Options.Cursors: the store resource_test.hiding does not say that its List goes by Query.After; " +
				"if it does, give it a method Cursors() bool that returns true",
		},
		"of a store without lists": {creator{}, resource.Options{Cursors: pager}, "resource: New: /leads: Options.Cursors: the store resource_test.creator does not say that " +
			"its List goes by Query.After; if it does, give it a method Cursors() bool that returns true"},
		"under the key of the rows":   {store, resource.Options{Cursors: pager, DataKey: "next_cursor"}, `resource: New: /leads: Options.DataKey: "next_cursor" is a member of its own`},
		"as totals of what is not on": {store, resource.Options{CursorTotals: true}, "resource: New: /leads: Options.CursorTotals without Cursors has no effect"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.opts.Scope = scopeOf
			_, err := resource.New[Lead, LeadInput]("/leads", tt.store, tt.opts)
			if err == nil || err.Error() != tt.want {
				t.Errorf("New: error = %v, want %s", err, tt.want)
			}
		})
	}
}

// A string that no URL can carry is not put into one.
func TestRowsWithLongKeysHaveNoCursors(t *testing.T) {
	t.Parallel()
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{Scope: scopeOf, Sort: []string{"name"}, Cursors: newPager(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		lead := Lead{ID: fmt.Sprint(n), Name: fmt.Sprint(n), OrgUnit: "emea"}
		if n > 2 {
			lead.Name += strings.Repeat("x", 20_000)
		}
		if _, err := store.Create(t.Context(), editor, lead); err != nil {
			t.Fatal(err)
		}
	}
	long, rec := listed(t, leads, editor, "sort=name&limit=2&page=2")
	if long.NextCursor != "" || long.PrevCursor != "" || !strings.Contains(rec.Header().Get("Link"), `page=3&limit=2>; rel="next"`) {
		t.Errorf("a page with long keys: cursors %q, %q, want none and a link to the next page", long.NextCursor, long.PrevCursor)
	}
	list, _ := listed(t, leads, editor, "sort=name&limit=2")
	want := refused("sort", "too_long", "A row of this page is too long in a field of sort to go on from: read the list by page, or sort by something else")
	if rec := do(leads, editor, "GET", "/leads?sort=name&limit=2&cursor="+list.NextCursor, ""); rec.Code != 400 || rec.Body.String() != want {
		t.Errorf("GET of a page with long keys by cursor = %d %.200s, want 400 %s", rec.Code, rec.Body, want)
	}
	if list, _ := listed(t, leads, editor, "limit=4"); list.NextCursor == "" {
		t.Error("the same rows by id have no cursor")
	}
}
