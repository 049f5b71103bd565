package resource_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource"
)

// seeded returns a resource with the leads l0 to l9, of which the even ones are
// active and every third one has no address.
func seeded(t testing.TB, opts resource.Options) *resource.Resource[Lead, LeadInput] {
	t.Helper()
	leads, _ := newLeads(t, opts)
	for n := range 10 {
		body := fmt.Sprintf(`{"name":"l%d","value":%g,"active":%t}`, n, float64(n)/2, n%2 == 0)
		if n%3 > 0 {
			body = strings.Replace(body, "{", fmt.Sprintf(`{"email":"e%d@example.com",`, n), 1)
		}
		if rec := do(leads, editor, "POST", "/leads", body); rec.Code != 201 {
			t.Fatalf("POST %s = %d %s", body, rec.Code, rec.Body)
		}
	}
	return leads
}

// names returns the names of a list, in order.
func names(t testing.TB, body string) string {
	t.Helper()
	var list struct{ Data []Lead }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var names []string
	for _, lead := range list.Data {
		names = append(names, strings.TrimPrefix(lead.Name, "l"))
	}
	return strings.Join(names, "")
}

func TestFilterAndSort(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	tests := map[string]struct {
		query string
		want  string // names, each in one digit
	}{
		"equal":                         {query: "filter=active=true&sort=name", want: "02468"},
		"not equal":                     {query: "filter=active!=true&sort=name", want: "13579"},
		"above":                         {query: "filter=value>3&sort=name", want: "789"},
		"at least":                      {query: "filter=value>=3&sort=name", want: "6789"},
		"below":                         {query: "filter=value<1&sort=name", want: "01"},
		"at most":                       {query: "filter=value<=1&sort=name", want: "012"},
		"between":                       {query: "filter=value>1&filter=value<3&sort=name", want: "345"},
		"several fields":                {query: "filter=active=true&filter=value>=2&sort=-name", want: "864"},
		"escaped":                       {query: "filter=value%3E%3D4&sort=name", want: "89"},
		"the first operator ends it":    {query: "filter=name==a", want: ""},
		"a value with operators":        {query: "filter=name!=<>!%3D&sort=name", want: "0123456789"},
		"null equals nothing":           {query: "filter=email=&sort=name", want: ""},
		"null differs from every value": {query: "filter=email!=e1@example.com&sort=name", want: "023456789"},
		"null is not below":             {query: "filter=email<f&sort=name", want: "124578"},
		"one of":                        {query: "filter=name~=l3,l1,nobody,l3&sort=name", want: "13"},
		"one of one":                    {query: "filter=name~=l3", want: "3"},
		"one of numbers":                {query: "filter=value~=1,2.50,1.0e0,-7&sort=name", want: "25"},
		"one of times":                  {query: "filter=created_at~=2000-01-01T00:00:00Z,2000-01-01T00:00:00%2B02:00", want: ""},
		"one of quoted values":          {query: `filter=name~="l3","l1"&sort=name`, want: "13"},
		"one of values with commas":     {query: `filter=name~="l3,l1",l2`, want: "2"},
		"null is in no list":            {query: `filter=email~=null,"",e1@example.com`, want: "1"},
		"a list after =":                {query: "filter=name=l3,l1", want: ""},
		"a list's operator in a value":  {query: "filter=name!=~=l1&filter=name=l2", want: "2"},
		"one of, among others":          {query: "filter=name~=l3,l4,l5&filter=name!=l4&filter=name^=l&sort=name", want: "35"},
		"begins with":                   {query: "filter=name^=l&filter=value<1&sort=name", want: "01"},
		"begins with all of it":         {query: "filter=name^=l4", want: "4"},
		"begins with more than it":      {query: "filter=name^=l44", want: ""},
		"begins in another case":        {query: "filter=name^=L", want: ""},
		"begins with no pattern":        {query: "filter=name^=%25", want: ""},
		"begins with nothing":           {query: "filter=name^=&sort=name", want: "0123456789"},
		"null begins with nothing":      {query: "filter=email^=&sort=name", want: "124578"},
		"begins, escaped":               {query: "filter=name%5E%3Dl4", want: "4"},
		"begins with a list":            {query: "filter=name^=l3,l4", want: ""},
		"null comes first":              {query: "sort=email,name", want: "0369124578"},
		"and last in descending order":  {query: "sort=-email,-name", want: "8754219630"},
		"equal values by id":            {query: "sort=active", want: "1357902468"},
		"in the last direction":         {query: "sort=-active", want: "8642097531"},
		"by several fields":             {query: "sort=active,-value", want: "9753186420"},
		"a number in another form":      {query: "filter=value=1.0e0", want: "2"},
		"strings by their bytes":        {query: "filter=name>L9&sort=name", want: "0123456789"},
		"empty pairs":                   {query: "&&sort=name&", want: "0123456789"},
		"pages":                         {query: "sort=name&page=2&limit=4", want: "4567"},
		"created after the beginning":   {query: "filter=created_at>2000-01-01T00:00:00Z&sort=name", want: "0123456789"},
		"with an offset":                {query: "filter=created_at<2000-01-01T00:00:00%2B02:00", want: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(leads, editor, "GET", "/leads?"+tt.query, "")
			if rec.Code != 200 {
				t.Fatalf("GET ?%s = %d %s", tt.query, rec.Code, rec.Body)
			}
			if got := names(t, rec.Body.String()); got != tt.want {
				t.Errorf("GET ?%s = %s, want %s", tt.query, got, tt.want)
			}
			if !strings.Contains(tt.query, "page") && !strings.Contains(rec.Body.String(), `"total":`+strconv.Itoa(len(tt.want))+",") {
				t.Errorf("GET ?%s = %s, want total %d", tt.query, rec.Body, len(tt.want))
			}
		})
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	tests := map[string]struct {
		query   string
		field   string
		code    string
		message string
	}{
		"an unknown parameter":       {"lmit=3", "lmit", "unknown", "Unknown parameter lmit; did you mean limit?"},
		"one in another case":        {"Page=3", "Page", "unknown", "Unknown parameter Page; did you mean page?"},
		"one like nothing":           {"verbose=1", "verbose", "unknown", "Unknown parameter verbose"},
		"a unit":                     {"org_unit=uk", "org_unit", "unknown", "Unknown parameter org_unit"},
		"a field":                    {"active=true", "active", "unknown", "Unknown parameter active; use filter=active=true"},
		"a field with an operator":   {"value>=3", "value>", "unknown", "Unknown parameter value>; use filter=value>=3"},
		"nearly a field":             {"activ=true", "activ", "unknown", "Unknown parameter activ; did you mean filter=active=...?"},
		"page twice":                 {"page=1&page=2", "page", "duplicate", ""},
		"limit above the maximum":    {"limit=101", "limit", "max", ""},
		"page zero":                  {"page=0", "page", "min", ""},
		"sort twice":                 {"sort=name&sort=value", "sort", "duplicate", "sort must be given only once"},
		"a sort by one field twice":  {"sort=name,-name", "sort", "duplicate", "sort must name name only once"},
		"a sort by no such field":    {"sort=nam", "sort", "unknown", "sort has no field nam; did you mean name?"},
		"a sort by a hidden field":   {"sort=org_unit", "sort", "unknown", "sort has no field org_unit; the fields are active, created_at, email, name, updated_at, value"},
		"an empty sort":              {"sort=", "sort", "unknown", "sort must name a field; the fields are active, created_at, email, name, updated_at, value"},
		"a sort with an empty field": {"sort=name,", "sort", "unknown", ""},
		"a filter without operator":  {"filter=active", "filter", "operator", "filter must be a field, an operator and a value, such as filter=active=true"},
		"a filter with half of one":  {"filter=active!true", "filter", "operator", "filter has no operator !; use !="},
		"a filter without a field":   {"filter==true", "filter", "unknown", ""},
		"a filter by no such field":  {"filter=actve=true", "filter", "unknown", "filter has no field actve; did you mean active?"},
		"a filter by another's name": {"filter=org_unit=uk", "filter", "unknown", "filter has no field org_unit; the fields are active, created_at, email, name, updated_at, value"},
		"a list of bools":            {"filter=active~=true", "filter", "operator", "filter can compare active with = and != only"},
		"a beginning of numbers":     {"filter=value^=1", "filter", "operator", "filter can compare value with = != > >= < <= and ~= only"},
		"a beginning of times":       {"filter=created_at^=2026", "filter", "operator", ""},
		"an empty list":              {"filter=name~=", "filter", "list", `filter must list values of name: an empty value is written ""`},
		"a list with a gap":          {"filter=name~=a,,b", "filter", "list", ""},
		"a list with a comma behind": {"filter=name~=a,", "filter", "list", ""},
		"a list with a space":        {"filter=name~=a,+b", "filter", "list", "filter must list values of name: a value that begins or ends with a space stands in double quotes"},
		"a list with an open quote":  {`filter=name~="a`, "filter", "list", `filter must list values of name: a value with a comma or a double quote stands in double quotes, in which "" is one`},
		"a list with a quote inside": {`filter=name~=a"b`, "filter", "list", ""},
		"a list behind a quote":      {`filter=name~="a"b`, "filter", "list", ""},
		"a list of 101 values":       {"filter=value~=1" + strings.Repeat(",1", 100), "filter", "max", "filter must list at most 100 values of value"},
		"a list with no number":      {"filter=value~=1,x", "filter", "type", "filter must compare value with a number"},
		"a list twice":               {"filter=value~=1&filter=value~=2", "filter", "duplicate", "filter must compare value with ~= only once"},
		"a list with bad bytes":      {"filter=name~=a,%FF", "filter", "type", ""},
		"a beginning of bad bytes":   {"filter=name^=%C3", "filter", "type", ""},
		"half of an operator":        {"filter=name~l", "filter", "operator", ""},
		"the other half":             {"filter=name=~l~=x&filter=nam~=x", "filter", "unknown", "filter has no field nam; did you mean name?"},
		"a field with a list":        {"name~=a,b", "name~", "unknown", "Unknown parameter name~; use filter=name~=a,b"},
		"an order of bools":          {"filter=active>false", "filter", "operator", "filter can compare active with = and != only"},
		"no bool":                    {"filter=active=1", "filter", "type", "filter must compare active with true or false"},
		"no number":                  {"filter=value=x", "filter", "type", "filter must compare value with a number"},
		"an empty number":            {"filter=value=", "filter", "type", ""},
		"infinity":                   {"filter=value<Inf", "filter", "type", ""},
		"hexadecimal":                {"filter=value=0x1p4", "filter", "type", ""},
		"no time":                    {"filter=created_at>yesterday", "filter", "type", "filter must compare created_at with a time such as 2026-01-02T15:04:05Z, with microseconds at most"},
		"a time with a short hour":   {"filter=created_at>2026-01-02T5:04:05Z", "filter", "type", ""},
		"a time with a comma":        {"filter=created_at>2026-01-02T15:04:05,5Z", "filter", "type", ""},
		"a time 24 hours off":        {"filter=created_at>2026-01-02T15:04:05%2B24:00", "filter", "type", ""},
		"a time in nanoseconds":      {"filter=created_at>2026-01-02T15:04:05.0000001Z", "filter", "type", ""},
		"a string of bad bytes":      {"filter=name=%FF", "filter", "type", "filter must compare name with valid UTF-8 without U+0000"},
		"a string with U+0000":       {"filter=name=%00", "filter", "type", ""},
		"one comparison twice":       {"filter=value>1&filter=value>2", "filter", "duplicate", "filter must compare value with > only once"},
		"a bad escape":               {"filter=name=%zz", "", "encoding", ""},
		"a semicolon":                {"page=1;limit=2", "", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(leads, editor, "GET", "/leads?"+strings.ReplaceAll(tt.query, " ", "+"), "")
			var body struct {
				Error, Message string
				Details        struct{ Field, Code string }
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || rec.Code != 400 || body.Error != "bad_request" {
				t.Fatalf("GET ?%s = %d %s, want 400", tt.query, rec.Code, rec.Body)
			}
			if tt.code != "" && (body.Details.Field != tt.field && tt.field != "" || body.Details.Code != tt.code) {
				t.Errorf("GET ?%s: details %+v, want field %q and code %q", tt.query, body.Details, tt.field, tt.code)
			}
			if tt.message != "" && body.Message != tt.message {
				t.Errorf("GET ?%s: %s", tt.query, cmp.Diff(tt.message, body.Message))
			}
		})
	}
}

func TestParametersWhereNoneAreRead(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"x"}`).Header().Get("Location")
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		rec := do(leads, editor, method, target+"?page=1", `{"name":"x"}`)
		if want := refused("page", "unknown", "Unknown parameter page"); rec.Code != 400 || rec.Body.String() != want {
			t.Errorf("%s %s?page=1 = %d %s, want 400 %s", method, target, rec.Code, rec.Body, want)
		}
	}
	if rec := do(leads, editor, "POST", "/leads?dry_run=1", `{"name":"x"}`); rec.Code != 400 {
		t.Errorf("POST ?dry_run=1 = %d %s, want 400", rec.Code, rec.Body)
	}
}

func TestPagesWithoutFilterAndSort(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{Filter: []string{}, DataKey: "leads"})
	rec := do(leads, editor, "GET", "/leads?filter=name=l1", "")
	if want := refused("filter", "unknown", "Unknown parameter filter"); rec.Body.String() != want {
		t.Errorf("GET with a filter that was not declared = %s, want %s", rec.Body, want)
	}
	rec = do(leads, editor, "GET", "/leads?page=3&limit=4", "")
	if !strings.HasPrefix(rec.Body.String(), `{"leads":[{"id":`) || !strings.HasSuffix(rec.Body.String(), `],"total":10,"page":3,"limit":4}`) {
		t.Errorf("GET = %s", rec.Body)
	}
	want := `<?page=1&limit=4>; rel="first", <?page=2&limit=4>; rel="prev", <?page=3&limit=4>; rel="last"`
	if got := rec.Header().Get("Link"); got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
	if rec := do(leads, editor, "GET", "/leads?page=9&limit=4", ""); rec.Body.String() != `{"leads":[],"total":10,"page":9,"limit":4}` {
		t.Errorf("GET past the end = %s", rec.Body)
	}
}

func TestTotalsMayBeCapped(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{MaxTotal: 6})
	tests := map[string]struct{ query, end, link string }{
		"more rows": {
			"limit=2", `],"total":6,"total_capped":true,"page":1,"limit":2}`,
			`<?page=1&limit=2>; rel="first", <?page=2&limit=2>; rel="next"`,
		},
		"a page behind the cap": {
			"limit=4&page=3", `],"total":6,"total_capped":true,"page":3,"limit":4}`,
			`<?page=1&limit=4>; rel="first", <?page=2&limit=4>; rel="prev"`,
		},
		"as many rows": {
			"filter=value>=2&limit=5", `],"total":6,"page":1,"limit":5}`,
			`<?filter=value%3E=2&page=1&limit=5>; rel="first", <?filter=value%3E=2&page=2&limit=5>; rel="next", <?filter=value%3E=2&page=2&limit=5>; rel="last"`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(leads, editor, "GET", "/leads?"+tt.query, "")
			if rec.Code != 200 || !strings.HasSuffix(rec.Body.String(), tt.end) || rec.Header().Get("Link") != tt.link {
				t.Errorf("GET ?%s = %d %s\nLink: %s", tt.query, rec.Code, rec.Body, rec.Header().Get("Link"))
			}
		})
	}
}

// FuzzList reads lists. What is accepted has to come back from the same values
// written in quotes, and to be as many as the commas say that are not in quotes.
func FuzzList(f *testing.F) {
	for _, s := range []string{"a", "a,b", `"a,b",c`, `"a""b"`, `""`, `"`, ",", "a,", `"a"b`, " a", `"," ",",""`, "ü,\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := resource.SplitList(s)
		if err != nil || len(values) > 100 {
			return
		}
		if len(values) == 0 {
			t.Fatalf("%q is a list of no values", s)
		}
		var quoted []string
		for _, v := range values {
			quoted = append(quoted, `"`+strings.ReplaceAll(v, `"`, `""`)+`"`)
			if !strings.Contains(s, `"`) && (v == "" || strings.ContainsAny(v, `,"`)) {
				t.Errorf("%q has the value %q", s, v)
			}
		}
		again, err := resource.SplitList(strings.Join(quoted, ","))
		if diff := cmp.Diff(values, again); err != nil || diff != "" {
			t.Errorf("%q written in quotes: %v\n%s", s, err, diff)
		}
		if !strings.Contains(s, `"`) && strings.Join(values, ",") != s {
			t.Errorf("%q is read as %q", s, values)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "page=2&limit=3", "filter=active=true", "filter=value>=1&filter=value<3", "sort=name,-created_at",
		"active=true", "filter=email!=", "filter=created_at>2026-01-02T15:04:05Z", "filter=%ff", "sort=,", "a;b", "&&", "filter=value=1e308",
		"filter=name~=l1,l2", `filter=name~="a,""b",""`, "filter=value~=1,2.5", "filter=name^=l", "filter=name^=\xf4\x8f\xbf\xbf", "filter=name~=,", `filter=name~="`,
	} {
		f.Add(s)
	}
	leads := seeded(f, resource.Options{Cursors: newPager(f, 1)})
	list, _ := listed(f, leads, editor, "limit=3&page=2")
	f.Add("limit=2&cursor=" + list.NextCursor)
	f.Add("cursor=" + list.PrevCursor + "&page=2")
	f.Fuzz(func(t *testing.T, query string) {
		u, err := url.Parse("/leads")
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = query
		rec := serveURL(leads, editor, u)
		switch rec.Code {
		case 200:
			var list struct {
				Data               []Lead
				Total, Page, Limit int
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil {
				t.Fatalf("GET ?%s = %s: %v", query, rec.Body, err)
			}
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Errorf("GET ?%s was served, and does not decode", query)
			}
			if values.Has("cursor") {
				list.Total = len(list.Data) // nobody has counted
			}
			if list.Data == nil || len(list.Data) > list.Limit || list.Total > 10 || len(list.Data) > list.Total || list.Limit > 100 {
				t.Errorf("GET ?%s = %s, outside the contract", query, rec.Body)
			}
			ids := map[string]bool{}
			for _, lead := range list.Data {
				ids[lead.ID] = true
			}
			if len(ids) != len(list.Data) {
				t.Errorf("GET ?%s has a row twice: %s", query, rec.Body)
			}
			for name, given := range values {
				if !slices.Contains([]string{"page", "limit", "filter", "sort", "cursor"}, name) || name != "filter" && len(given) > 1 {
					t.Errorf("GET ?%s was served with %s=%q", query, name, given)
				}
			}
		case 400:
			if !json.Valid(rec.Body.Bytes()) || rec.Body.Len() > 2000 {
				t.Errorf("GET ?%s = %s", query, rec.Body)
			}
		default:
			t.Errorf("GET ?%s = %d %s, want 200 or 400", query, rec.Code, rec.Body)
		}
	})
}
