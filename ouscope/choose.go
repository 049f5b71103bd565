package ouscope

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// A selection is what a request may choose from, and what is chosen.
type selection struct {
	*grants
	bound  bool
	cut    span  // the part of the tree that the credential may reach
	active int32 // position of the unit in force, or none
}

// choose finds the active unit of the request.
func (s *Scoper) choose(r *http.Request) (selection, error) {
	subject, ok := s.subject(r)
	if !ok || subject == "" {
		return selection{}, s.unauthorized()
	}
	g, err := s.directory.grants(r.Context(), subject)
	if err != nil {
		return selection{}, unavailable(err)
	}
	sel := selection{grants: g, cut: g.tree.all(), active: none}
	if unit, ok := s.boundUnit(r); ok {
		sel.bind(unit)
		return sel, nil
	}
	if len(g.reach) == 0 {
		return sel, nil
	}
	unit, chosen, err := s.choice(r, subject)
	if err != nil {
		return selection{}, err
	}
	if !chosen {
		sel.active = g.sole
		return sel, nil
	}
	// A choice that is allowed no longer leaves none: going on in another
	// unit would put a write where nobody meant it.
	sel.active = sel.position(unit)
	return sel, nil
}

// choice returns the unit that the caller has chosen, if any.
func (s *Scoper) choice(r *http.Request, subject string) (unit string, chosen bool, err error) {
	if s.cookies != nil && s.cookies.uses(r) {
		unit, chosen = s.cookies.choice(r, s.organization, subject)
		return unit, chosen, nil
	}
	unit, err = s.choices.Choice(r.Context(), s.organization, subject)
	if err != nil {
		return "", false, unavailable(err)
	}
	return unit, unit != "", nil
}

// setChoice keeps the choice where choice finds it. An empty unit takes it back.
func (s *Scoper) setChoice(w http.ResponseWriter, r *http.Request, subject, unit string) error {
	if s.cookies != nil && s.cookies.uses(r) {
		s.cookies.set(w, s.organization, subject, unit)
		return nil
	}
	if err := s.choices.SetChoice(r.Context(), s.organization, subject, unit); err != nil {
		return unavailable(err)
	}
	return nil
}

func (s *Scoper) boundUnit(r *http.Request) (unit string, ok bool) {
	if s.bound == nil {
		return "", false
	}
	return s.bound(r)
}

// bind makes the unit the active one and cuts off what is not below it.
func (sel *selection) bind(unit string) {
	sel.bound = true
	i := sel.position(unit)
	if i == none {
		sel.cut = span{}
		return
	}
	sel.active, sel.cut = i, sel.tree.subtree(i)
}

// position returns where the unit stands, or none if the caller may not use it.
func (sel *selection) position(unit string) int32 {
	i, ok := sel.tree.find(unit)
	if !ok || i < sel.cut.lo || i >= sel.cut.hi || !covers(sel.reach, i) {
		return none
	}
	return i
}

// unavailable answers a directory or a store that fails with 503. An error that
// knows its answer, and the end of the request's own context, stay as they are.
func unavailable(err error) error {
	if _, ok := errors.AsType[*apierror.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return apierror.Unavailable(time.Second).Wrap(err)
}
