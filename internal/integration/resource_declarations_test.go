package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// The inputs of random declarations: some fields of a thing each, under some
// rules.
type (
	nameInput struct {
		Name string `json:"name" validate:"required"`
	}
	looseInput struct {
		Name   string            `json:"name"`
		Note   *string           `json:"note"`
		Active bool              `json:"active"`
		Places *uint16           `json:"places"`
		Paid   *time.Time        `json:"paid"`
		Labels map[string]string `json:"labels"`
	}
	strictInput struct {
		Name   string   `json:"name" validate:"required,min=1,max=10"`
		Order  string   `json:"order" validate:"required,oneof=a b c"`
		Count  int64    `json:"count" validate:"required,gte=-5,lte=5"`
		Value  float64  `json:"value" validate:"gte=0"`
		Ratio  *float32 `json:"ratio" validate:"omitempty,gt=0"`
		Tags   []string `json:"tags" validate:"max=2,dive,required"`
		Active bool     `json:"active" validate:"required"`
	}
)

// TestRandomDeclarationsAnswerAlike makes 10,000 declarations, and sends random
// requests to each, sound ones and others. The store in memory is the model: an
// engine gives the same answers to the byte, and nobody ever a 5xx.
func TestRandomDeclarationsAnswerAlike(t *testing.T) {
	t.Parallel()
	declarations := sized(10_000, 500)
	if testing.Short() {
		declarations = 500
	}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			memory, err := resource.NewMemory[thing]("org_unit")
			if err != nil {
				t.Fatal(err)
			}
			engine := newThings(t, open(t), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			d := declared{t: t, random: rand.New(rand.NewPCG(2, 3))}
			for n := range 40 {
				row := newThing(fmt.Sprintf("%04d", n), []string{"a", "b", "c"}[n%3], n)
				d.ids = append(d.ids, row.ID)
				for _, store := range []resource.Store[thing]{memory, engine} {
					if _, err := store.Create(t.Context(), resource.Everything(), row); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.stores = [2]any{memory, engine}
			for range declarations {
				switch d.random.IntN(4) {
				case 0:
					declareRandomly[thingInput](&d)
				case 1:
					declareRandomly[nameInput](&d)
				case 2:
					declareRandomly[looseInput](&d)
				case 3:
					declareRandomly[strictInput](&d)
				}
			}
			t.Logf("answers by status: %v", d.statuses)
		})
	}
}

type declared struct {
	t        *testing.T
	random   *rand.Rand
	stores   [2]any
	ids      []string
	statuses map[int]int
}

func pickOf[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// some returns some of the elements, in any order.
func some[T any](r *rand.Rand, all []T) []T {
	chosen := make([]T, 0, len(all))
	for _, i := range r.Perm(len(all))[:r.IntN(len(all)+1)] {
		chosen = append(chosen, all[i])
	}
	return chosen
}

var comparableFields = []string{
	"id", "org_unit", "name", "order", "note", "active", "checked", "count", "small", "places", "value", "ratio", "due", "paid", "created_at",
}

// holding is a scope where the roles are held on some of the units.
type holding struct {
	resource.Scope
	held map[string][]string // by role
}

func (h holding) HasRole(unit, role string) bool {
	return h.Contains(unit) && slices.Contains(h.held[role], unit)
}

func declareRandomly[Input any](d *declared) {
	r := d.random
	units := some(r, []string{"a", "b", "c", "d"})
	held := map[string][]string{"reader": some(r, []string{"a", "b", "c"}), "editor": some(r, []string{"a", "b"})}
	if r.IntN(5) > 0 {
		units, held["reader"], held["editor"] = []string{"a", "b", "c"}, []string{"b", "a", "c"}, []string{"b", "c"}
	}
	scope := holding{resourcetest.Scope(units...), held}
	opts := resource.Options{
		Scope:  func(*http.Request) resource.Scope { return scope },
		Filter: some(r, comparableFields), Sort: some(r, comparableFields),
		Roles: pickOf(r, resource.Roles{}, resource.Roles{Read: "reader"}, resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"}),
		Params: pickOf(r, nil, []resource.Field{{Name: "near", Example: "x"}, {Name: "top", Example: 1}},
			[]resource.Field{{Name: "since", Example: time.Now(), Required: true}}),
		DataKey: pickOf(r, "", "", "things"),
		Page: pickOf(r, paginate.Options{}, paginate.Options{DefaultLimit: 3, MaxLimit: 7}, paginate.Options{MaxLimit: 5, Clamp: true},
			paginate.Options{MaxOffset: 10}),
		MaxTotal: pickOf(r, 0, 0, 1, 7, 100), MaxBody: pickOf[int64](r, 0, 0, 60), RequireMatch: r.IntN(5) == 0,
	}
	if r.IntN(2) == 0 {
		opts.Cursors, opts.CursorTotals = keysetPager(d.t), r.IntN(3) == 0
	}
	var handlers [2]http.Handler
	for i, store := range d.stores {
		res, err := resource.New[thing, Input]("/things", store, opts)
		if err != nil {
			d.t.Fatalf("New with %+v: %v", opts, err)
		}
		handlers[i] = res
	}
	for range 2 {
		d.request(handlers, opts)
	}
}

var (
	changing   = regexp.MustCompile(`"updated_at":"[^"]*"`)
	nextCursor = regexp.MustCompile(`"(?:next|prev)_cursor":"([^"]*)"`)
)

func (d *declared) request(handlers [2]http.Handler, opts resource.Options) {
	d.t.Helper()
	r := d.random
	method := pickOf(r, "GET", "GET", "GET", "GET", "LIST", "LIST", "LIST", "LIST", "LIST", "LIST", "LIST", "LIST", "HEAD", "OPTIONS", "PATCH", "PUT", "DELETE", "POST")
	p := &pair{t: d.t, random: r}
	target, body := "/things/"+pickOf(r, append([]string{"x", "0099"}, d.ids...)...), ""
	var header []string
	switch method {
	case "LIST":
		method, target = "GET", "/things?"+d.query(opts, p)
	case "POST":
		// Rows that are added would have other ids, so that these are not.
		target, body = "/things", pickOf(r, "{", "[]", `{"nam":1}`, `{"name":"a","name":"b"}`, `{"id":"1"}`, `{"name":"a"} x`, "\xff", `{"name":"`+strings.Repeat("x", 60)+`"`)
	case "PUT", "PATCH":
		body = p.body()
	}
	if r.IntN(4) == 0 {
		header = []string{pickOf(r, "If-Match", "If-None-Match", "Accept"), pickOf(r, "*", `"x"`, `W/"x", "y"`, "x", "application/json", "text/html")}
	}
	for range 1 + r.IntN(4) {
		a, b := sendWith(handlers[0], method, target, body, header), sendWith(handlers[1], method, target, body, header)
		if d.statuses == nil {
			d.statuses = map[int]int{}
		}
		d.statuses[a.Code]++
		bodyA, bodyB := changing.ReplaceAllString(a.Body.String(), ""), changing.ReplaceAllString(b.Body.String(), "")
		if a.Code != b.Code || a.Code >= 500 || bodyA != bodyB || a.Header().Get("Link") != b.Header().Get("Link") || a.Header().Get("Allow") != b.Header().Get("Allow") {
			d.t.Fatalf("%s %s %s %q of a resource with %+v:\nmemory %d %v %s\nengine %d %v %s", method, target, body, header, opts,
				a.Code, a.Header(), a.Body, b.Code, b.Header(), b.Body)
		}
		if a.Code == http.StatusNoContent && method == "DELETE" {
			d.restore(target)
		}
		cursor := nextCursor.FindAllStringSubmatch(a.Body.String(), -1)
		if len(cursor) == 0 || method != "GET" {
			return
		}
		// Go on from there, with the rest of the query as it was.
		kept := slices.DeleteFunc(strings.Split(strings.TrimPrefix(target, "/things?"), "&"), func(pair string) bool {
			return strings.HasPrefix(pair, "page=") || strings.HasPrefix(pair, "cursor=")
		})
		target = "/things?" + strings.Join(append(kept, "cursor="+cursor[r.IntN(len(cursor))][1]), "&")
	}
}

// restore adds a row again that was deleted, so that rows do not run out.
func (d *declared) restore(target string) {
	d.t.Helper()
	id := strings.TrimPrefix(target, "/things/")
	n := slices.Index(d.ids, id)
	for _, store := range d.stores {
		if _, err := store.(resource.Creator[thing]).Create(d.t.Context(), resource.Everything(), newThing(id, []string{"a", "b", "c"}[n%3], n)); err != nil {
			d.t.Fatalf("Create of %s: %v", id, err)
		}
	}
}

// sound are values that fields can be compared with.
var sound = map[string][]string{
	"active": {"true", "false"}, "checked": {"true", "false"}, "count": {"0", "-4503599627370495950", "7"}, "small": {"3", "-1", "39"},
	"places": {"0", "40000", "18446744073709551615"}, "value": {"0", "1", "0.3333333333333333"}, "ratio": {"0.2", "1.5", "2"},
	"due": {"0004-09-27T00:00:00.000005Z", "2026-01-02T03:04:05Z"}, "paid": {"1970-01-01T00:00:00.000004Z"}, "created_at": {"1970-01-01T00:00:20Z"},
	"": {"", "a", "B", "ab", "é", "z", "%", "a b", "\U0010ffff", "\ud7ff", "0012", "b"},
}

// query returns a query that mostly fits the declaration.
func (d *declared) query(opts resource.Options, p *pair) string {
	r := d.random
	q := url.Values{}
	if r.IntN(2) == 0 {
		q.Set("limit", pickOf(r, "1", "2", "3", "4", "5", "1", "7", "25", "100", "101", "x"))
	}
	if r.IntN(3) == 0 {
		q.Set("page", pickOf(r, "1", "2", "3", "1", "2", "40", "0"))
	}
	fields := func(declared []string) string {
		if len(declared) > 0 && r.IntN(30) > 0 {
			return pickOf(r, declared...)
		}
		return pickOf(r, append([]string{"tags", "labels", "nam", ""}, comparableFields...)...)
	}
	for range r.IntN(3) {
		field := fields(opts.Filter)
		values := sound[field]
		if values == nil {
			values = sound[""]
		}
		op := pickOf(r, "=", "!=", "<", "<=", ">", ">=", "~=", "~=", "^=", "^=", ">", "!=")
		if len(values) == 2 {
			op = pickOf(r, "=", "!=")
		}
		value := pickOf(r, values...)
		switch {
		case op == "~=":
			value = strconv.Quote(value) + "," + pickOf(r, values...)
		case r.IntN(20) == 0:
			value, op = strings.Trim(p.value(), `"`), pickOf(r, "=", "!", "^=", "~=", "<")
		}
		q.Add("filter", field+op+value)
	}
	if len(opts.Sort) > 0 && r.IntN(3) > 0 {
		keys := some(r, opts.Sort)
		keys = append(keys[:min(2, len(keys))], fields(opts.Sort))
		for i := range keys {
			keys[i] = pickOf(r, "", "-") + keys[i]
		}
		q.Set("sort", strings.Join(keys, ","))
	}
	for _, param := range opts.Params {
		if r.IntN(10) > 0 {
			q.Set(param.Name, map[string]string{"near": "x", "top": "7", "since": "2026-01-02T03:04:05Z"}[param.Name])
		}
	}
	if r.IntN(20) == 0 {
		q.Set(pickOf(r, "lmit", "active", "org_unit", "cursor"), strconv.Itoa(r.IntN(3)))
	}
	return q.Encode()
}

func sendWith(h http.Handler, method, target, body string, header []string) *httptest.ResponseRecorder {
	return send(h, method, target, body, header...)
}
