// Package ouscopetest attacks a service that is scoped by package ouscope, to
// show that callers cannot leave their organizational units.
//
// [TestIsolation] runs more than a hundred attacks against your own handlers on
// your own storage: units that are named where they must not be, revoked roles,
// units that were removed or moved, rows, totals and pages of others, answers
// that tell a foreign row from an unknown one.
//
//	func TestIsolation(t *testing.T) {
//		ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service {
//			directory := &ouscopetest.Directory{}
//			scoper, err := ouscope.New(directory, ouscopetest.Subject, ouscope.Options{CacheTTL: -1, Implies: myRoles})
//			// ... build the routes on an empty database ...
//			return ouscopetest.Service{Handler: mux, Path: "/leads", Replace: directory.Replace}
//		})
//	}
//
// [TestChoices] shows that a store of your own keeps the promises of
// [ouscope.ChoiceStore].
//
// # The service
//
// The handler serves /org-units, /org-units/active and, under [Service].Path, a
// list with page and limit, GET, POST, and any of PUT, PATCH and DELETE of a
// row. Reading takes the role reader, writing the role editor; admin implies
// editor and editor implies reader. All of it answers in the contract's form.
//
// # The organizations
//
// [Units] and [Assignments] are what the attacks run on: acme, with emea (uk,
// de), amer (us, ca), apac (uk2, au) and a disabled branch, and bolt, whose
// units have ids that look like some of acme's.
//
// What not every service has is attacked where it is: a list that answers with
// next_cursor and takes cursor; work in the background ([Service].ImportPath); the
// handlers of ouscope/admin ([Service].Admin).
//
// # Time
//
// The attacks named time fail where the median time of an answer tells a row of
// another unit from one that is not there, by more than 5 percent in each of many
// tries. They need some seconds at most; go test -skip leaves them out.
//
// # What it does not cover
//
// Two organizations that use the same unit ids, whose rows have to be told apart by
// more than the unit.
package ouscopetest

import (
	"context"
	"net/http"
	"sync"

	"github.com/tenetkit/tenet/ouscope"
)

// A Service is what the attacks are run against.
type Service struct {
	// Handler serves the endpoints of ouscope and a resource. Required.
	Handler http.Handler

	// Path is that of the resource, for example /leads. Required.
	Path string

	// Replace puts the units and assignments in place of all that there are.
	// When it has returned, every request sees the new ones. Rows stay, also
	// those of units that are gone. Required.
	Replace func(ctx context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error

	// As makes r a request of the subject. If nil, it sets the header that
	// [Subject] reads.
	As func(r *http.Request, subject string)

	// Body returns the body of a valid new row, another for each n. If nil,
	// {"name":"Row 7"}.
	Body func(n int) string

	// ImportPath takes POST of a JSON array of new rows, and answers 202 with the
	// Location of a job, whose status becomes succeeded or failed, and which is
	// seen by its subject in the unit that it was started in, alone. If empty,
	// jobs are not attacked.
	ImportPath string

	// Admin says that the handlers of ouscope/admin are served at /org-units and
	// /role-assignments, for the role admin.
	Admin bool

	Mode        string // [ouscope.Options].Mode of the service
	UnitField   string // member of a row that names its unit; if empty, org_unit
	DataKey     string // member of a list that holds the rows; if empty, data
	ActiveField string // [ouscope.Options].ActiveField; if empty, org_unit_id
}

// Units returns the units of the two organizations.
func Units() []ouscope.Unit {
	unit := func(organization, id, parent string) ouscope.Unit {
		return ouscope.Unit{ID: id, Organization: organization, Parent: parent, Name: "Unit " + id, Slug: id}
	}
	off := unit("acme", "off", "acme")
	off.Disabled = true
	return []ouscope.Unit{
		unit("acme", "acme", ""),
		unit("acme", "emea", "acme"), unit("acme", "uk", "emea"), unit("acme", "de", "emea"),
		unit("acme", "amer", "acme"), unit("acme", "us", "amer"), unit("acme", "ca", "amer"),
		unit("acme", "apac", "acme"), unit("acme", "uk2", "apac"), unit("acme", "au", "apac"),
		off, unit("acme", "below-off", "off"),
		unit("bolt", "bolt", ""), unit("bolt", "UK", "bolt"), unit("bolt", "u\u043a", "bolt"), unit("bolt", "uk_", "bolt"),
	}
}

// Assignments returns the roles of the callers. Each is named for what it may
// do; nobody has no role at all.
func Assignments() []ouscope.Assignment {
	role := func(subject, unit, role string) ouscope.Assignment {
		return ouscope.Assignment{ID: subject + "-" + unit, Organization: "acme", Subject: subject, Unit: unit, Role: role}
	}
	alone := role("alone", "emea", "editor")
	alone.NoInherit = true
	bolt := role("bolt", "bolt", "admin")
	bolt.Organization = "bolt"
	return []ouscope.Assignment{
		role("admin", "acme", "admin"),
		role("emea", "emea", "editor"),
		role("uk", "uk", "editor"),
		role("reader", "uk", "reader"),
		role("multi", "uk", "editor"), role("multi", "apac", "editor"),
		role("mixed", "emea", "reader"), role("mixed", "de", "editor"),
		role("off", "off", "editor"),
		alone, bolt,
	}
}

const subjectHeader = "Ouscopetest-Subject"

// Subject returns the caller of a request of the tests. It believes a header,
// so it has no place outside of tests.
func Subject(r *http.Request) (string, bool) {
	s := r.Header.Get(subjectHeader)
	return s, s != ""
}

// Directory is an [ouscope.Directory] in memory that can be replaced under way.
// The zero Directory is empty. It is safe for concurrent use. A Scoper that is
// to see changes at once needs a negative [ouscope.Options].CacheTTL.
type Directory struct {
	mu          sync.RWMutex
	units       []ouscope.Unit
	assignments []ouscope.Assignment
}

// Units returns all units.
func (d *Directory) Units(context.Context) ([]ouscope.Unit, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.units, nil
}

// Assignments returns the assignments of the subject.
func (d *Directory) Assignments(_ context.Context, subject string) ([]ouscope.Assignment, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var own []ouscope.Assignment
	for _, a := range d.assignments {
		if a.Subject == subject {
			own = append(own, a)
		}
	}
	return own, nil
}

// Replace puts the units and assignments in place of all that there are. It
// never fails.
func (d *Directory) Replace(_ context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.units, d.assignments = append([]ouscope.Unit(nil), units...), append([]ouscope.Assignment(nil), assignments...)
	return nil
}
