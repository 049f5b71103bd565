// Package admin lets callers change the organization that package ouscope
// scopes by: create, rename, move and disable units, grant and revoke roles.
//
//	office, err := admin.New(scoper, store, admin.Options{Audit: audit})
//	mux.Handle("/org-units/active", scoper.ActiveHandler())
//	mux.Handle("/org-units", office.UnitsHandler())
//	mux.Handle("/org-units/{id}", office.UnitsHandler())
//	mux.Handle("/role-assignments", office.AssignmentsHandler())
//	mux.Handle("/role-assignments/{id}", office.AssignmentsHandler())
//
// The handlers act within the scope of [ouscope.Scoper.Handler]; they stand for it
// too, or go behind it. GET /org-units alone needs no active unit, so that callers
// find the one to choose.
//
// What they change holds from the next request of this process on, and in others
// as soon as they hear of it ([Options].Publish), or once their cache time is over.
//
// # Who may do what
//
// The role (admin by default) is asked of the unit concerned:
//
//   - to create a unit, of its parent;
//   - to rename a unit, of the unit;
//   - to move, disable or enable a unit, of the parent that it has and of the
//     parent that it gets. So nobody disables or takes away the unit that their
//     own role stands on, and the top of an organization stays where it is;
//   - to list, grant and revoke roles, of the unit of the assignment.
//
// Nobody grants a role that they do not hold on that unit themselves, and nobody
// moves a unit to where they would hold more roles on it. Who else holds roles on
// a moved unit changes with its place.
//
// A role that its holder has on one unit alone ([ouscope.Assignment].NoInherit)
// counts for that unit alone: it renames the unit, and grants and revokes roles
// that do not inherit either. To create, move, disable or enable a unit, the role
// on the parent has to inherit; to grant or revoke a role that inherits, so do
// the caller's own.
//
// Roles for a whole organization are neither listed nor changed here. In the mode
// exact no scope has a unit and the one above it, so that none can be moved,
// disabled or enabled: give the office a Scoper of another mode, and let Publish
// call Invalidate of the first.
//
// A unit or an assignment outside the scope is answered as one that is not
// there: 404 in a path, and 403 with the code org_unit_forbidden in a body.
//
// # Concurrency
//
// An [Admin] is immutable and safe for concurrent use.
package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/inherit"
	"github.com/tenetkit/tenet/ouscope"
)

// A Store is a directory that can be changed; that of package sqlstore is one.
// An [*apierror.Error] that a method returns is the answer.
type Store interface {
	ouscope.Directory

	// SaveUnit replaces the unit was by now, which has the same id and
	// organization, or adds now if was is the zero Unit. It fails with a 409
	// if the unit is not as was says any more, and with a 422 if its new
	// parent is not there, or is the unit itself or below it, whatever
	// happens at the same time.
	SaveUnit(ctx context.Context, was, now ouscope.Unit) error

	// Held returns the assignments on the units, in a stable order, from the
	// offset on and at most limit, and how many there are in all. If the
	// organization is empty, those of every organization.
	Held(ctx context.Context, organization string, units []string, offset, limit int) ([]ouscope.Assignment, int, error)

	// Grant adds an assignment. It fails with a 409 if the subject holds the
	// role on the unit already, or the unit is gone.
	Grant(ctx context.Context, a ouscope.Assignment) error

	// Revoke removes the assignment with the id if check agrees, and returns
	// what check says otherwise. It fails with a 404 if there is none.
	Revoke(ctx context.Context, id string, check func(ouscope.Assignment) error) error
}

// Options adjusts an [Admin]. The zero value is safe for production.
type Options struct {
	// Role is what callers need on the unit concerned. If empty, admin.
	Role string

	// UnitsPath and AssignmentsPath are the paths that clients see, for
	// Location. If empty, /org-units and /role-assignments.
	UnitsPath, AssignmentsPath string

	// Audit is told of every change after it was made, before the answer. The
	// context goes on where the client has left. If nil, nobody is told.
	Audit func(ctx context.Context, e Event)

	// Publish is told of every change, too, for other processes to hear of: the
	// subject whose roles changed, or the empty text for units.
	//
	//	Publish: func(ctx context.Context, subject string) { rdb.Publish(ctx, "ou_changes", subject) }
	//
	// Package follow hears it there. It is called before Audit, on the request's
	// goroutine. If nil, nobody is told; the store of package sqlstore can tell
	// others by itself.
	Publish func(ctx context.Context, subject string)
}

// An Event is one change that was made.
type Event struct {
	// Action is create_unit, change_unit, grant or revoke.
	Action string

	// Subject is the caller who made it.
	Subject string

	// Unit is the unit as it is, and Was as it was, for a change of one.
	Unit, Was ouscope.Unit

	// Assignment is what was granted or revoked.
	Assignment ouscope.Assignment

	// Err is nil for a change that was made. Where the store broke down in the
	// middle of one, it is the store's error, and nobody knows.
	Err error
}

// An Admin holds the handlers.
type Admin struct {
	scoper *ouscope.Scoper
	store  Store
	opts   Options
}

// New returns the handlers that change what is in store, which has to be the
// directory of scoper. It fails if scoper or store is nil.
func New(scoper *ouscope.Scoper, store Store, opts Options) (*Admin, error) {
	if scoper == nil || store == nil {
		return nil, errors.New("admin: New: scoper and store are required")
	}
	if opts.Role == "" {
		opts.Role = "admin"
	}
	if opts.UnitsPath == "" {
		opts.UnitsPath = "/org-units"
	}
	if opts.AssignmentsPath == "" {
		opts.AssignmentsPath = "/role-assignments"
	}
	return &Admin{scoper, store, opts}, nil
}

// scoped returns h behind the scope of the request, unless it has one already.
func (a *Admin) scoped(h http.Handler) http.Handler {
	resolving := a.scoper.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ouscope.FromContext(r.Context()).Subject() != "" {
			h.ServeHTTP(w, r)
			return
		}
		resolving.ServeHTTP(w, r)
	})
}

// settle makes a change hold and tells of it. It returns the error of the store,
// which is either a refusal or leaves open whether the change was made: then it
// is treated as one, for a revocation that goes unnoticed is worse.
func (a *Admin) settle(r *http.Request, e Event) error {
	if refused, ok := errors.AsType[*apierror.Error](e.Err); ok && refused.Status < 500 {
		return e.Err
	}
	subject := e.Assignment.Subject
	if subject == "" {
		a.scoper.Invalidate()
	} else {
		a.scoper.Invalidate(subject)
	}
	ctx := context.WithoutCancel(r.Context())
	if a.opts.Publish != nil {
		a.opts.Publish(ctx, subject)
	}
	if a.opts.Audit != nil {
		e.Subject = ouscope.FromContext(ctx).Subject()
		a.opts.Audit(ctx, e)
	}
	return e.Err
}

// organization returns that of the scoper which made the scope, or the empty
// string where it serves all. It is not an option, because one that differed
// would lead to the units of another organization that have the same ids.
func organization(ctx context.Context) string {
	if s, ok := inherit.FromContext(ctx).(interface{ Organization() string }); ok {
		return s.Organization()
	}
	return ""
}

// units returns the units that are served, disabled ones included.
func (a *Admin) units(ctx context.Context) ([]ouscope.Unit, error) {
	units, err := a.store.Units(ctx)
	if err != nil {
		return nil, err
	}
	only := organization(ctx)
	if only == "" {
		return units, nil
	}
	var own []ouscope.Unit
	for _, u := range units {
		if u.Organization == only {
			own = append(own, u)
		}
	}
	return own, nil
}

// unit returns the unit with the id, disabled ones included. Where all
// organizations are served, ids are unique.
func (a *Admin) unit(ctx context.Context, id string) (ouscope.Unit, bool, error) {
	units, err := a.units(ctx)
	if err != nil {
		return ouscope.Unit{}, false, err
	}
	i := slices.IndexFunc(units, func(u ouscope.Unit) bool { return u.ID == id })
	if i < 0 {
		return ouscope.Unit{}, false, nil
	}
	return units[i], true, nil
}

// named checks a parent that a body names, on whose units below the caller acts.
// A foreign one and one that is not there are the same.
func (a *Admin) named(ctx context.Context, id string) error {
	if !ouscope.FromContext(ctx).Contains(id) {
		return errForbidden
	}
	if !inherit.FromContext(ctx).Inherits(id, a.opts.Role) {
		return errAlone
	}
	return nil
}

var (
	errForbidden = apierror.Forbidden("org_unit_forbidden", "You cannot use this organizational unit")
	errAlone     = apierror.Forbidden("missing_role", "This takes a role that holds on the units below too")
	errMore      = apierror.Forbidden("missing_role", "You would hold more roles on the unit there")
)
