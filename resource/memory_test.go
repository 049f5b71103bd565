package resource_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
)

func TestMemoryKeepsTheStorePromises(t *testing.T) {
	t.Parallel()
	resourcetest.TestStore(t, resourcetest.Options[Lead]{
		New: func(t *testing.T) resource.Store[Lead] {
			store, err := resource.NewMemory[Lead]("org_unit")
			if err != nil {
				t.Fatal(err)
			}
			return store
		},
		Row: func(id, unit string, n int) Lead {
			lead := Lead{
				ID: id, OrgUnit: unit, Name: "n" + strconv.Itoa(n%7), Value: float64(n) / 4, Active: n%2 == 0,
				CreatedAt: time.UnixMicro(int64(n % 5)).UTC(), UpdatedAt: time.UnixMicro(int64(n)).UTC(),
			}
			if n%3 > 0 {
				lead.Email = new("e" + strconv.Itoa(n%4) + "@example.com")
			}
			return lead
		},
	})
}
