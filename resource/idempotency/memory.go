package idempotency

import (
	"cmp"
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

// NewMemory returns a store in the memory of the process, for at most so many
// keys; if most is 0 or less, 10,000. Where it is full the oldest answer is
// forgotten before its time, and where all keys are running the request is a 503.
// Answers of more than 16 KiB have 64 MiB together; the oldest of them go first,
// and never in the place of smaller ones.
func NewMemory(most int) Store {
	if most <= 0 {
		most = 10_000
	}
	return &memory{most: most, entries: map[string]*list.Element{}}
}

const (
	largeAnswer = 16 << 10
	maxLarge    = 64 << 20
)

type memory struct {
	most int

	mu      sync.Mutex
	entries map[string]*list.Element // of *entry
	kept    list.List                // answers, the oldest first
	large   list.List                // answers, the oldest first
	size    int                      // of those in large
	running list.List
}

type entry struct {
	id, request string
	answer      []byte
	until       time.Time
	in          *list.List
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
	for _, answers := range []*list.List{&m.kept, &m.large} {
		for at := answers.Front(); at != nil && !now.Before(at.Value.(*entry).until); at = answers.Front() {
			m.remove(at)
		}
	}
	if len(m.entries) >= m.most {
		oldest := cmp.Or(m.large.Front(), m.kept.Front())
		if oldest == nil {
			if oldest = m.running.Front(); now.Before(oldest.Value.(*entry).until) {
				return nil, apierror.Unavailable(time.Second)
			}
		}
		m.remove(oldest)
	}
	m.add(&m.running, &entry{id: id, request: request, until: lease})
	return nil, nil
}

// add puts an entry at the end of a list.
func (m *memory) add(to *list.List, e *entry) {
	e.in = to
	m.entries[e.id] = to.PushBack(e)
	if to == &m.large {
		m.size += len(e.answer)
	}
}

// remove takes an entry out of the list that it is in.
func (m *memory) remove(at *list.Element) {
	e := at.Value.(*entry)
	delete(m.entries, e.id)
	e.in.Remove(at)
	if e.in == &m.large {
		m.size -= len(e.answer)
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
	if e.answer, e.until = answer, until; len(answer) <= largeAnswer {
		m.add(&m.kept, e)
		return nil
	}
	m.add(&m.large, e)
	for m.size > maxLarge && m.large.Len() > 1 {
		m.remove(m.large.Front())
	}
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
	if at == nil || at.Value.(*entry).in != &m.running || !at.Value.(*entry).until.Equal(lease) {
		return nil
	}
	return at
}
