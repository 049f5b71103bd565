package keyset_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		page keyset.Page[string]
		body string
		link string
	}{
		"in the middle": {
			keyset.Page[string]{Data: []string{"a"}, Limit: 2, Total: paginate.NoTotal, Next: "N-_", Prev: "P"},
			`{"data":["a"],"limit":2,"next_cursor":"N-_","prev_cursor":"P"}`,
			`<?q=1&limit=2>; rel="first", <?q=1&cursor=P&limit=2>; rel="prev", <?q=1&cursor=N-_&limit=2>; rel="next"`,
		},
		"the only page": {
			keyset.Page[string]{Limit: 2, Total: paginate.NoTotal},
			`{"data":[],"limit":2}`,
			`<?q=1&limit=2>; rel="first"`,
		},
		"counted, under an own key": {
			keyset.Page[string]{Data: []string{"a"}, Limit: 2, Total: 3, Next: "N", Key: "leads"},
			`{"leads":["a"],"total":3,"limit":2,"next_cursor":"N"}`,
			`<?q=1&limit=2>; rel="first", <?q=1&cursor=N&limit=2>; rel="next"`,
		},
		"counted to a cap": {
			keyset.Page[string]{Data: []string{"a"}, Limit: 2, Total: 3, Capped: true},
			`{"data":["a"],"total":3,"total_capped":true,"limit":2}`,
			`<?q=1&limit=2>; rel="first"`,
		},
		"a page that nobody asked for": {
			keyset.Page[string]{},
			`{"data":[],"total":0,"limit":0}`,
			"",
		},
	}
	for name, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(name+", "+method, func(t *testing.T) {
				t.Parallel()
				w := httptest.NewRecorder()
				r := httptest.NewRequest(method, "/names?cursor=old&q=1&limit=2&%63ursor=x&page=1", nil)
				if err := keyset.Write(w, r, tt.page); err != nil {
					t.Fatalf("Write: %v", err)
				}
				header := http.Header{
					"Content-Type":   {"application/json; charset=utf-8"},
					"Content-Length": {strconv.Itoa(len(tt.body))},
				}
				if tt.link != "" {
					header["Link"] = []string{tt.link}
				}
				if diff := cmp.Diff(header, w.Header()); diff != "" {
					t.Errorf("header mismatch (-want +got):\n%s", diff)
				}
				body := tt.body
				if method == "HEAD" {
					body = ""
				}
				if diff := cmp.Diff(body, w.Body.String()); diff != "" || w.Code != 200 {
					t.Errorf("status %d, body mismatch (-want +got):\n%s", w.Code, diff)
				}
				marshaled, err := json.Marshal(tt.page)
				if diff := cmp.Diff(tt.body, string(marshaled)); diff != "" || err != nil {
					t.Errorf("json.Marshal: %v, mismatch (-want +got):\n%s", err, diff)
				}
			})
		}
	}
}

func TestWriteSendsNothingThatDoesNotEncode(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]keyset.Page[float64]{
		"a row that is no JSON": {Data: []float64{math.NaN()}, Limit: 1},
		"a key that is taken":   {Key: "next_cursor", Limit: 1},
	} {
		w := httptest.NewRecorder()
		apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
			return keyset.Write(w, r, page)
		}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 500 || w.Header().Get("Link") != "" {
			t.Errorf("%s: status %d, Link %q; want the 500 alone", name, w.Code, w.Header().Get("Link"))
		}
	}
}

// A field that is too long for a header is left out; the body has the cursors.
func TestWriteKeepsTheLinkSmall(t *testing.T) {
	t.Parallel()
	page := keyset.Page[int]{Limit: 1, Next: strings.Repeat("n", 3000), Prev: strings.Repeat("p", 3000)}
	w := httptest.NewRecorder()
	if err := keyset.Write(w, httptest.NewRequest("GET", "/", nil), page); err != nil {
		t.Fatal(err)
	}
	if got, want := w.Header().Get("Link"), "<?cursor="+page.Next+`&limit=1>; rel="next"`; got != want {
		t.Errorf("Link = %q, want next alone", got)
	}
}

var linkTarget = regexp.MustCompile(`<\?([^>]*)>; rel="(\w+)"`)

// TestServer walks a list over the wire, there by Link and back by prev_cursor.
func TestServer(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	order := []keyset.Column{{Name: "n", Desc: true}}
	rows := make([]int, 150)
	for i := range rows {
		rows[i] = i
	}
	key := func(n int) []any { return []any{n} }
	server := httptest.NewServer(apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := p.ParseRequest(r, order, r.URL.Query().Get("q"))
		if err != nil {
			return err
		}
		page, err := keyset.NewPage(req, keyset.Select(req, rows, key), key)
		if err != nil {
			return err
		}
		return keyset.Write(w, r, page)
	}))
	defer server.Close()

	type body struct {
		Data       []int
		NextCursor string `json:"next_cursor"`
		PrevCursor string `json:"prev_cursor"`
	}
	get := func(query string) (b body, links map[string]string) {
		res, err := server.Client().Get(server.URL + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&b); err != nil || res.StatusCode != 200 {
			t.Fatalf("GET ?%s: status %d, %v", query, res.StatusCode, err)
		}
		links = map[string]string{}
		for _, m := range linkTarget.FindAllStringSubmatch(res.Header.Get("Link"), -1) {
			links[m[2]] = m[1]
		}
		return b, links
	}

	var there []int
	var last body
	for query, ok := "q=a%26b&limit=40", true; ok; {
		var links map[string]string
		last, links = get(query)
		there = append(there, last.Data...)
		query, ok = links["next"]
		if ok != (last.NextCursor != "") {
			t.Fatalf("Link has next: %t; the body: %q", ok, last.NextCursor)
		}
	}
	if len(there) != 150 || there[0] != 149 || there[149] != 0 {
		t.Fatalf("there: %v, want 149 to 0", there)
	}
	back := last.Data
	for last.PrevCursor != "" {
		last, _ = get(url.Values{"q": {"a&b"}, "limit": {"40"}, "cursor": {last.PrevCursor}}.Encode())
		back = append(last.Data[:len(last.Data):len(last.Data)], back...)
	}
	if diff := cmp.Diff(there, back); diff != "" {
		t.Errorf("back mismatch (-there +back):\n%s", diff)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	p := newPager(b, keyset.Options{})
	r := httptest.NewRequest("GET", "/?limit=50&cursor="+cursorFor(b, p, byName, []any{"Ada Lovelace", 7}, "scope"), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ParseRequest(r, byName, "scope"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewPage(b *testing.B) {
	p := newPager(b, keyset.Options{})
	req, err := parse(p, "cursor="+cursorFor(b, p, byName, []any{"Ada Lovelace", 7}, "scope"), byName, "scope")
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]int, 26)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keyset.NewPage(req, rows, func(int) []any { return []any{"Ada Lovelace", 7} }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	r := httptest.NewRequest("GET", "/?limit=50", nil)
	w := discard{http.Header{}}
	page := keyset.Page[int]{Data: make([]int, 25), Limit: 25, Total: paginate.NoTotal, Next: strings.Repeat("n", 60), Prev: strings.Repeat("p", 60)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		if err := keyset.Write(w, r, page); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a ResponseWriter that costs nothing of its own.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
