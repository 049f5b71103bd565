package paginate_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
)

// refusal is what a 400 says of a query.
type refusal struct {
	Status      int
	Field, Code string
}

func refusalOf(t *testing.T, err error) refusal {
	t.Helper()
	if err == nil {
		return refusal{}
	}
	e, ok := errors.AsType[*apierror.Error](err)
	if !ok {
		t.Fatalf("error = %v (%T), want an *apierror.Error", err, err)
	}
	return refusal{e.Status, e.Details.Field, e.Details.Code}
}

// parseAll reads query in all three ways and fails where they disagree. Parse
// can only be asked where the query decodes.
func parseAll(t *testing.T, o paginate.Options, query string) (paginate.Request, error) {
	t.Helper()
	got, err := o.ParseQuery(query)

	r := &http.Request{URL: &url.URL{Path: "/leads", RawQuery: query}}
	fromRequest, requestErr := o.ParseRequest(r)
	if diff := cmp.Diff(got, fromRequest); diff != "" || message(err) != message(requestErr) {
		t.Errorf("%q: ParseRequest = %+v, %v; ParseQuery = %+v, %v", query, fromRequest, requestErr, got, err)
	}

	values, decodeErr := url.ParseQuery(query)
	if decodeErr != nil {
		if refusalOf(t, err).Code != "encoding" {
			t.Errorf("ParseQuery(%q) = %+v, %v; want code encoding, since url.ParseQuery fails: %v", query, got, err, decodeErr)
		}
		return got, err
	}
	fromValues, valuesErr := o.Parse(values)
	if diff := cmp.Diff(got, fromValues); diff != "" || message(err) != message(valuesErr) {
		t.Errorf("%q: Parse = %+v, %v; ParseQuery = %+v, %v", query, fromValues, valuesErr, got, err)
	}
	return got, err
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts  paginate.Options
		query string
		want  paginate.Request
	}{
		"page and limit default to 1 and 25":       {query: "", want: paginate.Request{Page: 1, Limit: 25}},
		"both are given":                           {query: "page=3&limit=50", want: paginate.Request{Page: 3, Limit: 50}},
		"only page is given":                       {query: "page=7", want: paginate.Request{Page: 7, Limit: 25}},
		"only limit is given":                      {query: "limit=1", want: paginate.Request{Page: 1, Limit: 1}},
		"limit at the maximum":                     {query: "limit=100", want: paginate.Request{Page: 1, Limit: 100}},
		"page 999,999 at limit 25 is in bounds":    {query: "page=999999&limit=25", want: paginate.Request{Page: 999999, Limit: 25}},
		"empty pairs are ignored":                  {query: "&&page=2&&&limit=5&", want: paginate.Request{Page: 2, Limit: 5}},
		"percent-encoded name":                     {query: "%70age=2", want: paginate.Request{Page: 2, Limit: 25}},
		"percent-encoded name in lower-case hex":   {query: "%6cim%69t=2", want: paginate.Request{Page: 1, Limit: 2}},
		"percent-encoded value":                    {query: "page=%32%30", want: paginate.Request{Page: 20, Limit: 25}},
		"other parameters are ignored":             {query: "filter=active=true&sort=-name&q=%C3%A9", want: paginate.Request{Page: 1, Limit: 25}},
		"other parameters may repeat":              {query: "filter=a=1&filter=b=2&page=2", want: paginate.Request{Page: 2, Limit: 25}},
		"names are case-sensitive":                 {query: "Page=0&LIMIT=x", want: paginate.Request{Page: 1, Limit: 25}},
		"a longer name is another one":             {query: "pages=0&limits=x&pag=y", want: paginate.Request{Page: 1, Limit: 25}},
		"a name with a plus is another one":        {query: "page+=0&+limit=x", want: paginate.Request{Page: 1, Limit: 25}},
		"a name with a null byte is another one":   {query: "page%00=0", want: paginate.Request{Page: 1, Limit: 25}},
		"a pair without a name":                    {query: "=5&=&page=2", want: paginate.Request{Page: 2, Limit: 25}},
		"invalid UTF-8 elsewhere":                  {query: "q=%ff", want: paginate.Request{Page: 1, Limit: 25}},
		"own defaults":                             {opts: paginate.Options{DefaultLimit: 10, MaxLimit: 20}, query: "", want: paginate.Request{Page: 1, Limit: 10}},
		"a maximum below the default lowers it":    {opts: paginate.Options{MaxLimit: 10}, query: "", want: paginate.Request{Page: 1, Limit: 10}},
		"a default above the maximum is lowered":   {opts: paginate.Options{DefaultLimit: 500}, query: "", want: paginate.Request{Page: 1, Limit: 100}},
		"negative options stand for the defaults":  {opts: paginate.Options{DefaultLimit: -1, MaxLimit: -1}, query: "limit=100", want: paginate.Request{Page: 1, Limit: 100}},
		"own maximum":                              {opts: paginate.Options{MaxLimit: 1000}, query: "limit=1000", want: paginate.Request{Page: 1, Limit: 1000}},
		"clamping lowers a limit":                  {opts: paginate.Options{Clamp: true}, query: "limit=5000", want: paginate.Request{Page: 1, Limit: 100}},
		"clamping lowers the highest number":       {opts: paginate.Options{Clamp: true}, query: "limit=2147483647", want: paginate.Request{Page: 1, Limit: 100}},
		"clamping leaves a limit in bounds":        {opts: paginate.Options{Clamp: true}, query: "limit=7", want: paginate.Request{Page: 1, Limit: 7}},
		"the offset is bounded after the clamping": {opts: paginate.Options{Clamp: true, MaxOffset: 100}, query: "limit=5000&page=2", want: paginate.Request{Page: 2, Limit: 100}},
		"own bound on the offset":                  {opts: paginate.Options{MaxOffset: 50}, query: "page=3", want: paginate.Request{Page: 3, Limit: 25}},
		"no bound on the offset":                   {opts: paginate.Options{MaxOffset: -1}, query: "page=2147483647&limit=100", want: paginate.Request{Page: 2147483647, Limit: 100}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseAll(t, tt.opts, tt.query)
			if err != nil {
				t.Fatalf("ParseQuery(%q): %v", tt.query, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseQuery(%q) mismatch (-want +got):\n%s", tt.query, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	// The key is the query, the value the field and the code of the 400.
	tests := map[string]string{
		// no number
		"page=": "page integer", "page": "page integer", "limit=": "limit integer", "limit": "limit integer",
		"page=abc": "page integer", "limit=abc": "limit integer", "page=1a": "page integer", "page=a1": "page integer",
		"page=null": "page integer", "page=true": "page integer", "page=NaN": "page integer", "page=Infinity": "page integer",
		"limit=all": "limit integer", "page='1'": "page integer", "page=\"1\"": "page integer", "page=[1]": "page integer",
		"page={1}": "page integer", "page=1,2": "page integer", "page=1|2": "page integer", "page=$1": "page integer",
		"page==1": "page integer", "page=1=": "page integer", "page=1=2": "page integer", "limit=?": "limit integer",
		"page=1?limit=2": "page integer", "page=1/": "page integer", "page=1#2": "page integer", "page=1\\": "page integer",
		// signs
		"page=-1": "page integer", "page=+1": "page integer", "page=%2B1": "page integer", "page=%2D1": "page integer",
		"limit=-25": "limit integer", "limit=+25": "limit integer", "page=-0": "page integer", "page=--1": "page integer",
		"page=−1": "page integer", "page=1-": "page integer", "page=-": "page integer", "page=+": "page integer",
		// leading zeros
		"page=01": "page integer", "page=00": "page integer", "limit=025": "limit integer", "page=%301": "page integer",
		"page=0000000000000000000001": "page integer",
		// other ways to write a number
		"page=1.0": "page integer", "page=1.": "page integer", "page=.5": "page integer", "page=1,000": "page integer",
		"page=1_000": "page integer", "page=1e3": "page integer", "page=1E3": "page integer", "page=0x10": "page integer",
		"page=0b1": "page integer", "page=0o7": "page integer", "limit=1e1": "limit integer", "limit=25.0": "limit integer",
		"page=1l": "page integer", "page=1n": "page integer", "page=Ⅳ": "page integer", "page=①": "page integer",
		"page=²": "page integer", "page=١": "page integer", "page=%D9%A1": "page integer", "page=１": "page integer",
		"page=१": "page integer", "page=一": "page integer", "limit=٢٥": "limit integer", "page=½": "page integer",
		// blanks and control characters
		"page=+1+": "page integer", "page=1+": "page integer", "page=%201": "page integer", "page=1%20": "page integer",
		"page=%091": "page integer", "page=1%0A": "page integer", "page=1%0D%0A": "page integer", "page=%00": "page integer",
		"page=1%00": "page integer", "page=%001": "page integer", "page=1%7F": "page integer", "page=%C2%A01": "page integer",
		"page=%E2%80%8B1": "page integer", "page=%EF%BB%BF1": "page integer", "limit=25%20": "limit integer", "page= 1": "page integer",
		// not UTF-8
		"page=%FF": "page integer", "page=%C0%B1": "page integer", "page=1%ED%A0%80": "page integer", "page=\xff": "page integer",
		// below the minimum
		"page=0": "page min", "limit=0": "limit min", "%70age=%30": "page min",
		// above the maximum
		"limit=101": "limit max", "limit=5000": "limit max", "limit=2147483647": "limit max", "limit=2147483648": "limit max",
		"limit=9223372036854775807": "limit max", "limit=9223372036854775808": "limit max", "limit=18446744073709551617": "limit max",
		"page=2147483648": "page max", "page=4294967297": "page max", "page=9223372036854775807": "page max",
		"page=9223372036854775808": "page max", "page=18446744073709551617": "page max", "page=99999999999999999999": "page max",
		"page=340282366920938463463374607431768211457": "page max", "page=1" + strings.Repeat("0", 5000): "page max",
		// too deep
		"page=2147483647": "page max", "page=1000002": "page max", "page=250002&limit=100": "page max",
		// repeated
		"page=1&page=1": "page duplicate", "page=1&page=2": "page duplicate", "limit=5&limit=5": "limit duplicate",
		"limit=5&page=1&limit=500": "limit duplicate", "page=&page=": "page duplicate", "page&page": "page duplicate",
		"page=1&%70age=2": "page duplicate", "page=1&pag%65=1": "page duplicate", "page=1&&page=1": "page duplicate",
		"limit=1&limit=": "limit duplicate", "page=1&page=abc": "page duplicate", "page=0&page=1&page=2": "page duplicate",
		// a query that does not decode
		"page=%": "page encoding", "page=%3": "page encoding", "page=%zz": "page encoding", "page=%3x": "page encoding",
		"page=1%": "page encoding", "limit=%u0031": "limit encoding", "page=1;limit=5": "page encoding", "page=1;": "page encoding",
		";": "query encoding", "&;&": "query encoding", "%=1": "query encoding", "%zz=1&page=2": "query encoding",
		"page;=1": "query encoding", "q=%": "q encoding", "page=2&q=%e": "q encoding", "%70age=%": "page encoding",
		"q=100%&page=2": "q encoding", "filter=a;b&limit=5": "filter encoding", "=%": "query encoding",
		"page=0&q=%": "q encoding", "page=1&page=2&q=%": "q encoding",
		strings.Repeat("a", 65) + "=%":    "query encoding",
		strings.Repeat("&", 10_000):       "query encoding",
		strings.Repeat("a=1&", 10_000):    "query encoding",
		"page=1" + strings.Repeat("%", 9): "page encoding",
		// page is looked at before limit
		"limit=0&page=0": "page min", "limit=x&limit=y&page=z": "page integer",
	}
	if len(tests) < 100 {
		t.Fatalf("%d malformed queries, want at least 100", len(tests))
	}
	for query, want := range tests {
		t.Run(query[:min(len(query), 40)], func(t *testing.T) {
			t.Parallel()
			got, err := parseAll(t, paginate.Options{}, query)
			field, code, _ := strings.Cut(want, " ")
			if diff := cmp.Diff(refusal{400, field, code}, refusalOf(t, err)); diff != "" {
				t.Errorf("ParseQuery(%.60q) = %+v, %v; mismatch (-want +got):\n%s", query, got, err, diff)
			}
			if got != (paginate.Request{}) {
				t.Errorf("ParseQuery(%.60q) = %+v beside an error, want the zero Request", query, got)
			}
		})
	}
}

func TestParseMessages(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts  paginate.Options
		query string
		want  string
	}{
		"limit above the maximum":   {query: "limit=101", want: "limit must be at most 100"},
		"limit above its own":       {opts: paginate.Options{MaxLimit: 10}, query: "limit=11", want: "limit must be at most 10"},
		"huge limit while clamping": {opts: paginate.Options{Clamp: true}, query: "limit=2147483648", want: "limit must be at most 2147483647"},
		"limit no number":           {query: "limit=x", want: "limit must be a whole number from 1 to 100, written in digits alone"},
		"page no number":            {query: "page=", want: "page must be a whole number from 1 to 2147483647, written in digits alone"},
		"page zero":                 {query: "page=0", want: "page must be at least 1"},
		"page too deep":             {query: "page=2000000&limit=50", want: "page must be at most 500001 with a limit of 50"},
		"page too deep for its own": {opts: paginate.Options{MaxOffset: 99}, query: "page=5", want: "page must be at most 4 with a limit of 25"},
		"page twice":                {query: "page=1&page=1", want: "page must be given only once"},
		"value does not decode":     {query: "q=100%", want: "q does not decode: write % as %25 and ; as %3B"},
		"name does not decode":      {query: "%=1", want: "query does not decode: write % as %25 and ; as %3B"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseAll(t, tt.opts, tt.query)
			e, ok := errors.AsType[*apierror.Error](err)
			if !ok {
				t.Fatalf("ParseQuery(%q): error = %v, want an *apierror.Error", tt.query, err)
			}
			if e.Message != tt.want {
				t.Errorf("ParseQuery(%q): message %q, want %q", tt.query, e.Message, tt.want)
			}
		})
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	for req, want := range map[paginate.Request]int{
		{Page: 1, Limit: 25}:        0,
		{Page: 2, Limit: 25}:        25,
		{Page: 999_999, Limit: 25}:  24_999_950,
		{}:                          0,
		{Page: -3, Limit: 10}:       0,
		{Page: 3, Limit: -10}:       0,
		{Page: 1 << 20, Limit: 100}: (1<<20 - 1) * 100,
	} {
		if got := req.Offset(); got != want {
			t.Errorf("%+v.Offset() = %d, want %d", req, got, want)
		}
	}
}

// FuzzParse holds the contract against any query: what is accepted is in bounds,
// what is refused names its parameter, and the three ways to read agree.
func FuzzParse(f *testing.F) {
	for _, query := range []string{
		"", "page=1&limit=25", "page=-1", "limit=1e9", "page=%00&page=2", "%70age=2", "page=1;limit=2", "&&", "q=%", "limit=101",
		"page=999999&limit=25", "page=2147483647", "=&=", "page=+1", "page=\u0661",
	} {
		f.Add(query, false)
	}
	f.Fuzz(func(t *testing.T, query string, clamp bool) {
		got, err := parseAll(t, paginate.Options{Clamp: clamp}, query)
		if err != nil {
			switch r := refusalOf(t, err); {
			case r.Status != 400, r.Field == "" && r.Code != "encoding", r.Code == "", got != (paginate.Request{}):
				t.Errorf("ParseQuery(%q) = %+v, %+v, outside the contract", query, got, r)
			}
			return
		}
		if got.Page < 1 || got.Limit < 1 || got.Limit > 100 || got.Offset() < 0 || got.Offset() > 25_000_000 {
			t.Errorf("ParseQuery(%q) = %+v, outside the contract", query, got)
		}
	})
}

func TestParseQueryDoesNotAllocate(t *testing.T) {
	const query = "filter=active%3Dtrue&page=3&sort=-created_at&%6Cimit=50"
	r := httptest.NewRequest("GET", "/leads?"+query, nil)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := (paginate.Options{}).ParseRequest(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("ParseRequest allocates %v times, want 0", n)
	}
}

func BenchmarkParseQuery(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (paginate.Options{}).ParseQuery("filter=active%3Dtrue&page=3&limit=50"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkURLQuery is what BenchmarkParseQuery is held against: the map alone.
func BenchmarkURLQuery(b *testing.B) {
	u := &url.URL{RawQuery: "filter=active%3Dtrue&page=3&limit=50"}
	b.ReportAllocs()
	for b.Loop() {
		q := u.Query()
		if q.Get("page") != "3" || q.Get("limit") != "50" {
			b.Fatal(q)
		}
	}
}
