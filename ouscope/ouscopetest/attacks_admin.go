package ouscopetest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tenetkit/tenet/ouscope"
)

// administerForeignUnits changes units and roles that are none of the caller's, by
// the handlers of ouscope/admin: nothing changes, and a foreign unit or assignment
// is answered as one that is not there.
func administerForeignUnits(s *suite) {
	if !s.Admin {
		s.Skip("Service.Admin is not set")
	}
	s.change(func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
		role := func(subject, unit, role string, alone bool) ouscope.Assignment {
			return ouscope.Assignment{ID: subject + "-" + unit, Organization: "acme", Subject: subject, Unit: unit, Role: role, NoInherit: alone}
		}
		return units, append(assignments, role("chief", "emea", "admin", false), role("local", "emea", "admin", true))
	})
	s.choose("chief", "emea")
	s.choose("admin", "acme")
	s.choose("bolt", "bolt")
	state := func() string {
		var all strings.Builder
		for _, subject := range []string{"admin", "bolt"} {
			for _, target := range []string{"/org-units?limit=100", "/role-assignments?limit=100", "/org-units?limit=100&filter=disabled=true"} {
				w := s.send(subject, http.MethodGet, target, "")
				if w.Code != http.StatusOK {
					s.Fatalf("GET %s as %s = %d %s, want 200", target, subject, w.Code, w.Body)
				}
				all.WriteString(w.Body.String())
			}
		}
		return all.String()
	}
	before := state()
	grant := func(subject, unit, role string) string {
		return fmt.Sprintf(`{"subject":%q,"org_unit_id":%q,"role":%q}`, subject, unit, role)
	}
	// What is refused to chief on foreign units is refused as on unknown ones.
	for _, foreign := range []string{"us", "acme", "amer", "bolt", "UK", "uk_", "u\u043a", "off", "below-off"} {
		for name, attack := range map[string]func(s *suite, unit string) (method, target, body string){
			"read": func(_ *suite, unit string) (string, string, string) { return "GET", "/org-units/" + unit, "" },
			"rename": func(_ *suite, unit string) (string, string, string) {
				return "PUT", "/org-units/" + unit, `{"name":"X"}`
			},
			"disable": func(_ *suite, unit string) (string, string, string) {
				return "PUT", "/org-units/" + unit, `{"name":"X","disabled":true}`
			},
			"take": func(_ *suite, unit string) (string, string, string) {
				return "PUT", "/org-units/" + unit, `{"name":"X","parent":"emea"}`
			},
			"move into": func(_ *suite, unit string) (string, string, string) {
				return "PUT", "/org-units/uk", `{"name":"Unit uk","parent":"` + unit + `"}`
			},
			"create below": func(_ *suite, unit string) (string, string, string) {
				return "POST", "/org-units", `{"name":"X","parent":"` + unit + `"}`
			},
			"grant on": func(_ *suite, unit string) (string, string, string) {
				return "POST", "/role-assignments", grant("chief", unit, "admin")
			},
		} {
			s.run("chief, "+name+" "+foreign, func(s *suite) {
				method, target, body := attack(s, "nowhere")
				unknown := s.send("chief", method, target, body)
				method, target, body = attack(s, foreign)
				s.same(unknown, s.send("chief", method, target, body))
			})
		}
	}
	for _, id := range []string{"admin-acme", "bolt-bolt", "off-off", "multi-apac"} {
		s.run("chief, revoke "+id, func(s *suite) {
			s.same(s.send("chief", http.MethodDelete, "/role-assignments/nothing", ""), s.send("chief", http.MethodDelete, "/role-assignments/"+id, ""))
		})
	}
	// And these have no role for it.
	for _, subject := range []string{"emea", "uk", "reader", "nobody", "alone", "off"} {
		for name, attack := range map[string][3]string{
			"create a unit":    {"POST", "/org-units", `{"name":"X","parent":"uk"}`},
			"rename a unit":    {"PUT", "/org-units/uk", `{"name":"X"}`},
			"disable a unit":   {"PUT", "/org-units/uk", `{"name":"X","disabled":true}`},
			"become admin":     {"POST", "/role-assignments", grant(subject, "uk", "admin")},
			"revoke a role":    {"DELETE", "/role-assignments/multi-uk", ""},
			"list roles":       {"GET", "/role-assignments", ""},
			"list what is off": {"GET", "/org-units?filter=disabled=true", ""},
		} {
			s.run(subject+", "+name, func(s *suite) {
				if w := s.send(subject, attack[0], attack[1], attack[2]); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
					s.Errorf("%s %s %s = %d %s, want 403 or 404", attack[0], attack[1], attack[2], w.Code, w.Body)
				}
			})
		}
	}
	// A role on one unit alone, a role that is not held, a role above.
	for name, attack := range map[string][4]string{
		"hand on a role that goes further": {"local", "POST", "/role-assignments", grant("local", "emea", "admin")},
		"create with a role that stays":    {"local", "POST", "/org-units", `{"name":"X","parent":"emea"}`},
		"grant a role that is not held":    {"chief", "POST", "/role-assignments", grant("chief", "emea", "owner")},
		"move what the own role stands on": {"chief", "PUT", "/org-units/emea", `{"name":"Unit emea","parent":"uk"}`},
		"disable what the role stands on":  {"chief", "PUT", "/org-units/emea", `{"name":"Unit emea","disabled":true}`},
		"move the unit to the top":         {"chief", "PUT", "/org-units/uk", `{"name":"Unit uk","parent":""}`},
		"give it to another organization":  {"admin", "PUT", "/org-units/uk", `{"name":"Unit uk","parent":"bolt"}`},
		"set the id":                       {"admin", "PUT", "/org-units/uk", `{"name":"Unit uk","id":"us"}`},
		"set the organization":             {"admin", "PUT", "/org-units/uk", `{"name":"Unit uk","organization":"bolt"}`},
		"a unit in the query of a grant":   {"chief", "POST", "/role-assignments?org_unit_id=us", grant("new", "uk", "reader")},
		"a unit in the query of the roles": {"admin", "GET", "/role-assignments?org_unit=us", ""},
		"make a circle":                    {"admin", "PUT", "/org-units/emea", `{"name":"Unit emea","parent":"uk"}`},
	} {
		s.run(name, func(s *suite) {
			if w := s.send(attack[0], attack[1], attack[2], attack[3]); w.Code < 400 || w.Code >= 500 {
				s.Errorf("%s %s %s as %s = %d %s, want it refused", attack[1], attack[2], attack[3], attack[0], w.Code, w.Body)
			}
		})
	}
	if after := state(); after != before {
		s.Errorf("units and roles were %s and are %s", before, after)
	}
	s.run("the roles that chief sees", func(s *suite) {
		body := s.send("chief", http.MethodGet, "/role-assignments?limit=100", "").Body.String()
		for _, foreign := range []string{`"us"`, `"acme"`, `"apac"`, `"bolt"`, `"off"`} {
			if strings.Contains(body, foreign) {
				s.Errorf("GET /role-assignments shows %s: %s", foreign, body)
			}
		}
	})
	// What an admin takes away is gone with the next request.
	for name, change := range map[string][3]string{
		"a role that is revoked":  {"DELETE", "/role-assignments/uk-uk", ""},
		"a unit that is disabled": {"PUT", "/org-units/uk", `{"name":"Unit uk","disabled":true}`},
	} {
		s.run(name, func(s *suite) {
			s.reset()
			s.choose("uk", "uk")
			s.sees("uk", s.visible("uk", "uk"))
			switch {
			case s.Mode != "exact":
				s.choose("admin", "acme")
			case change[0] == http.MethodPut:
				s.Skip("the unit above is in no scope")
			default:
				s.choose("admin", "uk")
			}
			if w := s.send("admin", change[0], change[1], change[2]); w.Code >= 300 {
				s.Fatalf("%s %s = %d %s, want success", change[0], change[1], w.Code, w.Body)
			}
			if w := s.send("uk", http.MethodGet, s.Path, ""); w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
				s.Errorf("GET %s after %s = %d %s, want it refused", s.Path, name, w.Code, w.Body)
			}
		})
	}
	s.reset()
}
