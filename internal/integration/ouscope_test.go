package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/sqlstore"
)

// onEngines runs the test on every SQL engine.
func onEngines(t *testing.T, test func(t *testing.T, dialect string, db *sql.DB)) {
	t.Helper()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			test(t, dialect, open(t))
		})
	}
}

func ouStore(t testing.TB, dialect string, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect})
	if err != nil {
		t.Fatalf("sqlstore.New: %v", err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return store
}

// callerHeader names the caller of a test's request.
func callerHeader(r *http.Request) (string, bool) {
	s := r.Header.Get("Subject")
	return s, s != ""
}

func ouScoper(t testing.TB, store *sqlstore.Store, opts ouscope.Options) *ouscope.Scoper {
	t.Helper()
	opts.Choices = store
	if opts.CacheTTL == 0 {
		opts.CacheTTL = -1
	}
	scoper, err := ouscope.New(store, callerHeader, opts)
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	return scoper
}

func ouRequest(ctx context.Context, subject, method, body string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, "/", strings.NewReader(body))
	r.Header.Set("Subject", subject)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// activate chooses the unit and returns the status of the answer.
func activate(ctx context.Context, scoper *ouscope.Scoper, subject, unit string) int {
	body, _ := json.Marshal(map[string]string{"org_unit_id": unit})
	w := httptest.NewRecorder()
	scoper.ActiveHandler().ServeHTTP(w, ouRequest(ctx, subject, http.MethodPost, string(body)))
	return w.Code
}

func TestOrgUnitsAreStoredAndRead(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		units := []ouscope.Unit{ // children before parents, and as the store sorts them
			{ID: "Uk", Organization: "acme", Parent: "emea", Name: `O'Neil "x"`, Slug: "uk", ExternalRef: "42", Default: true, Disabled: true},
			{ID: "emea", Organization: "acme", Parent: "top"},
			{ID: "top", Organization: "acme"},
			{ID: "top", Organization: "other", Name: "Ünï\U0001F600"},
		}
		assignments := []ouscope.Assignment{
			{ID: "a1", Subject: "ann", Organization: "acme", Unit: "Uk", Role: "reader", NoInherit: true},
			{ID: "a2", Subject: "ann", Organization: "other", Role: "admin"},
			{ID: "a3", Subject: "Ann", Organization: "acme", Unit: "top", Role: "reader"},
		}
		if err := store.Insert(t.Context(), db, units, assignments); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		got, err := store.Units(t.Context())
		if diff := cmp.Diff(units, got); err != nil || diff != "" {
			t.Errorf("Units: %v, mismatch (-want +got):\n%s", err, diff)
		}
		own, err := store.Assignments(t.Context(), "ann")
		if diff := cmp.Diff(assignments[:2], own); err != nil || diff != "" {
			t.Errorf("Assignments: %v, mismatch (-want +got):\n%s", err, diff)
		}
		for _, nobody := range []string{"bob", "", "\x00", "\xff", "ann\x00"} {
			own, err := store.Assignments(t.Context(), nobody)
			if err != nil || len(own) != 0 {
				t.Errorf("Assignments(%q) = %v, %v, want none", nobody, own, err)
			}
			unit, err := store.Choice(t.Context(), "acme", nobody)
			if err != nil || unit != "" {
				t.Errorf("Choice(%q) = %q, %v, want none", nobody, unit, err)
			}
			if err := store.SetChoice(t.Context(), "acme", nobody, ""); err != nil {
				t.Errorf("SetChoice(%q): %v", nobody, err)
			}
		}
	})
}

func TestOrgUnitTablesRefuseWhatIsNoTree(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		top := ouscope.Unit{ID: "top", Organization: "acme"}
		role := ouscope.Assignment{Subject: "ann", Unit: "top", Role: "reader"}
		if err := store.Insert(t.Context(), db, []ouscope.Unit{top}, []ouscope.Assignment{role}); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		tests := map[string]struct {
			unit       ouscope.Unit
			assignment ouscope.Assignment
		}{
			"a unit twice":                     {unit: top},
			"a unit without an id":             {unit: ouscope.Unit{Organization: "acme"}},
			"a unit with a control character":  {unit: ouscope.Unit{ID: "a\n", Organization: "acme"}},
			"a unit with a long id":            {unit: ouscope.Unit{ID: strings.Repeat("x", 129), Organization: "acme"}},
			"a parent that is not there":       {unit: ouscope.Unit{ID: "x", Organization: "acme", Parent: "y"}},
			"a parent of another organization": {unit: ouscope.Unit{ID: "x", Organization: "other", Parent: "top"}},
			"its own parent's parent":          {unit: ouscope.Unit{ID: "x", Organization: "acme", Parent: "x"}},
			"a role twice":                     {assignment: ouscope.Assignment{Subject: "ann", Organization: "acme", Unit: "top", Role: "reader"}},
			"a role on an unknown unit":        {assignment: ouscope.Assignment{Subject: "ann", Organization: "acme", Unit: "x", Role: "reader"}},
			"a role without a subject":         {assignment: ouscope.Assignment{Organization: "acme", Unit: "top", Role: "reader"}},
			"a role without a name":            {assignment: ouscope.Assignment{Subject: "ann", Organization: "acme", Unit: "top"}},
			"a role on nothing":                {assignment: ouscope.Assignment{Subject: "ann", Role: "reader"}},
		}
		for name, tt := range tests {
			var units []ouscope.Unit
			var assignments []ouscope.Assignment
			if tt.assignment == (ouscope.Assignment{}) {
				units = append(units, tt.unit)
			} else {
				assignments = append(assignments, tt.assignment)
			}
			if err := store.Insert(t.Context(), db, units, assignments); err == nil {
				t.Errorf("%s: Insert = nil, want an error", name)
			}
		}
	})
}

func TestInsertHoldsTogetherInATransaction(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatalf("BeginTx: %v", err)
		}
		if err := store.Insert(t.Context(), tx, []ouscope.Unit{{ID: "top"}}, []ouscope.Assignment{{Subject: "ann", Unit: "top", Role: "reader"}}); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatalf("Rollback: %v", err)
		}
		if units, err := store.Units(t.Context()); err != nil || len(units) != 0 {
			t.Errorf("Units after a rollback = %v, %v, want none", units, err)
		}
	})
}

func TestMigrateFromManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				store, err := sqlstore.New(db, sqlstore.Options{Dialect: dialect, Prefix: "own_"})
				if err == nil {
					err = store.Migrate(t.Context())
				}
				if err != nil {
					t.Errorf("Migrate: %v", err)
				}
			})
		}
		wg.Wait()
		statements, err := sqlstore.Schema(sqlstore.Options{Dialect: dialect, Prefix: "by_hand_"})
		if err != nil {
			t.Fatalf("Schema: %v", err)
		}
		for _, statement := range statements {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestChoicesAreKeptPerOrganizationAndSubject(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		set := func(organization, subject, unit string) {
			t.Helper()
			if err := store.SetChoice(t.Context(), organization, subject, unit); err != nil {
				t.Fatalf("SetChoice: %v", err)
			}
		}
		set("acme", "ann", "uk")
		set("acme", "ann", "de")
		set("other", "ann", "uk")
		set("acme", "Ann", "us")
		set("acme", "bob", "us")
		set("acme", "bob", "")
		for _, want := range [][3]string{{"acme", "ann", "de"}, {"other", "ann", "uk"}, {"acme", "Ann", "us"}, {"acme", "bob", ""}, {"", "ann", ""}} {
			got, err := store.Choice(t.Context(), want[0], want[1])
			if err != nil || got != want[2] {
				t.Errorf("Choice(%q, %q) = %q, %v, want %q", want[0], want[1], got, err, want[2])
			}
		}
	})
}

// A choice outlives its unit, so that nothing falls back silently.
func TestAUnitThatIsDeletedLeavesNoSilentFallback(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		err := store.Insert(t.Context(), db, []ouscope.Unit{{ID: "uk"}, {ID: "us"}},
			[]ouscope.Assignment{{Subject: "ann", Unit: "uk", Role: "editor"}, {Subject: "ann", Unit: "us", Role: "editor"}})
		if err != nil {
			t.Fatalf("Insert: %v", err)
		}
		scoper := ouScoper(t, store, ouscope.Options{})
		if code := activate(t.Context(), scoper, "ann", "us"); code != http.StatusOK {
			t.Fatalf("POST = %d, want 200", code)
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM ou_units WHERE id = 'us'"); err != nil {
			t.Fatalf("deleting: %v", err)
		}
		scope, err := scoper.Resolve(ouRequest(t.Context(), "ann", http.MethodGet, ""))
		if err == nil || !strings.Contains(err.Error(), "Choose") || len(scope.IDs()) != 0 {
			t.Errorf("Resolve = %v, %v, want the demand to choose", scope.IDs(), err)
		}
	})
}

// oddIDs are unit ids that one engine or another might take for each other.
var oddIDs = []string{
	"uk", "UK", "Uk", "uk2", "u", "uk ", " uk", "u_", "u%", "%", "_", "'", "''", `"`, `""`, `\`, `\\`, `\'`, "{}", "{uk,de}", "[]", `["uk"]`,
	"null", "NULL", "1", "01", "1.0", "1e0", "0", "true", "$1", "?", ":a", "@a", "--", "/*", ";", "uk' OR '1'='1", "é", "e\u0301", "ß", "ss", "\u043a", "k",
	"\u212a", "\U0001F600", "<a&b>", "\u2028", "\u00a0", strings.Repeat("x", 128),
}

// The condition returns exactly the rows that the scope contains, for random
// trees and grants.
func TestConditionReturnsExactlyWhatTheScopeContains(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		exec := func(query string, args ...any) {
			t.Helper()
			if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		exec("CREATE TABLE leads (id integer PRIMARY KEY, org_unit text, active integer NOT NULL)")
		insert := "INSERT INTO leads VALUES ($1, $2, $3)"
		condition := func(scope ouscope.Scope) (string, []any) {
			where, args := scope.SQL(dialect, "l.org_unit", 2)
			return "SELECT l.id FROM leads l WHERE l.active = $1 AND " + where + " ORDER BY l.id", append([]any{1}, args...)
		}
		if dialect == "sqlite" {
			insert = "INSERT INTO leads VALUES (?, ?, ?)"
		}
		units := map[int]string{0: "", 1: "not a unit"}
		exec(insert, 0, nil, 1)
		exec(insert, 1, "not a unit", 1)
		for i, id := range oddIDs {
			units[2+2*i], units[3+2*i] = id, id
			exec(insert, 2+2*i, id, 1)
			exec(insert, 3+2*i, id, 0)
		}
		random := rand.New(rand.NewPCG(1, 2))
		compared, rounds := 0, sized(40, 12)
		for round := range rounds {
			exec("DELETE FROM ou_assignments")
			for range len(oddIDs) { // leaves first
				exec("DELETE FROM ou_units WHERE NOT EXISTS (SELECT 1 FROM ou_units below WHERE below.parent = ou_units.id)")
				var n int
				if db.QueryRowContext(t.Context(), "SELECT count(*) FROM ou_units").Scan(&n) == nil && n == 0 {
					break
				}
			}
			all, grants := randomOrganization(random)
			if err := store.Insert(t.Context(), db, all, grants); err != nil {
				t.Fatalf("Insert: %v", err)
			}
			mode := []string{"subtree", "exact", "granted"}[round%3]
			scoper := ouScoper(t, store, ouscope.Options{Mode: mode})
			for _, choice := range []string{"", oddIDs[random.IntN(len(oddIDs))], oddIDs[random.IntN(len(oddIDs))]} {
				if choice != "" {
					activate(t.Context(), scoper, "ann", choice)
				}
				scope, _ := scoper.Resolve(ouRequest(t.Context(), "ann", http.MethodGet, ""))
				query, args := condition(scope)
				if dialect == "sqlite" {
					query = strings.Replace(query, "$1", "?", 1)
				}
				got := ints(t, db, query, args)
				var want []int
				for id := range 2 + 2*len(oddIDs) {
					if scope.Contains(units[id]) && id%2 == 0 {
						want = append(want, id)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s with %v mismatch (-want +got):\n%s", query, args, diff)
				}
				compared += len(got)
			}
		}
		if compared < 12*rounds {
			t.Errorf("only %d rows were compared: the scopes are too small to tell anything", compared)
		}
	})
}

// randomOrganization returns a tree of all odd ids and grants for ann.
func randomOrganization(random *rand.Rand) ([]ouscope.Unit, []ouscope.Assignment) {
	ids := slices.Clone(oddIDs)
	random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	var units []ouscope.Unit
	for i, id := range ids {
		u := ouscope.Unit{ID: id, Name: fmt.Sprint(random.IntN(5)), Disabled: random.IntN(80) == 0}
		if i > 0 && random.IntN(20) > 0 {
			u.Parent = ids[random.IntN(i)]
		}
		units = append(units, u)
	}
	var grants []ouscope.Assignment
	for i := range random.IntN(12) {
		grants = append(grants, ouscope.Assignment{
			Subject: "ann", Unit: ids[random.IntN(len(ids))], Role: fmt.Sprint("role", i), NoInherit: random.IntN(4) == 0,
		})
	}
	return units, grants
}

func ints(t testing.TB, db *sql.DB, query string, args []any) []int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var all []int
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

// Two processes share the choices: what one has stored, the other acts on.
func TestChoicesAreSharedBetweenProcesses(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		err := store.Insert(t.Context(), db, []ouscope.Unit{{ID: "a"}, {ID: "b"}},
			[]ouscope.Assignment{{Subject: "ann", Unit: "a", Role: "editor"}, {Subject: "ann", Unit: "b", Role: "editor"}})
		if err != nil {
			t.Fatalf("Insert: %v", err)
		}
		one, two := ouScoper(t, store, ouscope.Options{}), ouScoper(t, ouStore(t, dialect, db), ouscope.Options{})
		var wg sync.WaitGroup
		for i := range 20 {
			unit := []string{"a", "b"}[i%2]
			if code := activate(t.Context(), one, "ann", unit); code != http.StatusOK {
				t.Fatalf("POST = %d, want 200", code)
			}
			for range 4 {
				wg.Go(func() {
					scope, err := two.Resolve(ouRequest(t.Context(), "ann", http.MethodGet, ""))
					if err != nil || scope.Active() != unit || scope.Contains([]string{"b", "a"}[i%2]) {
						t.Errorf("scope = %v, %v, want %s alone", scope.IDs(), err, unit)
					}
				})
			}
			wg.Wait()
		}
	})
}
