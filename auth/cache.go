package auth

import (
	"sync"
	"sync/atomic"
)

const (
	cacheShards      = 16
	defaultCacheSize = 10_000
)

// cache is a map of bounded size in shards of their own lock. Once a shard is
// full, a new entry takes the place of one that was not read since the hand of
// the clock last passed. Only verified credentials get in, so a flood of bad
// ones evicts nothing. A nil cache holds nothing.
type cache[V any] struct {
	shards [cacheShards]cacheShard[V]
}

type cacheShard[V any] struct {
	mu    sync.RWMutex
	items map[digest]*cacheItem[V]
	ring  []*cacheItem[V]
	hand  int
	limit int
}

type cacheItem[V any] struct {
	key   digest
	value V
	place int // in the ring
	used  atomic.Bool
}

// newCache returns a cache for about size entries; the default if size is zero,
// none if it is negative.
func newCache[V any](size int) *cache[V] {
	if size < 0 {
		return nil
	}
	if size == 0 {
		size = defaultCacheSize
	}
	c := &cache[V]{}
	for i := range c.shards {
		c.shards[i].limit = (size + cacheShards - 1) / cacheShards
		c.shards[i].items = make(map[digest]*cacheItem[V])
	}
	return c
}

// The first byte of a keyed hash is as good as random.
func (c *cache[V]) shard(key *digest) *cacheShard[V] { return &c.shards[key[0]%cacheShards] }

func (c *cache[V]) get(key *digest) (value V, ok bool) {
	if c == nil {
		return value, false
	}
	s := c.shard(key)
	s.mu.RLock()
	item, ok := s.items[*key]
	s.mu.RUnlock()
	if !ok {
		return value, false
	}
	if !item.used.Load() {
		item.used.Store(true)
	}
	return item.value, true
}

func (c *cache[V]) put(key *digest, value V) {
	if c == nil {
		return
	}
	item := &cacheItem[V]{key: *key, value: value}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.items[*key]; ok {
		item.place = old.place
	} else if len(s.ring) < s.limit {
		item.place = len(s.ring)
		s.ring = append(s.ring, nil)
	} else {
		for s.ring[s.hand].used.Swap(false) {
			s.hand = (s.hand + 1) % len(s.ring)
		}
		item.place = s.hand
		delete(s.items, s.ring[s.hand].key)
		s.hand = (s.hand + 1) % len(s.ring)
	}
	s.ring[item.place] = item
	s.items[*key] = item
}
