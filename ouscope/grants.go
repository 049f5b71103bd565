package ouscope

import (
	"slices"
	"sync/atomic"
)

// grants is what one subject may do, compiled against one snapshot of the tree.
type grants struct {
	tree      *tree
	subject   string
	reach     []span            // units with any role
	roles     map[string][]span // units by role, implied roles included
	inherited map[string][]span // the same, of assignments that go on below
	sole      int32             // the granted unit that all grants lie below, or none
	last      atomic.Pointer[scope]
}

// compile drops every assignment that grants nothing in this tree, rather than
// guess what was meant.
func (s *Scoper) compile(t *tree, subject string, assignments []Assignment) *grants {
	g := &grants{tree: t, subject: subject, sole: none}
	g.reach, g.roles = s.held(t, subject, assignments, false)
	g.inherited = g.roles
	if slices.ContainsFunc(assignments, func(a Assignment) bool { return a.NoInherit }) {
		_, g.inherited = s.held(t, subject, assignments, true)
	}
	if len(g.reach) == 0 {
		return g
	}
	// A unit stands before all units below it, so only the first can be the top.
	if top := g.reach[0].lo; g.reach[len(g.reach)-1].hi <= t.end[top] {
		g.sole = top
	}
	return g
}

// held returns the units with any role, and those by role, of all assignments or
// of those alone that go on below.
func (s *Scoper) held(t *tree, subject string, assignments []Assignment, inherited bool) (reach []span, roles map[string][]span) {
	for i := range assignments {
		a := &assignments[i]
		if a.Role == "" || a.Subject != "" && a.Subject != subject || a.NoInherit && inherited {
			continue
		}
		where := s.where(t, a)
		if where.lo >= where.hi {
			continue
		}
		if roles == nil {
			roles = make(map[string][]span)
		}
		reach = append(reach, where)
		roles[a.Role] = append(roles[a.Role], where)
		for _, role := range s.implies[a.Role] {
			roles[role] = append(roles[role], where)
		}
	}
	for role, spans := range roles {
		roles[role] = merge(spans)
	}
	return merge(reach), roles
}

// where returns the units that an assignment is for.
func (s *Scoper) where(t *tree, a *Assignment) span {
	if s.organization != "" && a.Organization != s.organization {
		return span{}
	}
	if a.Unit == "" {
		if a.Organization == "" || a.NoInherit {
			return span{}
		}
		return t.organization(a.Organization)
	}
	i, ok := t.find(a.Unit)
	if !ok || a.Organization != "" && t.units[i].Organization != a.Organization {
		return span{}
	}
	if a.NoInherit {
		return span{i, i + 1}
	}
	return t.subtree(i)
}
