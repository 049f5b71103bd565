package keyset_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/paginate/keyset"
)

func TestSQL(t *testing.T) {
	t.Parallel()
	var (
		newest   = []keyset.Column{{Name: "created_at", Desc: true}, {Name: "id", Desc: true}}
		mixed    = []keyset.Column{{Name: "value", Desc: true}, {Name: "id"}}
		nullable = []keyset.Column{{Name: "email", Nullable: true}, {Name: "id"}}
		first    = []keyset.Column{{Name: "email", Nullable: true, NullsFirst: true, Desc: true}, {Name: "id"}}
		three    = []keyset.Column{{Name: "a"}, {Name: "b", Desc: true}, {Name: "c"}}
	)
	type sql struct {
		Where, Tail string
		Args        []any
	}
	tests := map[string]struct {
		dialect string
		order   []keyset.Column
		req     keyset.Request
		want    sql
	}{
		"first page": {
			"postgres", newest,
			keyset.Request{},
			sql{"(1=1)", "ORDER BY created_at DESC, id DESC LIMIT 26", nil},
		},
		"one column": {
			"postgres", newest[1:],
			keyset.Request{Values: []any{int64(7)}},
			sql{"((id < $3))", "ORDER BY id DESC LIMIT 26", []any{int64(7)}},
		},
		"equal directions, PostgreSQL": {
			"postgres", newest,
			keyset.Request{Values: []any{"t", int64(7)}},
			sql{"((created_at, id) < ($3, $4))", "ORDER BY created_at DESC, id DESC LIMIT 26", []any{"t", int64(7)}},
		},
		"equal directions, SQLite": {
			"sqlite", newest,
			keyset.Request{Values: []any{"t", int64(7)}},
			sql{"((created_at, id) < (?, ?))", "ORDER BY created_at DESC, id DESC LIMIT 26", []any{"t", int64(7)}},
		},
		"equal directions, MySQL": {
			"mysql", newest,
			keyset.Request{Values: []any{"t", int64(7)}},
			sql{
				"(created_at <= ? AND (created_at < ? OR (created_at = ? AND (id < ?))))",
				"ORDER BY created_at DESC, id DESC LIMIT 26",
				[]any{"t", "t", "t", int64(7)},
			},
		},
		"equal directions, back": {
			"postgres", newest,
			keyset.Request{Values: []any{"t", int64(7)}, Back: true},
			sql{"((created_at, id) > ($3, $4))", "ORDER BY created_at, id LIMIT 26", []any{"t", int64(7)}},
		},
		"equal directions, inclusive": {
			"postgres", newest,
			keyset.Request{Values: []any{"t", int64(7)}, Inclusive: true},
			sql{"((created_at, id) <= ($3, $4))", "ORDER BY created_at DESC, id DESC LIMIT 26", []any{"t", int64(7)}},
		},
		"mixed directions, PostgreSQL": {
			"postgres", mixed,
			keyset.Request{Values: []any{1.5, int64(7)}},
			sql{"(value <= $3 AND (value < $3 OR (value = $3 AND (id > $4))))", "ORDER BY value DESC, id LIMIT 26", []any{1.5, int64(7)}},
		},
		"mixed directions, SQLite": {
			"sqlite", mixed,
			keyset.Request{Values: []any{1.5, int64(7)}},
			sql{"(value <= ? AND (value < ? OR (value = ? AND (id > ?))))", "ORDER BY value DESC, id LIMIT 26", []any{1.5, 1.5, 1.5, int64(7)}},
		},
		"mixed directions, back, inclusive": {
			"postgres", mixed,
			keyset.Request{Values: []any{1.5, int64(7)}, Back: true, Inclusive: true},
			sql{"(value >= $3 AND (value > $3 OR (value = $3 AND (id <= $4))))", "ORDER BY value, id DESC LIMIT 26", []any{1.5, int64(7)}},
		},
		"three columns": {
			"postgres", three,
			keyset.Request{Values: []any{int64(1), int64(2), int64(3)}},
			sql{
				"(a >= $3 AND (a > $3 OR (a = $3 AND (b < $4 OR (b = $4 AND (c > $5))))))",
				"ORDER BY a, b DESC, c LIMIT 26",
				[]any{int64(1), int64(2), int64(3)},
			},
		},
		"nulls last, from a value": {
			"postgres", nullable,
			keyset.Request{Values: []any{"a", int64(7)}},
			sql{"((email > $3 OR email IS NULL OR (email = $3 AND (id > $4))))", "ORDER BY email NULLS LAST, id LIMIT 26", []any{"a", int64(7)}},
		},
		"nulls last, from a null": {
			"postgres", nullable,
			keyset.Request{Values: []any{nil, int64(7)}},
			sql{"(email IS NULL AND (1=0 OR (email IS NULL AND (id > $3))))", "ORDER BY email NULLS LAST, id LIMIT 26", []any{int64(7)}},
		},
		"nulls last, back from a null": {
			"sqlite", nullable,
			keyset.Request{Values: []any{nil, int64(7)}, Back: true},
			sql{"((email IS NOT NULL OR (email IS NULL AND (id < ?))))", "ORDER BY email DESC NULLS FIRST, id DESC LIMIT 26", []any{int64(7)}},
		},
		"nulls last, back from a value": {
			"sqlite", nullable,
			keyset.Request{Values: []any{"a", int64(7)}, Back: true},
			sql{"(email <= ? AND (email < ? OR (email = ? AND (id < ?))))", "ORDER BY email DESC NULLS FIRST, id DESC LIMIT 26", []any{"a", "a", "a", int64(7)}},
		},
		"nulls first, descending": {
			"postgres", first,
			keyset.Request{Values: []any{"a", int64(7)}},
			sql{"(email <= $3 AND (email < $3 OR (email = $3 AND (id > $4))))", "ORDER BY email DESC NULLS FIRST, id LIMIT 26", []any{"a", int64(7)}},
		},
		"nulls last in MySQL need a key of their own": {
			"mysql", nullable,
			keyset.Request{},
			sql{"(1=1)", "ORDER BY email IS NULL, email, id LIMIT 26", nil},
		},
		"nulls first when descending, too": {
			"mysql", first,
			keyset.Request{},
			sql{"(1=1)", "ORDER BY email IS NULL DESC, email DESC, id LIMIT 26", nil},
		},
		"read backwards the engine's own order does": {
			"mysql",
			[]keyset.Column{{Name: "email", Nullable: true, Desc: true}, {Name: "id"}},
			keyset.Request{Values: []any{nil, int64(1)}},
			sql{"(email IS NULL AND (1=0 OR (email IS NULL AND (id > ?))))", "ORDER BY email DESC, id LIMIT 26", []any{int64(1)}},
		},
		"a null as the last key": {
			"postgres", nullable[:1],
			keyset.Request{Values: []any{nil}, Inclusive: true},
			sql{"((email IS NULL))", "ORDER BY email NULLS LAST LIMIT 26", nil},
		},
		"a null as the last key, back": {
			"postgres", nullable[:1],
			keyset.Request{Values: []any{nil}, Back: true, Inclusive: true},
			sql{"((1=1))", "ORDER BY email DESC NULLS FIRST LIMIT 26", nil},
		},
		"text by bytes, PostgreSQL": {
			"postgres", byName,
			keyset.Request{Values: []any{"a", int64(7)}},
			sql{`((name COLLATE "C", id) > ($3, $4))`, `ORDER BY name COLLATE "C", id LIMIT 26`, []any{"a", int64(7)}},
		},
		"text by bytes, SQLite, in two columns": {
			"sqlite", byName,
			keyset.Request{Values: []any{"a", int64(7)}},
			sql{
				"(name COLLATE BINARY >= ? AND (name COLLATE BINARY > ? OR (name COLLATE BINARY = ? AND (id > ?))))",
				"ORDER BY name COLLATE BINARY, id LIMIT 26",
				[]any{"a", "a", "a", int64(7)},
			},
		},
		"text by bytes, MySQL": {
			"mysql", byName[:1],
			keyset.Request{Values: []any{"a"}},
			sql{"((name COLLATE utf8mb4_bin > ?))", "ORDER BY name COLLATE utf8mb4_bin LIMIT 26", []any{"a"}},
		},
		"text by bytes, SQLite": {
			"sqlite", byName[:1],
			keyset.Request{Values: []any{"a"}},
			sql{"((name COLLATE BINARY > ?))", "ORDER BY name COLLATE BINARY LIMIT 26", []any{"a"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The order travels in the request, so one is parsed first.
			req, err := parse(newPager(t, keyset.Options{}), "", tt.order)
			if err != nil {
				t.Fatal(err)
			}
			req.Values, req.Back, req.Inclusive = tt.req.Values, tt.req.Back, tt.req.Inclusive
			var got sql
			got.Where, got.Tail, got.Args = req.SQL(tt.dialect, 3)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("SQL(%q, 3) mismatch (-want +got):\n%s", tt.dialect, diff)
			}
		})
	}
}
