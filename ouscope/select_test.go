package ouscope_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
)

const mustChoose = "Forbidden, active_ou_required"

func TestSelectionOfTheActiveUnit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		grants string
		choice string // chosen first, if not empty
		chosen string // what the choice was answered with, if not the unit
		want   string
	}{
		"the only grant is active by itself":                        {grants: "reader uk", want: "uk: uk"},
		"a grant holds in the whole subtree":                        {grants: "editor emea", want: "emea: de emea uk"},
		"a grant marked not to inherit holds on its unit alone":     {grants: "editor emea!", want: "emea: emea"},
		"all grants below a granted unit make that one active":      {grants: "reader uk editor emea admin de", want: "emea: de emea uk"},
		"the top may be marked not to inherit":                      {grants: "reader emea! reader uk", want: "emea: emea uk"},
		"two grants beside each other have to be chosen from":       {grants: "reader uk reader apac", want: mustChoose},
		"neighbours are not one unit":                               {grants: "reader uk reader de", want: mustChoose},
		"a choice cuts the scope to its subtree":                    {grants: "admin acme", choice: "emea", want: "emea: de emea uk"},
		"a choice beats the sole grant":                             {grants: "admin acme", choice: "uk", want: "uk: uk"},
		"a choice between several":                                  {grants: "reader uk reader apac", choice: "apac", want: "apac: apac uk2"},
		"a unit above the grants cannot be chosen":                  {grants: "reader uk reader de", choice: "emea", chosen: "Forbidden, org_unit_forbidden", want: mustChoose},
		"a unit beside the grants cannot be chosen":                 {grants: "reader uk", choice: "uk2", chosen: "Forbidden, org_unit_forbidden", want: "uk: uk"},
		"an unknown unit cannot be chosen":                          {grants: "reader uk", choice: "xx", chosen: "Forbidden, org_unit_forbidden", want: "uk: uk"},
		"a unit of another organization cannot be chosen":           {grants: "admin acme", choice: "other", chosen: "Forbidden, org_unit_forbidden", want: "acme: acme amer apac ca de emea uk uk2 us"},
		"an id in other case is another id":                         {grants: "reader uk", choice: "UK", chosen: "Forbidden, org_unit_forbidden", want: "uk: uk"},
		"an id that looks alike is another id":                      {grants: "reader uk", choice: "u\u043a", chosen: "Forbidden, org_unit_forbidden", want: "uk: uk"},
		"an id with a space is another id":                          {grants: "reader uk", choice: "uk ", chosen: "Forbidden, org_unit_forbidden", want: "uk: uk"},
		"a caller without roles is refused":                         {grants: "", want: "Forbidden, missing_role"},
		"a caller without roles cannot choose":                      {grants: "", choice: "uk", chosen: "Forbidden, org_unit_forbidden", want: "Forbidden, missing_role"},
		"a role on a unit that is not there is none":                {grants: "admin gone", want: "Forbidden, missing_role"},
		"a unit below one marked not to inherit cannot be chosen":   {grants: "editor emea!", choice: "uk", chosen: "Forbidden, org_unit_forbidden", want: "emea: emea"},
		"a chosen top of a grant that does not inherit stays alone": {grants: "reader emea! reader apac", choice: "emea", want: "emea: emea"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{})
			if tt.choice != "" {
				got := s.activate("ann", tt.choice)
				if tt.chosen != "" && got != tt.chosen {
					t.Errorf("POST /org-units/active %q = %s, want %s", tt.choice, got, tt.chosen)
				}
			}
			if got := s.scope("ann"); got != tt.want {
				t.Errorf("scope = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		grants, choice string
		want           map[string]string // by mode
	}{
		"a unit of the middle": {"admin acme", "emea", map[string]string{
			"": "emea: de emea uk", "subtree": "emea: de emea uk", "exact": "emea: emea",
			"granted": "emea: acme amer apac ca de emea uk uk2 us",
		}},
		"no choice among several": {"reader uk reader apac", "", map[string]string{
			"subtree": mustChoose, "exact": mustChoose, "granted": ": apac uk uk2",
		}},
		"a choice among several": {"reader uk reader apac", "apac", map[string]string{
			"subtree": "apac: apac uk2", "exact": "apac: apac", "granted": "apac: apac uk uk2",
		}},
		"no role": {"", "", map[string]string{
			"subtree": "Forbidden, missing_role", "exact": "Forbidden, missing_role", "granted": "Forbidden, missing_role",
		}},
	}
	for name, tt := range tests {
		for mode, want := range tt.want {
			t.Run(name+" in mode "+mode, func(t *testing.T) {
				t.Parallel()
				s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{Mode: mode})
				if tt.choice != "" {
					s.activate("ann", tt.choice)
				}
				if got := s.scope("ann"); got != want {
					t.Errorf("scope = %s, want %s", got, want)
				}
			})
		}
	}
}

// After a revocation nothing falls back silently to another unit.
func TestNothingFallsBackSilently(t *testing.T) {
	t.Parallel()
	drop := func(unit string) func(*directory) {
		return func(d *directory) {
			d.assignments = without(d.assignments, func(a ouscope.Assignment) bool { return a.Unit == unit })
		}
	}
	change := func(id string, f func(*ouscope.Unit)) func(*directory) {
		return func(d *directory) {
			for i := range d.units {
				if d.units[i].ID == id {
					f(&d.units[i])
				}
			}
		}
	}
	tests := map[string]struct {
		grants, choice string
		change         func(*directory)
		want           string
	}{
		"the chosen unit's role is revoked":            {"reader uk reader apac", "apac", drop("apac"), mustChoose},
		"the last role is revoked":                     {"reader uk", "uk", drop("uk"), "Forbidden, missing_role"},
		"another unit's role is revoked":               {"reader uk reader apac", "apac", drop("uk"), "apac: apac uk2"},
		"the chosen unit is removed":                   {"admin acme", "uk", func(d *directory) { d.units = without(d.units, is("uk")) }, mustChoose},
		"the chosen unit is disabled":                  {"admin acme", "uk", change("uk", func(u *ouscope.Unit) { u.Disabled = true }), mustChoose},
		"a unit above the chosen one is disabled":      {"admin acme", "uk", change("emea", func(u *ouscope.Unit) { u.Disabled = true }), mustChoose},
		"a unit below the chosen one is disabled":      {"admin acme", "emea", change("uk", func(u *ouscope.Unit) { u.Disabled = true }), "emea: de emea"},
		"the chosen unit moves out of the grant":       {"editor emea", "uk", change("uk", func(u *ouscope.Unit) { u.Parent = "amer" }), mustChoose},
		"the chosen unit moves within the grant":       {"admin acme", "uk", change("uk", func(u *ouscope.Unit) { u.Parent = "amer" }), "uk: uk"},
		"a unit moves below the chosen one":            {"admin acme", "emea", change("us", func(u *ouscope.Unit) { u.Parent = "emea" }), "emea: de emea uk us"},
		"a disabled unit takes its only grant with it": {"admin emea", "", change("emea", func(u *ouscope.Unit) { u.Disabled = true }), "Forbidden, missing_role"},
		"the role is marked not to inherit": {"editor emea", "uk", func(d *directory) {
			d.assignments[0].NoInherit = true
		}, mustChoose},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{})
			if tt.choice != "" {
				s.activate("ann", tt.choice)
			}
			s.dir.set(tt.change)
			if got := s.scope("ann"); got != tt.want {
				t.Errorf("scope = %s, want %s", got, tt.want)
			}
			if tt.want != mustChoose {
				return
			}
			if got := outcome(s.do("ann", http.MethodGet, "/org-units/active", "")); got != mustChoose {
				t.Errorf("GET /org-units/active = %s, want %s", got, mustChoose)
			}
			if got := outcome(s.do("ann", http.MethodDelete, "/org-units/active", "")); got != "" {
				t.Errorf("DELETE /org-units/active = %s", got)
			}
			if got := s.scope("ann"); got == mustChoose {
				t.Errorf("scope after taking the choice back = %s, want the sole grant", got)
			}
		})
	}
}

func TestAChoiceReturnsWithItsRole(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{})
	s.activate("ann", "apac")
	before := s.dir.assignments
	s.dir.set(func(d *directory) { d.assignments = nil })
	if got, want := s.scope("ann"), "Forbidden, missing_role"; got != want {
		t.Errorf("scope = %s, want %s", got, want)
	}
	s.dir.set(func(d *directory) { d.assignments = before })
	if got, want := s.scope("ann"), "apac: apac uk2"; got != want {
		t.Errorf("scope = %s, want %s", got, want)
	}
}

// A bound credential keeps to its unit, whatever its subject has chosen.
func TestBoundCredentials(t *testing.T) {
	t.Parallel()
	bound := func(r *http.Request) (string, bool) {
		unit, ok := r.Header["Bound"]
		if !ok {
			return "", false
		}
		return unit[0], true
	}
	tests := map[string]struct {
		grants, unit, mode string
		scope, units       string
		choose             string // answer to choosing apac
	}{
		"a granted unit": {
			grants: "admin acme", unit: "emea",
			scope: "emea: de emea uk", units: "emea(-)* de(emea) uk(emea)", choose: "Forbidden, org_unit_forbidden",
		},
		"the binding holds where everything granted is shown": {
			grants: "admin acme", unit: "emea", mode: "granted",
			scope: "emea: de emea uk", units: "emea(-)* de(emea) uk(emea)", choose: "Forbidden, org_unit_forbidden",
		},
		"a unit without a grant": {
			grants: "reader uk", unit: "apac",
			scope: "Forbidden, missing_role", units: "", choose: "Forbidden, org_unit_forbidden",
		},
		"a unit above the grant": {
			grants: "reader uk", unit: "emea",
			scope: "Forbidden, missing_role", units: "", choose: "Forbidden, org_unit_forbidden",
		},
		"no unit at all": {
			grants: "admin acme", unit: "",
			scope: "Forbidden, missing_role", units: "", choose: "Forbidden, org_unit_forbidden",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{Bound: bound, Mode: tt.mode})
			s.activate("ann", "uk") // of the subject's unbound credential
			before := s.scope("ann")
			got := outcome(s.do("ann", http.MethodGet, "/scope", "", "Bound", tt.unit))
			if got != tt.scope {
				t.Errorf("scope = %s, want %s", got, tt.scope)
			}
			if diff := cmp.Diff(tt.units, units(t, s.do("ann", http.MethodGet, "/org-units", "", "Bound", tt.unit))); diff != "" {
				t.Errorf("GET /org-units mismatch (-want +got):\n%s", diff)
			}
			if got := outcome(s.do("ann", http.MethodPost, "/org-units/active", `{"org_unit_id":"apac"}`, "Bound", tt.unit)); got != tt.choose {
				t.Errorf("POST = %s, want %s", got, tt.choose)
			}
			below := outcome(s.do("ann", http.MethodPost, "/org-units/active", `{"org_unit_id":"de"}`, "Bound", tt.unit))
			if want := "Forbidden, org_unit_forbidden"; below != want {
				t.Errorf("POST of a unit below = %s, want %s", below, want)
			}
			if w := s.do("ann", http.MethodDelete, "/org-units/active", "", "Bound", tt.unit); w.Code != http.StatusNoContent {
				t.Errorf("DELETE = %d, want 204", w.Code)
			}
			if after := s.scope("ann"); after != before {
				t.Errorf("scope of the unbound credential = %s, want %s as before", after, before)
			}
		})
	}
}

func without[T any](all []T, drop func(T) bool) []T {
	var kept []T
	for _, v := range all {
		if !drop(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

func is(id string) func(ouscope.Unit) bool {
	return func(u ouscope.Unit) bool { return u.ID == id }
}
