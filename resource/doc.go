package resource

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// Doc is what documentation of a resource is made of. The first part is prose
// for [Options.Doc]; the second is filled by [Resource.Doc] from the declaration,
// so that it cannot disagree with what is served.
type Doc struct {
	Summary       string    // one line
	Description   string    // paragraphs
	UseCases      []string  // what callers do with it
	BestPractices []string  // how they do it well
	SeeAlso       []string  // links, or paths of other resources
	Examples      []Example // requests with their answers
	Public        bool      // no credentials are needed

	Path       string   // as clients see it
	Methods    []string // of the path
	RowMethods []string // of the paths of rows
	Fields     []Field  // of a row, in order
	Params     []Field  // query parameters of the list, in order
	Roles      Roles
	UnitField  string   // empty if the resource is unscoped
	ListFields []string // of a row in a list, nil for all
	DataKey    string
	Page       paginate.Options
	MaxBody    int64
	MaxTotal   int  // zero if totals are exact
	Cursors    bool // lists can be read by cursors

	RequireMatch bool
}

// An Example is a request and what it is answered with.
type Example struct {
	Title   string
	Prose   string
	Request string
	Answer  string
}

// A Field describes a member of a row or a query parameter.
//
// Fields of a row get their description and example from the tags doc and
// example of the row type:
//
//	Value float64 `json:"value" doc:"What the deal is worth, in euros" example:"1250.5"`
//
// Query parameters of one's own are declared in [Options.Params].
type Field struct {
	Name        string
	Description string

	// Example is a value as Go has it. That of a parameter is required, since
	// its type is the parameter's: string, bool, int, int64, float64 or
	// [time.Time].
	Example any

	Required bool // has to be sent

	Type     string // string, boolean, integer, number, date-time, array, object or any
	Nullable bool   // may be null
	ReadOnly bool   // set by the server
	Filter   bool   // callers may filter by it, with one of Operators
	Sort     bool   // callers may sort by it
	Rules    string // of the tag validate

	// Operators are those of a filter by the field: = != > >= < <= ~= ^=, or
	// some of them.
	Operators []string
}

// Doc returns the declaration in the form that documentation is made of. The
// caller owns the result.
func (res *Resource[Row, Input]) Doc() Doc {
	doc := res.opts.Doc
	doc.UseCases = slices.Clone(doc.UseCases)
	doc.BestPractices = slices.Clone(doc.BestPractices)
	doc.SeeAlso = slices.Clone(doc.SeeAlso)
	doc.Examples = slices.Clone(doc.Examples)
	doc.Path = res.path
	doc.Methods, doc.RowMethods = slices.Clone(res.allow), slices.Clone(res.allowRow)
	doc.Fields = slices.Clone(res.docs)
	for i := range doc.Fields {
		doc.Fields[i].Operators = slices.Clone(doc.Fields[i].Operators)
		if raw, ok := doc.Fields[i].Example.(json.RawMessage); ok {
			doc.Fields[i].Example = slices.Clone(raw)
		}
	}
	doc.Params = slices.Clone(res.opts.Params)
	doc.Roles, doc.Page = res.opts.Roles, res.opts.Page
	if res.unit != nil {
		doc.UnitField = res.unit.Name
	}
	if doc.DataKey = res.opts.DataKey; doc.DataKey == "" {
		doc.DataKey = "data"
	}
	if doc.MaxBody = res.maxBody; doc.MaxBody == 0 {
		doc.MaxBody = 1 << 20
	}
	doc.ListFields = slices.Clone(res.opts.ListFields)
	doc.MaxTotal, doc.Cursors, doc.RequireMatch = res.opts.MaxTotal, res.opts.Cursors != nil, res.opts.RequireMatch
	return doc
}

// describe makes the fields' documentation.
func (d *declaration) describe() error {
	for i := range d.rowFields {
		f := &d.rowFields[i]
		at := d.members[f.Name].input
		field := Field{
			Name: f.Name, Type: typeName(f), Nullable: f.Nullable, ReadOnly: at < 0,
			Filter: d.filters[f.Name] != nil, Sort: d.sorts[f.Name] != nil,
			Description: f.Tag.Get("doc"),
		}
		if field.Filter {
			field.Operators = operators(f)
		}
		if at >= 0 {
			field.Rules = d.inputs[at].Tag.Get("validate")
			field.Required = slices.Contains(strings.Split(strings.Split(field.Rules, ",dive")[0], ","), "required")
		}
		if text, ok := f.Tag.Lookup("example"); ok {
			var err error
			if field.Example, err = exampleOf(f, text); err != nil {
				return fmt.Errorf("field %s: the example %q is no %v", f.GoName, text, f.Type)
			}
		}
		d.docs = append(d.docs, field)
	}
	return nil
}

// exampleOf reads the tag: a string as it is, anything else as in JSON.
func exampleOf(f *rowtype.Field, text string) (any, error) {
	if f.Kind == rowtype.JSON {
		into := reflect.New(f.Type)
		return json.RawMessage(text), json.Unmarshal([]byte(text), into.Interface())
	}
	return f.Parse(text)
}

func typeName(f *rowtype.Field) string {
	switch f.Kind {
	case rowtype.String:
		return "string"
	case rowtype.Bool:
		return "boolean"
	case rowtype.Int, rowtype.Uint:
		return "integer"
	case rowtype.Float:
		return "number"
	case rowtype.Time:
		return "date-time"
	}
	t := f.Type
	if f.Nullable {
		t = t.Elem()
	}
	switch {
	case rowtype.Custom(t):
		return "any"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "string"
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		return "array"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "object"
	}
	return "any"
}

// params checks the parameters of one's own and prepares their reading.
func params(opts *Options) (map[string]*rowtype.Field, error) {
	opts.Params = slices.Clone(opts.Params)
	read := make(map[string]*rowtype.Field, len(opts.Params))
	for i := range opts.Params {
		p := &opts.Params[i]
		f := &rowtype.Field{Name: p.Name}
		switch p.Example.(type) {
		case string:
			f.Kind = rowtype.String
		case bool:
			f.Kind = rowtype.Bool
		case int, int64:
			f.Kind = rowtype.Int
		case float64:
			f.Kind, f.Type = rowtype.Float, reflect.TypeFor[float64]()
		case time.Time:
			f.Kind = rowtype.Time
		default:
			return nil, fmt.Errorf("%s: parameter %q: the example is a %T and must be a string, bool, int, int64, float64 or time.Time",
				"Options.Params", p.Name, p.Example)
		}
		switch {
		case p.Name == "" || strings.ContainsAny(p.Name, "=!<>,&#+%; "):
			return nil, fmt.Errorf("%s: the name %q cannot be written in a query", "Options.Params", p.Name)
		case slices.Contains([]string{"page", "limit", "filter", "sort", "cursor"}, p.Name), slices.Contains(opts.Filter, p.Name), read[p.Name] != nil:
			return nil, fmt.Errorf("%s: the name %q is taken", "Options.Params", p.Name)
		}
		p.Type = typeName(f)
		read[p.Name] = f
	}
	return read, nil
}
