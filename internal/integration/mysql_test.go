package integration

import (
	"cmp"
	"database/sql"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/paginate/keyset"
)

// mysqlDB returns a new database on the MySQL or MariaDB that TENET_MYSQL_URL names
// in the form of its driver (root@tcp(127.0.0.1:3306)/), which is dropped at the
// end. No store runs there: what is tested is the SQL that the packages write and
// the errors that they read, and only where there is such a server.
func mysqlDB(t *testing.T) *sql.DB {
	t.Helper()
	dsn := os.Getenv("TENET_MYSQL_URL")
	if dsn == "" {
		t.Skip("TENET_MYSQL_URL is not set")
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("TENET_MYSQL_URL: %v", err)
	}
	open := func() *sql.DB {
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatalf("TENET_MYSQL_URL: %v", err)
		}
		return sql.OpenDB(connector)
	}
	admin := open()
	config.DBName = ownName()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+config.DBName+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"); err != nil {
		t.Fatalf("creating a database on MySQL: %v", err)
	}
	db := open()
	db.SetMaxOpenConns(8)
	t.Cleanup(func() {
		db.Close()
		if _, err := admin.Exec("DROP DATABASE " + config.DBName); err != nil {
			t.Errorf("dropping database %s: %v", config.DBName, err)
		}
		admin.Close()
	})
	return db
}

func TestKeysetWalksATableOnMySQL(t *testing.T) {
	t.Parallel()
	id, name := keyset.Column{Name: "id"}, keyset.Column{Name: "name", Text: true}
	nullsFirst := keyset.Column{Name: "note", Text: true, Nullable: true, NullsFirst: true}
	nullsLast := keyset.Column{Name: "note", Text: true, Nullable: true, Desc: true}
	for about, order := range map[string][]keyset.Column{
		"one column":       {id},
		"texts":            {name, id},
		"mixed directions": {{Name: "score", Desc: true}, name, id},
		"nulls first":      {nullsFirst, {Name: "id", Desc: true}},
		"nulls last, down": {nullsLast, id},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			db := mysqlDB(t)
			table := strings.NewReplacer("double precision", "double", "text", "varchar(100)").Replace(pagedTable)
			if _, err := db.ExecContext(t.Context(), table); err != nil {
				t.Fatal(err)
			}
			walkTable(t, db, "mysql", order)
		})
	}
}

// Units compare byte by byte, in a column whose collation takes ä for a, A for a and
// a space at the end for nothing.
func TestScopesOnMySQL(t *testing.T) {
	t.Parallel()
	db := mysqlDB(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE leads (id int PRIMARY KEY, org_unit varchar(128) NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	ids := []string{"a", "A", "ä", "a'b", `a"b`, "日本", "b"}
	for i, unit := range slices.Concat(ids, []string{"á", "a ", "B", "aa"}) {
		mustExec(t, db, "mysql", "INSERT INTO leads VALUES (?, ?)", i, unit)
	}
	for about, granted := range map[string][]string{
		"one unit": {"a"}, "several": {"a", "ä", `a"b`, "日本"}, "quotes": {"a'b", `a"b`}, "all": ids,
	} {
		units := []ouscope.Unit{{ID: "root", Organization: "root", Name: "Root", Slug: "root"}}
		var roles []ouscope.Assignment
		for _, unit := range ids {
			units = append(units, ouscope.Unit{ID: unit, Organization: "root", Parent: "root", Name: unit, Slug: "u" + unit})
		}
		for _, unit := range granted {
			roles = append(roles, ouscope.Assignment{ID: unit, Subject: "demo", Unit: unit, Role: "reader"})
		}
		scope := scopeOfAll(t, units, roles)
		where, args := scope.SQL("mysql", "leads.org_unit", 1)
		rows, err := db.QueryContext(t.Context(), "SELECT org_unit FROM leads WHERE "+where, args...)
		if err != nil {
			t.Fatalf("%s: %s: %v", about, where, err)
		}
		var got []string
		for rows.Next() {
			var unit string
			if err := rows.Scan(&unit); err != nil {
				t.Fatal(err)
			}
			got = append(got, unit)
		}
		if err := cmp.Or(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if diff := gocmp.Diff(scope.IDs(), got); diff != "" {
			t.Errorf("%s: %s mismatch (-units +rows):\n%s", about, where, diff)
		}
	}
}

func TestFailuresOfMySQL(t *testing.T) {
	t.Parallel()
	db := mysqlDB(t)
	for _, statement := range []string{
		`CREATE TABLE teams (id int PRIMARY KEY)`,
		`CREATE TABLE users (email varchar(100) NOT NULL, age int NOT NULL CHECK (age >= 0), team int, UNIQUE KEY email (email), FOREIGN KEY (team) REFERENCES teams (id))`,
		`INSERT INTO users VALUES ('ada@example.com', 36, NULL)`,
	} {
		mustExec(t, db, "mysql", statement)
	}
	type answer struct {
		Status      int
		Field, Code string
	}
	for statement, want := range map[string]answer{
		`INSERT INTO users VALUES ('ada@example.com', 1, NULL)`: {409, "", "unique"},
		`INSERT INTO users VALUES ('bob@example.com', 1, 7)`:    {409, "", "foreign_key"},
		`INSERT INTO users VALUES (NULL, 1, NULL)`:              {422, "email", "required"},
		`INSERT INTO users VALUES ('bob@example.com', -1, 1)`:   {422, "", "check"},
		`INSERT INTO nothing VALUES (1)`:                        {},
	} {
		_, err := db.ExecContext(t.Context(), statement)
		var got answer
		if e := sqlerr.Map(err); e != nil {
			got = answer{e.Status, e.Details.Field, e.Details.Code}
			if !errors.Is(e, err) {
				t.Errorf("%s: the answer does not wrap the cause", statement)
			}
		}
		if diff := gocmp.Diff(want, got); err == nil || diff != "" {
			t.Errorf("%s: Map(%v) mismatch (-want +got):\n%s", statement, err, diff)
		}
	}
}

// scopeOfAll returns the scope of a caller who may reach every unit of its roles at
// once.
func scopeOfAll(t *testing.T, units []ouscope.Unit, roles []ouscope.Assignment) ouscope.Scope {
	t.Helper()
	directory, err := ouscope.NewMemory(units, roles)
	if err != nil {
		t.Fatal(err)
	}
	scoper, err := ouscope.New(directory, callerHeader, ouscope.Options{Mode: "granted"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Subject", "demo")
	scope, err := scoper.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	return scope
}
