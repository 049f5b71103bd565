package validation_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/validation"
)

type address struct {
	Street string `json:"street" validate:"required"`
	Zip    string `json:"zip" validate:"omitempty,len=5,numeric"`
}

type item struct {
	SKU   string `json:"sku" validate:"required,max=20"`
	Count int    `json:"count" validate:"gte=1,lte=99"`
}

type Audit struct {
	Reason string `json:"reason" validate:"max=3"`
}

type order struct {
	Audit
	Name      string             `json:"name" validate:"required,max=200"`
	Email     *string            `json:"email" validate:"omitempty,email"`
	Value     float64            `json:"value" validate:"gte=0"`
	Address   address            `json:"address"`
	Second    *address           `json:"second_address" validate:"omitempty"`
	Items     []item             `json:"items" validate:"max=3,dive"`
	Tags      []string           `json:"tags" validate:"unique,dive,min=2"`
	Labels    map[string]string  `json:"labels" validate:"dive,keys,max=5,endkeys,required"`
	Places    map[string]address `json:"places" validate:"dive"`
	ByNumber  map[int]item       `json:"by_number" validate:"dive"`
	Due       time.Time          `json:"due" validate:"omitempty,gt"`
	From      string             `json:"from" validate:"omitempty,datetime=2006-01-02"`
	Color     string             `json:"color" validate:"omitempty,oneof=red green 'dark blue'"`
	Password  string             `json:"password"`
	Repeat    string             `json:"repeat" validate:"eqfield=Password"`
	Untagged  string             `validate:"omitempty,uuid4"`
	CreatedAt string             `json:"createdAt,omitempty" validate:"omitempty,datetime=2006-01-02T15:04:05Z07:00"`
	OwnerID   string             `json:"owner_id" validate:"omitempty,startswith=u_"`
	Either    string             `json:"either" validate:"omitempty,email|url"`
	Hidden    string             `json:"-" validate:"max=1"`
}

func valid() order {
	return order{Name: "n", Address: address{Street: "s"}}
}

func TestMap(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	tests := map[string]struct {
		change                      func(*order)
		field, code, message, param string
	}{
		"required":                    {func(o *order) { o.Name = "" }, "name", "required", "Name is required", ""},
		"a text too long":             {func(o *order) { o.Name = strings.Repeat("x", 201) }, "name", "max", "Name must have at most 200 characters", "200"},
		"behind a pointer":            {func(o *order) { o.Email = text("x") }, "email", "email", "Email must be an email address", ""},
		"a number too small":          {func(o *order) { o.Value = -1 }, "value", "min", "Value must be 0 or more", "0"},
		"nested":                      {func(o *order) { o.Address.Street = "" }, "address.street", "required", "Street is required", ""},
		"nested behind a pointer":     {func(o *order) { o.Second = &address{} }, "second_address.street", "required", "Street is required", ""},
		"an exact length":             {func(o *order) { o.Address.Zip = "1" }, "address.zip", "length", "Zip must have 5 characters", "5"},
		"digits":                      {func(o *order) { o.Address.Zip = "1234x" }, "address.zip", "numeric", "Zip must be a number", ""},
		"in a list":                   {func(o *order) { o.Items = []item{{"a", 1}, {"b", 1}, {"", 1}} }, "items[2].sku", "required", "SKU is required", ""},
		"a number too large":          {func(o *order) { o.Items = []item{{"a", 100}} }, "items[0].count", "max", "Count must be 99 or less", "99"},
		"a list too long":             {func(o *order) { o.Items = make([]item, 4) }, "items", "max", "Items must have at most 3 elements", "3"},
		"an element":                  {func(o *order) { o.Tags = []string{"ok", "x"} }, "tags[1]", "min", "Tags[1] must have at least 2 characters", "2"},
		"an element twice":            {func(o *order) { o.Tags = []string{"ok", "ok"} }, "tags", "unique", "Tags must not hold the same value twice", ""},
		"a map's value":               {func(o *order) { o.Labels = map[string]string{"a": ""} }, "labels.a", "required", "A is required", ""},
		"a map's key":                 {func(o *order) { o.Labels = map[string]string{"abcdef": "x"} }, "labels.abcdef", "max", "Abcdef must have at most 5 characters", "5"},
		"a map's key with dots":       {func(o *order) { o.Labels = map[string]string{"a.b]": ""} }, `labels["a.b]"]`, "required", `Labels["a.b]"] is required`, ""},
		"a struct in a map":           {func(o *order) { o.Places = map[string]address{"home": {}} }, "places.home.street", "required", "Street is required", ""},
		"a struct under a number":     {func(o *order) { o.ByNumber = map[int]item{7: {"", 1}} }, "by_number[7].sku", "required", "SKU is required", ""},
		"an embedded struct":          {func(o *order) { o.Reason = "long" }, "reason", "max", "Reason must have at most 3 characters", "3"},
		"a time gone by":              {func(o *order) { o.Due = time.Unix(1, 0) }, "due", "above", "Due must be in the future", ""},
		"a date":                      {func(o *order) { o.From = "x" }, "from", "date", "From must be a date such as 2026-01-31", ""},
		"a date and time":             {func(o *order) { o.CreatedAt = "x" }, "createdAt", "date", "Created at must be a date and time such as 2026-01-31T15:04:05Z", ""},
		"one of several":              {func(o *order) { o.Color = "blue" }, "color", "one_of", "Color must be one of red, green, dark blue", "red, green, dark blue"},
		"another field":               {func(o *order) { o.Repeat = "x" }, "repeat", "equal", "Repeat must be equal to that of password", ""},
		"a name without a tag":        {func(o *order) { o.Untagged = "x" }, "Untagged", "uuid", "Untagged must be a UUID", ""},
		"a prefix":                    {func(o *order) { o.OwnerID = "x" }, "owner_id", "starts_with", "Owner ID must start with u_", "u_"},
		"one tag or another":          {func(o *order) { o.Either = "x" }, "either", "invalid", "Either is invalid", ""},
		"a field that JSON knows not": {func(o *order) { o.Hidden = "xx" }, "", "max", "Request body must have at most 1 character", "1"},
	}
	validate := validation.New()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := valid()
			tt.change(&o)
			err := validate.Struct(o)
			e := validation.Map(fmt.Errorf("service: %w", err))
			if e == nil {
				t.Fatalf("Map(%v) = nil", err)
			}
			want := apierror.FieldError{Field: tt.field, Code: tt.code, Message: tt.message, Param: tt.param}
			if diff := cmp.Diff(want, e.Details.Errors[0]); diff != "" {
				t.Errorf("Map mismatch (-want +got):\n%s", diff)
			}
			if e.Status != 422 || e.Code != "validation_failed" || e.Message != tt.message || e.Details.Field != tt.field || e.Details.Code != tt.code {
				t.Errorf("Map = %v, want a 422 that repeats the first failure", e)
			}
			if _, ok := errors.AsType[validator.ValidationErrors](e); !ok {
				t.Errorf("Map = %v, want the validator's errors as its cause", e)
			}
		})
	}
}

func TestMapAnswersInTheContractsForm(t *testing.T) {
	t.Parallel()
	validate := validation.New()
	o := valid()
	o.Name, o.Items = "", []item{{"a", 1}, {"b", 1}, {"c", 0}}
	h := apierror.Recover(apierror.Options{Mappings: []func(error) *apierror.Error{validation.Map}})(
		apierror.Handler(func(_ http.ResponseWriter, _ *http.Request) error { return validate.Struct(o) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	want := `{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[` +
		`{"field":"name","code":"required","message":"Name is required"},` +
		`{"field":"items[2].count","code":"min","message":"Count must be 1 or more","param":"1"}]}}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != 422 {
		t.Errorf("answered %d, mismatch (-want +got):\n%s", w.Code, diff)
	}
}

func TestErrorsIsNilForAnyOtherError(t *testing.T) {
	t.Parallel()
	validate := validation.New()
	for name, err := range map[string]error{
		"nil":                 nil,
		"another error":       errors.New("x"),
		"no struct":           validate.Struct(7),
		"no failures":         validator.ValidationErrors{},
		"an error of the API": apierror.NotFound(""),
	} {
		if got := validation.Errors(err); got != nil {
			t.Errorf("%s: Errors = %v, want nil", name, got)
		}
		if got := validation.Map(err); got != nil {
			t.Errorf("%s: Map = %v, want nil", name, got)
		}
	}
}

func TestErrorsListsAtMost100Failures(t *testing.T) {
	t.Parallel()
	v := struct {
		Items []item `json:"items" validate:"dive"`
	}{make([]item, 1000)}
	if got := len(validation.Errors(validation.New().Struct(v))); got != 100 {
		t.Errorf("Errors lists %d failures, want 100", got)
	}
}

type page[T any] struct {
	Data []T `json:"data" validate:"dive"`
}

func TestErrorsKnowsTheOutermostType(t *testing.T) {
	t.Parallel()
	validate := validation.New()
	bad := item{SKU: "a", Count: 0}
	tests := map[string]struct {
		value any
		want  string
	}{
		"a struct":       {bad, "count"},
		"a pointer":      {&bad, "count"},
		"a generic type": {page[item]{[]item{bad}}, "data[0].count"},
		"a type without a name": {struct {
			Items []item `json:"items" validate:"dive"`
		}{[]item{bad}}, "items[0].count"},
		"a type without a name, nested": {struct {
			Inner struct {
				Item item `json:"item"`
			} `json:"inner"`
		}{struct {
			Item item `json:"item"`
		}{bad}}, "inner.item.count"},
	}
	for name, tt := range tests {
		got := validation.Errors(validate.Struct(tt.value))
		if len(got) != 1 || got[0].Field != tt.want {
			t.Errorf("%s: Errors = %v, want field %q", name, got, tt.want)
		}
	}
	if got := validation.Errors(validate.Var([]string{"a", ""}, "dive,required")); len(got) != 1 || got[0].Field != "[1]" || got[0].Message != "Element [1] is required" {
		t.Errorf("Errors of Var = %v, want field [1]", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	validate := validation.New()
	for _, tag := range []string{"iban", "isCool"} {
		if err := validate.RegisterValidation(tag, func(validator.FieldLevel) bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	err := validate.Struct(struct {
		Account string `json:"account" validate:"iban"`
		Mood    string `json:"mood" validate:"isCool"`
		Size    int    `json:"size" validate:"min=3"`
	}{})
	opts := validation.Options{
		Codes:    map[string]string{"min": "too_small"},
		Messages: map[string]string{"iban": "{field} must be an IBAN", "min": "{field} has to be {param} at least"},
		Label:    func(path string) string { return "The " + path },
	}
	want := []apierror.FieldError{
		{Field: "account", Code: "iban", Message: "The account must be an IBAN"},
		{Field: "mood", Code: "is_cool", Message: "The mood is invalid"},
		{Field: "size", Code: "too_small", Message: "The size has to be 3 at least", Param: "3"},
	}
	if diff := cmp.Diff(want, opts.Errors(err)); diff != "" {
		t.Errorf("Errors mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, opts.Map(err).Details.Errors); diff != "" {
		t.Errorf("Map mismatch (-want +got):\n%s", diff)
	}
}

// FuzzErrors lets a client choose the key of a map, the one part of a path that is
// not the server's.
func FuzzErrors(f *testing.F) {
	for _, key := range []string{"", "a", "a b", "]", "][", "].x", "a].b[0", "\xff", "\n", "0].\xcc", strings.Repeat("ä", 200), "12", `"`} {
		f.Add(key)
	}
	validate := validation.New()
	f.Fuzz(func(t *testing.T, key string) {
		o := valid()
		o.Labels = map[string]string{key: ""}
		o.Places = map[string]address{key: {}}
		for _, e := range validation.Errors(validate.Struct(o)) {
			sound := utf8.ValidString(e.Field) && utf8.ValidString(e.Message) && len(e.Field) < 400 && len(e.Message) < 500
			if !sound || strings.ContainsAny(e.Field+e.Message, "\n\r\x00") {
				t.Fatalf("key %q gives %+v", key, e)
			}
			if !strings.HasPrefix(e.Field, "labels") && !strings.HasPrefix(e.Field, "places") {
				t.Fatalf("key %q moves the failure to %q", key, e.Field)
			}
		}
	})
}

func BenchmarkMap(b *testing.B) {
	validate := validation.New()
	o := valid()
	o.Name = ""
	o.Items = []item{{"a", 1}, {"", 1}}
	err := validate.Struct(o)
	b.ReportAllocs()
	for b.Loop() {
		if validation.Map(err) == nil {
			b.Fatal("nil")
		}
	}
}

func BenchmarkStruct(b *testing.B) {
	validate := validation.New()
	o := valid()
	b.ReportAllocs()
	for b.Loop() {
		if err := validate.Struct(&o); err != nil {
			b.Fatal(err)
		}
	}
}
