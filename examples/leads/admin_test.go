package main

import (
	"maps"
	"strings"
	"testing"
)

// TestAdmin changes the organization and the roles: a grant and a revocation hold
// from the next request.
func TestAdmin(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		const admin = "demo-admin"
		type object struct {
			ID      string `json:"id"`
			Subject string `json:"subject"`
			Name    string `json:"name"`
			Parent  string `json:"parent"`
			Role    string `json:"role"`
			OrgUnit string `json:"org_unit_id"`
		}

		var leeds object
		created := s.want(t, 201, call{as: admin, method: "POST", target: "/org-units", body: `{"name":"Leeds","parent":"uk"}`})
		created.decode(t, &leeds)
		if got := created.header.Get("Location"); got != "/org-units/"+leeds.ID || leeds.Parent != "uk" || leeds.Name != "Leeds" {
			t.Errorf("created %+v at %q, want Leeds below uk at its path", leeds, got)
		}

		// A role granted, used, and revoked.
		s.want(t, 403, call{as: "demo-none", target: "/leads"})
		var grant object
		s.want(t, 201, call{as: admin, method: "POST", target: "/role-assignments", body: `{"subject":"demo-none","org_unit_id":"` + leeds.ID + `","role":"editor"}`}).decode(t, &grant)
		s.want(t, 201, call{as: "demo-none", method: "POST", target: "/leads", body: `{"name":"Ada"}`})
		if got := s.everything(t, "demo-none", "/leads").units(); !maps.Equal(got, map[string]int{leeds.ID: 1}) {
			t.Errorf("leads of the new unit are %v, want its one", got)
		}
		if total := s.list(t, "demo-reader", "/leads?limit=1").Total; total != 31 {
			t.Errorf("demo-reader, reader on uk, sees %d leads, want the one of the new unit below it too", total)
		}
		found := false
		for _, a := range s.everything(t, admin, "/role-assignments").Data {
			found = found || a.ID == grant.ID
		}
		if !found {
			t.Errorf("GET /role-assignments lacks %s", grant.ID)
		}
		s.want(t, 204, call{as: admin, method: "DELETE", target: "/role-assignments/" + grant.ID})
		s.want(t, 403, call{as: "demo-none", target: "/leads"})
		s.want(t, 404, call{as: admin, method: "DELETE", target: "/role-assignments/" + grant.ID})

		// An import that runs on after its caller has lost the role ends.
		var revoked object
		s.want(t, 201, call{as: admin, method: "POST", target: "/role-assignments", body: `{"subject":"demo-none","org_unit_id":"us","role":"editor"}`}).decode(t, &revoked)
		accepted := s.want(t, 202, call{as: "demo-none", method: "POST", target: "/leads/import", body: "[" + strings.Repeat(`{"name":"row"},`, 9_000) + `{"name":"last"}]`})
		s.want(t, 204, call{as: admin, method: "DELETE", target: "/role-assignments/" + revoked.ID})
		aJobFailed(t, open(t, e))
		s.want(t, 403, call{as: "demo-none", target: accepted.header.Get("Location")})
		s.want(t, 201, call{as: admin, method: "POST", target: "/role-assignments", body: `{"subject":"demo-none","org_unit_id":"us","role":"reader"}`})
		ended := s.finished(t, "demo-none", accepted.header.Get("Location"))
		if ended.Status != "failed" || ended.Counts.Succeeded == ended.Counts.Total {
			t.Errorf("the import of a caller without a role any more: %s with %+v, want failed before the end", ended.Status, ended.Counts)
		}

		// A unit disabled takes its rows out of sight at once.
		s.want(t, 200, call{as: admin, method: "PUT", target: "/org-units/" + leeds.ID, body: `{"name":"Leeds","disabled":true}`})
		if total := s.list(t, "demo-reader", "/leads?limit=1").Total; total != 30 {
			t.Errorf("demo-reader sees %d leads after the unit was disabled, want 30", total)
		}

		// An editor is no admin, and what lies outside the scope is not told of.
		s.want(t, 403, call{as: "demo-emea", method: "POST", target: "/org-units", body: `{"name":"Lyon","parent":"emea"}`})
		s.want(t, 403, call{as: "demo-emea", method: "POST", target: "/role-assignments", body: `{"subject":"demo-emea","org_unit_id":"uk","role":"admin"}`})
		foreign := s.want(t, 404, call{as: "demo-emea", method: "PUT", target: "/org-units/apac", body: `{"name":"Mine"}`})
		unknown := s.want(t, 404, call{as: "demo-emea", method: "PUT", target: "/org-units/mars", body: `{"name":"Mine"}`})
		if foreign.body != unknown.body {
			t.Errorf("a foreign unit answers %s, an unknown one %s", foreign.body, unknown.body)
		}
		if log := s.stderr.String(); !strings.Contains(log, "create_unit") || !strings.Contains(log, "revoke") {
			t.Error("the log does not tell of the changes")
		}
	})
}
