package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/jobs"
)

// What ImportOperation returns is what an operation of package jobs takes.
var _ = func(accept func(*http.Request) ([]byte, error), work func(context.Context, string, []byte) (any, error)) jobs.Operation {
	return jobs.Operation{Name: "leads.import", Accept: accept, Run: work}
}

// naming is a store that takes a name once, and says so before it looks at the id,
// as an engine may. It fails where it is told to.
type naming struct {
	resource.Store[Lead]
	names  []string
	before func(row Lead) error
}

func (n *naming) Create(ctx context.Context, scope resource.Scope, row Lead) (Lead, error) {
	if n.before != nil {
		if err := n.before(row); err != nil {
			return row, err
		}
	}
	if slices.Contains(n.names, row.Name) {
		return row, apierror.Conflict("name", "unique", "Name is taken")
	}
	n.names = append(n.names, row.Name)
	return n.Store.Create(ctx, scope, row)
}

func restoring(scope resource.Scope, err error) func(context.Context, string, string) (resource.Scope, error) {
	return func(context.Context, string, string) (resource.Scope, error) { return scope, err }
}

const fiveLeads = `[{"name":"a"},{"name":""},{"name":"b"},{"name":"a"},{"name":"c"}]`

func TestAnImportThatRunsAgainAddsWhatIsMissing(t *testing.T) {
	t.Parallel()
	memory, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	store := &naming{Store: memory}
	var asked []string
	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{
		Scope: scopeOf, Roles: roles,
		Restore: func(_ context.Context, subject, unit string) (resource.Scope, error) {
			asked = append(asked, subject+" in "+unit)
			return editor, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	accept, work, err := leads.ImportOperation()
	if err != nil {
		t.Fatal(err)
	}
	input, err := accept(within(newRequest("POST", "/leads/import", fiveLeads, ""), editor))
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	store.before = func(row Lead) error {
		if row.Name == "b" {
			return down
		}
		return nil
	}
	result, err := work(t.Context(), "ada", input)
	text, _ := json.Marshal(result)
	want := `{"counts":{"total":5,"succeeded":1,"failed":1},"errors":[{"index":1,"field":"name","code":"required","message":"Name is required"}]}`
	if !errors.Is(err, down) || string(text) != want {
		t.Errorf("the first attempt = %s, %v, want %s", text, err, want)
	}
	store.before = nil
	for attempt := range 2 {
		result, err = work(t.Context(), "ada", input)
		text, _ = json.Marshal(result)
		want = `{"counts":{"total":5,"succeeded":3,"failed":2},"errors":[{"index":1,"field":"name","code":"required","message":"Name is required"},` +
			`{"index":3,"field":"name","code":"unique","message":"Name is taken"}]}`
		if err != nil || string(text) != want {
			t.Errorf("attempt %d = %s, %v, want %s", attempt+2, text, err, want)
		}
	}
	list, _ := listed(t, leads, editor, "")
	var got []string
	for _, lead := range list.Data {
		got = append(got, lead.Name+" of "+lead.OrgUnit)
	}
	if diff := cmp.Diff([]string{"a of emea", "b of emea", "c of emea"}, got); diff != "" {
		t.Errorf("the rows in the order of their ids (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ada in emea", "ada in emea", "ada in emea"}, asked); diff != "" {
		t.Errorf("Restore (-want +got):\n%s", diff)
	}
	// The same body once more is another import.
	again, err := accept(within(newRequest("POST", "/leads/import", `[{"name":"d"}]`, ""), editor))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := work(t.Context(), "ada", again); err != nil {
		t.Fatal(err)
	}
	if list, _ := listed(t, leads, editor, ""); len(list.Data) != 4 || list.Data[3].Name != "d" || len(list.Data[3].ID) != 36 || list.Data[3].ID[14] != '7' {
		t.Errorf("the rows afterwards are %+v", list.Data)
	}
}

func TestAnImportIsRefusedWhenItRuns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		scope resource.Scope
		err   error
		want  string
	}{
		"nobody":                {nil, nil, "active_ou_required"},
		"another unit":          {apac, nil, "active_ou_required"},
		"another active unit":   {units{ids: []string{"uk", "emea"}, roles: []string{"editor"}}, nil, "active_ou_required"},
		"without the role":      {units{ids: []string{"emea"}, roles: []string{"reader"}}, nil, "missing_role"},
		"a directory that errs": {nil, apierror.Forbidden("gone", ""), "gone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leads, store := newLeads(t, resource.Options{Roles: roles, Restore: restoring(tt.scope, tt.err)})
			accept, work, err := leads.ImportOperation()
			if err != nil {
				t.Fatal(err)
			}
			input, err := accept(within(newRequest("POST", "/leads/import", fiveLeads, ""), editor))
			if err != nil {
				t.Fatal(err)
			}
			_, err = work(t.Context(), "ada", input)
			if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Status != 403 || e.Details.Code != tt.want {
				t.Errorf("the work: error = %v, want 403 %s", err, tt.want)
			}
			if rows, _, err := store.List(t.Context(), resource.Everything(), resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 1}); err != nil || len(rows) > 0 {
				t.Errorf("List = %v, %v, want no rows", rows, err)
			}
		})
	}
}

func TestImportOperationRefuses(t *testing.T) {
	t.Parallel()
	leads, store := newLeads(t, resource.Options{Roles: roles, Restore: restoring(editor, nil), MaxImport: 5, MaxBody: 200})
	accept, work, err := leads.ImportOperation()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		r    *http.Request
		want int
	}{
		"too many rows":    {within(newRequest("POST", "/leads/import", "[1,2,3,4,5,6]", ""), editor), 413},
		"too many bytes":   {within(newRequest("POST", "/leads/import", "["+strings.Repeat(" ", 300)+"]", ""), editor), 413},
		"no array":         {within(newRequest("POST", "/leads/import", "{}", ""), editor), 400},
		"no JSON":          {within(newRequest("POST", "/leads/import", "[", ""), editor), 400},
		"text":             {within(newRequest("POST", "/leads/import", "[]", "text/plain"), editor), 415},
		"a parameter":      {within(newRequest("POST", "/leads/import?dry=1", "[]", ""), editor), 400},
		"no scope":         {newRequest("POST", "/leads/import", "[]", ""), 403},
		"without the role": {within(newRequest("POST", "/leads/import", "[]", ""), units{ids: []string{"emea"}}), 403},
	} {
		_, err := accept(tt.r)
		if rec := answer(tt.r, err); err == nil || rec.Code != tt.want {
			t.Errorf("%s: accept = %d %s, want %d", name, rec.Code, rec.Body, tt.want)
		}
	}
	for _, input := range []string{"", "\n", "{}", "x\n[]", `[{"name":"a"}]`, "\xff\n[]"} {
		if _, err := work(t.Context(), "ada", []byte(input)); err == nil {
			t.Errorf("the work with the input %q: no error", input)
		}
	}
	for name, tt := range map[string]struct {
		store any
		opts  resource.Options
		want  string
	}{
		"no Restore": {store, resource.Options{Scope: scopeOf}, "resource: ImportOperation: /leads: Options.Restore or Options.Unscoped is required"},
		"no Create":  {struct{ resource.Lister[Lead] }{store}, resource.Options{Scope: scopeOf}, "resource: ImportOperation: /leads: the store creates no rows"},
	} {
		leads, err := resource.New[Lead, LeadInput]("/leads", tt.store, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := leads.ImportOperation(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: ImportOperation: error = %v, want %s", name, err, tt.want)
		}
	}
}

// The ids of an import are in the order of its rows, and lie beside those of rows
// that are made meanwhile.
func TestIDsOfAnImportAreInOrder(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Restore: restoring(editor, nil)})
	accept, work, err := leads.ImportOperation()
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	for n := range 3000 {
		fmt.Fprintf(&body, `,{"name":"x","value":%d}`, n%10)
	}
	before := resource.NewID()
	input, err := accept(within(newRequest("POST", "/leads/import", "["+body.String()[1:]+"]", ""), editor))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := work(t.Context(), "ada", input); err != nil {
		t.Fatal(err)
	}
	last := before
	for page := 1; page <= 30; page++ {
		list, _ := listed(t, leads, editor, fmt.Sprint("limit=100&page=", page))
		for i, lead := range list.Data {
			if lead.ID <= last || int(lead.Value) != i%10 {
				t.Fatalf("row %d of page %d is %+v behind %s", i, page, lead, last)
			}
			last = lead.ID
		}
	}
}
