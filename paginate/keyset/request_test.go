package keyset_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

// A handler that reads the query itself gets the page that ParseRequest gives.
func TestParseIsParseRequestWithoutTheQuery(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{Limits: paginate.Options{MaxLimit: 10}})
	cursor := cursorFor(t, p, byName, []any{"a", int64(7)}, "filter")
	req, err := p.Parse(cursor, 500, byName, "filter")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"a", int64(7)}, req.Values); diff != "" || req.Limit != 500 || req.Back || req.Inclusive {
		t.Errorf("Parse = %+v, want the row behind the cursor and the limit as it was given: %s", req, diff)
	}
	page, err := keyset.NewPage(req, []int{1}, func(int) []any { return []any{"b", int64(8)} })
	if err != nil || page.Next != "" || page.Prev == "" {
		t.Errorf("NewPage = %+v, %v, want a page with rows before it alone", page, err)
	}
	first, err := p.Parse("", 5, byName, "filter")
	if err != nil || first.Values != nil || first.Limit != 5 {
		t.Errorf("Parse of no cursor = %+v, %v, want the first page", first, err)
	}
	for name, bound := range map[string]string{"another filter": "other", "none": ""} {
		_, err := p.Parse(cursor, 5, byName, bound)
		if got, want := refusalOf(t, err), (refusal{"cursor", "invalid"}); got != want {
			t.Errorf("Parse of a cursor for %s: %+v, want %+v", name, got, want)
		}
	}
	if _, err := p.Parse("", 5, nil); err == nil {
		t.Error("Parse without an order: no error")
	}
}

// A position that came in another way needs no Pager to become SQL.
func TestARequestMadeByHandIsSQL(t *testing.T) {
	t.Parallel()
	req := keyset.Request{Limit: 2, Order: []keyset.Column{{Name: "id"}}, Values: []any{int64(7)}, Back: true}
	where, tail, args := req.SQL("postgres", 4)
	if diff := cmp.Diff([]any{"((id < $4))", "ORDER BY id DESC LIMIT 3", []any{int64(7)}}, []any{where, tail, args}); diff != "" {
		t.Errorf("SQL mismatch (-want +got):\n%s", diff)
	}
	rows := keyset.Select(req, []int64{9, 1, 5, 3, 6}, func(id int64) []any { return []any{id} })
	if diff := cmp.Diff([]int64{6, 5, 3}, rows); diff != "" {
		t.Errorf("Select mismatch (-want +got):\n%s", diff)
	}
	if _, err := keyset.NewPage(req, rows, func(id int64) []any { return []any{id} }); err == nil {
		t.Error("NewPage of a Request without a Pager: no error")
	}
}
