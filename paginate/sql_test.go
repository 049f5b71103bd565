package paginate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/paginate"
)

func TestSQL(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect string
		first   int
		req     paginate.Request
		want    string
		args    []any
	}{
		"PostgreSQL":          {"postgres", 3, paginate.Request{Page: 3, Limit: 25}, "LIMIT $3 OFFSET $4", []any{25, 50}},
		"MySQL":               {"mysql", 3, paginate.Request{Page: 1, Limit: 10}, "LIMIT ? OFFSET ?", []any{10, 0}},
		"SQLite":              {"sqlite", 1, paginate.Request{Page: 2, Limit: 10}, "LIMIT ? OFFSET ?", []any{10, 10}},
		"nothing asked for":   {"sqlite", 1, paginate.Request{}, "LIMIT ? OFFSET ?", []any{0, 0}},
		"a limit below zero":  {"postgres", 1, paginate.Request{Page: 1, Limit: -1}, "LIMIT $1 OFFSET $2", []any{0, 0}},
		"many placeholders":   {"postgres", 10, paginate.Request{Page: 1, Limit: 1}, "LIMIT $10 OFFSET $11", []any{1, 0}},
		"any other character": {"", 1, paginate.Request{Page: 1, Limit: 1}, "LIMIT ? OFFSET ?", []any{1, 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, args := tt.req.SQL(tt.dialect, tt.first)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("SQL(%q, %d) mismatch (-want +got):\n%s", tt.dialect, tt.first, diff)
			}
			if diff := cmp.Diff(tt.args, args); diff != "" {
				t.Errorf("SQL(%q, %d) arguments mismatch (-want +got):\n%s", tt.dialect, tt.first, diff)
			}
		})
	}
}

func TestCountSQL(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]string{
		0:      "SELECT count(*) FROM leads WHERE active",
		-1:     "SELECT count(*) FROM leads WHERE active",
		10_000: "SELECT count(*) FROM (SELECT 1 FROM leads WHERE active LIMIT 10001) AS counted",
	} {
		if diff := cmp.Diff(want, paginate.CountSQL("leads WHERE active", most)); diff != "" {
			t.Errorf("CountSQL(%d) mismatch (-want +got):\n%s", most, diff)
		}
	}
}
