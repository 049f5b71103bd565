package resource_test

import (
	"fmt"
	"runtime"
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

// TestAFailureDoesNotRepeatALongName counts the bytes that a small body takes, for
// one of a megabyte took more memory than there is.
func TestAFailureDoesNotRepeatALongName(t *testing.T) {
	type part struct {
		SKU string `json:"sku" validate:"required"`
	}
	type fields struct {
		Parts []map[string][]*part `json:"parts" validate:"max=3,dive,dive,dive"`
	}
	type machine struct {
		base
		fields
	}
	machines, err := resource.New[machine, fields]("/machines", memory[machine](t), resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"parts":[{"` + strings.Repeat("k", 10_000) + `":[` + strings.Repeat("{},", 2000) + `{}]}]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rec := do(machines, editor, "POST", "/machines", body)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; rec.Code != 400 || took > 10<<20 {
		t.Errorf("POST of %d bytes = %d, and took %d bytes of memory, want 400 and 10 MB at most", len(body), rec.Code, took)
	}
}
