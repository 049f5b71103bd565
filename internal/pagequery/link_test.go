package pagequery_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/internal/pagequery"
)

func TestLink(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		query       string
		page, limit int
		total       int64
		want        string
	}{
		"first of several":          {"", 1, 25, 150, `<?page=1&limit=25>; rel="first", <?page=2&limit=25>; rel="next", <?page=6&limit=25>; rel="last"`},
		"in the middle":             {"page=3", 3, 25, 150, `<?page=1&limit=25>; rel="first", <?page=2&limit=25>; rel="prev", <?page=4&limit=25>; rel="next", <?page=6&limit=25>; rel="last"`},
		"the last":                  {"page=6", 6, 25, 150, `<?page=1&limit=25>; rel="first", <?page=5&limit=25>; rel="prev", <?page=6&limit=25>; rel="last"`},
		"a last page with one row":  {"", 1, 25, 26, `<?page=1&limit=25>; rel="first", <?page=2&limit=25>; rel="next", <?page=2&limit=25>; rel="last"`},
		"one page":                  {"", 1, 25, 25, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="last"`},
		"no rows":                   {"", 1, 25, 0, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="last"`},
		"past the end":              {"page=9", 9, 25, 150, `<?page=1&limit=25>; rel="first", <?page=6&limit=25>; rel="prev", <?page=6&limit=25>; rel="last"`},
		"past the end of nothing":   {"page=9", 9, 25, 0, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="prev", <?page=1&limit=25>; rel="last"`},
		"the highest page":          {"", 2147483647, 1, 1 << 40, `<?page=1&limit=1>; rel="first", <?page=2147483646&limit=1>; rel="prev", <?page=2147483647&limit=1>; rel="last"`},
		"no page":                   {"", 0, 25, 150, ""},
		"no limit":                  {"", 1, 0, 150, ""},
		"others keep their order":   {"sort=-name&page=1&filter=a%3Db&limit=9&x", 1, 9, 9, `<?sort=-name&filter=a%3Db&x&page=1&limit=9>; rel="first", <?sort=-name&filter=a%3Db&x&page=1&limit=9>; rel="last"`},
		"encoded names are ours":    {"%70age=1&lim%69t=9", 1, 9, 9, `<?page=1&limit=9>; rel="first", <?page=1&limit=9>; rel="last"`},
		"empty pairs go":            {"&&a=1&&", 1, 9, 9, `<?a=1&page=1&limit=9>; rel="first", <?a=1&page=1&limit=9>; rel="last"`},
		"what is like ours stays":   {"pages=1&Limit=2", 1, 9, 9, `<?pages=1&Limit=2&page=1&limit=9>; rel="first", <?pages=1&Limit=2&page=1&limit=9>; rel="last"`},
		"a target cannot be closed": {`a=>;rel="next"`, 1, 9, 9, `<?a=%3E;rel=%22next%22&page=1&limit=9>; rel="first", <?a=%3E;rel=%22next%22&page=1&limit=9>; rel="last"`},
		"a line cannot be ended":    {"a=1\r\nSet-Cookie: b", 1, 9, 9, `<?a=1%0D%0ASet-Cookie:%20b&page=1&limit=9>; rel="first", <?a=1%0D%0ASet-Cookie:%20b&page=1&limit=9>; rel="last"`},
		"a query cannot be ended":   {"a=1#b", 1, 9, 9, `<?a=1%23b&page=1&limit=9>; rel="first", <?a=1%23b&page=1&limit=9>; rel="last"`},
		"no byte of no URI":         {"a={1}|^`", 1, 9, 9, `<?a=%7B1%7D%7C%5E%60&page=1&limit=9>; rel="first", <?a=%7B1%7D%7C%5E%60&page=1&limit=9>; rel="last"`},
		"other alphabets":           {"q=é", 1, 9, 9, `<?q=%C3%A9&page=1&limit=9>; rel="first", <?q=%C3%A9&page=1&limit=9>; rel="last"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := pagequery.Link(&url.URL{Path: "/leads", RawQuery: tt.query}, tt.page, tt.limit, tt.total)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Link(%q, %d, %d, %d) mismatch (-want +got):\n%s", tt.query, tt.page, tt.limit, tt.total, diff)
			}
		})
	}
}

func TestAppendLinkOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		page, limit int
		more        bool
		want        string
	}{
		"more to come": {2, 25, true, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="prev", <?page=3&limit=25>; rel="next"`},
		"the end":      {2, 25, false, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="prev"`},
		"the highest":  {2147483647, 1, true, `<?page=1&limit=1>; rel="first", <?page=2147483646&limit=1>; rel="prev"`},
		"no page":      {0, 25, true, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(pagequery.AppendLinkOpen(nil, &url.URL{}, tt.page, tt.limit, tt.more))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("AppendLinkOpen(%d, %d, %t) mismatch (-want +got):\n%s", tt.page, tt.limit, tt.more, diff)
			}
		})
	}
}

func TestLinkStaysSmall(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		size int
		want string // the rels, in order
	}{
		"all fit":           {500, "first prev next last"},
		"two fit":           {1500, "prev next"},
		"one fits":          {3000, "next"},
		"none fits":         {5000, ""},
		"a megabyte is cut": {1 << 20, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := &url.URL{RawQuery: "page=3&q=" + strings.Repeat("a", tt.size)}
			got := pagequery.Link(u, 3, 25, 150)
			if len(got) > 4096 {
				t.Errorf("Link of a query of %d bytes has %d, want at most 4096", tt.size, len(got))
			}
			if diff := cmp.Diff(tt.want, strings.Join(rels(got), " ")); diff != "" {
				t.Errorf("rels mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

var linkValue = regexp.MustCompile(`^<\?([!$-;=?-\[\]_a-z~]*)>; rel="(first|prev|next|last)"$`)

func rels(link string) (names []string) {
	if link == "" {
		return nil
	}
	for value := range strings.SplitSeq(link, ", ") {
		if m := linkValue.FindStringSubmatch(value); m != nil {
			names = append(names, m[2])
		}
	}
	return names
}

// FuzzLink holds what a client of the field relies on: every value parses, every
// target is a page in bounds with the caller's own parameters, in order.
func FuzzLink(f *testing.F) {
	f.Add("page=2&limit=10&filter=a=b", int64(150))
	f.Add("a=1&%70age=2&&b", int64(0))
	f.Add(`x=">;,<`+"\r\n", int64(-1))
	f.Fuzz(func(t *testing.T, query string, total int64) {
		page, limit, err := pagequery.Parse(query, 0, 0, false)
		if err != nil {
			t.Skip()
		}
		link := pagequery.Link(&url.URL{RawQuery: query}, page, limit, total)
		if len(link) > 4096 {
			t.Fatalf("Link(%q) has %d bytes", query, len(link))
		}
		want := others(t, query)
		if link == "" {
			if len(query) < 300 {
				t.Fatalf("Link(%q) is empty", query)
			}
			return
		}
		// A comma inside a target is never followed by a blank.
		for value := range strings.SplitSeq(link, ", ") {
			m := linkValue.FindStringSubmatch(value)
			if m == nil {
				t.Fatalf("Link(%q): value %q is malformed", query, value)
			}
			target := m[1]
			gotPage, gotLimit, err := pagequery.Parse(target, 0, 0, false)
			if err != nil && total > 1<<31 {
				continue // a last page past the bound on the offset
			}
			if err != nil || gotLimit != limit || gotPage < 1 || m[2] == "next" && gotPage != page+1 || m[2] == "first" && gotPage != 1 {
				t.Fatalf("Link(%q): target %q is page %d, limit %d, %v", query, target, gotPage, gotLimit, err)
			}
			if diff := cmp.Diff(want, others(t, target)); diff != "" {
				t.Fatalf("Link(%q): other parameters mismatch (-want +got):\n%s", query, diff)
			}
		}
	})
}

// others returns the decoded pairs of query that are neither page nor limit.
func others(t *testing.T, query string) (pairs []string) {
	t.Helper()
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			t.Fatal(err)
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			t.Fatal(err)
		}
		if pair != "" && name != "page" && name != "limit" {
			pairs = append(pairs, strconv.Quote(name)+"="+strconv.Quote(value))
		}
	}
	return pairs
}

func BenchmarkLink(b *testing.B) {
	u := &url.URL{RawQuery: "filter=active%3Dtrue&page=3&limit=25"}
	b.ReportAllocs()
	for b.Loop() {
		if pagequery.Link(u, 3, 25, 150) == "" {
			b.Fatal("no link")
		}
	}
}
