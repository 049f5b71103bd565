package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultKeys = 100_000
	maxKeys     = 1 << 30

	setSize = 32 // slots in which one key may lie
	stripes = 64 // locks for adding keys

	// claimed marks the tat of a slot that is changing hands.
	claimed = math.MinInt64
)

// Memory is a [Store] in a fixed piece of memory: 32 bytes for each of a stated
// number of keys, no goroutine, nothing to close.
//
// A key occupies its slot until another needs it, and full buckets, which say no
// more than that nothing was asked lately, are the first to go. When more keys
// than fit are in debt at once, a new key takes over the slot with the least
// debt of 32, debt included, so that flooding the store with keys never gets
// anybody a fresh bucket sooner than waiting would. It costs those who come new
// in such a flood some of their burst, and all of it if every bucket is empty:
// state more keys than can be kept in debt, a million take 32 MB.
//
// Time is monotonic: setting the wall clock changes no bucket. Keys are hashed
// with a random seed to 64 bits; two of them share a bucket with a probability
// of n²/2⁶⁵ for n keys.
type Memory struct {
	start time.Time
	seed  maphash.Seed
	sets  uint64
	slots []slot
	locks [stripes]sync.Mutex
}

// A slot holds one bucket. Its owner changes only while tat is claimed and the
// stripe's lock is held, and a new owner's tat is always greater than what was
// there before. Who has read tat first and then found its own tag may therefore
// compare and swap tat: the swap fails if the slot has changed hands.
type slot struct {
	tag atomic.Uint64 // hash of the key, 0 if the slot was never used
	tat atomic.Int64  // nanoseconds since start at which the bucket is full
}

// MemoryOptions adjusts a [Memory].
type MemoryOptions struct {
	// Keys is the number of keys that are in debt at the same time. If zero,
	// 100,000.
	Keys int
}

// NewMemory returns a Memory, and allocates all that it ever needs. It fails
// only if the number of keys is negative or above 1<<30.
func NewMemory(opts MemoryOptions) (*Memory, error) {
	keys := opts.Keys
	if keys < 0 || keys > maxKeys {
		return nil, fmt.Errorf("ratelimit: NewMemory: %d keys are out of range", keys)
	}
	if keys == 0 {
		keys = defaultKeys
	}
	// Twice the room keeps a set from filling up before the store does.
	sets := (2*keys + setSize - 1) / setSize
	return &Memory{
		start: time.Now(),
		seed:  maphash.MakeSeed(),
		sets:  uint64(sets),
		slots: make([]slot, sets*setSize),
	}, nil
}

// Take implements [Store]. It fails only if the rate is not valid.
func (m *Memory) Take(_ context.Context, key string, cost int, rate Rate) (State, error) {
	if err := rate.Validate(); err != nil {
		return State{}, errors.New("ratelimit: Memory.Take: " + err.Error())
	}
	return m.take(maphash.String(m.seed, key), time.Since(m.start), cost, rate), nil
}

// take takes cost from the bucket of the key with the given hash.
func (m *Memory) take(hash uint64, now time.Duration, cost int, rate Rate) State {
	tag := max(hash, 1)
	index, _ := bits.Mul64(hash, m.sets)
	set := m.slots[index*setSize:][:setSize]
	for {
		s, found := find(set, tag)
		if !found {
			state, ok := m.add(set, &m.locks[index%stripes], tag, now, cost, rate)
			if ok {
				return state
			}
			continue
		}
		for {
			tat := s.tat.Load()
			if tat == claimed {
				runtime.Gosched()
				break
			}
			if s.tag.Load() != tag {
				break
			}
			if cost < 0 {
				// Seen from before the last call, an empty bucket would look
				// less empty than it is, and what it is short of be lost.
				now = max(now, time.Since(m.start))
			}
			next, state := rate.Take(time.Duration(tat), now, cost)
			if int64(next) == tat || s.tat.CompareAndSwap(tat, int64(next)) {
				return state
			}
		}
	}
}

// find looks for tag from its own place in the set onwards. A key is added in
// the first slot that is free or full, and slots never become free again, so a
// free one ends the search.
func find(set []slot, tag uint64) (*slot, bool) {
	for i := range uint64(setSize) {
		s := &set[(tag+i)%setSize]
		switch s.tag.Load() {
		case tag:
			return s, true
		case 0:
			return nil, false
		}
	}
	return nil, false
}

// add gives tag a slot and takes cost from its bucket. It reports false if the
// search has to start again. The lock keeps two calls from adding one key twice.
func (m *Memory) add(set []slot, lock *sync.Mutex, tag uint64, now time.Duration, cost int, rate Rate) (State, bool) {
	lock.Lock()
	defer lock.Unlock()
	// Read again under the lock: nobody then adds a key at an earlier instant
	// than the one at which its full bucket was forgotten.
	asked := now
	now = max(now, time.Since(m.start))
	var victim *slot
	least := int64(math.MaxInt64)
	for i := range uint64(setSize) {
		s := &set[(tag+i)%setSize]
		owner := s.tag.Load()
		if owner == tag {
			return State{}, false
		}
		// The first that is free or full will do: nothing is forgotten with it.
		if least >= int64(now) {
			if tat := s.tat.Load(); tat < least {
				victim, least = s, tat
			}
		}
		if owner == 0 {
			break
		}
	}
	// The debt goes with the slot. Since it is the least of the set, the key
	// that loses the slot cannot come back to a bucket with less. The caller
	// counts from the instant at which it asked.
	next, state := rate.Take(time.Duration(least), now, cost)
	if state.Next > 0 {
		state.Next += now - asked
	}
	if state.Reset > 0 {
		state.Reset += now - asked
	}
	if !state.Allowed || cost <= 0 {
		return state, true
	}
	if !victim.tat.CompareAndSwap(least, claimed) {
		return State{}, false
	}
	victim.tag.Store(tag)
	victim.tat.Store(int64(next))
	return state, true
}
