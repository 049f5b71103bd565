package pagequery_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/pagequery"
)

// codeOf returns the field and the code of a 400, or two empty strings.
func codeOf(t *testing.T, err error) (field, code string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	e, ok := errors.AsType[*apierror.Error](err)
	if !ok || e.Status != 400 {
		t.Fatalf("error = %v (%T), want a 400", err, err)
	}
	return e.Details.Field, e.Details.Code
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		query          string
		fallback       int
		most           int
		clamp          bool
		page, limit    int
		field, problem string
	}{
		"the contract's defaults": {query: "", page: 1, limit: 25},
		"own defaults":            {query: "page=2", fallback: 5, most: 10, page: 2, limit: 5},
		"own maximum":             {query: "limit=11", most: 10, field: "limit", problem: "max"},
		"clamped":                 {query: "limit=11", most: 10, clamp: true, page: 1, limit: 10},
		"no number":               {query: "page=x", field: "page", problem: "integer"},
		"the default bound":       {query: "page=1000002", field: "page", problem: "max"},
		"a cursor is not ours":    {query: "cursor=a&cursor=b", page: 1, limit: 25},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, limit, err := pagequery.Parse(tt.query, tt.fallback, tt.most, tt.clamp)
			field, problem := codeOf(t, err)
			if page != tt.page || limit != tt.limit || field != tt.field || problem != tt.problem {
				t.Errorf("Parse(%q) = %d, %d, %v; want %d, %d, %s %s", tt.query, page, limit, err, tt.page, tt.limit, tt.field, tt.problem)
			}
		})
	}
}

func TestParseCursor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		query          string
		want           pagequery.CursorQuery
		field, problem string
	}{
		"nothing":         {query: "", want: pagequery.CursorQuery{Page: 1, Limit: 25}},
		"a cursor":        {query: "cursor=a-_b&limit=5", want: pagequery.CursorQuery{Cursor: "a-_b", HasCursor: true, Page: 1, Limit: 5}},
		"an empty cursor": {query: "cursor", want: pagequery.CursorQuery{HasCursor: true, Page: 1, Limit: 25}},
		"encoded":         {query: "%63ursor=%41+b", want: pagequery.CursorQuery{Cursor: "A b", HasCursor: true, Page: 1, Limit: 25}},
		"with page":       {query: "cursor=a&page=3", want: pagequery.CursorQuery{Cursor: "a", HasCursor: true, Page: 3, HasPage: true, Limit: 25}},
		"twice":           {query: "cursor=a&cursor=a", field: "cursor", problem: "duplicate"},
		"a bad limit":     {query: "cursor=a&cursor=a&limit=x", field: "limit", problem: "integer"},
		"not decodable":   {query: "cursor=%", field: "cursor", problem: "encoding"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pagequery.Bounds{}.ParseCursor(tt.query)
			field, problem := codeOf(t, err)
			if diff := cmp.Diff(tt.want, got); diff != "" || field != tt.field || problem != tt.problem {
				t.Errorf("ParseCursor(%q): %v, want %s %s; mismatch (-want +got):\n%s", tt.query, err, tt.field, tt.problem, diff)
			}
		})
	}
}

// FuzzParseCursor holds the reading without a map against the one with a map.
func FuzzParseCursor(f *testing.F) {
	for _, query := range []string{"", "cursor=a&limit=5", "%63ursor=%41+b&page=2", "cursor=a&cursor=b", "cursor;=a", "cursor=%zz", "&cursor"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := pagequery.Bounds{}.ParseCursor(query)
		field, code := codeOf(t, err)
		values, decodeErr := url.ParseQuery(query)
		if (decodeErr != nil) != (code == "encoding") {
			t.Fatalf("ParseCursor(%q): %v; url.ParseQuery: %v", query, err, decodeErr)
		}
		if decodeErr != nil {
			return
		}
		page, limit, pageErr := pagequery.Bounds{}.ParseValues(values)
		switch {
		case pageErr != nil:
			if err == nil || err.Error() != pageErr.Error() {
				t.Fatalf("ParseCursor(%q): %v; ParseValues: %v", query, err, pageErr)
			}
		case len(values["cursor"]) > 1:
			if field != "cursor" || code != "duplicate" {
				t.Fatalf("ParseCursor(%q): %v, want a duplicate cursor", query, err)
			}
		default:
			want := pagequery.CursorQuery{
				Cursor: values.Get("cursor"), HasCursor: values.Has("cursor"),
				Page: page, HasPage: values.Has("page"), Limit: limit,
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatalf("ParseCursor(%q): %v, mismatch (-want +got):\n%s", query, err, diff)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := pagequery.Parse("filter=active%3Dtrue&page=3&limit=50", 0, 0, false); err != nil {
			b.Fatal(err)
		}
	}
}
