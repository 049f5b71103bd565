package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

type Deal struct {
	ID        string         `json:"id" doc:"Given by the server" example:"01890000-0000-7000-8000-000000000001"`
	Title     string         `json:"title" doc:"What it is called" example:"Gears for Acme"`
	Value     *float64       `json:"value" doc:"What it is worth, in euros" example:"1250.5"`
	Won       bool           `json:"won" example:"true"`
	Due       *time.Time     `json:"due" example:"2026-01-02T15:04:05Z"`
	Labels    map[string]int `json:"labels" example:"{\"size\":3}"`
	OrgUnit   string         `json:"org_unit"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

type DealInput struct {
	Title  string         `json:"title" validate:"required,max=50"`
	Value  *float64       `json:"value" validate:"omitempty,gte=0"`
	Won    bool           `json:"won" validate:"required"`
	Due    *time.Time     `json:"due"`
	Labels map[string]int `json:"labels" validate:"max=5,dive,required"`
}

func TestDocIsTheDeclaration(t *testing.T) {
	t.Parallel()
	deals, err := resource.New[Deal, DealInput]("/deals", memory[Deal](t), resource.Options{
		Scope: scopeOf, Filter: []string{"title", "won", "due"}, Sort: []string{"value"}, Roles: roles, Cursors: newPager(t, 1),
		Params: []resource.Field{{Name: "since", Description: "Only newer ones", Example: time.Unix(0, 0).UTC(), Required: true}},
		Doc: resource.Doc{
			Summary: "Deals", UseCases: []string{"Forecasts"}, SeeAlso: []string{"/leads"},
			Examples: []resource.Example{{Title: "Won deals", Request: "GET /deals?filter=won=true"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	want := resource.Doc{
		Summary: "Deals", UseCases: []string{"Forecasts"}, SeeAlso: []string{"/leads"},
		Examples: []resource.Example{{Title: "Won deals", Request: "GET /deals?filter=won=true"}},
		Path:     "/deals",
		Methods:  []string{"GET", "HEAD", "OPTIONS", "POST"}, RowMethods: []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"},
		Fields: []resource.Field{
			{Name: "id", Type: "string", ReadOnly: true, Description: "Given by the server", Example: "01890000-0000-7000-8000-000000000001"},
			{
				Name: "title", Type: "string", Required: true, Filter: true, Rules: "required,max=50", Description: "What it is called", Example: "Gears for Acme",
				Operators: []string{"=", "!=", ">", ">=", "<", "<=", "~=", "^="},
			},
			{Name: "value", Type: "number", Nullable: true, Sort: true, Rules: "omitempty,gte=0", Description: "What it is worth, in euros", Example: 1250.5},
			{Name: "won", Type: "boolean", Required: true, Filter: true, Rules: "required", Example: true, Operators: []string{"=", "!="}},
			{Name: "due", Type: "date-time", Nullable: true, Filter: true, Example: due, Operators: []string{"=", "!=", ">", ">=", "<", "<=", "~="}},
			{Name: "labels", Type: "object", Rules: "max=5,dive,required", Example: json.RawMessage(`{"size":3}`)},
			{Name: "org_unit", Type: "string", ReadOnly: true},
			{Name: "created_at", Type: "date-time", ReadOnly: true},
			{Name: "updated_at", Type: "date-time", ReadOnly: true},
		},
		Params: []resource.Field{{Name: "since", Type: "date-time", Description: "Only newer ones", Example: time.Unix(0, 0).UTC(), Required: true}},
		Roles:  roles, UnitField: "org_unit", DataKey: "data", MaxBody: 1 << 20, Cursors: true,
	}
	got := deals.Doc()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Doc mismatch (-want +got):\n%s", diff)
	}
	// What a caller does to the result stays with the caller.
	got.Fields[0].Name, got.UseCases[0], got.Methods[0], got.Params[0].Name = "x", "x", "x", "x"
	got.Fields[5].Example.(json.RawMessage)[0] = 'x'
	got.Fields[1].Operators[0] = "x"
	if diff := cmp.Diff(want, deals.Doc()); diff != "" {
		t.Errorf("Doc after a change of its result (-want +got):\n%s", diff)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	var got map[string]any
	store := listing(func(q resource.Query) { got = q.Params })
	leads, err := resource.New[Lead, LeadInput]("/leads", store, resource.Options{Scope: scopeOf, Params: []resource.Field{
		{Name: "near", Example: "Rome"},
		{Name: "radius", Example: 1.5},
		{Name: "top", Example: 3},
		{Name: "all", Example: true},
		{Name: "since", Example: time.Time{}, Required: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		query string
		want  map[string]any
		body  string
	}{
		"typed": {
			query: "near=Rome+%26+Ostia&radius=2&top=-3&all=false&since=2026-01-02T03:04:05Z&page=2",
			want: map[string]any{
				"near": "Rome & Ostia", "radius": 2.0, "top": int64(-3), "all": false, "since": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			},
		},
		"only the required one": {query: "since=2026-01-02T03:04:05Z", want: map[string]any{"since": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}},
		"none":                  {query: "", body: refused("since", "required", "since is required")},
		"all but one":           {query: "near=x", body: refused("since", "required", "since is required")},
		"twice":                 {query: "near=x&near=y", body: refused("near", "duplicate", "near must be given only once")},
		"of another type":       {query: "top=1.5", body: refused("top", "type", "top must be an integer")},
		"nearly":                {query: "raduis=1", body: refused("raduis", "unknown", "Unknown parameter raduis; did you mean radius?")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got = nil
			rec := do(leads, editor, "GET", "/leads?"+tt.query, "")
			if tt.body != "" {
				if rec.Code != 400 || rec.Body.String() != tt.body {
					t.Errorf("GET ?%s = %d %s, want 400 %s", tt.query, rec.Code, rec.Body, tt.body)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); rec.Code != 200 || diff != "" {
				t.Errorf("GET ?%s = %d; Params mismatch (-want +got):\n%s", tt.query, rec.Code, diff)
			}
		})
	}
}

// listing is a store that only shows what it is asked.
type listing func(resource.Query)

func (l listing) List(_ context.Context, _ resource.Scope, q resource.Query) ([]Lead, int, error) {
	l(q)
	return nil, 0, nil
}

func TestBadDocumentationIsRefused(t *testing.T) {
	t.Parallel()
	type badExample struct {
		base
		Value int `json:"value" example:"many"`
	}
	type input struct {
		Value int `json:"value"`
	}
	with := func(params ...resource.Field) resource.Options {
		return resource.Options{Scope: scopeOf, Params: params}
	}
	tests := map[string]struct {
		new  func() error
		want string
	}{
		"an example of another type":   {try[badExample, input]("/x", memory[badExample](t), with()), `field Value: the example "many" is no int`},
		"a parameter without example":  {try[Lead, LeadInput]("/x", memory[Lead](t), with(resource.Field{Name: "a"})), `parameter "a": the example is a <nil>`},
		"a parameter with a bad name":  {try[Lead, LeadInput]("/x", memory[Lead](t), with(resource.Field{Name: "a b", Example: 1})), `the name "a b" cannot be written`},
		"a parameter that is there":    {try[Lead, LeadInput]("/x", memory[Lead](t), with(resource.Field{Name: "limit", Example: 1})), `the name "limit" is taken`},
		"a parameter that comes twice": {try[Lead, LeadInput]("/x", memory[Lead](t), with(resource.Field{Name: "a", Example: 1}, resource.Field{Name: "a", Example: 1})), `the name "a" is taken`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := tt.new(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

// A parameter of one's own is turned into a condition by a List of one's own.
func Example_parameter() {
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", cheap{store}, resource.Options{
		Scope:  scopeFromRequest,
		Params: []resource.Field{{Name: "budget", Description: "The highest price", Example: 9.99}},
	})
	if err != nil {
		log.Fatal(err)
	}
	call(widgets, "POST", "/widgets", `{"name":"Gear","price":3}`)
	call(widgets, "POST", "/widgets", `{"name":"Engine","price":900}`)
	fmt.Println(call(widgets, "GET", "/widgets?budget=100", ""))
	fmt.Println(call(widgets, "GET", "/widgets?budget=low", ""))
	// Output:
	// 200 {"data":[{"name":"Gear","note":null,"price":3}],"total":1,"page":1,"limit":25}
	// 400 {"error":"bad_request","message":"budget must be a number","details":{"field":"budget","code":"type"}}
}

type cheap struct{ resource.Store[Widget] }

func (c cheap) List(ctx context.Context, scope resource.Scope, q resource.Query) ([]Widget, int, error) {
	if budget, ok := q.Params["budget"]; ok {
		q.Filter = append(q.Filter, resource.Condition{Field: "price", Op: "<=", Value: budget})
	}
	return c.Store.List(ctx, scope, q)
}
