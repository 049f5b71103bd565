package resource_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/resource"
)

type stamps struct {
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type base struct {
	ID      string `json:"id"`
	OrgUnit string `json:"org_unit"`
	stamps
}

type selfMade struct{ Name string }

func (selfMade) MarshalJSON() ([]byte, error) { return []byte(`{}`), nil }

type validatesAlone struct {
	Name string `json:"name"`
}

func (validatesAlone) Validate() error { return nil }

type slip struct{ memoryless[Lead] }

func (slip) Create(context.Context, resource.Scope, *Lead) error { return nil }

func TestBadDeclarationsAreRefused(t *testing.T) {
	t.Parallel()
	scoped := resource.Options{Scope: scopeOf}
	with := func(change func(*resource.Options)) resource.Options {
		opts := scoped
		change(&opts)
		return opts
	}
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	type leadNoID struct {
		Name string `json:"name"`
		stamps
	}
	type leadNumber struct {
		ID int `json:"id"`
		stamps
	}
	type leadTimes struct {
		ID        string  `json:"id"`
		CreatedAt *string `json:"created_at"`
	}
	type leadTwice struct {
		base
		Org string `json:"org_unit"`
	}
	type leadQuoted struct {
		base
		Value int `json:"value,string"`
	}
	type leadFunc struct {
		base
		Do func() `json:"do"`
	}
	type leadDeepFunc struct {
		base
		Hooks []struct{ On func() } `json:"hooks"`
	}
	type leadGrid struct {
		base
		Grid *map[[2]int]string `json:"grid"`
	}
	type leadTags struct {
		base
		Tags []string `json:"tags"`
		Name string   `json:"name"`
	}
	type leadAny struct {
		base
		Any  any   `json:"any"`
		List []any `json:"list"`
	}
	type deep struct {
		Codes map[string]int `json:"codes" validate:"max=3,dive,keys,email,len=many,endkeys,min=1"`
	}
	type leadDeep struct {
		base
		Deep map[string][]deep `json:"deep"`
	}
	tests := map[string]struct {
		new  func() error
		want string
	}{
		"no slash":     {try[Lead, LeadInput]("leads", store, scoped), "the path must begin with a slash"},
		"a wildcard":   {try[Lead, LeadInput]("/orgs/{org}/leads", store, scoped), "have no wildcards"},
		"no store":     {try[Lead, LeadInput]("/leads", nil, scoped), "a store is required"},
		"no operation": {try[Lead, LeadInput]("/leads", 7, scoped), "the store int implements no operation on resource_test.Lead"},
		"another row's store": {
			try[leadTags, struct {
				Name string `json:"name"`
			}]("/leads", store, scoped), "implements no operation on resource_test.leadTags",
		},
		"no scope":          {try[Lead, LeadInput]("/leads", store, resource.Options{}), "Options.Scope or Options.Unscoped is required"},
		"both":              {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.Unscoped = true })), "Options.Unscoped excludes Scope"},
		"roles of no unit":  {try[Lead, LeadInput]("/leads", store, resource.Options{Unscoped: true, Roles: roles}), "excludes Scope, Rescope, Restore, UnitField and Roles"},
		"another unit":      {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.UnitField = "name" })), `the store's unit field is "org_unit" and the resource's "name"`},
		"unscoped by half":  {try[Lead, LeadInput]("/leads", store, resource.Options{Unscoped: true}), `the store's unit field is "org_unit" and the resource's ""`},
		"a bad data key":    {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.DataKey = "total" })), `Options.DataKey: "total" is a member of its own`},
		"a negative limit":  {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.MaxBody = -1 })), "Options.MaxBody, MaxTotal and MaxImport must not be negative"},
		"an unknown filter": {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.Filter = []string{"nam"} })), `Options.Filter: the row has no field with the JSON name "nam"`},
		"a sort twice":      {try[Lead, LeadInput]("/leads", store, with(func(o *resource.Options) { o.Sort = []string{"name", "name"} })), `Options.Sort: "name" is listed twice`},
		"a filter whose name ends an operator": {
			try[struct {
				Lead
				Odd string `json:"odd^"`
			}, LeadInput]("/leads", struct{}{}, with(func(o *resource.Options) { o.Filter = []string{"odd^"} })),
			`Options.Filter: the name "odd^" cannot be written in a query`,
		},
		"a filter by a list": {
			try[leadTags, struct {
				Name string `json:"name"`
			}]("/leads", memory[leadTags](t), with(func(o *resource.Options) { o.Filter = []string{"tags"} })),
			`Options.Filter: field Tags ("tags") is a []string, which has no order`,
		},
		"a row that is no struct": {try[int, LeadInput]("/leads", memoryless[int]{}, scoped), "row int: int is not a struct"},
		"a row without id":        {try[leadNoID, LeadInput]("/leads", memoryless[leadNoID]{}, scoped), `there is no field with the JSON name "id" (string)`},
		"a row with a number":     {try[leadNumber, LeadInput]("/leads", memoryless[leadNumber]{}, scoped), `field ID ("id") is a int and must be a string`},
		"a row without times":     {try[leadTimes, LeadInput]("/leads", memoryless[leadTimes]{}, scoped), `field CreatedAt ("created_at") is a *string and must be a time.Time`},
		"a name twice":            {try[leadTwice, LeadInput]("/leads", memoryless[leadTwice]{}, scoped), `field Org: the name "org_unit" is also that of field OrgUnit`},
		"a number in quotes":      {try[leadQuoted, LeadInput]("/leads", memoryless[leadQuoted]{}, scoped), `field Value: the JSON option "string" is not supported`},
		"a func":                  {try[leadFunc, LeadInput]("/leads", memoryless[leadFunc]{}, scoped), "field Do: a func() has no JSON form"},
		"a func inside": {
			try[leadDeepFunc, LeadInput]("/leads", memoryless[leadDeepFunc]{}, scoped), "field Hooks: On: a func() has no JSON form",
		},
		"a map by what is no name": {
			try[leadGrid, LeadInput]("/leads", memoryless[leadGrid]{}, scoped), "field Grid: a map[[2]int]string has no JSON form, because of its keys",
		},
		"a row that encodes":      {try[selfMade, LeadInput]("/leads", memoryless[selfMade]{}, scoped), "encodes or decodes itself"},
		"an input without fields": {try[Lead, struct{}]("/leads", store, scoped), "it has no fields"},
		"an input that is no row": {
			try[Lead, struct {
				Nam string `json:"nam"`
			}]("/leads", store, scoped), `field Nam: the row resource_test.Lead has no field with the JSON name "nam"`,
		},
		"an input of another type": {
			try[Lead, struct {
				Email string `json:"email"`
			}]("/leads", store, scoped), `field Email: "email" is a string here and a *string in the row`,
		},
		"an input of the server's": {
			try[Lead, struct {
				OrgUnit string `json:"org_unit"`
			}]("/leads", store, scoped), `field OrgUnit: "org_unit" is filled by the server and cannot be an input`,
		},
		"rules of its own that take no context": {
			try[Lead, validatesAlone]("/leads", store, scoped),
			"its method Validate is a func() error and must be a func(context.Context) error",
		},
		"a hook with a slip": {
			try[Lead, LeadInput]("/leads", slip{memoryless[Lead]{}}, scoped),
			"the method Create of the store resource_test.slip is a func(context.Context, resource.Scope, *resource_test.Lead) error and must be a " +
				"func(context.Context, resource.Scope, resource_test.Lead) (resource_test.Lead, error)",
		},
		"an unknown rule": {
			try[Lead, struct {
				Name string `json:"name" validate:"required,short"`
			}]("/leads", store, scoped), `field Name: the rules "required,short": Undefined validation function 'short'`,
		},
		"a rule that cannot run": {
			try[Lead, struct {
				Name string `json:"name" validate:"omitempty,max=many"`
			}]("/leads", store, scoped), `field Name: the rules "omitempty,max=many":`,
		},
		"a rule for what JSON does not know": {
			try[Lead, struct {
				Name  string `json:"name"`
				Inner string `json:"-" validate:"omitempty,email"`
			}]("/leads", store, scoped), `field Inner: the rules "omitempty,email" are about what no body has`,
		},
		"a rule that cannot run behind another": {
			try[Lead, struct {
				Name string `json:"name" validate:"required,email,len=many"`
			}]("/leads", store, scoped), `field Name: the rules "required,email,len=many":`,
		},
		"one of several that cannot run": {
			try[Lead, struct {
				Name string `json:"name" validate:"startswith=a,email|len=many"`
			}]("/leads", store, scoped), `field Name: the rules "startswith=a,email|len=many":`,
		},
		"one that cannot run far inside": {
			try[leadDeep, struct {
				Deep map[string][]deep `json:"deep" validate:"dive,keys,alpha,endkeys,dive"`
			}]("/leads", memory[leadDeep](t), scoped), `field Codes: the rules "max=3,dive,keys,email,len=many,endkeys,min=1":`,
		},
		"a rule that cannot run on all that JSON has": {
			try[leadAny, struct {
				Any any `json:"any" validate:"omitempty,min=2"`
			}]("/leads", memory[leadAny](t), scoped), `field Any: the rules "omitempty,min=2": Bad field type bool`,
		},
		"nor on all in a list": {
			try[leadAny, struct {
				List []any `json:"list" validate:"dive,oneof=a b"`
			}]("/leads", memory[leadAny](t), scoped), `field List: the rules "dive,oneof=a b": Bad field type`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.new()
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "resource: New: ") {
				t.Errorf("New: error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestRulesThatRunAreNotRefused has what looks odd when it is tried by itself.
func TestRulesThatRunAreNotRefused(t *testing.T) {
	t.Parallel()
	type inner struct {
		SKU  string `json:"sku" validate:"required,uppercase|numeric"`
		More *inner `json:"more"`
	}
	type fields struct {
		Any   any              `json:"any" validate:"required"`
		Kind  string           `json:"kind" validate:"omitempty,oneof='a b' c"`
		Until *time.Time       `json:"until" validate:"omitempty,gtfield=From"`
		From  time.Time        `json:"from" validate:"required_with=Until"`
		Note  *string          `json:"note" validate:"required_if=Kind c,omitempty,max=3"`
		Map   map[string]inner `json:"map" validate:"omitempty,max=2,dive,keys,alpha,endkeys"`
		List  []inner          `json:"list" validate:"unique=SKU,dive"`
		Grid  [][]int          `json:"grid" validate:"dive,max=3,dive,required,lte=5"`
		Flat  inner            `json:"flat" validate:"structonly"`
		Skip  string           `json:"skip" validate:"-"`
		Own   string           `json:"own" validate:"omitempty,len=5,fifth"`
		Price float64          `json:"price" validate:"required,gte=0,ltefield=Limit"`
		Limit float64          `json:"limit" validate:"excluded_without=Price"`
	}
	type row struct {
		base
		fields
	}
	fifth := func(fl validator.FieldLevel) bool { return fl.Field().String()[4] == 'e' }
	opts := resource.Options{Scope: scopeOf, Rules: func(v *validator.Validate) error { return v.RegisterValidation("fifth", fifth) }}
	if err := try[row, fields]("/rows", memory[row](t), opts)(); err != nil {
		t.Errorf("New: %v", err)
	}
}

// memoryless is a store of any row type, whose methods are never called.
type memoryless[Row any] struct{ resource.Store[Row] }

func memory[Row any](t *testing.T) any {
	store, err := resource.NewMemory[Row]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func try[Row, Input any](path string, store any, opts resource.Options) func() error {
	return func() error {
		_, err := resource.New[Row, Input](path, store, opts)
		return err
	}
}

func TestNewMemoryNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := resource.NewMemory[Lead]("ou"); err == nil || !strings.Contains(err.Error(), `no string with the JSON name "ou"`) {
		t.Errorf("NewMemory: error = %v", err)
	}
	if _, err := resource.NewMemory[stamps](""); err == nil || !strings.Contains(err.Error(), `no string with the JSON name "id"`) {
		t.Errorf("NewMemory: error = %v", err)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles, MaxBody: 4096})
	tests := map[string]struct {
		body   string
		scope  units
		header string
		status int    // of the refusal; 0 if there is none
		want   string // the result, or a part of the refusal
	}{
		"two bad rows": {
			body:  `[{"name":"Ada"},{"name":"","value":-1},{"name":"Bob","value":2},{"nam":"Eve"}]`,
			scope: editor,
			want: `{"counts":{"total":4,"succeeded":2,"failed":2},"errors":[` +
				`{"index":1,"field":"name","code":"required","message":"Name is required"},` +
				`{"index":1,"field":"value","code":"min","message":"Value must be 0 or more"},` +
				`{"index":3,"field":"nam","code":"unknown","message":"Unknown field nam; did you mean name?"}]}`,
		},
		"nothing behind white space": {
			body: strings.Repeat(" \t\r\n", 50) + "[ ]", scope: editor,
			want: `{"counts":{"total":0,"succeeded":0,"failed":0},"errors":[]}`,
		},
		"an object behind white space": {body: strings.Repeat(" ", 100) + `{}`, scope: editor, status: 400, want: `"Request body must be an array"`},
		"nothing":                      {body: `[]`, scope: editor, want: `{"counts":{"total":0,"succeeded":0,"failed":0},"errors":[]}`},
		"rows that are no objects": {
			body: `[7,null]`, scope: editor,
			want: `{"counts":{"total":2,"succeeded":0,"failed":2},"errors":[` +
				`{"index":0,"field":"","code":"type","message":"Row must be an object"},` +
				`{"index":1,"field":"","code":"type","message":"Row must not be null"}]}`,
		},
		"a duplicate name in a row": {
			body: `[{"name":"Ada","name":"Ada"},{"name":"Bob"}]`, scope: editor,
			want: `{"counts":{"total":2,"succeeded":1,"failed":1},"errors":[` +
				`{"index":0,"field":"name","code":"duplicate","message":"Name is given more than once"}]}`,
		},
		"a row of another unit": {
			body: `[{"name":"Ada","org_unit":"apac"}]`, scope: editor,
			want: `{"counts":{"total":1,"succeeded":0,"failed":1},"errors":[` +
				`{"index":0,"field":"org_unit","code":"read_only","message":"Org unit is set by the server"}]}`,
		},
		"an object":      {body: `{"name":"Ada"}`, scope: editor, status: 400, want: `"Request body must be an array"`},
		"no JSON":        {body: `[{"name":"Ada"}`, scope: editor, status: 400},
		"too much":       {body: `["` + strings.Repeat("a", 5000) + `"]`, scope: editor, status: 413},
		"text":           {body: `[]`, header: "text/plain", scope: editor, status: 415},
		"a reader":       {body: `[]`, scope: units{ids: []string{"uk"}, roles: []string{"reader"}}, status: 403, want: "missing_role"},
		"nobody":         {body: `[]`, status: 403, want: "active_ou_required"},
		"nothing at all": {body: ``, header: "application/json", scope: editor, status: 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := within(newRequest("POST", "/leads/import", tt.body, tt.header), tt.scope)
			work, err := leads.Import(r)
			if tt.status != 0 {
				rec := answer(r, err)
				if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
					t.Errorf("Import(%s): %d %s, want %d with %s", tt.body, rec.Code, rec.Body, tt.status, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatalf("Import(%s): %v", tt.body, err)
			}
			result, err := work(t.Context())
			if err != nil {
				t.Fatalf("the import: %v", err)
			}
			got, err := json.Marshal(result)
			if err != nil || string(got) != tt.want {
				t.Errorf("Import(%s) =\n%s, want\n%s", tt.body, got, tt.want)
			}
		})
	}
	if rec := do(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := leads.Import(r)
		answerTo(w, r, err)
	}), editor, "POST", "/leads/import?dry_run=1", `[]`); rec.Code != 400 {
		t.Errorf("Import with a parameter = %d %s, want 400", rec.Code, rec.Body)
	}
}

func TestImportNeedsAStoreThatCreates(t *testing.T) {
	t.Parallel()
	leads, err := resource.New[Lead, LeadInput]("/leads", listing(func(resource.Query) {}), resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	r := within(newRequest("POST", "/leads/import", `[]`, ""), editor)
	_, err = leads.Import(r)
	rec := answer(r, err)
	if allow, ok := rec.Header()["Allow"]; rec.Code != 405 || !ok || allow[0] != "" {
		t.Errorf("Import = %d %v, want 405 with an empty Allow", rec.Code, rec.Header())
	}
}

func TestImportListsAThousandErrors(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{MaxImport: 200_001})
	work, err := leads.Import(within(newRequest("POST", "/leads/import", "["+strings.Repeat("1,", 200_000)+"1]", ""), editor))
	if err != nil {
		t.Fatal(err)
	}
	result, err := work(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(result)
	if err != nil || len(got) > 200_000 || !strings.HasPrefix(string(got), `{"counts":{"total":200001,"succeeded":0,"failed":200001}`) ||
		!strings.HasSuffix(string(got), `],"errors_omitted":199001}`) {
		t.Errorf("the import = %d bytes: %.100s ... %s, %v", len(got), got, got[len(got)-100:], err)
	}
}
