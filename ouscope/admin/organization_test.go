package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// Two organizations use the same unit ids, and one of them is served: nothing
// that its admin does touches the other.
func TestOnlyTheOrganizationOfTheScoperIsChanged(t *testing.T) {
	t.Parallel()
	unit := func(organization, id, parent string) ouscope.Unit {
		return ouscope.Unit{ID: id, Organization: organization, Parent: parent, Name: organization + " " + id, Slug: id}
	}
	off := unit("bolt", "off", "top")
	off.Disabled = true
	role := func(organization, subject, unit string) ouscope.Assignment {
		return ouscope.Assignment{ID: organization + "-" + subject, Organization: organization, Subject: subject, Unit: unit, Role: "admin"}
	}
	foreign := func(o string) bool { return o == "bolt" }
	tests := map[string]struct{ method, target, body, want string }{
		"rename a unit of both":           {"PUT", "/org-units/uk", `{"name":"X"}`, "200"},
		"move a unit of both":             {"PUT", "/org-units/uk", `{"name":"X","parent":"de"}`, "200"},
		"disable a unit of both":          {"PUT", "/org-units/uk", `{"name":"X","disabled":true}`, "200"},
		"enable a unit of the other":      {"PUT", "/org-units/off", `{"name":"X","disabled":false}`, "404"},
		"read a disabled unit of theirs":  {"GET", "/org-units/off", ``, "404"},
		"create below a unit of both":     {"POST", "/org-units", `{"name":"X","parent":"uk"}`, "201"},
		"grant on a unit of both":         {"POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"admin"}`, "201"},
		"revoke on a unit of both":        {"DELETE", "/role-assignments/acme-bob", ``, "204"},
		"revoke on their unit of both":    {"DELETE", "/role-assignments/bolt-eve", ``, "404"},
		"list the roles on units of both": {"GET", "/role-assignments", ``, "200"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &memory{
				units: []ouscope.Unit{
					unit("bolt", "top", ""), unit("bolt", "uk", "top"), unit("bolt", "de", "top"), off,
					unit("acme", "top", ""), unit("acme", "uk", "top"), unit("acme", "de", "top"),
				},
				assignments: []ouscope.Assignment{role("bolt", "eve", "uk"), role("acme", "ann", "top"), role("acme", "bob", "uk")},
			}
			scoper, err := ouscope.New(store, ouscopetest.Subject, ouscope.Options{Organization: "acme"})
			if err != nil {
				t.Fatalf("ouscope.New: %v", err)
			}
			a, err := admin.New(scoper, store, admin.Options{})
			if err != nil {
				t.Fatalf("admin.New: %v", err)
			}
			mux := http.NewServeMux()
			for _, path := range []string{"/org-units", "/org-units/{id}"} {
				mux.Handle(path, scoper.Handler(a.UnitsHandler()))
			}
			for _, path := range []string{"/role-assignments", "/role-assignments/{id}"} {
				mux.Handle(path, scoper.Handler(a.AssignmentsHandler()))
			}
			theirs := func() (units []ouscope.Unit, assignments []ouscope.Assignment) {
				return slices.DeleteFunc(slices.Clone(store.units), func(u ouscope.Unit) bool { return !foreign(u.Organization) }),
					slices.DeleteFunc(slices.Clone(store.assignments), func(a ouscope.Assignment) bool { return !foreign(a.Organization) })
			}
			units, assignments := theirs()
			w := (&office{Handler: mux}).send("ann", tt.method, tt.target, tt.body)
			if got := outcome(w); got != tt.want {
				t.Errorf("%s %s %s = %s, want %s: %s", tt.method, tt.target, tt.body, got, tt.want, w.Body)
			}
			if strings.Contains(w.Body.String(), "bolt") {
				t.Errorf("%s %s shows the other organization: %s", tt.method, tt.target, w.Body)
			}
			if u, a := theirs(); !slices.Equal(u, units) || !slices.Equal(a, assignments) {
				t.Errorf("%s %s %s changed the other organization: %v %v", tt.method, tt.target, tt.body, u, a)
			}
		})
	}
}
