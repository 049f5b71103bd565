//go:build !race

package resourcetest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
)

// row has what stores get wrong.
type row struct {
	ID        string     `json:"id"`
	OrgUnit   string     `json:"org_unit"`
	Name      string     `json:"name"`
	Note      *string    `json:"note"`
	Active    bool       `json:"active"`
	Count     int64      `json:"count"`
	Paid      *time.Time `json:"paid"`
	Tags      []string   `json:"tags"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

func newRow(id, unit string, n int) row {
	words := []string{"", "a", "B", "ab", "%", "é", "z", "a b", "A"}
	out := row{
		ID: id, OrgUnit: unit, Name: words[n%len(words)], Active: n%3 == 0, Count: int64(n - 3), Tags: []string{words[n%4], "x"},
		CreatedAt: time.UnixMicro(int64(n) * 1_000_001).UTC(), UpdatedAt: time.UnixMicro(int64(n % 5)).UTC(),
	}
	if n%2 == 0 {
		out.Note, out.Paid = &words[n*3%len(words)], new(time.UnixMicro(int64(n%7)).UTC())
	}
	return out
}

// memory is the store that is broken. It has what the one of [resource.NewMemory]
// has.
type memory struct{ resource.Store[row] }

func (memory) Cursors() bool { return true }

func newMemory(t *testing.T) memory {
	t.Helper()
	store, err := resource.NewMemory[row]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	return memory{store}
}

type (
	lister  func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error)
	updater func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error)
)

// broken replaces some methods of a sound store.
type broken struct {
	memory
	list   lister
	get    func(ctx context.Context, scope resource.Scope, id string) (row, error)
	create func(ctx context.Context, scope resource.Scope, r row) (row, error)
	update updater
	remove func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error
}

func (b broken) List(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
	if b.list != nil {
		return b.list(ctx, scope, q)
	}
	return b.memory.List(ctx, scope, q)
}

func (b broken) Get(ctx context.Context, scope resource.Scope, id string) (row, error) {
	if b.get != nil {
		return b.get(ctx, scope, id)
	}
	return b.memory.Get(ctx, scope, id)
}

func (b broken) Create(ctx context.Context, scope resource.Scope, r row) (row, error) {
	if b.create != nil {
		return b.create(ctx, scope, r)
	}
	return b.memory.Create(ctx, scope, r)
}

func (b broken) Update(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
	if b.update != nil {
		return b.update(ctx, scope, id, change)
	}
	return b.memory.Update(ctx, scope, id, change)
}

func (b broken) Delete(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
	if b.remove != nil {
		return b.remove(ctx, scope, id, check)
	}
	return b.memory.Delete(ctx, scope, id, check)
}

// asked lists with another query than the one that came.
func asked(change func(*resource.Query)) func(memory) broken {
	return func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			q.Filter, q.Sort = slices.Clone(q.Filter), slices.Clone(q.Sort)
			change(&q)
			return m.List(ctx, scope, q)
		}}
	}
}

// filtered lists with another condition in the place of each.
func filtered(change func(resource.Condition) []resource.Condition) func(memory) broken {
	return asked(func(q *resource.Query) {
		var all []resource.Condition
		for _, c := range q.Filter {
			all = append(all, change(c)...)
		}
		q.Filter = all
	})
}

// counted lists with another total.
func counted(total func(m memory, scope resource.Scope, q resource.Query, rows, total int) int) func(memory) broken {
	return func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			rows, n, err := m.List(ctx, scope, q)
			return rows, total(m, scope, q, len(rows), n), err
		}}
	}
}

func countOf(m memory, scope resource.Scope, filter []resource.Condition) int {
	_, n, _ := m.List(context.Background(), scope, resource.Query{Filter: filter, Sort: []resource.Order{{Field: "id"}}})
	return n
}

var brokenLists = map[string]func(memory) broken{
	"counts the page alone": counted(func(_ memory, _ resource.Scope, _ resource.Query, rows, _ int) int { return rows }),
	"counts without the filter": counted(func(m memory, scope resource.Scope, _ resource.Query, _, _ int) int {
		return countOf(m, scope, nil)
	}),
	"counts without the scope": counted(func(m memory, scope resource.Scope, q resource.Query, _, _ int) int {
		return countOf(m, resource.Everything(), q.Filter)
	}),
	"counts nothing behind the last page, as a window does": counted(func(_ memory, _ resource.Scope, _ resource.Query, rows, n int) int {
		if rows == 0 {
			return 0
		}
		return n
	}),
	"stops counting at MaxTotal": counted(func(_ memory, _ resource.Scope, q resource.Query, _, n int) int {
		if q.MaxTotal > 0 {
			return min(n, q.MaxTotal)
		}
		return n
	}),
	"counts what is behind the position": counted(func(_ memory, _ resource.Scope, q resource.Query, rows, n int) int {
		if q.After != nil {
			return rows
		}
		return n
	}),
	"lists without the scope": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			return m.List(ctx, resource.Everything(), q)
		}}
	},
	"takes nil for everything": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			if scope == nil {
				scope = resource.Everything()
			}
			return m.List(ctx, scope, q)
		}}
	},
	"takes no units for everything": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			if scope != nil && len(scope.IDs()) == 0 {
				scope = resource.Everything()
			}
			return m.List(ctx, scope, q)
		}}
	},
	"lists the active unit alone": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			if scope != nil && len(scope.IDs()) > 0 {
				scope = resourcetest.Scope(scope.Active())
			}
			return m.List(ctx, scope, q)
		}}
	},
	"ignores the filter":                   filtered(func(resource.Condition) []resource.Condition { return nil }),
	"takes the first condition alone":      asked(func(q *resource.Query) { q.Filter = q.Filter[:min(1, len(q.Filter))] }),
	"ignores conditions with a zero value": filtered(withoutZero),
	"compares <= as <": filtered(func(c resource.Condition) []resource.Condition {
		c.Op = map[string]string{"<=": "<"}[c.Op] + strings.TrimPrefix(c.Op, "<=")
		return []resource.Condition{c}
	}),
	"has no null for !=": filtered(func(c resource.Condition) []resource.Condition {
		if c.Op != "!=" {
			return []resource.Condition{c}
		}
		list := []resource.Condition{c}
		if s, ok := c.Value.(string); ok { // a condition that null does not fulfill
			list = append(list, resource.Condition{Field: c.Field, Op: "^=", Value: s[:0]})
		}
		return list
	}),
	"takes the first of a list alone": filtered(func(c resource.Condition) []resource.Condition {
		if values, ok := c.Value.([]any); ok {
			c.Value = values[:1]
		}
		return []resource.Condition{c}
	}),
	"has wildcards in beginnings": filtered(func(c resource.Condition) []resource.Condition {
		if s, ok := c.Value.(string); ok && c.Op == "^=" {
			c.Value, _, _ = strings.Cut(s, "%")
		}
		return []resource.Condition{c}
	}),
	"takes operators that it does not know": filtered(func(c resource.Condition) []resource.Condition {
		if c.Op == "?=" {
			return nil
		}
		return []resource.Condition{c}
	}),
	"compares text without its case": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			rows, n, err := m.List(ctx, scope, q)
			if len(q.Sort) > 0 && q.Sort[0].Field == "name" && !q.Sort[0].Desc && !q.Back {
				slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
			}
			return rows, n, err
		}}
	},
	"sorts upwards always": asked(func(q *resource.Query) {
		for i := range q.Sort {
			q.Sort[i].Desc = false
		}
	}),
	"sorts by the first key and the id": asked(func(q *resource.Query) {
		if len(q.Sort) > 2 {
			q.Sort = []resource.Order{q.Sort[0], q.Sort[len(q.Sort)-1]}
			q.After = append(q.After[:min(1, len(q.After))], q.After[min(len(q.After), max(0, len(q.After)-1)):]...)
		}
	}),
	"has no tie-break": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			if q.After == nil && len(q.Sort) > 1 {
				q.Sort = append(slices.Clone(q.Sort[:len(q.Sort)-1]), resource.Order{Field: "count", Desc: true})
			}
			return m.List(ctx, scope, q)
		}}
	},
	"breaks ties upwards always": asked(func(q *resource.Query) { q.Sort[len(q.Sort)-1].Desc = false }),
	"ignores the offset":         asked(func(q *resource.Query) { q.Offset = 0 }),
	"lists one row more":         asked(func(q *resource.Query) { q.Limit++ }),
	"lists ten rows at most":     asked(func(q *resource.Query) { q.Limit = min(q.Limit, 10) }),
	"ignores the position":       asked(func(q *resource.Query) { q.After = nil }),
	"ignores Back":               asked(func(q *resource.Query) { q.Back = false }),
	"ignores Inclusive":          asked(func(q *resource.Query) { q.Inclusive = false }),
	"reads back in the order of the list": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			rows, n, err := m.List(ctx, scope, q)
			if q.Back {
				slices.Reverse(rows)
			}
			return rows, n, err
		}}
	},
}

func withoutZero(c resource.Condition) []resource.Condition {
	switch c.Value {
	case "", false, int64(0):
		return nil
	}
	return []resource.Condition{c}
}

func brokenStores() map[string]func(memory) broken {
	all := maps.Clone(brokenLists)
	maps.Copy(all, brokenRows)
	return all
}

const brokenVariable = "TENET_TEST_BROKEN_STORES"

// TestBrokenStores runs the suite on each. It is the process that
// TestBrokenStoresAreCaught starts, and most of it fails.
func TestBrokenStores(t *testing.T) {
	if os.Getenv(brokenVariable) == "" {
		t.Skip("it is a part of TestBrokenStoresAreCaught")
	}
	run := func(name string, open func(t *testing.T) resource.Store[row]) {
		t.Run(name, func(t *testing.T) {
			resourcetest.TestStore(t, resourcetest.Options[row]{New: open, Row: newRow})
		})
	}
	run("sound", func(t *testing.T) resource.Store[row] { return newMemory(t) })
	for name, breakIt := range brokenStores() {
		run(name, func(t *testing.T) resource.Store[row] { return breakIt(newMemory(t)) })
	}
}

// TestBrokenStoresAreCaught by the suite, whatever they get wrong.
func TestBrokenStoresAreCaught(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBrokenStores$", "-test.v", "-test.timeout=2m")
	process.Env = append(os.Environ(), brokenVariable+"=1")
	out, err := process.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		t.Fatalf("the suite on broken stores: %v", err)
	}
	results := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^    --- (PASS|FAIL): TestBrokenStores/(\S+)`).FindAllSubmatch(out, -1) {
		results[strings.ReplaceAll(string(m[2]), "_", " ")] = string(m[1])
	}
	if results["sound"] != "PASS" {
		t.Fatalf("the suite on a sound store: %q\n%s", results["sound"], out)
	}
	for name := range brokenStores() {
		if results[name] != "FAIL" {
			t.Errorf("a store that %s: %q, want FAIL", name, results[name])
		}
	}
}
