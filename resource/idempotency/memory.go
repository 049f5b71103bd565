package idempotency

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// NewMemory returns a store in the memory of the process, for at most so many
// keys; if most is 0 or less, 10,000. Where it is full the oldest answer is
// forgotten before its time, and where all keys are running the request is a 503.
func NewMemory(most int) Store {
	if most <= 0 {
		most = 10_000
	}
	return &memory{most: most, entries: map[string]*list.Element{}}
}

type memory struct {
	most int

	mu      sync.Mutex
	entries map[string]*list.Element // of *entry
	kept    list.List                // answers, the oldest first
	running list.List
}

type entry struct {
	id, request string
	answer      []byte
	until       time.Time
}

func (m *memory) Begin(ctx context.Context, id, request string, lease time.Time) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if at := m.entries[id]; at != nil {
		if e := at.Value.(*entry); now.Before(e.until) {
			return &Record{Request: e.request, Answer: e.answer}, nil
		}
		m.remove(at)
	}
	for at := m.kept.Front(); at != nil && !now.Before(at.Value.(*entry).until); at = m.kept.Front() {
		m.remove(at)
	}
	if len(m.entries) >= m.most {
		oldest := m.kept.Front()
		if oldest == nil {
			if oldest = m.running.Front(); now.Before(oldest.Value.(*entry).until) {
				return nil, apierror.Unavailable(time.Second)
			}
		}
		m.remove(oldest)
	}
	m.entries[id] = m.running.PushBack(&entry{id: id, request: request, until: lease})
	return nil, nil
}

// remove takes an entry out of whichever list it is in.
func (m *memory) remove(at *list.Element) {
	e := at.Value.(*entry)
	delete(m.entries, e.id)
	if e.answer != nil {
		m.kept.Remove(at)
	} else {
		m.running.Remove(at)
	}
}

func (m *memory) Finish(_ context.Context, id string, lease time.Time, answer []byte, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.claim(id, lease)
	if at == nil {
		return nil
	}
	e := at.Value.(*entry)
	m.remove(at)
	e.answer, e.until = answer, until
	m.entries[id] = m.kept.PushBack(e)
	return nil
}

func (m *memory) Release(_ context.Context, id string, lease time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.claim(id, lease); at != nil {
		m.remove(at)
	}
	return nil
}

// claim returns the claim with the lease, or nil where somebody else has the id.
func (m *memory) claim(id string, lease time.Time) *list.Element {
	at := m.entries[id]
	if at == nil || at.Value.(*entry).answer != nil || !at.Value.(*entry).until.Equal(lease) {
		return nil
	}
	return at
}
