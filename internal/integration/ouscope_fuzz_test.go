package integration

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
)

// Whatever the tree, the grants and the ids, the condition returns exactly the
// rows whose units the scope contains.
func FuzzConditionOnSQLite(f *testing.F) {
	for i, id := range oddIDs {
		f.Add(uint64(i), id, uint8(i%3))
	}
	db := sqliteDB(f)
	db.SetMaxOpenConns(1)
	// Nothing is to be kept, and fuzzing is about many tries.
	for _, statement := range []string{"PRAGMA synchronous = OFF", "CREATE TABLE fuzzed (id integer PRIMARY KEY, org_unit text)", "CREATE INDEX fuzzed_unit ON fuzzed (org_unit)"} {
		if _, err := db.ExecContext(f.Context(), statement); err != nil {
			f.Fatalf("%s: %v", statement, err)
		}
	}
	f.Fuzz(func(t *testing.T, seed uint64, id string, mode uint8) {
		random := rand.New(rand.NewPCG(seed, 1))
		units, grants := randomOrganization(random)
		if !slices.Contains(oddIDs, id) {
			units = append(units, ouscope.Unit{ID: id, Parent: units[random.IntN(len(units))].ID})
		}
		directory, err := ouscope.NewMemory(units, grants)
		if err != nil {
			t.Skip() // no id
		}
		scoper, err := ouscope.New(directory, callerHeader, ouscope.Options{Mode: []string{"subtree", "exact", "granted"}[mode%3]})
		if err != nil {
			t.Fatalf("ouscope.New: %v", err)
		}
		active := ""
		if random.IntN(2) == 0 {
			active = units[random.IntN(len(units))].ID
		}
		scope, _ := scoper.For(t.Context(), "ann", active)

		ids := make([]string, len(units))
		var want []int
		for i, u := range units {
			ids[i] = u.ID
			if scope.Contains(u.ID) {
				want = append(want, i)
			}
		}
		rows, err := json.Marshal(append(ids, "not a unit", ""))
		if err != nil {
			t.Fatalf("Marshal: %v", err)
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM fuzzed"); err != nil {
			t.Fatalf("DELETE: %v", err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO fuzzed SELECT key, value FROM json_each(?)", string(rows)); err != nil {
			t.Fatalf("INSERT: %v", err)
		}
		where, args := scope.SQL("sqlite", "org_unit", 1)
		if diff := cmp.Diff(want, ints(t, db, "SELECT id FROM fuzzed WHERE "+where+" ORDER BY id", args)); diff != "" {
			t.Fatalf("%s with %v mismatch (-want +got):\n%s", where, args, diff)
		}
	})
}
