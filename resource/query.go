package resource

import (
	"net/url"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/nearest"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// queries reads the parameters of a list.
type queries struct {
	page    paginate.Options
	filters map[string]*rowtype.Field
	sorts   map[string]*rowtype.Field
	own     map[string]*rowtype.Field
	must    []string // of own
	known   []string // parameters, sorted
	fields  []string // that may be filtered, sorted
	orders  []string // fields that may be sorted, sorted
	cursors bool     // lists can be read by cursors
	plain   Query    // what a query without filter and sort asks for
}

func newQueries(d *declaration, opts Options, own map[string]*rowtype.Field) queries {
	q := queries{page: opts.Page, filters: d.filters, sorts: d.sorts, own: own, cursors: opts.Cursors != nil}
	q.known = []string{"limit", "page"}
	if q.cursors {
		q.known = append(q.known, "cursor")
	}
	q.fields = slices.Sorted(slices.Values(opts.Filter))
	q.orders = slices.Sorted(slices.Values(opts.Sort))
	if len(q.fields) > 0 {
		q.known = append(q.known, "filter")
	}
	if len(q.orders) > 0 {
		q.known = append(q.known, "sort")
	}
	for _, p := range opts.Params {
		q.known = append(q.known, p.Name)
		if p.Required {
			q.must = append(q.must, p.Name)
		}
	}
	slices.Sort(q.known)
	q.plain = Query{Sort: []Order{{Field: "id"}}, MaxTotal: opts.MaxTotal}
	return q
}

// asked is the page that a query asks for: by its number, or by a cursor.
type asked struct {
	paginate.Request
	cursor   string
	byCursor bool
}

// parse reads a raw query. The error is a 400 that names the parameter.
func (q *queries) parse(rawQuery string) (Query, asked, error) {
	var page asked
	var err error
	if page.Request, err = q.page.ParseQuery(rawQuery); err != nil {
		return Query{}, page, err
	}
	out := q.plain
	out.Offset, out.Limit = page.Offset(), page.Limit
	if rawQuery == "" {
		return out, page, q.missing(nil)
	}
	sorted, byPage := false, false
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, err := decodePair(pair)
		if err != nil {
			return Query{}, page, err
		}
		switch {
		case name == "page" || name == "limit": // read above
			byPage = byPage || name == "page"
		case name == "cursor" && q.cursors:
			if page.byCursor {
				return Query{}, page, apierror.BadRequest("cursor", "duplicate", "cursor must be given only once")
			}
			page.cursor, page.byCursor = value, true
		case name == "filter" && len(q.fields) > 0:
			c, err := q.condition(value)
			if err != nil {
				return Query{}, page, err
			}
			if slices.ContainsFunc(out.Filter, func(o Condition) bool { return o.Field == c.Field && o.Op == c.Op }) {
				return Query{}, page, apierror.BadRequest("filter", "duplicate",
					"filter must compare "+c.Field+" with "+c.Op+" only once")
			}
			out.Filter = append(out.Filter, c)
		case name == "sort" && len(q.orders) > 0:
			if sorted {
				return Query{}, page, apierror.BadRequest("sort", "duplicate", "sort must be given only once")
			}
			sorted = true
			if out.Sort, err = q.order(value); err != nil {
				return Query{}, page, err
			}
		case q.own[name] != nil:
			if err := q.param(&out, name, value); err != nil {
				return Query{}, page, err
			}
		default:
			return Query{}, page, q.unknown(name, value)
		}
	}
	if page.byCursor && byPage {
		return Query{}, page, errBoth
	}
	return out, page, q.missing(out.Params)
}

// param reads a parameter of one's own.
func (q *queries) param(out *Query, name, value string) error {
	if _, ok := out.Params[name]; ok {
		return apierror.BadRequest(name, "duplicate", name+" must be given only once")
	}
	v, err := q.own[name].Parse(value)
	if err != nil {
		return apierror.BadRequest(name, "type", name+" must be "+err.Error())
	}
	if out.Params == nil {
		out.Params = make(map[string]any, len(q.own))
	}
	out.Params[name] = v
	return nil
}

func (q *queries) missing(params map[string]any) error {
	for _, name := range q.must {
		if _, ok := params[name]; !ok {
			return apierror.BadRequest(name, "required", name+" is required")
		}
	}
	return nil
}

func decodePair(pair string) (name, value string, err error) {
	name, value, _ = strings.Cut(pair, "=")
	if strings.ContainsAny(pair, "%+;") {
		var errName, errValue error
		name, errName = url.QueryUnescape(name)
		value, errValue = url.QueryUnescape(value)
		if errName != nil || errValue != nil || strings.IndexByte(pair, ';') >= 0 {
			return "", "", apierror.BadRequest("", "encoding", "The query does not decode")
		}
	}
	return name, value, nil
}

// unknown refuses a parameter. A field's name gets the filter that was meant.
func (q *queries) unknown(name, value string) error {
	field := strings.TrimRight(name, "!<>~^")
	if slices.Contains(q.fields, field) {
		name = shorten(name)
		return apierror.BadRequest(name, "unknown",
			"Unknown parameter "+name+"; use filter="+name+"="+shorten(strings.ToValidUTF8(value, "�")))
	}
	return unknownParameter(name, q.known, q.fields)
}

// unknownParameter returns the 400 for a parameter that is none, with the
// nearest that is.
func unknownParameter(name string, known, fields []string) error {
	name = shorten(strings.ToValidUTF8(name, "�"))
	message := "Unknown parameter " + name
	if near := nearest.Of(name, known); near != "" {
		message += "; did you mean " + near + "?"
	} else if near := nearest.Of(name, fields); near != "" {
		message += "; did you mean filter=" + near + "=...?"
	}
	return apierror.BadRequest(name, "unknown", message)
}

// condition reads field, operator and value. The first operator ends the field.
func (q *queries) condition(s string) (Condition, error) {
	at := strings.IndexAny(s, "=!<>")
	if at < 0 {
		return Condition{}, apierror.BadRequest("filter", "operator",
			"filter must be a field, an operator and a value, such as filter="+q.fields[0]+"="+samples[q.filters[q.fields[0]].Kind])
	}
	name, op, value := s[:at], s[at:at+1], s[at+1:]
	switch {
	case op == "=" && at > 0 && (s[at-1] == '~' || s[at-1] == '^'):
		name, op = s[:at-1], s[at-1:at+1]
	case op != "=" && strings.HasPrefix(value, "="):
		op, value = s[at:at+2], value[1:]
	}
	f := q.filters[name]
	if f == nil {
		return Condition{}, q.noField("filter", name, q.fields)
	}
	if op == "!" {
		return Condition{}, apierror.BadRequest("filter", "operator", "filter has no operator !; use !=")
	}
	if may := operators(f); !slices.Contains(may, op) {
		last := len(may) - 1
		return Condition{}, apierror.BadRequest("filter", "operator",
			"filter can compare "+name+" with "+strings.Join(may[:last], " ")+" and "+may[last]+" only")
	}
	if op == opOneOf {
		values, err := list(f, value)
		return Condition{Field: name, Op: op, Value: values}, err
	}
	read, err := f.Parse(value)
	if err != nil {
		return Condition{}, apierror.BadRequest("filter", "type", "filter must compare "+name+" with "+err.Error())
	}
	return Condition{Field: name, Op: op, Value: read}, nil
}

// samples are values that a message shows.
var samples = map[rowtype.Kind]string{
	rowtype.String: "abc", rowtype.Bool: "true", rowtype.Int: "1", rowtype.Uint: "1", rowtype.Float: "1.5", rowtype.Time: "2026-01-02T15:04:05Z",
}

// order reads the fields of a sort and appends the id, so that no two rows are
// equal and pages never overlap. It goes in the direction of the last field: then
// one index over both serves the list up and down.
func (q *queries) order(s string) ([]Order, error) {
	var orders []Order
	for name := range strings.SplitSeq(s, ",") {
		o := Order{Field: name}
		o.Field, o.Desc = strings.CutPrefix(name, "-")
		if q.sorts[o.Field] == nil {
			return nil, q.noField("sort", o.Field, q.orders)
		}
		if slices.ContainsFunc(orders, func(other Order) bool { return other.Field == o.Field }) {
			return nil, apierror.BadRequest("sort", "duplicate", "sort must name "+o.Field+" only once")
		}
		orders = append(orders, o)
	}
	for i, o := range orders {
		if o.Field == "id" {
			return orders[:i+1], nil
		}
	}
	return append(orders, Order{Field: "id", Desc: orders[len(orders)-1].Desc}), nil
}

func (q *queries) noField(parameter, name string, fields []string) error {
	name = shorten(strings.ToValidUTF8(name, "�"))
	message := parameter + " has no field " + name
	if name == "" {
		message = parameter + " must name a field"
	}
	if near := nearest.Of(name, fields); near != "" {
		message += "; did you mean " + near + "?"
	} else {
		message += "; the fields are " + strings.Join(fields, ", ")
	}
	return apierror.BadRequest(parameter, "unknown", message)
}
