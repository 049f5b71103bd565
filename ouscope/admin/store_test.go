package admin_test

import (
	"context"
	"slices"
	"sync"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

// memory is a Store in memory.
type memory struct {
	mu          sync.Mutex
	units       []ouscope.Unit
	assignments []ouscope.Assignment
}

func (m *memory) Units(context.Context) ([]ouscope.Unit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.units), nil
}

func (m *memory) Assignments(_ context.Context, subject string) ([]ouscope.Assignment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.assignments), func(a ouscope.Assignment) bool { return a.Subject != subject }), nil
}

func (m *memory) SaveUnit(_ context.Context, was, now ouscope.Unit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	find := func(id string) int {
		return slices.IndexFunc(m.units, func(u ouscope.Unit) bool { return u.ID == id && u.Organization == now.Organization })
	}
	for parent := now.Parent; parent != ""; parent = m.units[find(parent)].Parent {
		if parent == now.ID || find(parent) < 0 {
			return apierror.ValidationFailed(apierror.FieldError{Field: "parent", Code: "parent"})
		}
	}
	i := find(now.ID)
	switch {
	case i < 0 && was == ouscope.Unit{}:
		m.units = append(m.units, now)
	case i < 0 || m.units[i] != was:
		return apierror.Conflict("", "changed", "")
	default:
		m.units[i] = now
	}
	return nil
}

func (m *memory) Held(_ context.Context, organization string, units []string, offset, limit int) ([]ouscope.Assignment, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := slices.DeleteFunc(slices.Clone(m.assignments), func(a ouscope.Assignment) bool {
		return !slices.Contains(units, a.Unit) || organization != "" && a.Organization != organization
	})
	from := min(offset, len(held))
	return held[from:min(from+limit, len(held))], len(held), nil
}

func (m *memory) Grant(_ context.Context, a ouscope.Assignment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.assignments {
		if other.Subject == a.Subject && other.Unit == a.Unit && other.Role == a.Role {
			return apierror.Conflict("role", "exists", "")
		}
	}
	m.assignments = append(m.assignments, a)
	return nil
}

func (m *memory) Revoke(_ context.Context, id string, check func(ouscope.Assignment) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.assignments, func(a ouscope.Assignment) bool { return a.ID == id })
	if i < 0 {
		return apierror.NotFound("")
	}
	if err := check(m.assignments[i]); err != nil {
		return err
	}
	m.assignments = slices.Delete(m.assignments, i, i+1)
	return nil
}
