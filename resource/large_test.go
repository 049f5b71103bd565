package resource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// TestAWidePatchCostsWhatAWidePostCosts compares two requests of one run, because
// a body that a POST reads in a moment blocked its row for half a minute.
func TestAWidePatchCostsWhatAWidePostCosts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 70_000 {
		fmt.Fprintf(&b, `,"k%05d":""`, i)
	}
	body := `{"paid":false,"discount":0,"labels":{` + b.String()[1:] + `}}`
	orders := newOrders(t)
	took := func(method, target, body string, status int) time.Duration {
		start := time.Now()
		if rec := do(orders, units{}, method, target, body); rec.Code != status {
			t.Fatalf("%s = %d %.200s, want %d", method, rec.Code, rec.Body, status)
		}
		return time.Since(start)
	}
	target := do(orders, units{}, "POST", "/orders", `{"paid":false,"discount":0}`).Header().Get("Location")
	post := took("POST", "/orders", body, 201)
	for _, value := range []string{`""`, "null"} {
		if patch := took("PATCH", target, strings.ReplaceAll(body, `""`, value), 200); patch > 30*post {
			t.Errorf("PATCH of 70,000 members with %s took %v, a POST of them %v", value, patch, post)
		}
	}
}
