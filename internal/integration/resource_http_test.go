package integration

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

type thingInput struct {
	Name   string    `json:"name" validate:"required,max=20"`
	Order  string    `json:"order"`
	Note   *string   `json:"note" validate:"omitempty,max=20"`
	Count  int64     `json:"count"`
	Value  float64   `json:"value"`
	Ratio  *float32  `json:"ratio"`
	Due    time.Time `json:"due"`
	Tags   []string  `json:"tags"`
	Active bool      `json:"active"`
}

func serveThings(t *testing.T, store any, units ...string) http.Handler {
	t.Helper()
	fields := []string{"name", "order", "note", "count", "value", "ratio", "due", "active", "created_at"}
	things, err := resource.New[thing, thingInput]("/things", store, resource.Options{
		Scope:  func(*http.Request) resource.Scope { return resourcetest.Scope(units...) },
		Filter: fields, Sort: fields, Cursors: keysetPager(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return things
}

func send(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// TestResourceAnswersAlike sends the same random requests to three stores. What
// differs from run to run apart, they get the same answers, and never a 5xx.
func TestResourceAnswersAlike(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			memory, err := resource.NewMemory[thing]("org_unit")
			if err != nil {
				t.Fatal(err)
			}
			engine := newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			for seed := range uint64(4) {
				unit := "unit" + string(rune('0'+seed))
				pair := pair{t: t, a: serveThings(t, memory, unit), b: serveThings(t, engine, unit), random: rand.New(rand.NewPCG(seed, 1))}
				for range 250 {
					pair.step()
				}
			}
		})
	}
}

type pair struct {
	t      *testing.T
	a, b   http.Handler
	ids    [][2]string
	random *rand.Rand
}

func (p *pair) pick(from ...string) string { return from[p.random.IntN(len(from))] }

func (p *pair) value() string {
	return p.pick(`"a"`, `"B"`, `"é"`, `""`, `"' OR '1'='1"`, `"%"`, `"\u0000"`, `"\ud83d\ude00"`, `null`, `7`, `-0`, `0.1`, `1e300`, `9007199254740993`,
		`9223372036854775807`, `9223372036854775808`, `3.4e38`, `1e39`, `true`, `false`, `[]`, `["a","b"]`, `{}`, `"2026-01-02T03:04:05.123456789+01:00"`,
		`"0000-01-01T00:00:00+10:00"`, `"9999-12-31T23:59:59.999999Z"`, `"0001-01-01T00:00:00Z"`, strconv.Quote(strings.Repeat("x", 30)))
}

func (p *pair) body() string {
	fields := []string{"name", "order", "note", "count", "value", "ratio", "due", "tags", "active"}
	var members []string
	for _, f := range fields {
		switch {
		case f == "name" && p.random.IntN(4) > 0:
			members = append(members, `"name":`+p.pick(`"a"`, `"b"`, `"Z"`, `"ü"`))
		case p.random.IntN(6) == 0:
			members = append(members, `"`+f+`":`+p.value())
		case p.random.IntN(3) == 0 && (f == "count" || f == "value" || f == "ratio"):
			members = append(members, `"`+f+`":`+p.pick("1", "2", "3", "-4"))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (p *pair) query() string {
	q := url.Values{"limit": {strconv.Itoa(1 + p.random.IntN(10))}, "page": {strconv.Itoa(1 + p.random.IntN(3))}}
	fields := []string{"name", "order", "note", "count", "value", "ratio", "due", "active", "tags"}
	for range p.random.IntN(3) {
		value := strings.Trim(p.value(), `"`)
		if p.random.IntN(2) == 0 {
			value = p.pick("1", "2", "a", "b", "true", "false", "2026-01-02T02:04:05.123456Z")
		}
		op := p.pick("=", "!=", "<", "<=", ">", ">=", "~=", "~=", "^=")
		if op == "~=" && p.random.IntN(4) > 0 {
			value += "," + p.pick("1", "2", "a", `""`, `"a,b"`, "2026-01-02T02:04:05.123456Z", strings.Repeat("b,", 50)+"a")
		}
		q.Add("filter", p.pick(fields...)+op+value)
	}
	if p.random.IntN(2) == 0 {
		q.Set("sort", p.pick("", "-")+p.pick(fields...)+","+p.pick("", "-")+p.pick(fields...))
	}
	return q.Encode()
}

func (p *pair) step() {
	p.t.Helper()
	method, target, body := p.pick("GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE", "LIST", "LIST"), [2]string{"/things", "/things"}, ""
	if method == "LIST" && p.random.IntN(2) == 0 {
		p.follow()
		return
	}
	if method != "POST" && method != "LIST" {
		id := [2]string{p.pick("x", "\x00", "\xff", "'"), ""}
		id[1] = id[0]
		if len(p.ids) > 0 && p.random.IntN(10) > 0 {
			id = p.ids[p.random.IntN(len(p.ids))]
		}
		target = [2]string{"/things/" + url.PathEscape(id[0]), "/things/" + url.PathEscape(id[1])}
	}
	switch method {
	case "LIST":
		method = "GET"
		query := p.query()
		target = [2]string{"/things?" + query, "/things?" + query}
	case "POST", "PUT", "PATCH":
		body = p.body()
	}
	a, b := send(p.a, method, target[0], body), send(p.b, method, target[1], body)
	if a.Code != b.Code || a.Code >= 500 || withoutOwn(a.Body.String()) != withoutOwn(b.Body.String()) {
		p.t.Fatalf("%s %s %s:\nmemory %d %s\nengine %d %s", method, target[1], body, a.Code, a.Body, b.Code, b.Body)
	}
	if a.Code == http.StatusCreated {
		p.ids = append(p.ids, [2]string{path.Base(a.Header().Get("Location")), path.Base(b.Header().Get("Location"))})
	}
}

// follow reads a list by cursors, a few answers there and back.
func (p *pair) follow() {
	p.t.Helper()
	query := regexp.MustCompile(`&?page=\d+`).ReplaceAllString(p.query(), "")
	target, member := [2]string{"/things?" + query, "/things?" + query}, "next_cursor"
	for range 6 {
		a, b := send(p.a, "GET", target[0], ""), send(p.b, "GET", target[1], "")
		if a.Code != b.Code || a.Code >= 500 || withoutOwn(a.Body.String()) != withoutOwn(b.Body.String()) {
			p.t.Fatalf("GET %s:\nmemory %d %s\nengine %d %s", target[1], a.Code, a.Body, b.Code, b.Body)
		}
		var lists [2]map[string]any
		if json.Unmarshal(a.Body.Bytes(), &lists[0]) != nil || json.Unmarshal(b.Body.Bytes(), &lists[1]) != nil {
			p.t.Fatalf("GET %s: no JSON", target[1])
		}
		if p.random.IntN(4) == 0 || lists[0][member] == nil {
			member = "prev_cursor"
		}
		for i, list := range lists {
			cursor, ok := list[member].(string)
			if !ok {
				return
			}
			target[i] = "/things?" + query + "&cursor=" + cursor
		}
	}
}

var own = regexp.MustCompile(`"(id|created_at|updated_at|next_cursor|prev_cursor)":"[^"]*"`)

func withoutOwn(body string) string { return own.ReplaceAllString(body, "") }

func TestResourceUniqueFields(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			store := newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit", Unique: []string{"order", "note"}})
			a, b := serveThings(t, store, "a"), serveThings(t, store, "b")
			const body = `{"name":"x","order":"first","note":"n"}`
			first := send(a, "POST", "/things", body)
			if first.Code != 201 {
				t.Fatalf("POST = %d %s", first.Code, first.Body)
			}
			if rec := send(b, "POST", "/things", body); rec.Code != 201 {
				t.Errorf("POST of the same to another unit = %d %s, want 201", rec.Code, rec.Body)
			}
			want := `{"error":"conflict","message":"Order is taken","details":{"field":"order","code":"unique"}}`
			if rec := send(a, "POST", "/things", `{"name":"x","order":"first"}`); rec.Code != 409 || rec.Body.String() != want {
				t.Errorf("POST of the same again = %d %s, want 409 %s", rec.Code, rec.Body, want)
			}
			second := send(a, "POST", "/things", `{"name":"x","order":"second","note":null}`).Header().Get("Location")
			want = `{"error":"conflict","message":"Note is taken","details":{"field":"note","code":"unique"}}`
			if rec := send(a, "PATCH", second, `{"note":"n"}`); rec.Code != 409 || rec.Body.String() != want {
				t.Errorf("PATCH to what is taken = %d %s, want 409 %s", rec.Code, rec.Body, want)
			}
			if rec := send(a, "POST", "/things", `{"name":"x","order":"third","note":null}`); rec.Code != 201 {
				t.Errorf("POST of a second null = %d %s, want 201", rec.Code, rec.Body)
			}
		})
	}
}

// TestResourceTextThatNoIndexHolds: PostgreSQL has a bound for what is in an index.
func TestResourceTextThatNoIndexHolds(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			things := serveThings(t, newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit", Unique: []string{"order"}}), "a")
			for _, size := range []int{2000, 5000, 50_000} {
				text := make([]byte, size) // that cannot be compressed
				for i := range text {
					text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"[rand.IntN(64)]
				}
				want := 201
				if dialect == "postgres" && size > 2700 {
					want = 422
				}
				rec := send(things, "POST", "/things", `{"name":"x","order":"`+string(text)+`"}`)
				if rec.Code != want || want == 422 && !strings.Contains(rec.Body.String(), `"code":"max"`) {
					t.Errorf("POST of %d bytes = %d %.300s, want %d", size, rec.Code, rec.Body, want)
				}
			}
		})
	}
}

func TestResourceConcurrentPatches(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			things := serveThings(t, newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"}), "a")
			created := send(things, "POST", "/things", `{"name":"x"}`)
			target, tag := created.Header().Get("Location"), created.Header().Get("Etag")
			codes := make([]int, 8)
			var wg sync.WaitGroup
			for i := range codes {
				wg.Go(func() {
					codes[i] = send(things, "PATCH", target, `{"count":`+strconv.Itoa(i+1)+`}`, "If-Match", tag).Code
				})
			}
			wg.Wait()
			slices.Sort(codes)
			if want := []int{200, 412, 412, 412, 412, 412, 412, 412}; !slices.Equal(codes, want) {
				t.Errorf("eight PATCHes with one tag = %v, want %v", codes, want)
			}
		})
	}
}

func TestResourceInsertsManyRows(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			var rows []thing
			for n := range 1003 {
				rows = append(rows, newThing(resource.NewID(), "a", n%100))
			}
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Insert(t.Context(), tx, rows...); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			rec := send(serveThings(t, store, "a"), "GET", "/things?limit=1", "")
			if !strings.Contains(rec.Body.String(), `],"total":1003,"page":1,"limit":1,`) {
				t.Errorf("GET = %s, want 1003 rows", rec.Body)
			}
		})
	}
}

func TestResourceWithoutUnits(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			store := newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things"})
			things, err := resource.New[thing, thingInput]("/things", store, resource.Options{Unscoped: true})
			if err != nil {
				t.Fatal(err)
			}
			target := send(things, "POST", "/things", `{"name":"x"}`).Header().Get("Location")
			if rec := send(things, "PATCH", target, `{"name":"y"}`); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"name":"y"`) {
				t.Errorf("PATCH = %d %s", rec.Code, rec.Body)
			}
			if rec := send(things, "GET", "/things", ""); !strings.Contains(rec.Body.String(), `"total":1,`) {
				t.Errorf("GET = %s", rec.Body)
			}
			if _, _, err := store.List(t.Context(), nil, resource.Query{Limit: 1}); err != nil {
				t.Errorf("List with a nil scope: %v", err)
			}
		})
	}
}

// partly is a scope where the role is held on some of the units alone.
type partly struct {
	resource.Scope
	held []string
}

func (p partly) HasRole(unit, _ string) bool { return slices.Contains(p.held, unit) }

func TestResourceListsWhereTheRoleIsHeld(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			units := []string{"a", `b"'`, "c,d", "e"}
			for i, unit := range units {
				if err := store.Insert(t.Context(), db, newThing(resource.NewID(), unit, i)); err != nil {
					t.Fatal(err)
				}
			}
			for _, held := range [][]string{units, units[1:3], units[1:2], {}} {
				things, err := resource.New[thing, thingInput]("/things", store, resource.Options{
					Scope:  func(*http.Request) resource.Scope { return partly{resourcetest.Scope(units...), held} },
					Roles:  resource.Roles{Read: "reader"},
					Filter: []string{"active"}, Sort: []string{"count"},
				})
				if err != nil {
					t.Fatal(err)
				}
				rec := send(things, "GET", "/things?sort=count&limit=1&filter=active!=false&filter=active=true", "")
				all := send(things, "GET", "/things?sort=count", "")
				if len(held) == 0 {
					if all.Code != 403 {
						t.Errorf("GET with the role nowhere = %d %s, want 403", all.Code, all.Body)
					}
					continue
				}
				want := `"total":` + strconv.Itoa(len(held)) + `,"page":1,"limit":25}`
				if rec.Code != 200 || all.Code != 200 || !strings.HasSuffix(all.Body.String(), want) {
					t.Errorf("GET with the role on %q = %d %s, want %s", held, all.Code, all.Body, want)
				}
				for _, unit := range units {
					text, _ := json.Marshal(unit)
					if got := strings.Contains(all.Body.String(), `"org_unit":`+string(text)); got != slices.Contains(held, unit) {
						t.Errorf("GET with the role on %q: rows of %q are there: %t", held, unit, got)
					}
				}
			}
		})
	}
}
