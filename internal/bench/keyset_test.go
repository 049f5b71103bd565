package bench

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/tenetkit/tenet/paginate/keyset"
)

// BenchmarkDeepPageSQLite reads page 40,000 of 1,000,000 rows: by a cursor
// (tenet), beside page 2 by a cursor, page 1 and the same page by an offset.
func BenchmarkDeepPageSQLite(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "rows.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	deepPages(b, db, "sqlite",
		`CREATE TABLE deep (id integer PRIMARY KEY, name text NOT NULL, rank integer NOT NULL)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000000)
			INSERT INTO deep SELECT i, 'Ada Lovelace', i * 7919 % 100003 FROM n`,
		`CREATE INDEX deep_rank ON deep (rank, id)`,
		`ANALYZE`)
}

// BenchmarkDeepPagePostgres does the same on the server that
// TENET_POSTGRES_URL names.
func BenchmarkDeepPagePostgres(b *testing.B) {
	address := os.Getenv("TENET_POSTGRES_URL")
	if address == "" {
		b.Skip("TENET_POSTGRES_URL is not set")
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // the table belongs to the connection
	deepPages(b, db, "postgres",
		`CREATE TEMPORARY TABLE deep (id bigint PRIMARY KEY, name text NOT NULL, rank bigint NOT NULL)`,
		`INSERT INTO deep SELECT i, 'Ada Lovelace', i::bigint * 7919 % 100003 FROM generate_series(1, 1000000) AS i`,
		`CREATE INDEX deep_rank ON deep (rank, id)`,
		`ANALYZE deep`)
}

type deepRow struct {
	id, rank int64
	name     string
}

func deepPages(b *testing.B, db *sql.DB, dialect string, setup ...string) {
	b.Helper()
	for _, statement := range setup {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	read := func(b *testing.B, query string, args ...any) []deepRow {
		found, err := db.QueryContext(b.Context(), query, args...)
		if err != nil {
			b.Fatal(err)
		}
		defer found.Close()
		list := make([]deepRow, 0, 26)
		for found.Next() {
			var row deepRow
			if err := found.Scan(&row.id, &row.rank, &row.name); err != nil {
				b.Fatal(err)
			}
			list = append(list, row)
		}
		if err := found.Err(); err != nil {
			b.Fatal(err)
		}
		return list
	}
	const byOffset = "SELECT id, rank, name FROM deep ORDER BY rank, id LIMIT 26 OFFSET "

	pager, err := keyset.New([][]byte{secret}, keyset.Options{})
	if err != nil {
		b.Fatal(err)
	}
	order := []keyset.Column{{Name: "rank"}, {Name: "id"}}
	ask := func(cursor string) keyset.Request {
		req, err := pager.ParseRequest(request("GET", "/deep?cursor="+url.QueryEscape(cursor)), order)
		if cursor == "" {
			req, err = pager.ParseRequest(request("GET", "/deep"), order)
		}
		if err != nil {
			b.Fatal(err)
		}
		return req
	}
	after := func(offset string) keyset.Request {
		page, err := keyset.NewPage(ask(""), read(b, byOffset+offset), func(r deepRow) []any { return []any{r.rank, r.id} })
		if err != nil {
			b.Fatal(err)
		}
		return ask(page.Next)
	}
	for _, tt := range []struct {
		name string
		req  keyset.Request
		from string
	}{
		{"tenet", after("999950"), "999975"},
		{"tenet, page 2", after("0"), "25"},
		{"tenet, page 1", ask(""), "0"}, // without a condition
	} {
		want := read(b, byOffset+tt.from)
		b.Run(tt.name, func(b *testing.B) {
			var got []deepRow
			b.ReportAllocs()
			for b.Loop() {
				where, tail, args := tt.req.SQL(dialect, 1)
				got = read(b, "SELECT id, rank, name FROM deep WHERE "+where+" "+tail, args...)
			}
			if !slices.Equal(got, want) {
				b.Fatalf("got %v, want %v", got, want)
			}
		})
	}
	b.Run("offset", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := read(b, byOffset+"999975"); len(got) != 25 {
				b.Fatalf("got %d rows, want 25", len(got))
			}
		}
	})
}
