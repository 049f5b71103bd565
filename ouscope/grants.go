package ouscope

import "sync/atomic"

// grants is what one subject may do, compiled against one snapshot of the tree.
type grants struct {
	tree    *tree
	subject string
	reach   []span            // units with any role
	roles   map[string][]span // units by role, implied roles included
	sole    int32             // the granted unit that all grants lie below, or none
	last    atomic.Pointer[scope]
}

// compile drops every assignment that grants nothing in this tree, rather than
// guess what was meant.
func (s *Scoper) compile(t *tree, subject string, assignments []Assignment) *grants {
	g := &grants{tree: t, subject: subject, sole: none}
	for i := range assignments {
		a := &assignments[i]
		if a.Role == "" || a.Subject != "" && a.Subject != subject {
			continue
		}
		where := s.where(t, a)
		if where.lo >= where.hi {
			continue
		}
		if g.roles == nil {
			g.roles = make(map[string][]span)
		}
		g.reach = append(g.reach, where)
		g.roles[a.Role] = append(g.roles[a.Role], where)
		for _, role := range s.implies[a.Role] {
			g.roles[role] = append(g.roles[role], where)
		}
	}
	if len(g.reach) == 0 {
		return g
	}
	g.reach = merge(g.reach)
	for role, spans := range g.roles {
		g.roles[role] = merge(spans)
	}
	// A unit stands before all units below it, so only the first can be the top.
	if top := g.reach[0].lo; g.reach[len(g.reach)-1].hi <= t.end[top] {
		g.sole = top
	}
	return g
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
