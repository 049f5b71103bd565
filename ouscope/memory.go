package ouscope

import (
	"context"
	"fmt"
	"slices"
)

// memory is a Directory that does not change.
type memory struct {
	units       []Unit
	assignments map[string][]Assignment
}

// NewMemory returns a directory in memory that does not change, for tests and
// for organizations that come from a file. It fails if the units do not make a
// tree (an id that is there twice, a parent that is not there, a circle) or if
// an assignment has no subject, no role or an unknown unit.
//
// Units of several organizations may share ids only if each is served by a
// Scoper of its own ([Options].Organization).
func NewMemory(units []Unit, assignments []Assignment) (Directory, error) {
	if err := checkDirectory(units, assignments); err != nil {
		return nil, fmt.Errorf("ouscope: NewMemory: %w", err)
	}
	m := &memory{units: slices.Clone(units), assignments: make(map[string][]Assignment)}
	for _, a := range assignments {
		m.assignments[a.Subject] = append(m.assignments[a.Subject], a)
	}
	return m, nil
}

func (m *memory) Units(context.Context) ([]Unit, error) { return m.units, nil }

func (m *memory) Assignments(_ context.Context, subject string) ([]Assignment, error) {
	return m.assignments[subject], nil
}

// checkDirectory finds mistakes that a Scoper would only meet on a request.
func checkDirectory(units []Unit, assignments []Assignment) error {
	type key struct{ organization, unit string }
	known := make(map[key]bool, len(units))
	anywhere := make(map[string]bool, len(units))
	organizations := make(map[string]bool)
	for _, u := range units {
		known[key{u.Organization, u.ID}], anywhere[u.ID] = true, true
		organizations[u.Organization] = true
	}
	for organization := range organizations {
		of := slices.DeleteFunc(slices.Clone(units), func(u Unit) bool { return u.Organization != organization })
		if _, err := newTree(of, ""); err != nil {
			return err
		}
	}
	for _, a := range assignments {
		switch {
		case a.Subject == "" || a.Role == "":
			return fmt.Errorf("assignment %q has no subject or no role", a.ID)
		case a.Unit == "" && (a.Organization == "" || a.NoInherit):
			return fmt.Errorf("assignment %q of %q names no unit", a.ID, a.Subject)
		case a.Unit == "" && !organizations[a.Organization]:
			return fmt.Errorf("assignment %q of %q is for the organization %q, which is not there", a.ID, a.Subject, a.Organization)
		case a.Unit != "" && a.Organization == "" && !anywhere[a.Unit],
			a.Unit != "" && a.Organization != "" && !known[key{a.Organization, a.Unit}]:
			return fmt.Errorf("assignment %q of %q is for the unit %q, which is not there", a.ID, a.Subject, a.Unit)
		}
	}
	return nil
}
