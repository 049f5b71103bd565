package resourcetest_test

import (
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
)

type Lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// The body of a test of one's own store.
func Example() {
	test := func(t *testing.T) {
		resourcetest.TestStore(t, resourcetest.Options[Lead]{
			New: newStore,
			Row: func(id, unit string, n int) Lead {
				day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n)
				return Lead{ID: id, Name: "Lead", OrgUnit: unit, CreatedAt: day, UpdatedAt: day}
			},
		})
	}
	_ = test // func TestLeadStore(t *testing.T) { ... }
}

func newStore(t *testing.T) resource.Store[Lead] {
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestScope(t *testing.T) {
	t.Parallel()
	scope := resourcetest.Scope("a", "b")
	condition, args := scope.SQL("postgres", "unit", 3)
	if condition != "unit IN ($3, $4)" || len(args) != 2 || scope.Active() != "a" || !scope.Contains("b") || scope.HasRole("c", "r") {
		t.Errorf("Scope(a, b): %s %v", condition, args)
	}
	if condition, _ := resourcetest.Scope().SQL("sqlite", "unit", 1); condition != "1=0" {
		t.Errorf("Scope(): %s", condition)
	}
}
