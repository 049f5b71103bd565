package keyset_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate/keyset"
)

var (
	secretA = bytes.Repeat([]byte{'a'}, 32)
	secretB = bytes.Repeat([]byte{'b'}, 32)
)

func newPager(t testing.TB, opts keyset.Options, secrets ...[]byte) *keyset.Pager {
	t.Helper()
	if secrets == nil {
		secrets = [][]byte{secretA}
	}
	p, err := keyset.New(secrets, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parse asks p for the page that query names.
func parse(p *keyset.Pager, query string, order []keyset.Column, bound ...string) (keyset.Request, error) {
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.RawQuery = query
	return p.ParseRequest(r, order, bound...)
}

// cursorFor makes a cursor behind a row with the given sort keys.
func cursorFor(t testing.TB, p *keyset.Pager, order []keyset.Column, values []any, bound ...string) string {
	t.Helper()
	req, err := parse(p, "limit=1", order, bound...)
	if err != nil {
		t.Fatal(err)
	}
	page, err := keyset.NewPage(req, []int{1, 2}, func(int) []any { return values })
	if err != nil {
		t.Fatal(err)
	}
	return page.Next
}

type refusal struct{ Field, Code string }

func refusalOf(t *testing.T, err error) refusal {
	t.Helper()
	if err == nil {
		return refusal{}
	}
	e, ok := errors.AsType[*apierror.Error](err)
	if !ok || e.Status != 400 {
		t.Fatalf("error = %v (%T), want a 400", err, err)
	}
	return refusal{e.Details.Field, e.Details.Code}
}

var byName = []keyset.Column{{Name: "name", Text: true}, {Name: "id"}}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		secrets [][]byte
		opts    keyset.Options
	}{
		"no secret":            {},
		"a short secret":       {secrets: [][]byte{secretA[:31]}},
		"a short second one":   {secrets: [][]byte{secretA, nil}},
		"an age below nothing": {secrets: [][]byte{secretA}, opts: keyset.Options{MaxAge: -1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, err := keyset.New(tt.secrets, tt.opts); err == nil || p != nil {
				t.Errorf("New = %v, %v; want an error", p, err)
			}
		})
	}
}

func TestParseRequestReturnsThePosition(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 22, 17, 3, 123456789, time.FixedZone("", 3600))
	text, none := "Ada", (*string)(nil)
	type name string
	tests := map[string]struct{ key, want any }{
		"text":                 {"Ada é \x00\xff", "Ada é \x00\xff"},
		"empty text":           {"", ""},
		"own text type":        {name("Ada"), "Ada"},
		"pointer":              {&text, "Ada"},
		"nil pointer":          {none, nil},
		"nil":                  {nil, nil},
		"integer":              {-42, int64(-42)},
		"highest":              {int64(math.MaxInt64), int64(math.MaxInt64)},
		"lowest":               {int64(math.MinInt64), int64(math.MinInt64)},
		"unsigned":             {uint8(7), int64(7)},
		"float":                {1.25, 1.25},
		"float32":              {float32(0.5), 0.5},
		"true":                 {true, true},
		"false":                {false, false},
		"bytes":                {[]byte{0, 1}, []byte{0, 1}},
		"no bytes":             {[]byte{}, []byte{}},
		"nil bytes":            {[]byte(nil), nil},
		"time":                 {at, at.UTC()},
		"time before 1970":     {time.Unix(-5, 7), time.Unix(-5, 7).UTC()},
		"zero time":            {time.Time{}, time.Time{}},
		"valuer":               {valuer{"x"}, "x"},
		"valuer of an integer": {valuer{int64(5)}, int64(5)},
		"nil valuer":           {valuer{nil}, nil},
	}
	p := newPager(t, keyset.Options{})
	order := []keyset.Column{{Name: "k", Nullable: true}, {Name: "id"}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := parse(p, "cursor="+cursorFor(t, p, order, []any{tt.key, 7}), order)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{tt.want, int64(7)}, req.Values); diff != "" || req.Limit != 25 || req.Back || req.Inclusive {
				t.Errorf("Request = %+v; Values mismatch (-want +got):\n%s", req, diff)
			}
		})
	}
}

func TestNewPageRefusesKeys(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	tests := map[string][]any{
		"too few":                       {"a"},
		"too many":                      {"a", 1, 2},
		"null in a column without":      {nil, 1},
		"a type that no driver takes":   {struct{}{}, 1},
		"a number that is too large":    {uint64(math.MaxUint64), 1},
		"a valuer that fails":           {valuer{errors.New("no")}, 1},
		"more than a cursor can carry":  {strings.Repeat("a", 20_000), 1},
		"a valuer of something unknown": {valuer{struct{}{}}, 1},
	}
	for name, keys := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := parse(p, "limit=1", byName)
			if err != nil {
				t.Fatal(err)
			}
			if page, err := keyset.NewPage(req, []int{1, 2}, func(int) []any { return keys }); err == nil {
				t.Errorf("NewPage = %+v, want an error", page)
			}
		})
	}
	if _, err := keyset.NewPage(keyset.Request{Limit: 1}, []int{1}, func(int) []any { return nil }); err == nil {
		t.Error("NewPage of a Request that nobody parsed: want an error")
	}
}

func TestOrderIsChecked(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	for name, order := range map[string][]keyset.Column{
		"no column":      nil,
		"no name":        {{Name: "a"}, {}},
		"the same twice": {{Name: "a"}, {Name: "a", Desc: true}},
	} {
		_, err := parse(p, "", order)
		if _, ok := errors.AsType[*apierror.Error](err); err == nil || ok {
			t.Errorf("%s: error = %v, want one that is no caller's fault", name, err)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	good := cursorFor(t, p, byName, []any{"Ada", 7}, "scope")
	tests := map[string]struct {
		query string
		want  refusal
	}{
		"an empty cursor":           {"cursor=", refusal{"cursor", "invalid"}},
		"a cursor without a value":  {"cursor", refusal{"cursor", "invalid"}},
		"no base64":                 {"cursor=!!!!", refusal{"cursor", "invalid"}},
		"base64 with padding":       {"cursor=" + good + "%3D", refusal{"cursor", "invalid"}},
		"a line break in it":        {"cursor=" + good[:9] + "%0A" + good[9:], refusal{"cursor", "invalid"}},
		"a blank behind it":         {"cursor=" + good + "+", refusal{"cursor", "invalid"}},
		"cut":                       {"cursor=" + good[:len(good)-4], refusal{"cursor", "invalid"}},
		"cut to the tag":            {"cursor=" + good[:23], refusal{"cursor", "invalid"}},
		"one byte":                  {"cursor=AQ", refusal{"cursor", "invalid"}},
		"twice itself":              {"cursor=" + good + good, refusal{"cursor", "invalid"}},
		"a later version":           {"cursor=Ag" + good[2:], refusal{"cursor", "invalid"}},
		"a long one":                {"cursor=" + strings.Repeat("A", 1<<20), refusal{"cursor", "invalid"}},
		"given twice":               {"cursor=" + good + "&cursor=" + good, refusal{"cursor", "duplicate"}},
		"an encoded name as well":   {"cursor=" + good + "&%63ursor=" + good, refusal{"cursor", "duplicate"}},
		"with page":                 {"cursor=" + good + "&page=1", refusal{"cursor", "conflict"}},
		"page with a bad cursor":    {"page=1&cursor=x", refusal{"cursor", "conflict"}},
		"with a bad page":           {"cursor=" + good + "&page=0", refusal{"page", "min"}},
		"with a bad limit":          {"cursor=" + good + "&limit=101", refusal{"limit", "max"}},
		"a page further on":         {"page=2", refusal{"page", "max"}},
		"a query that has no sense": {"cursor=%", refusal{"cursor", "encoding"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := parse(p, tt.query, byName, "scope")
			if diff := cmp.Diff(tt.want, refusalOf(t, err)); diff != "" {
				t.Errorf("ParseRequest(%.80q) = %+v, %v; mismatch (-want +got):\n%s", tt.query, req, err, diff)
			}
		})
	}
	for _, query := range []string{"", "page=1", "limit=25&x=y", "cursor=" + good, "%63ursor=%41" + good[1:]} {
		if _, err := parse(p, query, byName, "scope"); err != nil {
			t.Errorf("ParseRequest(%q): %v", query, err)
		}
	}
}

func TestACursorIsBoundToItsList(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	cursor := cursorFor(t, p, byName, []any{"Ada", 7}, "filter", "scope")
	tests := map[string]struct {
		pager *keyset.Pager
		order []keyset.Column
		bound []string
	}{
		"another secret":         {pager: newPager(t, keyset.Options{}, secretB)},
		"another column":         {order: []keyset.Column{{Name: "email", Text: true}, {Name: "id"}}},
		"another direction":      {order: []keyset.Column{{Name: "name", Text: true, Desc: true}, {Name: "id"}}},
		"another tie-breaker":    {order: []keyset.Column{{Name: "name", Text: true}, {Name: "id", Desc: true}}},
		"nulls":                  {order: []keyset.Column{{Name: "name", Text: true, Nullable: true}, {Name: "id"}}},
		"nulls first":            {order: []keyset.Column{{Name: "name", Text: true, NullsFirst: true}, {Name: "id"}}},
		"another comparison":     {order: []keyset.Column{{Name: "name"}, {Name: "id"}}},
		"the other way round":    {order: []keyset.Column{{Name: "id"}, {Name: "name", Text: true}}},
		"one column less":        {order: byName[:1]},
		"one column more":        {order: append(byName[:2:2], keyset.Column{Name: "x"})},
		"another filter":         {bound: []string{"filter2", "scope"}},
		"another scope":          {bound: []string{"filter", "scope2"}},
		"no scope":               {bound: []string{"filter"}},
		"one thing more":         {bound: []string{"filter", "scope", ""}},
		"both in one":            {bound: []string{"filterscope"}},
		"the seam moved":         {bound: []string{"filters", "cope"}},
		"swapped":                {bound: []string{"scope", "filter"}},
		"an age, and none in it": {pager: newPager(t, keyset.Options{MaxAge: time.Hour})},
	}
	var answers []string
	for name, tt := range tests {
		if tt.pager == nil {
			tt.pager = p
		}
		if tt.order == nil {
			tt.order = byName
		}
		if tt.bound == nil {
			tt.bound = []string{"filter", "scope"}
		}
		_, err := parse(tt.pager, "cursor="+cursor, tt.order, tt.bound...)
		if diff := cmp.Diff(refusal{"cursor", "invalid"}, refusalOf(t, err)); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", name, diff)
		}
		w := httptest.NewRecorder()
		apierror.Write(w, httptest.NewRequest("GET", "/", nil), err)
		answers = append(answers, w.Body.String())
	}
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("answers differ: %s and %s", answer, answers[0])
		}
	}
	if _, err := parse(p, "cursor="+cursor, byName, "filter", "scope"); err != nil {
		t.Errorf("its own list: %v", err)
	}
}

func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	before := newPager(t, keyset.Options{}, secretA)
	during := newPager(t, keyset.Options{}, secretB, secretA)
	after := newPager(t, keyset.Options{}, secretB)
	old := cursorFor(t, before, byName, []any{"Ada", 7})
	young := cursorFor(t, during, byName, []any{"Ada", 7})
	for name, tt := range map[string]struct {
		pager  *keyset.Pager
		cursor string
		ok     bool
	}{
		"old during":   {during, old, true},
		"young during": {during, young, true},
		"old after":    {after, old, false},
		"young after":  {after, young, true},
		"young before": {before, young, false},
	} {
		if _, err := parse(tt.pager, "cursor="+tt.cursor, byName); (err == nil) != tt.ok {
			t.Errorf("%s: error = %v, want accepted = %t", name, err, tt.ok)
		}
	}
}

func TestCursorsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPager(t, keyset.Options{MaxAge: time.Hour})
		cursor := cursorFor(t, p, byName, []any{"Ada", 7})
		time.Sleep(time.Hour - time.Millisecond)
		if _, err := parse(p, "cursor="+cursor, byName); err != nil {
			t.Errorf("within its age: %v", err)
		}
		time.Sleep(time.Second)
		_, err := parse(p, "cursor="+cursor, byName)
		if diff := cmp.Diff(refusal{"cursor", "invalid"}, refusalOf(t, err)); diff != "" {
			t.Errorf("past its age: mismatch (-want +got):\n%s", diff)
		}
		// The age belongs to the cursor: a pager without one honours it too.
		if _, err := parse(newPager(t, keyset.Options{}), "cursor="+cursor, byName); err == nil {
			t.Error("past its age, at a pager without one: accepted")
		}
	})
}

func TestTheLongestAge(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{MaxAge: math.MaxInt64})
	if _, err := parse(p, "cursor="+cursorFor(t, p, byName, []any{"Ada", 7}), byName); err != nil {
		t.Errorf("a cursor with an age of 292 years is refused at once: %v", err)
	}
}

func TestOnePositionMakesOneCursor(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	a, b := cursorFor(t, p, byName, []any{"Ada", 7}), cursorFor(t, p, byName, []any{"Ada", 7})
	if a != b {
		t.Errorf("cursors %s and %s for one position", a, b)
	}
	raw, err := base64.RawURLEncoding.DecodeString(a)
	if err != nil || bytes.Contains(raw, []byte("Ada")) {
		t.Errorf("cursor %s (%v) shows the sort key", a, err)
	}
}
