package paginate_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	const first = `<?page=1&limit=2>; rel="first"`
	tests := map[string]struct {
		page paginate.Page[string]
		body string
		link string
	}{
		"a page": {
			paginate.NewPage(paginate.Request{Page: 2, Limit: 2}, []string{"c", "d"}, 5),
			`{"data":["c","d"],"total":5,"page":2,"limit":2}`,
			first + `, <?page=1&limit=2>; rel="prev", <?page=3&limit=2>; rel="next", <?page=3&limit=2>; rel="last"`,
		},
		"no rows are [], never null": {
			paginate.NewPage[string](paginate.Request{Page: 1, Limit: 2}, nil, 0),
			`{"data":[],"total":0,"page":1,"limit":2}`,
			first + `, <?page=1&limit=2>; rel="last"`,
		},
		"a page past the end has the true total": {
			paginate.NewPage(paginate.Request{Page: 9, Limit: 2}, []string{}, 5),
			`{"data":[],"total":5,"page":9,"limit":2}`,
			first + `, <?page=3&limit=2>; rel="prev", <?page=3&limit=2>; rel="last"`,
		},
		"own key": {
			paginate.Page[string]{Data: []string{"a"}, Total: 1, Page: 1, Limit: 2, Key: "leads"},
			`{"leads":["a"],"total":1,"page":1,"limit":2}`,
			first + `, <?page=1&limit=2>; rel="last"`,
		},
		"a key is escaped": {
			paginate.Page[string]{Total: 0, Page: 1, Limit: 2, Key: `a"<`},
			`{"a\"\u003c":[],"total":0,"page":1,"limit":2}`,
			first + `, <?page=1&limit=2>; rel="last"`,
		},
		"a total within the cap is exact": {
			paginate.NewPage(paginate.Request{Page: 1, Limit: 2}, []string{"a", "b"}, 10).Cap(10),
			`{"data":["a","b"],"total":10,"page":1,"limit":2}`,
			first + `, <?page=2&limit=2>; rel="next", <?page=5&limit=2>; rel="last"`,
		},
		"a total above the cap says so": {
			paginate.NewPage(paginate.Request{Page: 1, Limit: 2}, []string{"a", "b"}, 11).Cap(10),
			`{"data":["a","b"],"total":10,"total_capped":true,"page":1,"limit":2}`,
			first + `, <?page=2&limit=2>; rel="next"`,
		},
		"beyond the cap a full page has a next": {
			paginate.NewPage(paginate.Request{Page: 6, Limit: 2}, []string{"k", "l"}, 11).Cap(10),
			`{"data":["k","l"],"total":10,"total_capped":true,"page":6,"limit":2}`,
			first + `, <?page=5&limit=2>; rel="prev", <?page=7&limit=2>; rel="next"`,
		},
		"beyond the cap a short page is the last": {
			paginate.NewPage(paginate.Request{Page: 6, Limit: 2}, []string{"k"}, 11).Cap(10),
			`{"data":["k"],"total":10,"total_capped":true,"page":6,"limit":2}`,
			first + `, <?page=5&limit=2>; rel="prev"`,
		},
		"no total, full page": {
			paginate.NewPage(paginate.Request{Page: 1, Limit: 2}, []string{"a", "b"}, paginate.NoTotal),
			`{"data":["a","b"],"page":1,"limit":2}`,
			first + `, <?page=2&limit=2>; rel="next"`,
		},
		"no total, short page": {
			paginate.NewPage(paginate.Request{Page: 2, Limit: 2}, []string{"c"}, paginate.NoTotal),
			`{"data":["c"],"page":2,"limit":2}`,
			first + `, <?page=1&limit=2>; rel="prev"`,
		},
		"a page that nobody asked for has no links": {
			paginate.Page[string]{Data: []string{"a"}, Total: 1},
			`{"data":["a"],"total":1,"page":0,"limit":0}`,
			"",
		},
	}
	for name, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(name+", "+method, func(t *testing.T) {
				t.Parallel()
				w := httptest.NewRecorder()
				if err := paginate.Write(w, httptest.NewRequest(method, "/names?page=7", nil), tt.page); err != nil {
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

func TestWriteKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Link", `</docs>; rel="help"`)
	w.Header().Set("Content-Type", "application/hal+json")
	page := paginate.NewPage(paginate.Request{Page: 1, Limit: 25}, []int{1}, 1)
	if err := paginate.Write(w, httptest.NewRequest("GET", "/", nil), page); err != nil {
		t.Fatal(err)
	}
	want := []string{`</docs>; rel="help"`, `<?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="last"`}
	if diff := cmp.Diff(want, w.Header()["Link"]); diff != "" {
		t.Errorf("Link mismatch (-want +got):\n%s", diff)
	}
	if got := w.Header().Get("Content-Type"); got != "application/hal+json" {
		t.Errorf("Content-Type = %q, want the handler's own", got)
	}
}

func TestWriteSendsNothingThatDoesNotEncode(t *testing.T) {
	t.Parallel()
	tests := map[string]paginate.Page[any]{
		"a row that is no JSON":        {Data: []any{1, math.NaN()}, Page: 1, Limit: 25},
		"the key of the total":         {Page: 1, Limit: 25, Key: "total"},
		"the key of the page":          {Page: 1, Limit: 25, Key: "page"},
		"the key of the limit":         {Page: 1, Limit: 25, Key: "limit"},
		"the key of the capped totals": {Page: 1, Limit: 25, Key: "total_capped"},
	}
	for name, page := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
				return paginate.Write(w, r, page)
			}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != 500 || w.Header().Get("Link") != "" {
				t.Errorf("status %d, Link %q, body %s; want the 500 alone", w.Code, w.Header().Get("Link"), w.Body)
			}
		})
	}
}

// TestServer pages to the end over the wire, following Link as a client does.
func TestServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := paginate.Options{}.ParseRequest(r)
		if err != nil {
			return err
		}
		var rows []int
		for i := req.Offset(); i < min(req.Offset()+req.Limit, 150); i++ {
			rows = append(rows, i)
		}
		return paginate.Write(w, r, paginate.NewPage(req, rows, 150))
	}))
	defer server.Close()

	next, seen := "?limit=40&q=a%26b", 0
	for next != "" {
		res, err := server.Client().Get(server.URL + "/numbers" + next)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 || res.ContentLength != int64(len(body)) {
			t.Fatalf("GET %s: status %d, Content-Length %d, %d bytes, %v", next, res.StatusCode, res.ContentLength, len(body), err)
		}
		var page struct {
			Data  []int
			Total int
		}
		if err := json.Unmarshal(body, &page); err != nil || page.Total != 150 {
			t.Fatalf("GET %s: %s, %v", next, body, err)
		}
		for _, n := range page.Data {
			if n != seen {
				t.Fatalf("GET %s: row %d, want %d", next, n, seen)
			}
			seen++
		}
		next = nextTarget(res.Header.Get("Link"))
		if next != "" && res.Request.URL.Query().Get("q") != "a&b" {
			t.Fatalf("next = %q, want q kept", next)
		}
	}
	if seen != 150 {
		t.Errorf("saw %d rows, want 150", seen)
	}
}

type lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     *string   `json:"email,omitempty"`
	Value     float64   `json:"value"`
	Active    bool      `json:"active"`
	Unit      string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func leads(n int) []lead {
	email := "ada@example.com"
	at := time.Date(2026, 11, 23, 22, 17, 3, 123456000, time.UTC)
	rows := make([]lead, n)
	for i := range rows {
		rows[i] = lead{
			ID: "01938f6e-7c1a-7000-8000-000000000001", Name: "Ada Lovelace", Email: &email, Value: 1250.5,
			Active: i%2 == 0, Unit: "uk", CreatedAt: at, UpdatedAt: at.Add(time.Second),
		}
	}
	return rows
}

// discard is a ResponseWriter that costs nothing of its own.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func TestWriteAllocatesThreeTimes(t *testing.T) {
	r := httptest.NewRequest("GET", "/leads?filter=active%3Dtrue&page=2&limit=100", nil)
	w := discard{http.Header{}}
	for _, n := range []int{25, 100} {
		page := paginate.NewPage(paginate.Request{Page: 2, Limit: n}, leads(n), 1000)
		if got := testing.AllocsPerRun(200, func() {
			clear(w.header)
			if err := paginate.Write(w, r, page); err != nil {
				t.Fatal(err)
			}
		}); got > 3 && !raceEnabled {
			t.Errorf("Write of %d rows allocates %v times, want at most 3", n, got)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	r := httptest.NewRequest("GET", "/leads?filter=active%3Dtrue&page=2&limit=100", nil)
	w := discard{http.Header{}}
	for _, n := range []int{25, 100} {
		page := paginate.NewPage(paginate.Request{Page: 2, Limit: n}, leads(n), 1000)
		b.Run("paginate,rows="+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if err := paginate.Write(w, r, page); err != nil {
					b.Fatal(err)
				}
			}
		})
		envelope := map[string]any{"data": page.Data, "total": 1000, "page": 2, "limit": n}
		b.Run("encoder,rows="+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				w.header["Content-Type"] = []string{"application/json"}
				if err := json.NewEncoder(w).Encode(envelope); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
