package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
)

// What GET answers can be sent back, by whoever may change the unit.
func TestAUnitThatWasReadCanBeSentBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.send("chief", "POST", "/org-units/active", `{"org_unit_id":"emea"}`)
	var list struct{ Data []json.RawMessage }
	if err := json.Unmarshal(o.send("chief", "GET", "/org-units", "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	before, sent := fmt.Sprint(o.store.units), 0
	for _, unit := range list.Data {
		var u struct{ ID string }
		if err := json.Unmarshal(unit, &u); err != nil {
			t.Fatal(err)
		}
		read := o.send("chief", "GET", "/org-units/"+u.ID, "")
		if read.Code != http.StatusOK {
			continue // not below the active unit
		}
		sent++
		for _, body := range []string{string(unit), read.Body.String()} {
			w := o.send("chief", "PUT", "/org-units/"+u.ID, body)
			if w.Code != 200 || w.Body.String() != read.Body.String() {
				t.Errorf("PUT %s = %d %s, want it back", body, w.Code, w.Body)
			}
		}
	}
	if sent != 3 || fmt.Sprint(o.store.units) != before || len(o.events) > 0 {
		t.Errorf("%d units were sent back, with %d changes, want 3 and none", sent, len(o.events))
	}
}

func TestOneUnit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ subject, unit, id, want string }{
		"of the scope":                  {"chief", "emea", "uk", `200 {"id":"uk","name":"Unit uk","slug":"uk","parent":"emea","active":false,"disabled":false}`},
		"the active one":                {"chief", "emea", "emea", `200 {"id":"emea","name":"Unit emea","slug":"emea","parent":null,"active":true,"disabled":false}`},
		"as a reader":                   {"reader", "", "uk", `200 {"id":"uk","name":"Unit uk","slug":"uk","parent":null,"active":true,"disabled":false}`},
		"disabled":                      {"admin", "", "off", `200 {"id":"off","name":"Unit off","slug":"off","parent":"acme","active":false,"disabled":true}`},
		"disabled, as one of it":        {"off", "", "off", "403"},
		"disabled and foreign":          {"chief", "emea", "off", "404"},
		"disabled, of a role elsewhere": {"local", "", "closed", "404"},
		"below a disabled one":          {"admin", "", "below-off", "404"},
		"foreign":                       {"chief", "emea", "us", "404"},
		"not there":                     {"chief", "emea", "nowhere", "404"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.store.units = append(o.store.units, ouscope.Unit{ID: "closed", Organization: "acme", Parent: "emea", Name: "Closed", Disabled: true})
			if tt.unit != "" {
				o.send(tt.subject, "POST", "/org-units/active", `{"org_unit_id":"`+tt.unit+`"}`)
			}
			w := o.send(tt.subject, "GET", "/org-units/"+tt.id, "")
			if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, tt.want) {
				t.Errorf("GET %s = %s, want %s", tt.id, got, tt.want)
			}
		})
	}
}

func TestEveryBadMemberIsReportedInOrder(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ target, body, want string }{
		"a unit":        {"/org-units", `{"slug":"a\u0000","id":"x"}`, "ID is set by the server; Name is required; Slug must not have control characters; Parent is required"},
		"an assignment": {"/role-assignments", `{"role":"a\u0000"}`, "Subject is required; Org unit ID is required; Role must not have control characters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newOffice(t).send("admin", "POST", tt.target, tt.body)
			var body struct {
				Message string
				Details struct {
					Field  string
					Errors []struct{ Field, Message string }
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Details.Errors) == 0 {
				t.Fatalf("POST = %d %s, %v, want a list of errors", w.Code, w.Body, err)
			}
			var got []string
			for _, e := range body.Details.Errors {
				got = append(got, e.Message)
			}
			first := body.Details.Errors[0]
			if got := strings.Join(got, "; "); w.Code != 422 || got != tt.want || body.Message != first.Message || body.Details.Field != first.Field {
				t.Errorf("POST = %d %s, want 422 %s", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for target, want := range map[string]string{
		"/org-units": "GET, HEAD, POST, OPTIONS", "/org-units/uk": "GET, HEAD, PUT, OPTIONS", "/role-assignments": "GET, HEAD, POST, OPTIONS", "/role-assignments/x": "DELETE, OPTIONS",
	} {
		w := o.send("admin", "OPTIONS", target, "")
		if got := w.Header().Get("Allow"); w.Code != 204 || got != want {
			t.Errorf("OPTIONS %s = %d, Allow: %s, want 204 and %s", target, w.Code, got, want)
		}
	}
}

func TestTheListIsThatOfTheScoper(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	want := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/org-units?limit=5", nil)
	r.Header.Set("Ouscopetest-Subject", "multi") // has to choose
	o.scoper.UnitsHandler().ServeHTTP(want, r)
	got := o.send("multi", "GET", "/org-units?limit=5", "")
	if got.Code != 200 || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), slices.Equal) {
		t.Errorf("GET /org-units = %d %s %v, want %s %v", got.Code, got.Body, got.Header(), want.Body, want.Header())
	}
}

// The handlers stand for the scoper's own, and go behind it all the same.
func TestTheHandlersFindTheScopeThemselves(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	a, err := admin.New(o.scoper, o.store, admin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for target, h := range map[string]http.Handler{"/org-units?filter=disabled=true": a.UnitsHandler(), "/role-assignments": a.AssignmentsHandler()} {
		behind := &office{Handler: o.scoper.Handler(h)}
		for _, subject := range []string{"", "nobody", "emea", "admin"} {
			alone, both := o.send(subject, "GET", target, ""), behind.send(subject, "GET", target, "")
			want := map[string]int{"": 401, "nobody": 403, "emea": 403, "admin": 200}[subject]
			if alone.Code != want || both.Code != want || alone.Body.String() != both.Body.String() {
				t.Errorf("GET %s as %q = %d %s, behind the scoper %d %s, want %d", target, subject, alone.Code, alone.Body, both.Code, both.Body, want)
			}
			if got := alone.Header()["Vary"]; !slices.Equal(got, []string{"Authorization, Cookie"}) {
				t.Errorf("GET %s has Vary %q", target, got)
			}
		}
	}
}

// Whoever may enable a unit finds it.
func TestDisabledUnitsAreListed(t *testing.T) {
	t.Parallel()
	unit := func(id, parent string) ouscope.Unit {
		return ouscope.Unit{ID: id, Organization: "acme", Parent: parent, Name: "Unit " + id, Slug: id, Disabled: true}
	}
	const item = `{"id":"%s","name":"Unit %[1]s","slug":"%[1]s","parent":"%s","active":false,"disabled":true}`
	closed, off, left := fmt.Sprintf(item, "closed", "emea"), fmt.Sprintf(item, "off", "acme"), fmt.Sprintf(item, "left", "de")
	list := func(total, page, limit int, items ...string) string {
		return fmt.Sprintf(`200 {"data":[%s],"total":%d,"page":%d,"limit":%d}`, strings.Join(items, ","), total, page, limit)
	}
	tests := map[string]struct{ subject, unit, query, want string }{
		"of all":                              {"admin", "", "", list(3, 1, 25, closed, left, off)},
		"a page":                              {"admin", "", "&limit=1&page=2", list(3, 2, 1, left)},
		"past the end":                        {"admin", "", "&limit=2&page=3", list(3, 3, 2)},
		"of the active unit":                  {"chief", "emea", "", list(2, 1, 25, closed, left)},
		"of the active unit below":            {"chief", "de", "", list(1, 1, 25, left)},
		"without any":                         {"chief", "uk", "", list(0, 1, 25)},
		"where one reads":                     {"chief", "apac", "", "403 missing_role"},
		"where the role is below alone":       {"partly", "emea", "", list(0, 1, 25)},
		"with a role that does not go on":     {"local", "", "", "403 missing_role"},
		"as an editor":                        {"emea", "", "", "403 missing_role"},
		"without a role":                      {"nobody", "", "", "403 missing_role"},
		"without an active unit":              {"chief", "", "", "403 active_ou_required"},
		"as one of a disabled unit":           {"off", "", "", "403 missing_role"},
		"of another organization":             {"bolt", "", "", list(0, 1, 25)},
		"with a bad page":                     {"admin", "", "&page=0", "400 min page"},
		"with an unknown parameter":           {"admin", "", "&org_unit=us", "400 unknown org_unit"},
		"with two filters":                    {"admin", "", "&filter=disabled=true", "400 duplicate filter"},
		"with a unit in a second filter":      {"admin", "", "&filter=parent=us", "400 duplicate filter"},
		"with a page that is far too high":    {"admin", "", "&page=9999999999999999999&limit=100", "400 max page"},
		"with the highest page that there is": {"admin", "", "&page=250001&limit=100", list(3, 250001, 100)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.store.units = append(o.store.units, unit("left", "de"), unit("closed", "emea"), unit("below-closed", "closed"))
			if tt.unit != "" {
				o.send(tt.subject, "POST", "/org-units/active", `{"org_unit_id":"`+tt.unit+`"}`)
			}
			w := o.send(tt.subject, "GET", "/org-units?filter=disabled=true"+tt.query, "")
			got := outcome(w)
			if w.Code == 200 {
				got = fmt.Sprint(w.Code, " ", w.Body)
			}
			if got != tt.want {
				t.Errorf("GET = %s, want %s", got, tt.want)
			}
		})
	}
	for _, filter := range []string{"disabled=false", "disabled", "parent=us", "disabled=true,active=true", ""} {
		w := newOffice(t).send("admin", "GET", "/org-units?filter="+filter, "")
		if got, want := outcome(w), "400 unknown filter"; got != want {
			t.Errorf("GET with filter=%s = %s, want %s", filter, got, want)
		}
	}
}
