package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type lead struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Email     *string `json:"email"`
	Value     float64 `json:"value"`
	Active    bool    `json:"active"`
	OrgUnit   string  `json:"org_unit"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
}

// TestLifeOfALead creates, reads, replaces, patches and deletes a lead.
func TestLifeOfALead(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		const as = "demo-emea"

		created := s.want(t, 201, call{as: as, method: "POST", target: "/leads", body: `{"name":"Ada","email":"ada@example.com","value":12.5,"active":true}`})
		var l lead
		created.decode(t, &l)
		target := "/leads/" + l.ID
		if got := created.header.Get("Location"); got != target {
			t.Errorf("Location %q, want %q", got, target)
		}
		want := lead{ID: l.ID, Name: "Ada", Email: new("ada@example.com"), Value: 12.5, Active: true, OrgUnit: "emea", CreatedAt: l.CreatedAt, UpdatedAt: l.CreatedAt}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("created lead mismatch (-want +got):\n%s", diff)
		}
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z$`).MatchString(l.CreatedAt) {
			t.Errorf("created_at %q, want RFC 3339 in UTC with microseconds at most and no trailing zeros", l.CreatedAt)
		}

		read := s.want(t, 200, call{as: as, target: target})
		if read.body != created.body {
			t.Errorf("GET answers %s, POST answered %s", read.body, created.body)
		}
		etag := read.header.Get("ETag")
		if !strings.HasPrefix(etag, `"`) {
			t.Errorf("ETag %q, want a strong one", etag)
		}
		if got := read.header.Get("Vary"); !strings.Contains(got, "Authorization") || !strings.Contains(got, "Cookie") {
			t.Errorf("Vary %q, want Authorization and Cookie", got)
		}
		if got := read.header.Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("Cache-Control %q, want private, no-cache", got)
		}
		s.want(t, 304, call{as: as, target: target, header: map[string]string{"If-None-Match": etag}})
		if head := s.want(t, 200, call{as: as, method: "HEAD", target: target}); head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(read.body)) {
			t.Errorf("HEAD answers %q with Content-Length %s, want no body and %d", head.body, head.header.Get("Content-Length"), len(read.body))
		}

		// PATCH tells absent, null and zero apart.
		var patched lead
		s.want(t, 200, call{as: as, method: "PATCH", target: target, body: `{"email":null,"value":0}`}).decode(t, &patched)
		want.Email, want.Value, want.UpdatedAt = nil, 0, patched.UpdatedAt
		if diff := cmp.Diff(want, patched); diff != "" {
			t.Errorf("patched lead mismatch (-want +got):\n%s", diff)
		}
		if patched.UpdatedAt <= l.UpdatedAt && len(patched.UpdatedAt) == len(l.UpdatedAt) {
			t.Errorf("updated_at %s is not after %s", patched.UpdatedAt, l.UpdatedAt)
		}
		s.want(t, 422, call{as: as, method: "PATCH", target: target, body: `{"name":null}`})
		s.want(t, 412, call{as: as, method: "PATCH", target: target, body: `{"name":"B"}`, header: map[string]string{"If-Match": etag}})

		// PUT replaces: what is absent is zero. A row that was read can be sent back.
		var put lead
		s.want(t, 200, call{as: as, method: "PUT", target: target, body: `{"name":"Grace"}`}).decode(t, &put)
		want.Name, want.Active, want.UpdatedAt = "Grace", false, put.UpdatedAt
		if diff := cmp.Diff(want, put); diff != "" {
			t.Errorf("replaced lead mismatch (-want +got):\n%s", diff)
		}
		back := s.want(t, 200, call{as: as, target: target})
		s.want(t, 200, call{as: as, method: "PUT", target: target, body: back.body})

		s.want(t, 204, call{as: as, method: "DELETE", target: target})
		s.want(t, 404, call{as: as, target: target})
		s.want(t, 404, call{as: as, method: "DELETE", target: target})
	})
}

// TestQuery filters and sorts.
func TestQuery(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		const as = "demo-reader"
		all := s.everything(t, as, "/leads").Data
		if len(all) != 30 {
			t.Fatalf("%d leads, want 30", len(all))
		}
		count := func(keep func(i int) bool) int {
			n := 0
			for i := range all {
				if keep(i) {
					n++
				}
			}
			return n
		}
		tests := map[string]struct {
			query string
			want  int
		}{
			"active":            {"filter=active=true", count(func(i int) bool { return all[i].Active })},
			"not active":        {"filter=active!=true", count(func(i int) bool { return !all[i].Active })},
			"a range":           {"filter=value%3E=1000&filter=value%3C2000", count(func(i int) bool { return all[i].Value >= 1000 && all[i].Value < 2000 })},
			"a name":            {"filter=name=" + url.QueryEscape(all[3].Name), count(func(i int) bool { return all[i].Name == all[3].Name })},
			"an address":        {"filter=email=" + url.QueryEscape("lead-uk-1@example.com"), 1},
			"created since":     {"filter=created_at%3E=2026-01-06T00:00:00Z", 15},
			"two fields":        {"filter=active=true&filter=value%3E1000", count(func(i int) bool { return all[i].Active && all[i].Value > 1000 })},
			"a literal percent": {"filter=name=" + url.QueryEscape("%"), 0},
			"a quote":           {"filter=name=" + url.QueryEscape("' OR '1'='1"), 0},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := s.everything(t, as, "/leads?"+tt.query)
				if got.Total != tt.want || len(got.Data) != tt.want {
					t.Errorf("GET /leads?%s: total %d and %d rows, want %d", tt.query, got.Total, len(got.Data), tt.want)
				}
			})
		}

		sorted := s.everything(t, as, "/leads?sort=name,-value").Data
		if !slices.IsSortedFunc(sorted, func(a, b leadRow) int {
			if c := strings.Compare(a.Name, b.Name); c != 0 {
				return c
			}
			return int(b.Value - a.Value)
		}) {
			t.Error("sort=name,-value: rows are out of order")
		}
		byTime := s.everything(t, as, "/leads?sort=-created_at").Data
		if byTime[0].ID == all[0].ID && byTime[29].ID == all[29].ID {
			t.Error("sort=-created_at does not turn the order round")
		}

		past := s.want(t, 200, call{as: as, target: "/leads?page=99"})
		if want := `{"data":[],"total":30,"page":99,"limit":25}`; past.body != want {
			t.Errorf("a page past the end is %s, want %s", past.body, want)
		}
		link := s.want(t, 200, call{as: as, target: "/leads?filter=active=true&limit=5&page=2"}).header.Get("Link")
		for _, rel := range []string{"first", "prev", "next", "last"} {
			if !strings.Contains(link, `rel="`+rel+`"`) || !strings.Contains(link, "<?filter=active=true&") {
				t.Errorf("Link %q lacks %s or the caller's filter", link, rel)
			}
		}
	})
}

type leadRow = struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Email   *string `json:"email"`
	Value   float64 `json:"value"`
	Active  bool    `json:"active"`
	OrgUnit string  `json:"org_unit"`
}

type job struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
	Counts   struct {
		Total, Succeeded, Failed int
	} `json:"counts"`
	Errors []struct {
		Index int    `json:"index"`
		Field string `json:"field"`
		Code  string `json:"code"`
	} `json:"errors"`
}

// finished polls a job until it has ended.
func (s *server) finished(t *testing.T, as, location string) job {
	t.Helper()
	// A process that was killed keeps an import for a lease.
	for deadline, tick := time.Now().Add(lease+time.Minute), time.Tick(10*time.Millisecond); time.Now().Before(deadline); <-tick {
		var j job
		s.want(t, 200, call{as: as, target: location}).decode(t, &j)
		switch j.Status {
		case "succeeded", "failed":
			return j
		case "queued", "running":
		default:
			t.Fatalf("job status %q", j.Status)
		}
	}
	t.Fatalf("job %s did not end", location)
	return job{}
}

// TestImport imports rows of which two are bad.
func TestImport(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		const as = "demo-apac"
		accepted := s.want(t, 202, call{
			as: as, method: "POST", target: "/leads/import",
			body: `[{"name":"One","value":1},{"value":2},{"name":"Three","active":true},{"name":"Four","email":"nobody"}]`,
		})
		var j job
		accepted.decode(t, &j)
		location := accepted.header.Get("Location")
		if location != "/jobs/"+j.ID || j.Status != "queued" {
			t.Errorf("Location %q and body %s, want /jobs/ and the id, queued", location, accepted.body)
		}

		j = s.finished(t, as, location)
		if j.Status != "succeeded" || j.Counts.Total != 4 || j.Counts.Succeeded != 2 || j.Counts.Failed != 2 {
			t.Errorf("job %+v, want succeeded with 2 of 4", j)
		}
		var errs []string
		for _, e := range j.Errors {
			errs = append(errs, fmt.Sprintf("%d %s %s", e.Index, e.Field, e.Code))
		}
		if diff := cmp.Diff([]string{"1 name required", "3 email email"}, errs); diff != "" {
			t.Errorf("errors mismatch (-want +got):\n%s", diff)
		}
		if total := s.list(t, as, "/leads?limit=1").Total; total != 32 {
			t.Errorf("%d leads after the import, want 32", total)
		}

		// A job is visible to the subject that started it alone, and in its unit.
		other := s.want(t, 404, call{as: "demo-admin", target: location})
		unknown := s.want(t, 404, call{as: "demo-admin", target: "/jobs/unknown"})
		if other.body != unknown.body {
			t.Errorf("another's job answers %s, an unknown one %s", other.body, unknown.body)
		}
		s.want(t, 200, call{as: "bearer:" + s.token(t, as), target: location})

		s.want(t, 400, call{as: as, method: "POST", target: "/leads/import", body: `{"name":"One"}`})
		s.want(t, 400, call{as: as, method: "POST", target: "/leads/import", body: `[{"name":"One"}`})
	})
}
