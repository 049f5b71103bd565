package ouscope_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
)

func TestUnitsShowsWhatTheCallerMayChoose(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ grants, query, choice, want string }{
		"the whole organization, in tree order": {
			grants: "admin acme",
			want:   "acme(-)* apac(acme) uk2(apac) amer(acme) ca(amer) us(amer) emea(acme) de(emea) uk(emea)",
		},
		"a parent that the caller may not use is not told": {grants: "reader uk reader apac", want: "apac(-) uk2(apac) uk(-)"},
		"a grant that does not inherit":                    {grants: "reader emea! reader uk", want: "emea(-)* uk(emea)"},
		"the choice is marked, and the list stays whole":   {grants: "editor emea", choice: "uk", want: "emea(-) de(emea) uk(emea)*"},
		"no role":                     {grants: "", want: ""},
		"a page":                      {grants: "admin acme", query: "?page=2&limit=4", want: "ca(amer) us(amer) emea(acme) de(emea)"},
		"a page across several spans": {grants: "reader uk reader apac", query: "?page=2&limit=2", want: "uk(-)"},
		"a page past the end":         {grants: "admin acme", query: "?page=9", want: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{})
			if tt.choice != "" {
				s.activate("ann", tt.choice)
			}
			w := s.do("ann", http.MethodGet, "/org-units"+tt.query, "")
			if diff := cmp.Diff(tt.want, units(t, w)); diff != "" {
				t.Errorf("GET /org-units%s mismatch (-want +got):\n%s", tt.query, diff)
			}
		})
	}
}

func TestEndpointsOnTheWire(t *testing.T) {
	t.Parallel()
	type answer struct {
		Status int
		Body   string
		Header map[string]string
	}
	ok := map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Vary": "Authorization, Cookie", "Cache-Control": "private, no-cache",
	}
	with := func(header map[string]string, more ...string) map[string]string {
		all := map[string]string{}
		maps.Copy(all, header)
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	failed := with(ok, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff")
	const uk = `{"id":"uk","name":"United Kingdom","slug":"uk","parent":null,"active":true}`
	const forbidden = `{"error":"forbidden","message":"You cannot use this organizational unit","details":{"code":"org_unit_forbidden"}}`
	const choose = `{"error":"forbidden","message":"Choose an organizational unit first","details":{"code":"active_ou_required"}}`
	const required = `{"error":"validation_failed","message":"Org unit ID is required","details":{"field":"org_unit_id","code":"required","errors":[{"field":"org_unit_id","code":"required","message":"Org unit ID is required"}]}}`
	tests := map[string]struct {
		subject, method, target, body string
		want                          answer
	}{
		"GET /org-units": {"uma", "GET", "/org-units?page=1&limit=1", "", answer{
			200, `{"data":[` + uk + `],"total":1,"page":1,"limit":1}`,
			with(ok, "Link", `<?page=1&limit=1>; rel="first", <?page=1&limit=1>; rel="last"`),
		}},
		"GET /org-units without roles": {"bob", "GET", "/org-units", "", answer{200, `{"data":[],"total":0,"page":1,"limit":25}`, ok}},
		"HEAD /org-units":              {"uma", "HEAD", "/org-units", "", answer{200, "", with(ok, "Content-Length", "116")}},
		"limit of 101": {"uma", "GET", "/org-units?limit=101", "", answer{
			400, `{"error":"bad_request","message":"limit must be at most 100","details":{"field":"limit","code":"max"}}`, failed,
		}},
		"a unit in the query of the list": {"uma", "GET", "/org-units?org_unit_id=us", "", answer{
			400, `{"error":"bad_request","message":"Unknown parameter org_unit_id; this endpoint takes page and limit","details":{"field":"org_unit_id","code":"unknown"}}`, failed,
		}},
		"a slip in the query of the list": {"uma", "GET", "/org-units?limits=5", "", answer{
			400, `{"error":"bad_request","message":"Unknown parameter limits; did you mean limit?","details":{"field":"limits","code":"unknown"}}`, failed,
		}},
		"a unit in the query of the active one": {"uma", "POST", "/org-units/active?org_unit_id=us", `{"org_unit_id":"uk"}`, answer{
			400, `{"error":"bad_request","message":"Unknown parameter org_unit_id; this endpoint takes none","details":{"field":"org_unit_id","code":"unknown"}}`, failed,
		}},
		"GET /org-units/active":               {"uma", "GET", "/org-units/active", "", answer{200, uk, ok}},
		"HEAD /org-units/active":              {"uma", "HEAD", "/org-units/active", "", answer{200, "", with(ok, "Content-Length", "75")}},
		"GET /org-units/active without one":   {"tom", "GET", "/org-units/active", "", answer{403, choose, failed}},
		"GET /org-units/active without roles": {"bob", "GET", "/org-units/active", "", answer{403, choose, failed}},
		"POST":                                {"uma", "POST", "/org-units/active", `{"org_unit_id":"uk"}`, answer{200, uk, ok}},
		"PUT":                                 {"uma", "PUT", "/org-units/active", ` {"org_unit_id": "uk"} `, answer{200, uk, ok}},
		"DELETE":                              {"uma", "DELETE", "/org-units/active", "", answer{204, "", map[string]string{"Vary": "Authorization, Cookie"}}},
		"DELETE without roles":                {"bob", "DELETE", "/org-units/active", "", answer{204, "", nil}},
		"POST of a foreign unit":              {"uma", "POST", "/org-units/active", `{"org_unit_id":"us"}`, answer{403, forbidden, failed}},
		"POST of an unknown unit":             {"uma", "POST", "/org-units/active", `{"org_unit_id":"xx"}`, answer{403, forbidden, failed}},
		"POST of a disabled unit":             {"uma", "POST", "/org-units/active", `{"org_unit_id":"off"}`, answer{403, forbidden, failed}},
		"POST of what is no id":               {"uma", "POST", "/org-units/active", `{"org_unit_id":"\u0000' OR 1=1"}`, answer{403, forbidden, failed}},
		"POST without the member":             {"uma", "POST", "/org-units/active", `{}`, answer{422, required, failed}},
		"POST of null":                        {"uma", "POST", "/org-units/active", `{"org_unit_id":null}`, answer{422, required, failed}},
		"POST of an empty id":                 {"uma", "POST", "/org-units/active", `{"org_unit_id":""}`, answer{422, required, failed}},
		"no subject": {"", "GET", "/org-units", "", answer{
			401, `{"error":"unauthorized","message":"Missing or invalid credentials"}`, with(failed, "Www-Authenticate", "Bearer"),
		}},
		"no subject, DELETE": {"", "DELETE", "/org-units/active", "", answer{
			401, `{"error":"unauthorized","message":"Missing or invalid credentials"}`, with(failed, "Www-Authenticate", "Bearer"),
		}},
		"no subject on a scoped route": {"", "GET", "/scope", "", answer{
			401, `{"error":"unauthorized","message":"Missing or invalid credentials"}`, with(failed, "Www-Authenticate", "Bearer"),
		}},
		"no role on a scoped route": {"bob", "GET", "/scope", "", answer{
			403, `{"error":"forbidden","message":"Your roles do not permit this here","details":{"code":"missing_role"}}`, failed,
		}},
		"a scoped route": {"uma", "GET", "/scope", "", answer{200, "uk: uk", map[string]string{
			"Vary": "Authorization, Cookie", "Cache-Control": "private, no-cache",
		}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"uma": "reader uk reader off", "tom": "reader uk reader apac"}, ouscope.Options{})
			s.dir.set(func(d *directory) {
				d.units = append(d.units, ouscope.Unit{ID: "off", Organization: "acme", Parent: "uk", Name: "Off", Disabled: true})
			})
			w := s.do(tt.subject, tt.method, tt.target, tt.body)
			got := answer{w.Code, w.Body.String(), nil}
			if tt.want.Header != nil {
				got.Header = map[string]string{}
			}
			for name := range tt.want.Header {
				got.Header[name] = strings.Join(w.Header()[name], "|")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s %s mismatch (-want +got):\n%s", tt.method, tt.target, diff)
			}
		})
	}
}

func TestRefusedRequestsToTheEndpoints(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, target, body string
		header               []string
		want                 string
		allow                string
	}{
		"PATCH":                        {"PATCH", "/org-units/active", `{}`, nil, "Method Not Allowed", "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
		"OPTIONS":                      {"OPTIONS", "/org-units/active?x=1", "", nil, "", "GET, HEAD, POST, PUT, DELETE, OPTIONS"},
		"OPTIONS of the list":          {"OPTIONS", "/org-units", "", nil, "", "GET, HEAD, OPTIONS"},
		"POST of the list":             {"POST", "/org-units", `{}`, nil, "Method Not Allowed", "GET, HEAD, OPTIONS"},
		"other Accept, list":           {"GET", "/org-units", "", []string{"Accept", "text/html"}, "Not Acceptable", ""},
		"other Accept, active":         {"POST", "/org-units/active", `{"org_unit_id":"uk"}`, []string{"Accept", "text/html"}, "Not Acceptable", ""},
		"no Content-Type":              {"POST", "/org-units/active", "", nil, "Unsupported Media Type", ""},
		"text":                         {"POST", "/org-units/active", "", []string{"Content-Type", "text/plain"}, "Unsupported Media Type", ""},
		"a body of 1 MiB and more":     {"POST", "/org-units/active", `{"org_unit_id":"` + strings.Repeat("u", 1<<20) + `"}`, nil, "Request Entity Too Large", ""},
		"no body":                      {"POST", "/org-units/active", "", []string{"Content-Type", "application/json"}, "Bad Request, json", ""},
		"no JSON":                      {"POST", "/org-units/active", "uk", nil, "Bad Request, json", ""},
		"an unknown member":            {"POST", "/org-units/active", `{"org_unit_id":"uk","id":"us"}`, nil, "Bad Request, unknown, id", ""},
		"the member in other case":     {"POST", "/org-units/active", `{"Org_Unit_Id":"uk"}`, nil, "Bad Request, unknown, Org_Unit_Id", ""},
		"the member twice":             {"POST", "/org-units/active", `{"org_unit_id":"uk","org_unit_id":"us"}`, nil, "Bad Request, duplicate, org_unit_id", ""},
		"two bodies":                   {"POST", "/org-units/active", `{"org_unit_id":"uk"}{"org_unit_id":"us"}`, nil, "Bad Request, json", ""},
		"a number":                     {"POST", "/org-units/active", `{"org_unit_id":1}`, nil, "Bad Request, type, org_unit_id", ""},
		"a list":                       {"POST", "/org-units/active", `{"org_unit_id":["uk"]}`, nil, "Bad Request, type, org_unit_id", ""},
		"a JSON text":                  {"POST", "/org-units/active", `"uk"`, nil, "Bad Request, type", ""},
		"page twice":                   {"GET", "/org-units?page=1&page=2", "", nil, "Bad Request, duplicate, page", ""},
		"page in other case":           {"GET", "/org-units?Page=1", "", nil, "Bad Request, unknown, Page", ""},
		"a parameter of any length":    {"GET", "/org-units?" + strings.Repeat("x", 5000), "", nil, "Bad Request, unknown, query", ""},
		"a query that does not decode": {"GET", "/org-units?%zz", "", nil, "Bad Request, encoding, query", ""},
		"the same, of the active unit": {"GET", "/org-units/active?%zz", "", nil, "Bad Request, encoding, query", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{})
			w := s.do("ann", tt.method, tt.target, tt.body, tt.header...)
			if got := outcome(w); got != tt.want {
				t.Errorf("%s %s = %s, want %s (%s)", tt.method, tt.target, got, tt.want, w.Body)
			}
			if got := w.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow = %q, want %q", got, tt.allow)
			}
			if got := s.scope("ann"); got != mustChoose {
				t.Errorf("scope after a refused request = %s, want %s", got, mustChoose)
			}
		})
	}
}

// A unit id sent by the client never widens or moves a scope.
func TestUnitsThatAClientNamesAreIgnored(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, target, body string
		header               []string
	}{
		"in the query":         {"GET", "/scope?org_unit=us&org_unit_id=us&ou=us&active=us", "", nil},
		"in headers":           {"GET", "/scope", "", []string{"X-Tenant", "us", "X-Org-Unit", "us", "X-Org-Unit-Id", "us", "Org-Unit-Id", "us"}},
		"in a cookie":          {"GET", "/scope", "", []string{"Cookie", "activeOu=us; org_unit_id=us"}},
		"in the body":          {"POST", "/scope", `{"org_unit":"us","org_unit_id":"us"}`, nil},
		"in a form":            {"POST", "/scope", "org_unit_id=us", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"in forwarded headers": {"GET", "/scope", "", []string{"Forwarded", "for=us;host=us", "X-Forwarded-Host", "us.example.com"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": "editor emea"}, ouscope.Options{})
			w := s.do("ann", tt.method, tt.target, tt.body, tt.header...)
			if got, want := outcome(w), "emea: de emea uk"; got != want {
				t.Errorf("scope = %s, want %s", got, want)
			}
		})
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ grants, choice, want string }{
		"the role itself":               {"editor uk", "", "uk: uk"},
		"a role that implies it":        {"admin acme", "uk", "uk: uk"},
		"a lower role":                  {"reader uk", "", "Forbidden, missing_role"},
		"the role outside of the scope": {"reader uk editor apac", "uk", "Forbidden, missing_role"},
		"the role below the active one": {"reader emea editor uk", "", "emea: de emea uk"},
		"no choice":                     {"reader uk editor apac", "", mustChoose},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{})
			if tt.choice != "" {
				s.activate("ann", tt.choice)
			}
			if got := outcome(s.do("ann", http.MethodGet, "/editors", "")); got != tt.want {
				t.Errorf("GET = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRequireBehindHandlerAndBehindAnotherScoper(t *testing.T) {
	t.Parallel()
	one := newService(t, map[string]string{"ann": "editor uk"}, ouscope.Options{})
	two := newService(t, map[string]string{"ann": "editor de"}, ouscope.Options{})
	h := http.HandlerFunc(tellScope)
	tests := map[string]struct {
		handler http.Handler
		want    string
	}{
		"behind the handler of the same": {one.scoper.Handler(one.scoper.Require("editor")(h)), "uk: uk"},
		"behind the handler of another":  {one.scoper.Handler(two.scoper.Require("editor")(h)), "de: de"},
		"an empty role":                  {one.scoper.Require("")(h), "Forbidden, missing_role"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Subject", "ann")
			w := httptest.NewRecorder()
			tt.handler.ServeHTTP(w, r)
			if got := outcome(w); got != tt.want {
				t.Errorf("GET = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAHandlerSaysMoreThanTheDefaultHeaders(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "editor uk"}, ouscope.Options{})
	h := s.scoper.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=60")
		w.Header().Add("Vary", "Accept")
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Subject", "ann")
	for range 2 { // the second would see what the first changed
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Origin")
		h.ServeHTTP(w, r)
		got := map[string][]string{"Vary": w.Header()["Vary"], "Cache-Control": w.Header()["Cache-Control"]}
		want := map[string][]string{"Vary": {"Origin", "Authorization, Cookie", "Accept"}, "Cache-Control": {"private, max-age=60"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("header mismatch (-want +got):\n%s", diff)
		}
	}
}

func TestOptionsOfTheEndpoints(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{
		ActiveField: "ouId", MissingStatus: http.StatusBadRequest, Challenges: []string{`Basic realm="a"`, "Bearer"},
	})
	if got, want := s.scope("ann"), "Bad Request, active_ou_required"; got != want {
		t.Errorf("scope = %s, want %s", got, want)
	}
	if got, want := outcome(s.do("ann", "POST", "/org-units/active", `{"org_unit_id":"uk"}`)), "Bad Request, unknown, org_unit_id"; got != want {
		t.Errorf("POST org_unit_id = %s, want %s", got, want)
	}
	if w := s.do("ann", "POST", "/org-units/active", `{"ouId":"uk"}`); w.Code != http.StatusOK {
		t.Errorf("POST ouId = %d %s, want 200", w.Code, w.Body)
	}
	got := s.do("", "GET", "/scope", "").Header()["Www-Authenticate"]
	if diff := cmp.Diff([]string{`Basic realm="a"`, "Bearer"}, got); diff != "" {
		t.Errorf("WWW-Authenticate mismatch (-want +got):\n%s", diff)
	}
}

func TestADirectoryThatFails(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*directory){
		"an error":    func(d *directory) { d.err = errors.New("secret cause") },
		"an id twice": func(d *directory) { d.units = append(d.units, d.units[0]) },
		"a parent of another organization": func(d *directory) {
			d.units = append(d.units, ouscope.Unit{ID: "x", Organization: "other", Parent: "uk"})
		},
		"a missing parent": func(d *directory) { d.units = append(d.units, ouscope.Unit{ID: "x", Parent: "gone"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": "admin acme"}, ouscope.Options{})
			s.dir.set(spoil)
			for _, target := range []string{"/scope", "/org-units", "/org-units/active"} {
				w := s.do("ann", http.MethodGet, target, "")
				if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
					t.Errorf("GET %s = %d, Retry-After %q, want 503 with one", target, w.Code, w.Header().Get("Retry-After"))
				}
				if strings.Contains(w.Body.String(), "secret") {
					t.Errorf("GET %s shows the cause: %s", target, w.Body)
				}
			}
			if w := s.do("ann", http.MethodDelete, "/org-units/active", ""); w.Code != http.StatusNoContent {
				t.Errorf("DELETE = %d, want 204", w.Code)
			}
		})
	}
}
