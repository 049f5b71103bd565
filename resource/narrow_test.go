package resource_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

// seen is a store that keeps the scope that it got.
type seen struct{ scope *resource.Scope }

func (s seen) List(_ context.Context, scope resource.Scope, _ resource.Query) ([]Lead, int, error) {
	*s.scope = scope
	return nil, 0, nil
}

func TestTheScopeOfAListIsCutToTheRole(t *testing.T) {
	t.Parallel()
	var got resource.Scope
	leads, err := resource.New[Lead, LeadInput]("/leads", seen{&got}, resource.Options{Scope: scopeOf, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	scope := units{ids: []string{"emea", "uk", "de"}, roles: []string{"reader@uk", "reader@de"}}
	if rec := do(leads, scope, "GET", "/leads", ""); rec.Code != 200 {
		t.Fatalf("GET = %d %s", rec.Code, rec.Body)
	}
	if got.Contains("emea") || !got.Contains("uk") || got.Contains("us") {
		t.Errorf("the scope contains emea %t, uk %t, us %t", got.Contains("emea"), got.Contains("uk"), got.Contains("us"))
	}
	if diff := cmp.Diff([]string{"uk", "de"}, got.IDs()); diff != "" {
		t.Errorf("IDs mismatch (-want +got):\n%s", diff)
	}
	type condition struct {
		Text string
		Args []any
	}
	for dialect, want := range map[string]condition{
		"sqlite":   {"ou IN (SELECT value FROM json_each(?))", []any{`["uk","de"]`}},
		"postgres": {"ou IN (SELECT jsonb_array_elements_text($3::jsonb))", []any{`["uk","de"]`}},
		"mysql":    {"ou IN (?,?)", []any{"uk", "de"}},
	} {
		text, args := got.SQL(dialect, "ou", 3)
		if diff := cmp.Diff(want, condition{text, args}); diff != "" {
			t.Errorf("SQL(%s) mismatch (-want +got):\n%s", dialect, diff)
		}
	}
}
