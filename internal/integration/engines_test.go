package integration

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	_ "modernc.org/sqlite"
)

// TestMain runs the tests, or the process that a test has started this binary for.
func TestMain(m *testing.M) {
	// The driver would report every connection that a test breaks.
	logging.Disable()
	if text, ok := os.LookupEnv(overloadVariable); ok {
		var o overload
		err := json.Unmarshal([]byte(text), &o)
		if err == nil {
			err = o.run(os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "overload:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// engineURL returns the address of an engine, or skips the test where the
// environment does not name one.
func engineURL(t testing.TB, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		if os.Getenv("TENET_REQUIRE_ENGINES") == "1" {
			t.Fatalf("%s is not set, and TENET_REQUIRE_ENGINES=1 demands it", variable)
		}
		t.Skipf("%s is not set", variable)
	}
	return address
}

// sized returns how much of something a test does: all of it, or what the race
// detector leaves time for. CI runs each test that asks sized or raceEnabled once
// more without the detector.
func sized(full, underRace int) int {
	if raceEnabled {
		return underRace
	}
	return full
}

// databases are the engines that every test of SQL runs on, by their dialects.
var databases = map[string]func(testing.TB) *sql.DB{"sqlite": sqliteDB, "postgres": postgresDB}

// ownName returns a name that no other test has, of lower-case letters, digits
// and underscores.
func ownName() string { return "tenet_" + strings.ToLower(rand.Text()[:16]) }

// sqliteDB returns a database in a new file, with the settings that a service
// should use: a write-ahead log, a wait for locks, foreign keys enforced, and
// transactions that take the write lock when they begin.
func sqliteDB(t testing.TB) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", "file:"+path+
		"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatalf("opening SQLite: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatalf("opening SQLite: %v", err)
	}
	return db
}

// postgresDB returns a database whose search path is a new schema, which is
// dropped at the end.
func postgresDB(t testing.TB) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(engineURL(t, "TENET_POSTGRES_URL"))
	if err != nil {
		t.Fatalf("TENET_POSTGRES_URL: %v", err)
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 10*time.Second)

	schema := ownName()
	admin := stdlib.OpenDB(*config)
	t.Cleanup(func() { admin.Close() })
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatalf("creating a schema on PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context is done by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if _, err := admin.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("dropping schema %s: %v", schema, err)
		}
	})

	own := config.Copy()
	own.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*own)
	t.Cleanup(func() { db.Close() })
	// Many tests run at once, and a server takes 100 connections by default.
	db.SetMaxOpenConns(8)
	return db
}

// redisClient returns a client and a prefix for its keys, which are removed at
// the end.
func redisClient(t testing.TB) (rdb *redis.Client, prefix string) {
	t.Helper()
	options, err := redis.ParseURL(engineURL(t, "TENET_REDIS_URL"))
	if err != nil {
		t.Fatalf("TENET_REDIS_URL: %v", err)
	}
	options.ContextTimeoutEnabled = true
	rdb = redis.NewClient(options)
	t.Cleanup(func() { rdb.Close() })
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Fatalf("reaching Redis: %v", err)
	}
	prefix = ownName() + ":"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		keys := rdb.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := rdb.Del(ctx, keys.Val()).Err(); err != nil {
				t.Errorf("removing keys under %s: %v", prefix, err)
				return
			}
		}
		if err := keys.Err(); err != nil {
			t.Errorf("removing keys under %s: %v", prefix, err)
		}
	})
	return rdb, prefix
}

func TestEnginesAnswer(t *testing.T) {
	t.Parallel()
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE things (id integer)"); err != nil {
				t.Fatalf("creating a table: %v", err)
			}
			var n int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil || n != 0 {
				t.Errorf("count = %d, %v, want 0", n, err)
			}
		})
	}
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		rdb, prefix := redisClient(t)
		if err := rdb.Set(t.Context(), prefix+"a", "1", 0).Err(); err != nil {
			t.Fatalf("setting a key: %v", err)
		}
	})
}
