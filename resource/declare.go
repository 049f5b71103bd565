package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/tenetkit/tenet/apierror/validation"
	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/strictjson"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// declaration is all that New finds out about the two types.
type declaration struct {
	rowFields []rowtype.Field
	id        *rowtype.Field
	created   *rowtype.Field
	updated   *rowtype.Field
	unit      *rowtype.Field // nil where unscoped
	times     []rowtype.Field

	inputs  []inputField
	members map[string]member // what a body may name
	complex bool              // an input field is more than a scalar
	rules   *validator.Validate
	words   validation.Options
	needs   map[reflect.Type]bool

	filters map[string]*rowtype.Field
	sorts   map[string]*rowtype.Field
	docs    []Field
}

// ownRules are what tags cannot say.
type ownRules interface {
	Validate(ctx context.Context) error
}

// inputField is a field of the input type and its place in the row.
type inputField struct {
	rowtype.Field
	row      []int
	required bool // has to be present although its zero value is fine
	nested   bool // such fields lie inside it
	keyed    bool // rules look into the members of a map inside it
}

// member says what a name in a body stands for: an input field, or a field of
// the row that the server owns.
type member struct {
	input int // index in inputs, or -1
	owned *rowtype.Field
}

func declare(row, input reflect.Type, opts Options) (*declaration, error) {
	d := &declaration{members: map[string]member{}, needs: map[reflect.Type]bool{}}
	var err error
	if d.rowFields, err = rowtype.Fields(row); err != nil {
		return nil, fmt.Errorf("row %v: %w", row, err)
	}
	if err := d.findOwned(opts); err != nil {
		return nil, fmt.Errorf("row %v: %w", row, err)
	}
	if err := d.matchInput(row, input); err != nil {
		return nil, fmt.Errorf("input %v: %w", input, err)
	}
	if err := d.compileRules(input, opts); err != nil {
		return nil, fmt.Errorf("input %v: %w", input, err)
	}
	if d.filters, err = d.choose("Options.Filter", opts.Filter); err != nil {
		return nil, err
	}
	if d.sorts, err = d.choose("Options.Sort", opts.Sort); err != nil {
		return nil, err
	}
	if err := d.describe(); err != nil {
		return nil, fmt.Errorf("row %v: %w", row, err)
	}
	return d, nil
}

// findOwned finds the fields that the server fills.
func (d *declaration) findOwned(opts Options) error {
	for i := range d.rowFields {
		f := &d.rowFields[i]
		if f.Kind == rowtype.Time {
			d.times = append(d.times, *f)
		}
		d.members[f.Name] = member{input: -1, owned: f}
	}
	need := func(name string, kind rowtype.Kind, want string) (*rowtype.Field, error) {
		f := rowtype.Find(d.rowFields, name)
		switch {
		case f == nil:
			return nil, fmt.Errorf("there is no field with the JSON name %q (%s)", name, want)
		case f.Kind != kind || f.Nullable:
			return nil, fmt.Errorf("field %s (%q) is a %v and must be a %s", f.GoName, name, f.Type, want)
		}
		return f, nil
	}
	var err error
	if d.id, err = need("id", rowtype.String, "string"); err != nil {
		return err
	}
	if d.created, err = need("created_at", rowtype.Time, "time.Time"); err != nil {
		return err
	}
	if d.updated, err = need("updated_at", rowtype.Time, "time.Time"); err != nil {
		return err
	}
	if !opts.Unscoped {
		d.unit, err = need(unitField(opts), rowtype.String, "string")
	}
	return err
}

func unitField(opts Options) string {
	if opts.UnitField == "" {
		return "org_unit"
	}
	return opts.UnitField
}

// matchInput pairs every input field with the row's field of the same name.
func (d *declaration) matchInput(row, input reflect.Type) error {
	fields, err := rowtype.Fields(input)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return errors.New("it has no fields")
	}
	sample := reflect.New(input)
	if _, ok := sample.Interface().(ownRules); !ok {
		if m := sample.MethodByName("Validate"); m.IsValid() {
			return fmt.Errorf("its method Validate is a %v and must be a func(context.Context) error", m.Type())
		}
	}
	for _, f := range fields {
		to := rowtype.Find(d.rowFields, f.Name)
		switch {
		case to == nil:
			return fmt.Errorf("field %s: the row %v has no field with the JSON name %q", f.GoName, row, f.Name)
		case to == d.id || to == d.created || to == d.updated || to == d.unit:
			return fmt.Errorf("field %s: %q is filled by the server and cannot be an input", f.GoName, f.Name)
		case to.Type != f.Type:
			return fmt.Errorf("field %s: %q is a %v here and a %v in the row", f.GoName, f.Name, f.Type, to.Type)
		}
		d.members[f.Name] = member{input: len(d.inputs)}
		d.inputs = append(d.inputs, inputField{Field: f, row: to.Index})
		d.complex = d.complex || f.Kind == rowtype.JSON
	}
	return nil
}

// choose looks up the fields of a list of names that may be compared.
func (d *declaration) choose(option string, names []string) (map[string]*rowtype.Field, error) {
	chosen := make(map[string]*rowtype.Field, len(names))
	for _, name := range names {
		f := rowtype.Find(d.rowFields, name)
		switch {
		case f == nil:
			return nil, fmt.Errorf("%s: the row has no field with the JSON name %q", option, name)
		case f.Kind == rowtype.JSON:
			return nil, fmt.Errorf("%s: field %s (%q) is a %v, which has no order", option, f.GoName, name, f.Type)
		case chosen[name] != nil:
			return nil, fmt.Errorf("%s: %q is listed twice", option, name)
		case strings.ContainsAny(name, "=!<>,&#+% ") || strings.HasPrefix(name, "-") ||
			strings.HasSuffix(name, "~") || strings.HasSuffix(name, "^"):
			return nil, fmt.Errorf("%s: the name %q cannot be written in a query", option, name)
		}
		chosen[name] = f
	}
	return chosen, nil
}

// compileRules prepares the validator. A rule "required" on a number or a bool
// asks for presence, which validator cannot see, and would refuse 0 and false:
// it is taken out and asked of the body instead.
func (d *declaration) compileRules(input reflect.Type, opts Options) error {
	d.rules, d.words = validation.New(), opts.Validation
	d.words.Struct = reflect.Zero(input).Interface()
	d.words.Codes, d.words.Messages = maps.Clone(d.words.Codes), maps.Clone(d.words.Messages)
	if opts.Rules != nil {
		if err := opts.Rules(d.rules); err != nil {
			return fmt.Errorf("Options.Rules: %w", err)
		}
	}
	seen := map[reflect.Type]bool{}
	d.stripRequired(input, seen)
	for i := range d.inputs {
		f := &d.inputs[i]
		f.required = demandsPresence(f.Type, f.Tag.Get("validate"))
		f.nested = d.needsInside(f.Type, map[reflect.Type]bool{})
		f.keyed = divesIntoMaps(f.Type, strings.Count(f.Tag.Get("validate"), "dive"), map[reflect.Type]bool{})
	}
	return tryRules(d.rules, input)
}

// stripRequired registers the rules of every struct type within t without what
// is asked of the body.
func (d *declaration) stripRequired(t reflect.Type, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		d.stripRequired(t.Elem(), seen)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[t] || t.PkgPath() == "time" {
		return
	}
	seen[t] = true
	rules := map[string]string{}
	for sf := range t.Fields() {
		tag := sf.Tag.Get("validate")
		if stripped := strip(sf.Type, tag); stripped != tag {
			rules[sf.Name] = stripped
			if demandsPresence(sf.Type, tag) {
				d.needs[t] = true
			}
		}
		d.stripRequired(sf.Type, seen)
	}
	if len(rules) > 0 {
		d.rules.RegisterStructValidationMapRules(rules, reflect.New(t).Interface())
	}
}

// demandsPresence reports whether tag asks a number or a bool to be there.
func demandsPresence(t reflect.Type, tag string) bool {
	return plainValue(t) && slices.Contains(strings.Split(tag, ","), "required")
}

func plainValue(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64
}

func strip(t reflect.Type, tag string) string {
	kept := []string{}
	keys := false
	for rule := range strings.SplitSeq(tag, ",") {
		switch {
		case rule == "keys":
			keys = true
		case rule == "endkeys":
			keys = false
		case rule == "dive" && !keys:
			for t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			switch t.Kind() {
			case reflect.Slice, reflect.Array, reflect.Map:
				t = t.Elem()
			}
		case rule == "required" && !keys && plainValue(t):
			continue
		}
		kept = append(kept, rule)
	}
	return strings.Join(kept, ",")
}

// needsInside reports whether a struct within t holds a field that demands
// presence.
func (d *declaration) needsInside(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return d.needsInside(t.Elem(), seen)
	case reflect.Struct:
	default:
		return false
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	if d.needs[t] {
		return true
	}
	for sf := range t.Fields() {
		if d.needsInside(sf.Type, seen) {
			return true
		}
	}
	return false
}

// listed returns the encoder for rows in lists that have the named members alone.
func listed(row reflect.Type, d *declaration, names []string) (*jsonenc.Encoder, error) {
	for i, name := range names {
		switch {
		case rowtype.Find(d.rowFields, name) == nil:
			return nil, fmt.Errorf("Options.ListFields: the row has no field with the JSON name %q", name)
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("Options.ListFields: %q is listed twice", name)
		}
	}
	if !slices.Contains(names, d.id.Name) {
		return nil, errors.New("Options.ListFields: the id is missing, by which callers get the whole row")
	}
	e := jsonenc.Only(row, names)
	if e == nil {
		return nil, fmt.Errorf("Options.ListFields: no part of a %v can be encoded by itself", row)
	}
	return e, nil
}

// label returns the words by which a message calls the value at a JSON path.
func (d *declaration) label(path string) string {
	if d.words.Label != nil {
		return d.words.Label(path)
	}
	return strictjson.Label(path)
}

// absent adds the failure of a value that is missing, in the words of the rule
// required.
func (d *declaration) absent(order int, path string, fails *failures) {
	code, message := d.words.Codes["required"], d.words.Messages["required"]
	if message == "" {
		message = "{field} is required"
	}
	fails.add(order, path, cmp.Or(code, "required"), strings.ReplaceAll(message, "{field}", d.label(path)))
}
