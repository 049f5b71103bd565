package resource_test

import (
	"strings"
	"testing"

	"github.com/tenetkit/tenet/resource"
)

// TestAValueOfQuotesIsReadOnce counts allocations, each of which was a copy of
// what had been read so far: a URL of a megabyte took minutes.
func TestAValueOfQuotesIsReadOnce(t *testing.T) {
	leads, _ := newLeads(t, resource.Options{})
	target := `/leads?filter=name~="` + strings.Repeat(`""`, 20_000) + `"`
	got := testing.AllocsPerRun(1, func() {
		if rec := do(leads, editor, "GET", target, ""); rec.Code != 200 {
			t.Errorf("GET = %d %s, want 200", rec.Code, rec.Body)
		}
	})
	if got > 1000 {
		t.Errorf("GET with 20,000 quotes: %v allocations, want at most 1,000", got)
	}
}
