package ouscope

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A cache holds the tree and the grants of the subjects seen lately. What a
// reading of the directory yields is kept only if no invalidation came since
// the reading began, so a request that begins after an invalidation never
// meets what was read before it.
type cache struct {
	dir     Directory
	scoper  *Scoper
	ttl     time.Duration // if negative, nothing is kept
	seed    maphash.Seed
	shards  [shardCount]shard
	current atomic.Pointer[treeEntry]
	units   atomic.Uint64 // how often the tree was invalidated
	reading chan struct{} // held while the units are read
}

const (
	shardCount = 64
	shardSize  = 256 // subjects in a shard; one more drops another
)

type shard struct {
	mu          sync.RWMutex
	invalidated uint64 // how often a subject of the shard was
	entries     map[string]entry
	_           [64]byte // keeps shards off each other's cache lines
}

type treeEntry struct {
	invalidated uint64
	at          time.Time // when the reading began
	tree        *tree
}

type entry struct {
	at          time.Time // when the reading began
	assignments []Assignment
	grants      *grants
}

func newCache(dir Directory, s *Scoper, ttl time.Duration) *cache {
	c := &cache{dir: dir, scoper: s, ttl: ttl, seed: maphash.MakeSeed(), reading: make(chan struct{}, 1)}
	for i := range c.shards {
		c.shards[i].entries = make(map[string]entry)
	}
	return c
}

func (c *cache) shard(subject string) *shard {
	return &c.shards[maphash.String(c.seed, subject)%shardCount]
}

// grants returns what the subject may do, read no longer ago than the cache
// time and after every invalidation.
func (c *cache) grants(ctx context.Context, subject string) (*grants, error) {
	now := time.Now()
	t, err := c.tree(ctx, now)
	if err != nil {
		return nil, err
	}
	sh := c.shard(subject)
	sh.mu.RLock()
	e, ok := sh.entries[subject]
	invalidated := sh.invalidated
	sh.mu.RUnlock()
	if ok && now.Sub(e.at) < c.ttl {
		if e.grants.tree == t {
			return e.grants, nil
		}
		// The units changed and the assignments did not: they stay as old as
		// they are.
		e.grants = c.scoper.compile(t, subject, e.assignments)
	} else {
		assignments, err := c.dir.Assignments(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("ouscope: reading assignments: %w", err)
		}
		e = entry{now, assignments, c.scoper.compile(t, subject, assignments)}
	}
	if c.ttl > 0 {
		sh.put(subject, e, invalidated)
	}
	return e.grants, nil
}

func (sh *shard) put(subject string, e entry, invalidated uint64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if invalidated != sh.invalidated {
		return
	}
	if _, ok := sh.entries[subject]; !ok && len(sh.entries) >= shardSize {
		for other := range sh.entries {
			delete(sh.entries, other)
			break
		}
	}
	sh.entries[subject] = e
}

// tree returns the units, read again once the cache time is over. One request
// reads them; those that come meanwhile wait for it.
func (c *cache) tree(ctx context.Context, now time.Time) (*tree, error) {
	if t := c.kept(now); t != nil {
		return t, nil
	}
	if c.ttl < 0 {
		return c.read(ctx, now)
	}
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t := c.kept(now); t != nil {
		return t, nil
	}
	return c.read(ctx, now)
}

// kept returns the tree if it may be used still, or nil.
func (c *cache) kept(now time.Time) *tree {
	e := c.current.Load()
	if e == nil || e.invalidated != c.units.Load() || now.Sub(e.at) >= c.ttl {
		return nil
	}
	return e.tree
}

func (c *cache) read(ctx context.Context, now time.Time) (*tree, error) {
	invalidated := c.units.Load()
	units, err := c.dir.Units(ctx)
	if err != nil {
		return nil, fmt.Errorf("ouscope: reading units: %w", err)
	}
	// The same units keep their tree, and with it all that was made from it.
	if old := c.current.Load(); old != nil && slices.Equal(old.tree.source, units) {
		c.current.Store(&treeEntry{invalidated, now, old.tree})
		return old.tree, nil
	}
	t, err := newTree(units, c.scoper.organization)
	if err != nil {
		return nil, fmt.Errorf("ouscope: units of the directory: %w", err)
	}
	c.current.Store(&treeEntry{invalidated, now, t})
	return t, nil
}

// invalidate holds no lock while anybody reads the directory, so it is done at
// once.
func (c *cache) invalidate(subjects []string) {
	if len(subjects) == 0 || slices.Contains(subjects, "") {
		c.units.Add(1)
		for i := range c.shards {
			sh := &c.shards[i]
			sh.mu.Lock()
			sh.invalidated++
			clear(sh.entries)
			sh.mu.Unlock()
		}
		return
	}
	for _, subject := range subjects {
		sh := c.shard(subject)
		sh.mu.Lock()
		sh.invalidated++
		delete(sh.entries, subject)
		sh.mu.Unlock()
	}
}
