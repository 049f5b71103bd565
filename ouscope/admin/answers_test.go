package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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
	want := o.send("reader", "GET", "/org-units?limit=5", "").Body.String()
	a, err := admin.New(o.scoper, o.store, admin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.Handler = o.scoper.Handler(a.UnitsHandler())
	if w := o.send("reader", "GET", "/org-units?limit=5", ""); w.Code != 200 || w.Body.String() != want {
		t.Errorf("GET /org-units = %d %s, want %s", w.Code, w.Body, want)
	}
}
