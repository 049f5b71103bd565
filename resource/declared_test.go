package resource_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror/validation"
	"github.com/tenetkit/tenet/resource"
)

func TestListFields(t *testing.T) {
	t.Parallel()
	fields := []string{"name", "id", "email"}
	leads, _ := newLeads(t, resource.Options{ListFields: fields, Cursors: newPager(t, 1)})
	clear(fields) // the resource has its own
	created := do(leads, editor, "POST", "/leads", `{"name":"Ada","value":3}`)
	id := strings.TrimPrefix(created.Header().Get("Location"), "/leads/")

	list := do(leads, editor, "GET", "/leads", "")
	want := `{"data":[{"id":"` + id + `","name":"Ada","email":null}],"total":1,"page":1,"limit":25}`
	if diff := cmp.Diff(want, list.Body.String()); list.Code != 200 || diff != "" {
		t.Errorf("GET /leads = %d, mismatch (-want +got):\n%s", list.Code, diff)
	}
	// Filters and cursors go by members that a list does not show.
	if rec := do(leads, editor, "GET", "/leads?filter=value=3&sort=-created_at", ""); rec.Body.String() != want {
		t.Errorf("GET with a filter = %d %s, want %s", rec.Code, rec.Body, want)
	}
	if rec := do(leads, editor, "GET", "/leads?filter=value=4", ""); rec.Body.String() != `{"data":[],"total":0,"page":1,"limit":25}` {
		t.Errorf("GET of no row = %d %s", rec.Code, rec.Body)
	}
	for target, rec := range map[string]string{
		"created": created.Body.String(),
		"got":     do(leads, editor, "GET", "/leads/"+id, "").Body.String(),
	} {
		if !strings.Contains(rec, `"value":3,`) || !strings.Contains(rec, `"updated_at":`) {
			t.Errorf("the row as it is %s = %s, want all members", target, rec)
		}
	}
	if got := leads.Doc().ListFields; !cmp.Equal(got, []string{"name", "id", "email"}) {
		t.Errorf("Doc().ListFields = %q", got)
	}
}

func TestNewRefusesListFields(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fields []string
		want   string
	}{
		"a name that no field has": {[]string{"id", "nmae"}, `Options.ListFields: the row has no field with the JSON name "nmae"`},
		"a Go name":                {[]string{"id", "Name"}, `Options.ListFields: the row has no field with the JSON name "Name"`},
		"one twice":                {[]string{"id", "name", "id"}, `Options.ListFields: "id" is listed twice`},
		"no id":                    {[]string{"name"}, "Options.ListFields: the id is missing"},
		"none":                     {[]string{}, "Options.ListFields: the id is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := resource.New[Lead, LeadInput]("/leads", forgetful{creator{}}, resource.Options{Scope: scopeOf, ListFields: tt.fields})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

type itemInput struct {
	Name  string  `json:"name" validate:"required,sku"`
	Email *string `json:"email" validate:"omitempty,email"`
	Value float64 `json:"value" validate:"required"`
}

var skuText = regexp.MustCompile(`^[A-Z]-[0-9]+$`)

func isSKU(fl validator.FieldLevel) bool { return skuText.MatchString(fl.Field().String()) }

func TestRulesOfOnesOwn(t *testing.T) {
	t.Parallel()
	words := validation.Options{
		Codes:    map[string]string{"sku": "not_a_sku", "required": "missing"},
		Messages: map[string]string{"sku": "{field} must be a SKU such as A-100", "required": "{field} fehlt"},
		Label:    func(path string) string { return "Das Feld " + path },
	}
	items, err := resource.New[Lead, itemInput]("/items", forgetful{creator{}}, resource.Options{
		Scope:      scopeOf,
		Rules:      func(v *validator.Validate) error { return v.RegisterValidation("sku", isSKU) },
		Validation: words,
	})
	if err != nil {
		t.Fatal(err)
	}
	clear(words.Messages) // the resource has its own
	tests := map[string]struct {
		body   string
		status int
		want   string // the list of errors
	}{
		"what the rule allows": {`{"name":"A-100","value":0}`, 201, ""},
		"what it does not": {
			`{"name":"a100","value":0}`, 422,
			`[{"field":"name","code":"not_a_sku","message":"Das Feld name must be a SKU such as A-100"}]`,
		},
		"a number and a text that are missing": {
			`{}`, 422,
			`[{"field":"name","code":"missing","message":"Das Feld name fehlt"},{"field":"value","code":"missing","message":"Das Feld value fehlt"}]`,
		},
		"a null": {
			`{"name":"A-1","value":null}`, 422,
			`[{"field":"value","code":"null","message":"Das Feld value must not be null"}]`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(items, editor, "POST", "/items", tt.body)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
				t.Errorf("POST %s = %d %s, want %d with %s", tt.body, rec.Code, rec.Body, tt.status, tt.want)
			}
		})
	}
}

func TestNewRefusesRules(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules func(*validator.Validate) error
		want  string
	}{
		"a tag that nobody registers": {nil, `field Name: the rules "required,sku"`},
		"an error": {
			func(v *validator.Validate) error { return v.RegisterValidation("", isSKU) },
			"Options.Rules: ",
		},
		"a func that panics": {
			func(v *validator.Validate) error {
				return v.RegisterValidation("sku", func(fl validator.FieldLevel) bool { return fl.Field().Int() > 0 })
			},
			`field Name: the rules "required,sku"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := resource.New[Lead, itemInput]("/items", forgetful{creator{}}, resource.Options{Scope: scopeOf, Rules: tt.rules})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New error = %v, want one with %q", err, tt.want)
			}
		})
	}
}
