package integration

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

// The kinds of a row under names of their own, and columns whose names are none.
type (
	flag  bool
	level int8
	word  string
	share float32

	named struct {
		ID      string         `json:"id"`
		OrgUnit string         `json:"org_unit"`
		Flag    flag           `json:"select"`
		Flags   *flag          `json:"$1"`
		Level   level          `json:"?"`
		Levels  *level         `json:"a;--b"`
		Word    word           `json:"~a.b@"`
		Words   *word          `json:"%s"`
		Share   share          `json:"é"`
		Any     any            `json:"e-mail"`
		Several *[]string      `json:"a b"`
		Map     map[string]any `json:"[x]"`
		Long    time.Duration  `json:"rowid"`
	}
)

func newNamed(id, unit string, n int) named {
	words := []word{"", "x", "'", "é"}
	out := named{
		ID: id, OrgUnit: unit, Flag: n%2 == 0, Level: level(n), Word: words[n%4], Share: share(n) / 10, Long: time.Duration(n) * time.Hour,
		Any: []any{nil, "x", 1.5, true, []any{}, map[string]any{"k": nil}}[n%6],
	}
	if n%3 == 0 {
		out.Flags, out.Levels, out.Words = new(flag(n%2 == 0)), new(level(n)), &words[n%4]
		out.Several, out.Map = &[]string{"a"}, map[string]any{}
	}
	return out
}

func TestResourceColumnsOfNamedTypes(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			resourcetest.TestStore(t, resourcetest.Options[named]{
				New: func(t *testing.T) resource.Store[named] {
					store, err := sqlstore.New[named](open(t), sqlstore.Options{Dialect: dialect, Table: "order", Unit: "org_unit"})
					if err != nil {
						t.Fatal(err)
					}
					if err := store.Migrate(t.Context()); err != nil {
						t.Fatalf("Migrate: %v\n%s", err, strings.Join(store.Schema(), ";\n"))
					}
					return store
				},
				Row: newNamed,
			})
		})
	}
}

// TestResourceNumbersAboveAllIntegers: a filter may name more than a column holds.
func TestResourceNumbersAboveAllIntegers(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := newThings(t, db, sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			row := newThing("1", "a", 3)
			row.Places = new(uint16(math.MaxUint16))
			if err := store.Insert(t.Context(), db, row); err != nil {
				t.Fatal(err)
			}
			for op, want := range map[string]int{"<": 1, "<=": 1, "!=": 1, "=": 0, ">=": 0, ">": 0} {
				for _, value := range []uint64{math.MaxUint16 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
					_, total, err := store.List(t.Context(), resource.Everything(), resource.Query{
						Filter: []resource.Condition{{Field: "places", Op: op, Value: value}}, Sort: []resource.Order{{Field: "id"}}, Limit: 10,
					})
					if err != nil || total != want {
						t.Errorf("places%s%d: total = %d, %v, want %d", op, value, total, err, want)
					}
				}
			}
		})
	}
}

// TestResourceColumnsThatAreMissing: SQLite takes a name in double quotes that no
// column has for a text.
func TestResourceColumnsThatAreMissing(t *testing.T) {
	t.Parallel()
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			mustExec(t, db, dialect, "CREATE TABLE people (id text PRIMARY KEY, org_unit text NOT NULL)")
			mustExec(t, db, dialect, "INSERT INTO people VALUES ('1', 'a')")
			type person struct {
				ID      string `json:"id"`
				OrgUnit string `json:"org_unit"`
				Email   string `json:"email"`
			}
			store, err := sqlstore.New[person](db, sqlstore.Options{Dialect: dialect, Table: "people", Unit: "org_unit"})
			if err != nil {
				t.Fatal(err)
			}
			if row, err := store.Get(t.Context(), resource.Everything(), "1"); err == nil {
				t.Errorf("Get of a row without the column = %+v, want an error", row)
			}
			byEmail := resource.Query{Filter: []resource.Condition{{Field: "email", Op: "=", Value: "email"}}, Sort: []resource.Order{{Field: "email"}, {Field: "id"}}, Limit: 1}
			if rows, _, err := store.List(t.Context(), resource.Everything(), byEmail); err == nil {
				t.Errorf("List = %+v, want an error", rows)
			}
		})
	}
}

// TestResourceIndexOfAnotherTable: the name of an index that another table has.
func TestResourceIndexOfAnotherTable(t *testing.T) {
	t.Parallel()
	type order struct {
		ID   string `json:"id"`
		Item string `json:"item_sku"`
	}
	type item struct {
		ID  string `json:"id"`
		SKU string `json:"sku"`
	}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			orders, err := sqlstore.New[order](db, sqlstore.Options{Dialect: dialect, Table: "orders", Unique: []string{"item_sku"}})
			if err != nil {
				t.Fatal(err)
			}
			items, err := sqlstore.New[item](db, sqlstore.Options{Dialect: dialect, Table: "orders_item", Unique: []string{"sku"}})
			if err != nil {
				t.Fatal(err)
			}
			if err := orders.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := items.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), `"orders_item_sku_key" belongs to "orders"`) {
				t.Errorf("Migrate = %v, want an error that names the index and its table", err)
			}
		})
	}
}

// TestResourceNamesTheFieldThatIsTaken by whatever index of its own a program has.
func TestResourceNamesTheFieldThatIsTaken(t *testing.T) {
	t.Parallel()
	type person struct {
		ID      string `json:"id"`
		OrgUnit string `json:"org_unit"`
		Name    string `json:"name"`
		Email   string `json:"e-mail"`
	}
	tests := map[string]struct {
		opts  sqlstore.Options
		index string
		twins [2]person
		field string
	}{
		"the id":                            {twins: [2]person{{ID: "1", Email: "a"}, {ID: "1", Email: "b"}}, field: "id"},
		"a name that needs quotes":          {opts: sqlstore.Options{Unique: []string{"e-mail"}}, field: "e-mail"},
		"a name that needs quotes, in unit": {opts: sqlstore.Options{Unique: []string{"e-mail"}, Unit: "org_unit"}, field: "e-mail"},
		"an index over an expression":       {index: `CREATE UNIQUE INDEX people_name_key ON people (lower(name))`, field: "name"},
		"one over the unit, too":            {opts: sqlstore.Options{Unit: "org_unit"}, index: `CREATE UNIQUE INDEX people_org_unit_name_key ON people (org_unit, lower(name))`, field: "name"},
		"an index over other columns":       {index: `CREATE UNIQUE INDEX people_idx ON people (name, org_unit)`, field: ""},
	}
	for dialect, open := range databases {
		for name, tt := range tests {
			t.Run(dialect+", "+name, func(t *testing.T) {
				t.Parallel()
				db := open(t)
				tt.opts.Dialect, tt.opts.Table = dialect, "people"
				store, err := sqlstore.New[person](db, tt.opts)
				if err != nil {
					t.Fatal(err)
				}
				if err := store.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				if tt.index != "" {
					mustExec(t, db, dialect, tt.index)
				}
				twins := tt.twins
				if twins[0].ID == "" {
					twins = [2]person{{ID: "1", Name: "x", Email: "y"}, {ID: "2", Name: "x", Email: "y"}}
				}
				if err := store.Insert(t.Context(), db, twins[0]); err != nil {
					t.Fatal(err)
				}
				err = store.Insert(t.Context(), db, twins[1])
				if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Status != 409 || e.Details.Field != tt.field || e.Details.Code != "unique" {
					t.Errorf("Insert = %v, want a 409 of the field %q", err, tt.field)
				}
			})
		}
	}
}

// TestResourceIDsThatAreNone: a program may keep ids in a column that cannot even
// be compared with any text.
func TestResourceIDsThatAreNone(t *testing.T) {
	t.Parallel()
	db := postgresDB(t)
	mustExec(t, db, "postgres", "CREATE TABLE people (id uuid PRIMARY KEY, org_unit text NOT NULL)")
	type person struct {
		ID      string `json:"id"`
		OrgUnit string `json:"org_unit"`
	}
	store, err := sqlstore.New[person](db, sqlstore.Options{Dialect: "postgres", Table: "people", Unit: "org_unit"})
	if err != nil {
		t.Fatal(err)
	}
	row := person{resource.NewID(), "a"}
	if err := store.Insert(t.Context(), db, row); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Get(t.Context(), resource.Everything(), row.ID); err != nil || got != row {
		t.Errorf("Get = %+v, %v, want %+v", got, err, row)
	}
	_, get := store.Get(t.Context(), resource.Everything(), "x")
	_, update := store.Update(t.Context(), resource.Everything(), "x", func(p person) (person, error) { return p, nil })
	remove := store.Delete(t.Context(), resource.Everything(), "x", func(person) error { return nil })
	for name, err := range map[string]error{"Get": get, "Update": update, "Delete": remove} {
		if !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("%s of the id x = %v, want ErrNotFound", name, err)
		}
	}
}

// TestResourceColumnsThatAreNarrow: a program may have an integer for what fits. A
// filter asks for what does not, too.
func TestResourceColumnsThatAreNarrow(t *testing.T) {
	t.Parallel()
	type person struct {
		ID    string `json:"id"`
		Age   int16  `json:"age"`
		Count *int32 `json:"count"`
		Rank  uint8  `json:"rank"`
	}
	for dialect, open := range databases {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			mustExec(t, db, dialect, "CREATE TABLE people (id text PRIMARY KEY, age smallint NOT NULL, count integer, rank numeric NOT NULL)")
			store, err := sqlstore.New[person](db, sqlstore.Options{Dialect: dialect, Table: "people"})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Insert(t.Context(), db, person{"1", 7, new(int32(math.MaxInt32)), 9}); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"age", "count", "rank"} {
				for op, want := range map[string]int{"<": 1, "<=": 1, "!=": 1, "=": 0, ">": 0, "~=": 0} {
					var value any = int64(math.MaxInt64)
					if field == "rank" {
						value = uint64(math.MaxUint64)
					}
					if op == "~=" {
						value = []any{value}
					}
					_, total, err := store.List(t.Context(), resource.Everything(), resource.Query{
						Filter: []resource.Condition{{Field: field, Op: op, Value: value}}, Sort: []resource.Order{{Field: "id"}}, Limit: 10,
					})
					if err != nil || total != want {
						t.Errorf("%s%s%v: total = %d, %v, want %d", field, op, value, total, err, want)
					}
				}
			}
		})
	}
}
