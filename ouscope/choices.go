package ouscope

import (
	"context"
	"sync"
)

// A ChoiceStore keeps the unit that each subject has chosen as its active one.
// It is asked on requests, from many goroutines at once. What it holds is a
// wish, never a permission: the grants are checked again on each request.
type ChoiceStore interface {
	// Choice returns the unit that the subject chose last in the
	// organization, or the empty string if it chose none. The organization is
	// that of [Options] and may be empty.
	Choice(ctx context.Context, organization, subject string) (unit string, err error)

	// SetChoice replaces the choice; an empty unit takes it back. When it has
	// returned, Choice returns the new one, in every process that shares the
	// store.
	SetChoice(ctx context.Context, organization, subject, unit string) error
}

type choiceKey struct{ organization, subject string }

// memoryChoices is the ChoiceStore of a single process. Only subjects with a
// grant ever choose, so the directory bounds it.
type memoryChoices struct{ units sync.Map }

func (m *memoryChoices) Choice(_ context.Context, organization, subject string) (string, error) {
	unit, ok := m.units.Load(choiceKey{organization, subject})
	if !ok {
		return "", nil
	}
	return unit.(string), nil
}

func (m *memoryChoices) SetChoice(_ context.Context, organization, subject, unit string) error {
	key := choiceKey{organization, subject}
	if unit == "" {
		m.units.Delete(key)
	} else {
		m.units.Store(key, unit)
	}
	return nil
}
