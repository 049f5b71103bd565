package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRetriedPost sends a POST again under its key: to another instance, and after
// a restart. One lead is created, and everybody gets the first answer.
func TestRetriedPost(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		first := startUnlimited(t, e)
		second := startUnlimited(t, e)
		post := call{
			as: "demo-apac", method: "POST", target: "/leads", body: `{"name":"Ada"}`,
			header: map[string]string{"Idempotency-Key": "5f0c2b1e-8a37"},
		}
		created := first.want(t, 201, post)
		first.stop()
		for name, s := range map[string]*server{"another instance": second, "a restart": startUnlimited(t, e)} {
			again := s.want(t, 201, post)
			if diff := cmp.Diff(created.body, again.body); diff != "" {
				t.Errorf("%s: bodies differ (-first +again):\n%s", name, diff)
			}
			if got, want := again.header.Get("Location"), created.header.Get("Location"); got != want || want == "" {
				t.Errorf("%s: Location %q, want %q", name, got, want)
			}
			if again.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: the answer does not say that it is the first one", name)
			}
		}
		if n := second.list(t, "demo-apac", "/leads?limit=1&filter=name=Ada").Total; n != 1 {
			t.Errorf("%d leads, want 1", n)
		}

		other := post
		other.body = `{"name":"Grace"}`
		if got := second.want(t, 422, other); !strings.Contains(got.body, `"idempotency_key_reused"`) {
			t.Errorf("another request under the key: %s, want idempotency_key_reused", got.body)
		}

		// The key is another one in the hands of another caller, and in another unit.
		other.as = "demo-emea"
		if got := second.want(t, 201, other); !strings.Contains(got.body, `"org_unit":"emea"`) {
			t.Errorf("another caller with the key: %s, want a lead in emea", got.body)
		}
		second.want(t, 200, call{as: other.as, method: "POST", target: "/org-units/active", body: `{"org_unit_id":"uk"}`})
		if got := second.want(t, 201, other); !strings.Contains(got.body, `"org_unit":"uk"`) {
			t.Errorf("the key in another unit: %s, want a lead in uk", got.body)
		}
	})
}
