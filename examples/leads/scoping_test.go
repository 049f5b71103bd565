package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachClient asks as every demo client, with both schemes, for what it may see.
func TestEachClient(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		tests := map[string]struct {
			status int
			code   string   // details.code of a refusal
			leads  []string // the units whose leads are seen
			units  []string // the units in reach, parents first
			active string   // the unit in force
		}{
			"demo-emea":   {status: 200, leads: []string{"de", "emea", "uk"}, units: []string{"emea", "de", "uk"}, active: "emea"},
			"demo-reader": {status: 200, leads: []string{"uk"}, units: []string{"uk"}, active: "uk"},
			"demo-apac":   {status: 200, leads: []string{"apac"}, units: []string{"apac"}, active: "apac"},
			"demo-admin": {
				status: 200, active: "acme",
				leads: []string{"acme", "amer", "apac", "ca", "de", "emea", "uk", "us"},
				units: []string{"acme", "amer", "ca", "us", "apac", "emea", "de", "uk"},
			},
			"demo-multi": {status: 403, code: "active_ou_required", units: []string{"apac", "uk"}},
			"demo-none":  {status: 403, code: "missing_role"},
		}
		for client, tt := range tests {
			for scheme, as := range map[string]string{"basic": client, "bearer": "bearer:" + s.token(t, client)} {
				t.Run(client+" by "+scheme, func(t *testing.T) {
					t.Parallel()
					got := s.want(t, tt.status, call{as: as, target: "/leads?limit=1"})
					if tt.status != 200 {
						var body struct{ Details struct{ Code string } }
						got.decode(t, &body)
						if body.Details.Code != tt.code {
							t.Errorf("GET /leads: details.code %q, want %q", body.Details.Code, tt.code)
						}
					} else {
						all := s.everything(t, as, "/leads")
						if diff := cmp.Diff(tt.leads, slices.Sorted(maps.Keys(all.units()))); diff != "" {
							t.Errorf("units of the leads mismatch (-want +got):\n%s", diff)
						}
						if want := 30 * len(tt.leads); all.Total != want || len(all.Data) != want {
							t.Errorf("total %d and %d rows, want %d", all.Total, len(all.Data), want)
						}
					}

					var units []string
					for _, u := range s.list(t, as, "/org-units").Data {
						units = append(units, u.ID)
						if u.Active != (u.ID == tt.active) {
							t.Errorf("unit %s: active %t, want %t", u.ID, u.Active, u.ID == tt.active)
						}
					}
					if diff := cmp.Diff(tt.units, units); diff != "" {
						t.Errorf("units mismatch (-want +got):\n%s", diff)
					}

					if tt.active == "" {
						if got := s.want(t, 403, call{as: as, target: "/org-units/active"}); !strings.Contains(got.body, `"active_ou_required"`) {
							t.Errorf("GET /org-units/active: %s, want code active_ou_required", got.body)
						}
						return
					}
					var active struct{ ID string }
					s.want(t, 200, call{as: as, target: "/org-units/active"}).decode(t, &active)
					if active.ID != tt.active {
						t.Errorf("active unit %q, want %q", active.ID, tt.active)
					}
				})
			}
		}
	})
}

// everything pages through a list to its end.
func (s *server) everything(t *testing.T, as, target string) list {
	t.Helper()
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	var all list
	seen := make(map[string]bool)
	for page := 1; ; page++ {
		l := s.list(t, as, fmt.Sprintf("%s%spage=%d&limit=7", target, sep, page))
		if l.Page != page || l.Limit != 7 {
			t.Fatalf("envelope says page %d, limit %d, want %d and 7", l.Page, l.Limit, page)
		}
		all.Total = l.Total
		if len(l.Data) == 0 {
			return all
		}
		for _, row := range l.Data {
			if seen[row.ID] {
				t.Fatalf("row %s stands on two pages", row.ID)
			}
			seen[row.ID] = true
			all.Data = append(all.Data, row)
		}
	}
}

// TestActiveUnit switches the active unit of a client and of its token.
func TestActiveUnit(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		token := "bearer:" + s.token(t, "demo-multi")
		choose := func(as, unit string) answer {
			return s.want(t, 200, call{as: as, method: "POST", target: "/org-units/active", body: `{"org_unit_id":"` + unit + `"}`})
		}

		s.want(t, 403, call{as: "demo-multi", target: "/leads"})
		var unit struct {
			ID, Name, Slug string
			Active         bool
		}
		choose("demo-multi", "uk").decode(t, &unit)
		if unit.ID != "uk" || unit.Name != "United Kingdom" || unit.Slug != "uk" || !unit.Active {
			t.Errorf("POST /org-units/active answered %+v, want the unit uk, active", unit)
		}
		// A client and its tokens are one subject.
		if got := s.everything(t, token, "/leads").units(); !maps.Equal(got, map[string]int{"uk": 30}) {
			t.Errorf("leads after choosing uk are of %v, want 30 of uk", got)
		}
		choose(token, "apac")
		if got := s.everything(t, "demo-multi", "/leads").units(); !maps.Equal(got, map[string]int{"apac": 30}) {
			t.Errorf("leads after choosing apac are of %v, want 30 of apac", got)
		}
		// A refused choice leaves the old one.
		s.want(t, 403, call{as: "demo-multi", method: "POST", target: "/org-units/active", body: `{"org_unit_id":"de"}`})
		s.want(t, 200, call{as: "demo-multi", target: "/org-units/active"})

		got := s.want(t, 204, call{as: "demo-multi", method: "DELETE", target: "/org-units/active"})
		if got.body != "" {
			t.Errorf("DELETE answered %q, want no body", got.body)
		}
		s.want(t, 403, call{as: token, target: "/leads"})

		// Choosing a unit further down narrows the scope, and new rows go there.
		choose("demo-emea", "de")
		if got := s.everything(t, "demo-emea", "/leads").units(); !maps.Equal(got, map[string]int{"de": 30}) {
			t.Errorf("leads after choosing de are of %v, want 30 of de", got)
		}
		var lead struct {
			OrgUnit string `json:"org_unit"`
		}
		s.want(t, 201, call{as: "demo-emea", method: "POST", target: "/leads", body: `{"name":"Ada"}`}).decode(t, &lead)
		if lead.OrgUnit != "de" {
			t.Errorf("a lead created in de has unit %q", lead.OrgUnit)
		}
	})
}

// TestForeignRows asks in every way for a row of another unit. Each answer is,
// byte for byte, the one for an id that does not exist.
func TestForeignRows(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		foreign := s.list(t, "demo-apac", "/leads?limit=1").Data[0].ID
		const unknown = "01900000-0000-7000-8000-000000000000"

		tests := map[string]call{
			"get":                    {},
			"head":                   {method: "HEAD"},
			"put":                    {method: "PUT", body: `{"name":"Mine","value":1,"active":true}`},
			"put that is invalid":    {method: "PUT", body: `{"value":-1}`},
			"patch":                  {method: "PATCH", body: `{"name":"Mine"}`},
			"patch that is invalid":  {method: "PATCH", body: `{"name":null}`},
			"patch with an If-Match": {method: "PATCH", body: `{"name":"Mine"}`, header: map[string]string{"If-Match": `"stale"`}},
			"delete":                 {method: "DELETE"},
			"get with a unit header": {header: map[string]string{"X-Org-Unit": "apac", "X-Active-Ou": "apac"}},
			"get with a unit cookie": {header: map[string]string{"Cookie": "activeOu=apac"}},
		}
		for name, c := range tests {
			for _, as := range []string{"demo-emea", "demo-reader"} {
				t.Run(name+" as "+as, func(t *testing.T) {
					t.Parallel()
					c := c
					c.as = as
					c.target = "/leads/" + unknown
					want := s.want(t, 404, c)
					c.target = "/leads/" + foreign
					got := s.want(t, 404, c)
					if diff := cmp.Diff(want.body, got.body); diff != "" {
						t.Errorf("bodies of the unknown and of the foreign row differ (-unknown +foreign):\n%s", diff)
					}
					if diff := cmp.Diff(comparable(want.header), comparable(got.header)); diff != "" {
						t.Errorf("headers differ (-unknown +foreign):\n%s", diff)
					}
				})
			}
		}

		t.Run("list and total", func(t *testing.T) {
			t.Parallel()
			name := s.list(t, "demo-apac", "/leads?limit=1").Data[0].Name
			for _, row := range s.everything(t, "demo-emea", "/leads?filter=name="+url.QueryEscape(name)).Data {
				if row.ID == foreign || row.OrgUnit == "apac" {
					t.Errorf("demo-emea sees row %s of %s", row.ID, row.OrgUnit)
				}
			}
			if total := s.list(t, "demo-reader", "/leads?limit=1").Total; total != 30 {
				t.Errorf("demo-reader is told a total of %d, want the 30 of uk", total)
			}
		})
		t.Run("the row stays", func(t *testing.T) {
			var row struct{ Name string }
			s.want(t, 200, call{as: "demo-apac", target: "/leads/" + foreign}).decode(t, &row)
			if row.Name == "Mine" {
				t.Error("a foreign caller changed the row")
			}
		})
	})
}

// comparable leaves out what differs between any two answers.
func comparable(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Date", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		h.Del(name)
	}
	return h
}

// TestReaderMayNotWrite asks for the role of the row's own unit.
func TestReaderMayNotWrite(t *testing.T) {
	t.Parallel()
	s := startUnlimited(t, sqliteEngine(t))
	id := s.list(t, "demo-reader", "/leads?limit=1").Data[0].ID
	tests := map[string]call{
		"create": {method: "POST", target: "/leads", body: `{"name":"Ada"}`},
		"put":    {method: "PUT", target: "/leads/" + id, body: `{"name":"Ada"}`},
		"patch":  {method: "PATCH", target: "/leads/" + id, body: `{"name":"Ada"}`},
		"delete": {method: "DELETE", target: "/leads/" + id},
		"import": {method: "POST", target: "/leads/import", body: `[{"name":"Ada"}]`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.as = "demo-reader"
			got := s.want(t, 403, c)
			wantErrorAnswer(t, got)
			if !strings.Contains(got.body, `"code":"missing_role"`) {
				t.Errorf("body %s, want details.code missing_role", got.body)
			}
		})
	}
}
