package admin_test

import (
	"fmt"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

// A role that stands on one unit alone stays there: whatever its holder grants,
// creates, moves or enables, no role reaches further than before.
func TestARoleOnOneUnitAloneStaysThere(t *testing.T) {
	t.Parallel()
	const missing = "403 missing_role"
	grant := func(subject, unit, role, inherit string) string {
		return `{"subject":"` + subject + `","org_unit_id":"` + unit + `","role":"` + role + `"` + inherit + `}`
	}
	tests := map[string]struct{ subject, unit, method, target, body, want string }{
		"grant oneself what goes on":             {"local", "", "POST", "/role-assignments", grant("local", "emea", "editor", `,"inherit":true`), missing},
		"the same, inherit left out":             {"local", "", "POST", "/role-assignments", grant("local", "emea", "editor", ""), missing},
		"the same, inherit null":                 {"local", "", "POST", "/role-assignments", grant("local", "emea", "editor", `,"inherit":null`), missing},
		"grant another the same":                 {"local", "", "POST", "/role-assignments", grant("new", "emea", "reader", `,"inherit":true`), missing},
		"grant on the unit alone":                {"local", "", "POST", "/role-assignments", grant("new", "emea", "reader", `,"inherit":false`), "201"},
		"grant what goes on, admin does not":     {"half", "emea", "POST", "/role-assignments", grant("new", "emea", "editor", ""), missing},
		"grant on where nothing is below yet":    {"half", "au", "POST", "/role-assignments", grant("half", "au", "reader", ""), missing},
		"grant where each unit below is held":    {"cover", "apac", "POST", "/role-assignments", grant("cover", "apac", "reader", ""), missing},
		"revoke what goes on":                    {"local", "", "DELETE", "/role-assignments/emea-emea", "", missing},
		"revoke on the unit alone":               {"local", "", "DELETE", "/role-assignments/alone-emea", "", "204"},
		"create below":                           {"local", "", "POST", "/org-units", `{"name":"X","parent":"emea"}`, missing},
		"create below, another role goes on":     {"half", "emea", "POST", "/org-units", `{"name":"X","parent":"emea"}`, missing},
		"rename the unit":                        {"local", "", "PUT", "/org-units/emea", `{"name":"X"}`, "200"},
		"rename a unit below":                    {"local", "", "PUT", "/org-units/uk", `{"name":"X"}`, "404"},
		"disable a unit below":                   {"half", "emea", "PUT", "/org-units/uk", `{"name":"X","disabled":true}`, missing},
		"move between units, each alone":         {"cover", "apac", "PUT", "/org-units/au", `{"name":"X","parent":"uk2"}`, missing},
		"rename a disabled unit below":           {"local", "", "PUT", "/org-units/closed", `{"name":"X"}`, "404"},
		"enable a unit below":                    {"local", "", "PUT", "/org-units/closed", `{"name":"X","disabled":false}`, "404"},
		"take a disabled unit away":              {"local", "", "PUT", "/org-units/closed", `{"name":"X","parent":"emea"}`, "404"},
		"move to where one holds more":           {"owner", "emea", "PUT", "/org-units/uk", `{"name":"X","parent":"de"}`, missing},
		"move a disabled unit there":             {"owner", "emea", "PUT", "/org-units/closed", `{"name":"X","parent":"de"}`, missing},
		"move from where one holds more":         {"owner", "emea", "PUT", "/org-units/berlin", `{"name":"X","parent":"emea"}`, "200"},
		"enable what one holds by the same role": {"owner", "emea", "PUT", "/org-units/closed", `{"name":"X","disabled":false}`, "200"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.store.units = append(o.store.units,
				ouscope.Unit{ID: "closed", Organization: "acme", Parent: "emea", Name: "Closed", Disabled: true},
				ouscope.Unit{ID: "berlin", Organization: "acme", Parent: "de", Name: "Berlin"})
			if tt.unit != "" {
				o.send(tt.subject, "POST", "/org-units/active", `{"org_unit_id":"`+tt.unit+`"}`)
			}
			before := fmt.Sprint(o.store.units, o.store.assignments)
			w := o.send(tt.subject, tt.method, tt.target, tt.body)
			if got := outcome(w); got != tt.want {
				t.Errorf("%s %s %s = %s, want %s: %s", tt.method, tt.target, tt.body, got, tt.want, w.Body)
			}
			if changed := fmt.Sprint(o.store.units, o.store.assignments) != before; changed != (tt.want[0] == '2') {
				t.Errorf("%s %s %s: changed = %v", tt.method, tt.target, tt.body, changed)
			}
		})
	}
}
