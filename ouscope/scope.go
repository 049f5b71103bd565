package ouscope

import (
	"context"
	"sync"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/inherit"
)

// A Scope is the set of units that one request may touch, with the roles that
// the caller holds on them. It is made by a [Scoper], never from what a client
// sent, and does not change: a later request gets a new one.
//
// The zero Scope contains nothing, so a handler that forgot the middleware
// returns no rows instead of every row.
type Scope struct{ s *scope }

type scope struct {
	*grants
	owner  *Scoper
	active int32 // position of the active unit, or none
	cut    span  // the part of the tree that the mode and the binding leave

	// Made when first asked for; a scope serves many requests.
	list   func() *idList
	digest func() string
}

func newScope(s *Scoper, g *grants, active int32, cut span) *scope {
	sc := &scope{grants: g, owner: s, active: active, cut: cut}
	sc.list = sync.OnceValue(sc.makeList)
	sc.digest = sync.OnceValue(sc.makeDigest)
	return sc
}

// position returns the unit's position, if the scope contains it.
func (s *scope) position(unit string) (int32, bool) {
	if s == nil {
		return none, false
	}
	i, ok := s.tree.find(unit)
	return i, ok && i >= s.cut.lo && i < s.cut.hi && covers(s.reach, i)
}

// Active returns the id of the unit that new rows belong to. It is empty for
// the zero Scope, and in the mode "granted" where no unit was chosen.
func (s Scope) Active() string {
	if s.s == nil || s.s.active == none {
		return ""
	}
	return s.s.tree.units[s.s.active].ID
}

// Subject returns the id of the caller whose grants the scope holds.
func (s Scope) Subject() string {
	if s.s == nil {
		return ""
	}
	return s.s.subject
}

// Contains reports whether rows of the unit may be seen.
func (s Scope) Contains(unit string) bool {
	_, ok := s.s.position(unit)
	return ok
}

// HasRole reports whether the scope contains the unit and the caller holds the
// role on it: granted there, granted above it, or implied by a role that is.
// Ask it of the unit of the row at hand, and of [Scope.Active] for a new row.
// Nobody holds the empty role.
func (s Scope) HasRole(unit, role string) bool {
	i, ok := s.s.position(unit)
	return ok && covers(s.s.roles[role], i)
}

// Check returns nil where [Scope.HasRole] is true. Otherwise it returns the
// error to answer with: 404 for a unit outside the scope, with the body that an
// unknown id gets, and 403 with the code missing_role for one inside it.
func (s Scope) Check(unit, role string) error {
	i, ok := s.s.position(unit)
	switch {
	case !ok:
		return errNotFound
	case !covers(s.s.roles[role], i):
		return errMissingRole
	}
	return nil
}

// holds reports whether the caller holds the role anywhere in the scope.
func (s *scope) holds(role string) bool {
	return s != nil && overlap(s.roles[role], s.cut)
}

// Inherits and Gains are what package admin asks; see [inherit.Scope].
func (s *scope) Inherits(unit, role string) bool {
	i, ok := s.position(unit)
	return ok && covers(s.inherited[role], i)
}

// Organization is the one that the scope's units are of, or empty where the
// scoper serves all. Package admin asks it, too.
func (s *scope) Organization() string {
	if s == nil {
		return ""
	}
	return s.owner.organization
}

// Gains says yes of a unit outside the scope: nobody knows who holds what there.
func (s *scope) Gains(from, to string) bool {
	i, ok := s.position(to)
	if !ok {
		return true
	}
	before, seen := s.position(from)
	for _, spans := range s.inherited {
		if covers(spans, i) && !(seen && covers(spans, before)) {
			return true
		}
	}
	return false
}

// NewContext returns a copy of ctx that carries the scope.
func NewContext(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, inherit.Key{}, s.s)
}

// FromContext returns the Scope in ctx, or the zero Scope, which contains
// nothing.
func FromContext(ctx context.Context) Scope {
	s, _ := ctx.Value(inherit.Key{}).(*scope)
	return Scope{s}
}

// The answers of this package, shared by all requests.
var (
	errNotFound    = apierror.NotFound("")
	errMissingRole = apierror.Forbidden("missing_role", "Your roles do not permit this here")
	errForbidden   = apierror.Forbidden("org_unit_forbidden", "You cannot use this organizational unit")
)

func missingChoice(status int) *apierror.Error {
	e := apierror.New(status, "Choose an organizational unit first")
	e.Details.Code = "active_ou_required"
	return e
}

func (s *Scoper) unauthorized() *apierror.Error {
	return apierror.Unauthorized(s.challenges...)
}
