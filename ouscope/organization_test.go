package ouscope_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
)

// A role without a unit holds in the whole organization, in units that come
// later as well, and in no other.
func TestOrganizationWideRoles(t *testing.T) {
	t.Parallel()
	admin := ouscope.Assignment{Subject: "ann", Organization: "acme", Role: "admin"}
	second := ouscope.Unit{ID: "labs", Organization: "acme", Name: "Labs"}
	all := "acme amer apac ca de emea uk uk2 us"
	tests := map[string]struct {
		assignments  []ouscope.Assignment
		more         []ouscope.Unit
		organization string
		want         string
	}{
		"one top is active by itself":           {assignments: []ouscope.Assignment{admin}, want: "acme: " + all},
		"two tops have to be chosen from":       {assignments: []ouscope.Assignment{admin}, more: []ouscope.Unit{second}, want: mustChoose},
		"beside a role on a unit":               {assignments: append(team(map[string]string{"ann": "reader uk"}), admin), want: "acme: " + all},
		"beside a role elsewhere":               {assignments: append(team(map[string]string{"ann": "reader other"}), admin), want: mustChoose},
		"of the organization served":            {assignments: []ouscope.Assignment{admin}, organization: "acme", want: "acme: " + all},
		"of another than the one served":        {assignments: []ouscope.Assignment{admin}, organization: "other", want: "Forbidden, missing_role"},
		"of one that is not there":              {assignments: []ouscope.Assignment{{Subject: "ann", Organization: "acm", Role: "admin"}}, want: "Forbidden, missing_role"},
		"of no organization":                    {assignments: []ouscope.Assignment{{Subject: "ann", Role: "admin"}}, want: "Forbidden, missing_role"},
		"marked not to inherit, it is nonsense": {assignments: []ouscope.Assignment{{Subject: "ann", Organization: "acme", Role: "admin", NoInherit: true}}, want: "Forbidden, missing_role"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := &directory{units: append(acme(), tt.more...), assignments: tt.assignments}
			s := serviceOn(t, dir, ouscope.Options{Organization: tt.organization})
			if got := s.scope("ann"); got != tt.want {
				t.Errorf("scope = %s, want %s", got, tt.want)
			}
		})
	}
}

// Two organizations with equal unit ids, on one directory and one store of
// choices: neither sees the other.
func TestTwoOrganizationsWithEqualUnitIDs(t *testing.T) {
	t.Parallel()
	unit := func(organization, id, parent string) ouscope.Unit {
		return ouscope.Unit{ID: id, Organization: organization, Parent: parent, Name: organization + " " + id}
	}
	dir := &directory{
		units: []ouscope.Unit{
			unit("acme", "top", ""), unit("acme", "uk", "top"), unit("acme", "de", "top"),
			unit("bolt", "top", ""), unit("bolt", "uk", "top"), unit("bolt", "us", "uk"),
		},
		assignments: []ouscope.Assignment{
			{Subject: "ann", Organization: "acme", Unit: "uk", Role: "editor"},
			{Subject: "ann", Organization: "acme", Unit: "de", Role: "reader"},
			{Subject: "ann", Organization: "bolt", Unit: "top", Role: "reader"},
			{Subject: "bob", Unit: "uk", Role: "admin"}, // of which organization?
			{Subject: "eve", Organization: "acme", Unit: "uk", Role: "admin"},
		},
	}
	choices := &sharedChoices{}
	keys := [][]byte{keyOne}
	acme := serviceOn(t, dir, ouscope.Options{Organization: "acme", Choices: choices, CookieKeys: keys})
	bolt := serviceOn(t, dir, ouscope.Options{Organization: "bolt", Choices: choices, CookieKeys: keys})
	both := serviceOn(t, dir, ouscope.Options{Choices: choices})
	server := []string{"Authorization", "Bearer x"}
	at := func(s *service, subject string, header ...string) string {
		return outcome(s.do(subject, http.MethodGet, "/scope", "", append(header, server...)...))
	}

	acme.choose(t, "ann", "uk", server...)
	bolt.choose(t, "ann", "uk", server...)
	steps := []struct{ name, got, want string }{
		{"ann at acme", at(acme, "ann"), "uk: uk"},
		{"ann at bolt", at(bolt, "ann"), "uk: uk us"},
		{"a unit of bolt at acme", outcome(acme.do("ann", "POST", "/org-units/active", `{"org_unit_id":"us"}`, server...)), "Forbidden, org_unit_forbidden"},
		{"eve of acme at bolt", at(bolt, "eve"), "Forbidden, missing_role"},
		{"a role without organization", at(acme, "bob"), "Forbidden, missing_role"},
		{"a cookie of acme at bolt", outcome(bolt.do("ann", "GET", "/scope", "", "Cookie", pair(acme.choose(t, "ann", "uk")))), "top: top uk us"},
		{"both at once are refused", outcome(both.do("ann", "GET", "/scope", "")), "Service Unavailable"},
	}
	for _, step := range steps {
		if step.got != step.want {
			t.Errorf("%s: %s, want %s", step.name, step.got, step.want)
		}
	}
	if diff := cmp.Diff("top(-) uk(top)* us(uk)", units(t, bolt.do("ann", "GET", "/org-units", "", server...))); diff != "" {
		t.Errorf("GET /org-units at bolt mismatch (-want +got):\n%s", diff)
	}
	a, b := acme.resolve(t, "ann", server...), bolt.resolve(t, "ann", server...)
	if a.Digest() == b.Digest() {
		t.Error("the digests of two organizations are equal")
	}
	if a.HasRole("uk", "editor") == b.HasRole("uk", "editor") {
		t.Error("a role at acme counts at bolt")
	}
}

// What a directory returns that is not about the subject grants nothing.
func TestAssignmentsThatGrantNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]ouscope.Assignment{
		"of another subject":                {Subject: "bob", Unit: "uk", Role: "editor"},
		"of a subject in other case":        {Subject: "Ann", Unit: "uk", Role: "editor"},
		"without a role":                    {Subject: "ann", Unit: "uk"},
		"on a unit that is not there":       {Subject: "ann", Unit: "gone", Role: "editor"},
		"on a unit of another organization": {Subject: "ann", Organization: "other", Unit: "uk", Role: "editor"},
		"on a unit in other case":           {Subject: "ann", Unit: "UK", Role: "editor"},
		"on no unit":                        {Subject: "ann", Role: "editor"},
		"on an organization in other case":  {Subject: "ann", Organization: "ACME", Role: "editor"},
		"on the prefix of an organization":  {Subject: "ann", Organization: "acm", Role: "editor"},
	}
	for name, assignment := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serviceOnDirectory(t, generous{acme(), []ouscope.Assignment{assignment}}, ouscope.Options{})
			if got, want := s.scope("ann"), "Forbidden, missing_role"; got != want {
				t.Errorf("scope = %s, want %s", got, want)
			}
		})
	}
}

// generous returns all assignments to everybody.
type generous struct {
	units       []ouscope.Unit
	assignments []ouscope.Assignment
}

func (g generous) Units(context.Context) ([]ouscope.Unit, error) { return g.units, nil }

func (g generous) Assignments(context.Context, string) ([]ouscope.Assignment, error) {
	return g.assignments, nil
}

type sharedChoices struct {
	mu    sync.Mutex
	units map[[2]string]string
}

func (c *sharedChoices) Choice(_ context.Context, organization, subject string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.units[[2]string{organization, subject}], nil
}

func (c *sharedChoices) SetChoice(_ context.Context, organization, subject, unit string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.units == nil {
		c.units = map[[2]string]string{}
	}
	c.units[[2]string{organization, subject}] = unit
	return nil
}
