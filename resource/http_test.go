package resource_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

func TestCreateAnswers201WithLocation(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	rec := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`)
	get := do(leads, editor, "GET", rec.Header().Get("Location"), "")
	if rec.Code != 201 || get.Code != 200 || rec.Body.String() != get.Body.String() {
		t.Fatalf("POST = %d %s, GET of its Location = %d %s", rec.Code, rec.Body, get.Code, get.Body)
	}
	for _, part := range []string{
		`{"id":"`, `","name":"Ada","email":null,"value":0,"active":false,"org_unit":"emea","created_at":"`, `Z"}`,
	} {
		if !strings.Contains(rec.Body.String(), part) {
			t.Errorf("POST = %s, want %s in it", rec.Body, part)
		}
	}
	want := http.Header{
		"Content-Type":   {"application/json; charset=utf-8"},
		"Content-Length": rec.Header()["Content-Length"],
		"Location":       {"/leads/" + rec.Body.String()[7:43]},
		"Etag":           get.Header()["Etag"],
	}
	if diff := cmp.Diff(want, rec.Header()); diff != "" {
		t.Errorf("POST: header mismatch (-want +got):\n%s", diff)
	}
	if id := rec.Body.String()[7:43]; id[14] != '7' || strings.IndexByte("89ab", id[19]) < 0 {
		t.Errorf("id %s is no UUID of version 7", id)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	leads, store := newLeads(t, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")

	type reader struct {
		resource.Lister[Lead]
		resource.Getter[Lead]
	}
	readOnly, err := resource.New[Lead, LeadInput]("/leads", reader{store, store}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	createOnly, err := resource.New[Lead, LeadInput]("/leads", struct{ resource.Creator[Lead] }{store}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		h      http.Handler
		method string
		target string
		status int
		allow  string
	}{
		"OPTIONS":                             {leads, "OPTIONS", "/leads", 204, "GET, HEAD, OPTIONS, POST"},
		"OPTIONS of a row":                    {leads, "OPTIONS", target, 204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"DELETE of all":                       {leads, "DELETE", "/leads", 405, "GET, HEAD, OPTIONS, POST"},
		"POST to a row":                       {leads, "POST", target, 405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"an unknown method":                   {leads, "BREW", target, 405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		"POST where the store only reads":     {readOnly, "POST", "/leads", 405, "GET, HEAD, OPTIONS"},
		"PUT where the store only reads":      {readOnly, "PUT", target, 405, "GET, HEAD, OPTIONS"},
		"GET where the store only creates":    {createOnly, "GET", "/leads", 405, "OPTIONS, POST"},
		"a row where there are no operations": {createOnly, "GET", target, 404, ""},
		"no id":                               {leads, "GET", "/leads/", 404, ""},
		"below a row":                         {leads, "GET", target + "/notes", 404, ""},
		"another path":                        {leads, "GET", "/leads2", 404, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := do(tt.h, editor, tt.method, tt.target, "")
			if rec.Code != tt.status || rec.Header().Get("Allow") != tt.allow {
				t.Errorf("%s %s = %d, Allow %q, want %d, %q", tt.method, tt.target, rec.Code, rec.Header().Get("Allow"), tt.status, tt.allow)
			}
			if rec.Code == 204 && rec.Body.Len() > 0 {
				t.Errorf("a 204 with a body: %s", rec.Body)
			}
		})
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	target := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	for _, target := range []string{"/leads?limit=3", target, "/leads?limit=x", "/leads/none"} {
		get, head := do(leads, editor, "GET", target, ""), do(leads, editor, "HEAD", target, "")
		if head.Code != get.Code || head.Body.Len() > 0 {
			t.Errorf("HEAD %s = %d with %d bytes, want %d with none", target, head.Code, head.Body.Len(), get.Code)
		}
		if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
			t.Errorf("HEAD %s: header mismatch (-GET +HEAD):\n%s", target, diff)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	for accept, want := range map[string]int{
		"application/json": 200, "application/*": 200, "*/*": 200, "text/html, application/json;q=0.1": 200,
		"text/html": 406, "application/json;q=0": 406,
	} {
		if rec := do(leads, editor, "GET", "/leads", "", "Accept: "+accept); rec.Code != want {
			t.Errorf("GET with Accept %s = %d, want %d", accept, rec.Code, want)
		}
	}
	rec := do(leads, editor, "POST", "/leads", `{"name":"unwanted"}`, "Accept: text/csv")
	list := do(leads, editor, "GET", "/leads?filter=name=unwanted", "")
	if rec.Code != 406 || !strings.Contains(list.Body.String(), `"total":0`) {
		t.Errorf("POST with Accept text/csv = %d, and left %s", rec.Code, list.Body)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{Roles: roles})
	created := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`)
	target, tag := created.Header().Get("Location"), created.Header().Get("Etag")
	list := do(leads, editor, "GET", "/leads", "").Header().Get("Etag")
	tests := map[string]struct {
		method string
		target string
		header string
		status int
	}{
		"a tag that is current":            {"GET", target, "If-None-Match: " + tag, 304},
		"one of several":                   {"GET", target, `If-None-Match: "x", W/` + tag, 304},
		"any":                              {"GET", target, "If-None-Match: *", 304},
		"a stale tag":                      {"GET", target, `If-None-Match: "x"`, 200},
		"a list that is current":           {"GET", "/leads", "If-None-Match: " + list, 304},
		"HEAD":                             {"HEAD", "/leads", "If-None-Match: " + list, 304},
		"a list that is not":               {"GET", "/leads?limit=3", "If-None-Match: " + list, 200},
		"GET with a stale If-Match":        {"GET", target, `If-Match: "x"`, 412},
		"GET with a tag that has no quote": {"GET", target, "If-None-Match: x", 400},
		"PUT with a stale tag":             {"PUT", target, `If-Match: "x"`, 412},
		"PATCH with a stale tag":           {"PATCH", target, `If-Match: "x", "y"`, 412},
		"DELETE with a stale tag":          {"DELETE", target, `If-Match: "x"`, 412},
		"a weak tag never matches":         {"PUT", target, "If-Match: W/" + tag, 412},
		"PUT where nothing may be":         {"PUT", target, "If-None-Match: *", 412},
		"a malformed If-Match":             {"PUT", target, `If-Match: "x`, 400},
		"an empty If-Match":                {"DELETE", target, "If-Match: ,", 400},
		"the current tag":                  {"PUT", target, "If-Match: " + tag, 200},
		"any row":                          {"PATCH", target, "If-Match: *", 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := ""
			if tt.method == "PUT" || tt.method == "PATCH" {
				body = `{"name":"Ada"}`
			}
			rec := do(leads, editor, tt.method, tt.target, body, tt.header)
			if rec.Code != tt.status {
				t.Fatalf("%s %s with %s = %d %s, want %d", tt.method, tt.target, tt.header, rec.Code, rec.Body, tt.status)
			}
			switch rec.Code {
			case 304:
				if rec.Body.Len() > 0 || rec.Header().Get("Etag") == "" {
					t.Errorf("304 with %d bytes and ETag %q", rec.Body.Len(), rec.Header().Get("Etag"))
				}
			case 412:
				if want := `{"error":"precondition_failed","message":"The resource has changed since it was read"}`; rec.Body.String() != want {
					t.Errorf("412 = %s, want %s", rec.Body, want)
				}
			case 400:
				name, _, _ := strings.Cut(tt.header, ":")
				if want := refused(name, "etag", name+" must be * or a list of entity tags in double quotes"); rec.Body.String() != want {
					t.Errorf("400 = %s, want %s", rec.Body, want)
				}
			}
		})
	}
}

func TestMatchIsDemanded(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{RequireMatch: true})
	created := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`)
	target := created.Header().Get("Location")
	want := `{"error":"precondition_required","message":"If-Match is required"}`
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		if rec := do(leads, editor, method, target, `{"name":"Bob"}`); rec.Code != 428 || rec.Body.String() != want {
			t.Errorf("%s without If-Match = %d %s, want 428 %s", method, rec.Code, rec.Body, want)
		}
	}
	if rec := do(leads, editor, "DELETE", target, "", "If-Match: "+created.Header().Get("Etag")); rec.Code != 204 || rec.Body.Len() > 0 {
		t.Errorf("DELETE with If-Match = %d %s, want 204", rec.Code, rec.Body)
	}
	if rec := do(leads, editor, "GET", target, ""); rec.Code != 404 {
		t.Errorf("GET after DELETE = %d, want 404", rec.Code)
	}
}

// brokenStore fails in a way that nobody outside may hear of.
type brokenStore struct{ resource.Store[Lead] }

func (brokenStore) Get(context.Context, resource.Scope, string) (Lead, error) {
	return Lead{}, errors.New("dial tcp 10.0.0.7:5432: secret")
}

func TestAStoreThatFailsIsA500WithoutItsCause(t *testing.T) {
	t.Parallel()
	leads, err := resource.New[Lead, LeadInput]("/leads", brokenStore{}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	rec := do(leads, editor, "GET", "/leads/1", "")
	if rec.Code != 500 || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("GET = %d %s, want 500 without the cause", rec.Code, rec.Body)
	}
}

// hooked makes an answer of what another store has not.
type hooked struct{ resource.Store[Lead] }

func (hooked) Create(context.Context, resource.Scope, Lead) (Lead, error) {
	return Lead{}, apierror.Conflict("name", "no_customer", "There is no such customer").Wrap(resource.ErrNotFound)
}

func (hooked) Get(context.Context, resource.Scope, string) (Lead, error) {
	return Lead{}, fmt.Errorf("leads: %w", resource.ErrNotFound)
}

func TestAHooksAnswerStays(t *testing.T) {
	t.Parallel()
	leads, err := resource.New[Lead, LeadInput]("/leads", hooked{}, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"error":"conflict","message":"There is no such customer","details":{"field":"name","code":"no_customer"}}`
	if rec := do(leads, editor, "POST", "/leads", `{"name":"Ada"}`); rec.Code != 409 || rec.Body.String() != want {
		t.Errorf("POST = %d %s, want 409 %s", rec.Code, rec.Body, want)
	}
	if rec := do(leads, editor, "GET", "/leads/1", ""); rec.Code != 404 || rec.Body.String() != `{"error":"not_found","message":"Resource not found"}` {
		t.Errorf("GET = %d %s, want the bare 404", rec.Code, rec.Body)
	}
}

func TestMountedBelowAPrefix(t *testing.T) {
	t.Parallel()
	store, err := resource.NewMemory[Lead]("org_unit")
	if err != nil {
		t.Fatal(err)
	}
	leads, err := resource.New[Lead, LeadInput]("/api/v1/leads", store, resource.Options{Scope: scopeOf})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/leads", leads)
	mux.Handle("/leads/{id}", leads)
	server := http.StripPrefix("/api/v1", mux)
	rec := do(server, editor, "POST", "/api/v1/leads", `{"name":"Ada"}`)
	target := rec.Header().Get("Location")
	if rec.Code != 201 || !strings.HasPrefix(target, "/api/v1/leads/") {
		t.Fatalf("POST = %d, Location %s", rec.Code, target)
	}
	if rec := do(server, editor, "GET", target, ""); rec.Code != 200 {
		t.Errorf("GET %s = %d %s", target, rec.Code, rec.Body)
	}
	if rec := do(server, editor, "GET", "/api/v1/leads", ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"total":1`) {
		t.Errorf("GET of the list = %d %s", rec.Code, rec.Body)
	}
}

// TestMountedWithoutPatterns is for routers that set no path values.
// TestARowMayBeCalledLikeItsResource is about what is left below a prefix: "/leads"
// is the row there, and the resource where no prefix was taken off.
func TestARowMayBeCalledLikeItsResource(t *testing.T) {
	t.Parallel()
	leads, store := newLeads(t, resource.Options{})
	if _, err := store.Create(t.Context(), resource.Everything(), Lead{ID: "leads", Name: "Ada", OrgUnit: "uk"}); err != nil {
		t.Fatal(err)
	}
	below := http.NewServeMux()
	below.Handle("/{id}", leads)
	whole := http.NewServeMux()
	whole.Handle("/leads", leads)
	whole.Handle("/leads/{id}", leads)
	for name, h := range map[string]http.Handler{"below a prefix": http.StripPrefix("/leads", below), "whole": whole, "without patterns": leads} {
		if rec := do(h, editor, "GET", "/leads/leads", ""); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), `{"id":"leads","name":"Ada"`) {
			t.Errorf("%s: GET of the row = %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := do(whole, editor, "GET", "/leads", ""); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), `{"data":[`) {
		t.Errorf("GET of the list = %d %s", rec.Code, rec.Body)
	}
}

func TestMountedWithoutPatterns(t *testing.T) {
	t.Parallel()
	leads, _ := newLeads(t, resource.Options{})
	mux := http.NewServeMux()
	mux.Handle("/", leads)
	target := do(mux, editor, "POST", "/leads", `{"name":"Ada"}`).Header().Get("Location")
	for path, want := range map[string]int{
		target: 200, "/leads": 200, target + "/x": 404, "/": 404, "/lead": 404, "/leads/%00": 404, "/leads/%FF": 404, "/leads/a%2Fb": 404,
		"/leads/" + strings.Repeat("a", 300): 404,
	} {
		if rec := do(mux, editor, "GET", path, ""); rec.Code != want {
			t.Errorf("GET %s = %d %s, want %d", path, rec.Code, rec.Body, want)
		}
	}
}

func TestOnARealServer(t *testing.T) {
	t.Parallel()
	leads := seeded(t, resource.Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leads.ServeHTTP(w, within(r, editor))
	}))
	t.Cleanup(server.Close)
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/leads", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if want := map[string]int{"GET": 200, "HEAD": 200, "OPTIONS": 204}[method]; res.StatusCode != want {
			t.Errorf("%s = %s, want %d", method, res.Status, want)
		}
	}
}
