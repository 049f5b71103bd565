package integration

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror/sqlerr"
)

// The errors of the real engines, through their real drivers, become the answers
// that sqlerr promises.
func TestFailuresOfTheEngines(t *testing.T) {
	t.Parallel()
	schema := []string{
		`CREATE TABLE teams (id INTEGER PRIMARY KEY)`,
		`CREATE TABLE users (
			email TEXT NOT NULL UNIQUE,
			age INTEGER NOT NULL CHECK (age >= 0),
			team INTEGER REFERENCES teams (id)
		)`,
		`INSERT INTO users VALUES ('ada@example.com', 36, NULL)`,
	}
	type answer struct {
		Status      int
		Field, Code string
	}
	tests := map[string]struct {
		statement        string
		sqlite, postgres answer
	}{
		"a taken key": {
			`INSERT INTO users VALUES ('ada@example.com', 1, NULL)`,
			answer{409, "email", "unique"},
			answer{409, "email", "unique"},
		},
		"a missing row referred to": {
			`INSERT INTO users VALUES ('bob@example.com', 1, 7)`,
			answer{409, "", "foreign_key"},
			answer{409, "team", "foreign_key"},
		},
		"a null": {
			`INSERT INTO users VALUES (NULL, 1, NULL)`,
			answer{422, "email", "required"},
			answer{422, "email", "required"},
		},
		"a check": {
			`INSERT INTO users VALUES ('bob@example.com', -1, NULL)`,
			answer{422, "", "check"},
			answer{422, "", "check"},
		},
		"a missing table, which is nobody's input": {`INSERT INTO nothing VALUES (1)`, answer{}, answer{}},
	}
	for engine, open := range databases {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			for _, statement := range schema {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			for name, tt := range tests {
				want := tt.sqlite
				if engine == "postgres" {
					want = tt.postgres
				}
				_, err := db.ExecContext(t.Context(), tt.statement)
				var got answer
				if e := sqlerr.Map(err); e != nil {
					got = answer{e.Status, e.Details.Field, e.Details.Code}
					if !errors.Is(e, err) {
						t.Errorf("%s: the answer does not wrap the cause", name)
					}
				}
				if diff := cmp.Diff(want, got); err == nil || diff != "" {
					t.Errorf("%s: Map(%v) mismatch (-want +got):\n%s", name, err, diff)
				}
			}
		})
	}
}
