package resource_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

var apac = units{ids: []string{"apac"}, roles: []string{"reader", "editor"}}

func TestAForeignRowIsLikeNoRow(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	foreign := do(leads, apac, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	unknown := "/leads/" + resource.NewID()
	tests := map[string]struct {
		method  string
		body    string
		headers []string
	}{
		"get":                       {method: "GET"},
		"head":                      {method: "HEAD"},
		"get with a tag":            {method: "GET", headers: []string{`If-None-Match: *`}},
		"put":                       {method: "PUT", body: `{"name":"Bob"}`},
		"put of an invalid row":     {method: "PUT", body: `{"name":""}`},
		"put of no JSON":            {method: "PUT", body: `{`},
		"put of an unknown field":   {method: "PUT", body: `{"nam":""}`},
		"put with If-Match":         {method: "PUT", body: `{"name":"Bob"}`, headers: []string{`If-Match: "x"`}},
		"put with a bad If-Match":   {method: "PUT", body: `{"name":"Bob"}`, headers: []string{`If-Match: x`}},
		"put as text":               {method: "PUT", body: `{"name":"Bob"}`, headers: []string{`Content-Type: text/plain`}},
		"put of two megabytes":      {method: "PUT", body: strings.Repeat(" ", 2<<20)},
		"patch":                     {method: "PATCH", body: `{"name":"Bob"}`},
		"patch of a server's field": {method: "PATCH", body: `{"org_unit":"emea"}`},
		"delete":                    {method: "DELETE"},
		"delete with If-Match":      {method: "DELETE", headers: []string{`If-Match: "x"`}},
		"delete with If-Match: *":   {method: "DELETE", headers: []string{`If-Match: *`}},
	}
	callers := map[string]units{
		"with the role":    editor,
		"without the role": {ids: []string{"emea"}},
	}
	for name, tt := range tests {
		for caller, scope := range callers {
			t.Run(name+" "+caller, func(t *testing.T) {
				t.Parallel()
				got := do(leads, scope, tt.method, foreign, tt.body, tt.headers...)
				want := do(leads, scope, tt.method, unknown, tt.body, tt.headers...)
				if got.Code != 404 || want.Code != 404 || got.Body.String() != want.Body.String() {
					t.Errorf("%s of a foreign row = %d %s, of none = %d %s", tt.method, got.Code, got.Body, want.Code, want.Body)
				}
				if diff := cmp.Diff(want.Header(), got.Header()); diff != "" {
					t.Errorf("header mismatch (-unknown +foreign):\n%s", diff)
				}
			})
		}
	}
	t.Cleanup(func() {
		if rec := do(leads, apac, "GET", foreign, ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"name":"Ada"`) {
			t.Errorf("the row afterwards: %d %s", rec.Code, rec.Body)
		}
		if rec := do(leads, editor, "GET", "/leads", ""); rec.Body.String() != `{"data":[],"total":0,"page":1,"limit":25}` {
			t.Errorf("the list of others = %s", rec.Body)
		}
	})
}

// TestRolesAreAskedOfTheRowsOwnUnit is about an editor of uk who reads emea and
// may not write de.
func TestRolesAreAskedOfTheRowsOwnUnit(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	target := map[string]string{}
	for _, unit := range []string{"emea", "uk", "de"} {
		scope := units{ids: []string{unit}, roles: []string{"editor"}}
		target[unit] = do(leads, scope, "POST", "/leads", `{"name":"`+unit+`"}`).Header().Get("Location")
	}
	caller := units{ids: []string{"emea", "uk", "de"}, roles: []string{"reader", "editor@uk"}}
	inUK := units{ids: []string{"uk"}, roles: caller.roles}
	missing := `{"error":"forbidden","message":"The role editor is required","details":{"code":"missing_role"}}`
	tests := map[string]struct {
		scope  units
		method string
		target string
		status int
	}{
		"reads emea":                    {caller, "GET", target["emea"], 200},
		"reads de":                      {caller, "GET", target["de"], 200},
		"patches uk":                    {caller, "PATCH", target["uk"], 200},
		"does not patch de":             {caller, "PATCH", target["de"], 403},
		"does not replace emea":         {caller, "PUT", target["emea"], 403},
		"does not delete de":            {caller, "DELETE", target["de"], 403},
		"does not create in emea":       {caller, "POST", "/leads", 403},
		"creates where uk is active":    {inUK, "POST", "/leads", 201},
		"is asked before what is wrong": {caller, "PATCH", target["de"] + "?", 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, headers := `{"name":"new"}`, []string(nil)
			if tt.status == 403 {
				body, headers = `{"nam":`, []string{`If-Match: "x"`}
			}
			rec := do(leads, tt.scope, tt.method, tt.target, body, headers...)
			if rec.Code != tt.status || rec.Code == 403 && rec.Body.String() != missing {
				t.Errorf("%s %s = %d %s, want %d", tt.method, tt.target, rec.Code, rec.Body, tt.status)
			}
		})
	}
}

func TestListsHoldTheUnitsWhereTheRoleIsHeld(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	for _, unit := range []string{"emea", "uk", "de"} {
		do(leads, units{ids: []string{unit}, roles: []string{"editor"}}, "POST", "/leads", `{"name":"l`+unit+`"}`)
	}
	ids := []string{"emea", "uk", "de"}
	tests := map[string]struct {
		roles []string
		want  string
		code  int
	}{
		"everywhere":   {[]string{"reader"}, "deemeauk", 200},
		"in two units": {[]string{"reader@uk", "reader@de"}, "deuk", 200},
		"nowhere":      {[]string{"editor"}, "", 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(leads, units{ids, tt.roles}, "GET", "/leads?sort=name", "")
			if rec.Code != tt.code || rec.Code == 200 && names(t, rec.Body.String()) != tt.want {
				t.Errorf("GET = %d %s, want %d with %s", rec.Code, rec.Body, tt.code, tt.want)
			}
		})
	}
}

// known is a scope with a digest, and counts how often it is asked for a role.
type known struct {
	units
	digest string
	asked  *int
}

func (k known) Digest() string { return k.digest }

func (k known) HasRole(unit, role string) bool {
	*k.asked++
	return k.units.HasRole(unit, role)
}

func TestAScopeWithADigestIsAskedOnce(t *testing.T) {
	t.Parallel()
	asked, scope := 0, known{}
	leads, _ := newLeads(t, resource.Options{Roles: roles, Scope: func(*http.Request) resource.Scope { return scope }})
	ids := []string{"emea", "uk", "de"}
	for _, unit := range ids {
		scope = known{units{[]string{unit}, []string{"editor"}}, unit, &asked}
		do(leads, units{}, "POST", "/leads", `{"name":"l`+unit+`"}`)
	}
	for digest, want := range map[string]struct {
		roles []string
		names string
		code  int
	}{
		"all": {[]string{"reader"}, "deemeauk", 200}, "some": {[]string{"reader@uk", "reader@de"}, "deuk", 200}, "none": {nil, "", 403},
	} {
		scope, asked = known{units{ids, want.roles}, digest, &asked}, 0
		for range 3 {
			rec := do(leads, units{}, "GET", "/leads?sort=name", "")
			if rec.Code != want.code || rec.Code == 200 && names(t, rec.Body.String()) != want.names {
				t.Errorf("GET with roles %q = %d %s", want.roles, rec.Code, rec.Body)
			}
		}
		if asked != len(ids) {
			t.Errorf("with roles %q the scope was asked %d times in three requests, want %d", want.roles, asked, len(ids))
		}
	}
}

// TestTheRoleIsAskedBeforeWhatIsWrong keeps what a resource takes from callers who
// may not read or write it at all.
func TestTheRoleIsAskedBeforeWhatIsWrong(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	nobody := units{ids: []string{"uk"}}
	for method, targets := range map[string][]string{
		"GET":  {"/leads?x=1", "/leads?filter=nam=1", "/leads?page=0", "/leads?sort=%zz"},
		"POST": {"/leads?x=1", "/leads?%zz"},
	} {
		for _, target := range targets {
			rec := do(leads, nobody, method, target, "{", "If-None-Match: x")
			if rec.Code != 403 || !strings.Contains(rec.Body.String(), `"code":"missing_role"`) {
				t.Errorf("%s %s = %d %s, want 403 missing_role", method, target, rec.Code, rec.Body)
			}
		}
	}
	r := within(newRequest("POST", "/leads/import?x=1", `[]`, ""), nobody)
	_, err := leads.Import(r)
	if rec := answer(r, err); rec.Code != 403 {
		t.Errorf("Import = %d %s, want 403", rec.Code, rec.Body)
	}
}

func TestNoScopeDenies(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Scope: func(r *http.Request) resource.Scope {
		if r.Header.Get("X-Zero") != "" {
			return units{}
		}
		return nil
	}})
	want := `{"error":"forbidden","message":"No permission to access this resource","details":{"code":"active_ou_required"}}`
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for _, header := range []string{"X-None: 1", "X-Zero: 1"} {
			target := "/leads/1"
			if method == "POST" {
				target = "/leads"
			}
			if rec := do(leads, units{}, method, target, `{}`, header); rec.Code != 403 || rec.Body.String() != want {
				t.Errorf("%s with %s = %d %s, want 403 %s", method, header, rec.Code, rec.Body, want)
			}
		}
	}
	if rec := do(leads, units{}, "GET", "/leads", ""); rec.Code != 403 {
		t.Errorf("GET of the list = %d %s, want 403", rec.Code, rec.Body)
	}
}

// inactive is a scope of units where none is active.
type inactive struct{ units }

func (inactive) Active() string { return "" }

func TestWithoutAnActiveUnitNothingIsCreated(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Scope: func(*http.Request) resource.Scope { return inactive{editor} }})
	if rec := do(leads, units{}, "GET", "/leads", ""); rec.Code != 200 {
		t.Errorf("GET = %d %s, want 200", rec.Code, rec.Body)
	}
	if rec := do(leads, units{}, "POST", "/leads", `{"name":"Ada"}`); rec.Code != 403 || !strings.Contains(rec.Body.String(), "active_ou_required") {
		t.Errorf("POST = %d %s, want 403", rec.Code, rec.Body)
	}
}

// leaky is a store whose author forgot the scope.
type leaky struct{ resource.Store[Lead] }

func (l leaky) Get(ctx context.Context, _ resource.Scope, id string) (Lead, error) {
	return l.Store.Get(ctx, resource.Everything(), id)
}

func (l leaky) List(ctx context.Context, _ resource.Scope, q resource.Query) ([]Lead, int, error) {
	return l.Store.List(ctx, resource.Everything(), q)
}

func (l leaky) Update(ctx context.Context, _ resource.Scope, id string, change func(Lead) (Lead, error)) (Lead, error) {
	return l.Store.Update(ctx, resource.Everything(), id, change)
}

func (l leaky) Delete(ctx context.Context, _ resource.Scope, id string, check func(Lead) error) error {
	return l.Store.Delete(ctx, resource.Everything(), id, check)
}

func TestAStoreThatForgetsTheScopeLeaksNothing(t *testing.T) {
	t.Parallel()
	leads, store := newLeads(t, resource.Options{})
	target := do(leads, apac, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	open, err := resource.New[Lead, LeadInput]("/leads", leaky{store}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		if rec := do(open, editor, method, target, `{"name":"Bob"}`); rec.Code != 404 {
			t.Errorf("%s = %d %s, want 404", method, rec.Code, rec.Body)
		}
	}
	if rec := do(open, editor, "GET", "/leads", ""); rec.Code != 500 || strings.Contains(rec.Body.String(), "Ada") {
		t.Errorf("GET of the list = %d %s, want 500 without the row", rec.Code, rec.Body)
	}
	if rec := do(leads, apac, "GET", target, ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), "Ada") {
		t.Errorf("the row afterwards = %d %s", rec.Code, rec.Body)
	}
}

// astray is a store that returns the row of somebody else.
type astray struct{ resource.Store[Lead] }

func (astray) Create(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
	row.OrgUnit, row.Name = "apac", "Eve"
	return row, nil
}

func (astray) Update(_ context.Context, _ resource.Scope, _ string, change func(Lead) (Lead, error)) (Lead, error) {
	_, err := change(Lead{Name: "Ada", OrgUnit: "uk"})
	return Lead{Name: "Eve", OrgUnit: "apac"}, err
}

func TestAStoreThatReturnsTheRowOfAnotherUnitLeaksNothing(t *testing.T) {
	t.Parallel()
	leads, err := resource.New[Lead, LeadInput]("/leads", astray{}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	for method, target := range map[string]string{"POST": "/leads", "PUT": "/leads/1", "PATCH": "/leads/1"} {
		rec := do(leads, editor, method, target, `{"name":"Bob"}`)
		if rec.Code != 500 || strings.Contains(rec.Body.String(), "Eve") || rec.Header().Get("Location") != "" {
			t.Errorf("%s = %d %v %s, want 500 without the row", method, rec.Code, rec.Header(), rec.Body)
		}
	}
}

func TestEverythingHasEveryRow(t *testing.T) {
	t.Parallel()
	all := resource.Everything()
	if !all.Contains("any") || !all.HasRole("any", "role") || all.IDs() == nil || all.Active() != "" {
		t.Errorf("Everything() = %v", all)
	}
	if condition, args := all.SQL("sqlite", "unit", 1); condition != "1=1" || len(args) > 0 {
		t.Errorf("SQL = %s %v", condition, args)
	}
}
