package ouscope

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A tree is an immutable snapshot of the units in use, numbered in pre-order:
// siblings by name and then by id, organizations one after the other. Disabled
// units and everything below them are not in it.
type tree struct {
	units  []*Unit          // in pre-order
	end    []int32          // units[i] and what is below it are the span i to end[i]
	index  map[string]int32 // place among the units that were read, by id
	at     []int32          // position by that place, or none for a unit out of use
	source []Unit           // what the tree was made of
	lists  sync.Map         // span of a whole subtree or a single unit -> *idList
	listed atomic.Int64     // ids in lists
}

const none = -1

// newTree checks and numbers the units of the organization, or of all
// organizations if it is empty.
func newTree(source []Unit, organization string) (*tree, error) {
	// A copy, so that a directory which changes its slice in place is noticed.
	source = slices.Clone(source)
	units := source
	foreign := func(u Unit) bool { return u.Organization != organization }
	if organization != "" && slices.ContainsFunc(source, foreign) {
		units = slices.DeleteFunc(slices.Clone(source), foreign)
	}
	links, index, err := linkUnits(units)
	if err != nil {
		return nil, err
	}
	t := &tree{index: index, source: source}
	if err := t.number(units, links); err != nil {
		return nil, err
	}
	return t, nil
}

// links is a tree as three lists: the unit above, the first below, the next
// beside. The last element of first is the first of the tops.
type links struct{ parent, first, next []int32 }

func linkUnits(units []Unit) (links, map[string]int32, error) {
	n := len(units)
	l := links{make([]int32, n), make([]int32, n+1), make([]int32, n)}
	index := make(map[string]int32, n)
	for i := range units {
		if err := checkID(units[i].ID); err != nil {
			return l, nil, err
		}
		index[units[i].ID] = int32(i)
	}
	if len(index) < n {
		return l, nil, twice(units)
	}
	begin := make([]int32, n+2) // where the units below each begin in below
	for i := range units {
		u, above := &units[i], int32(n)
		l.parent[i] = none
		if u.Parent != "" {
			p, ok := index[u.Parent]
			if !ok {
				return l, nil, fmt.Errorf("unit %q has the parent %q, which is not there", u.ID, u.Parent)
			}
			if units[p].Organization != u.Organization {
				return l, nil, fmt.Errorf("unit %q has a parent in another organization", u.ID)
			}
			l.parent[i], above = p, p
		}
		begin[above+1]++
	}
	for i := range n + 1 {
		begin[i+1] += begin[i]
	}
	below, end := make([]int32, n), slices.Clone(begin)
	for i, p := range l.parent {
		if p == none {
			p = int32(n)
		}
		below[end[p]] = int32(i)
		end[p]++
	}
	for p := range n + 1 {
		siblings := below[begin[p]:begin[p+1]]
		if p == n {
			slices.SortFunc(siblings, func(a, b int32) int {
				return cmp.Or(strings.Compare(units[a].Organization, units[b].Organization), compare(&units[a], &units[b]))
			})
		} else {
			slices.SortFunc(siblings, func(a, b int32) int { return compare(&units[a], &units[b]) })
		}
		l.first[p] = none
		for _, i := range slices.Backward(siblings) {
			l.next[i], l.first[p] = l.first[p], i
		}
	}
	return l, index, nil
}

// compare orders siblings of one organization.
func compare(a, b *Unit) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// twice names an id that two units have.
func twice(units []Unit) error {
	seen := make(map[string]bool, len(units))
	for i := range units {
		if seen[units[i].ID] {
			return fmt.Errorf("unit id %q is there twice", units[i].ID)
		}
		seen[units[i].ID] = true
	}
	return nil
}

// number walks the tree and gives each unit in use its position. It does not
// recurse: how deep a tree is, its owner decides.
func (t *tree) number(units []Unit, l links) error {
	n := len(units)
	t.units, t.end, t.at = make([]*Unit, 0, n), make([]int32, 0, n), make([]int32, n)
	reached, disabled := 0, int32(none)
	path := make([]int32, 0, 16) // positions of the units above
	for i := l.first[n]; i != none; {
		u := &units[i]
		reached++
		if u.Disabled && disabled == none {
			disabled = i
		}
		if disabled == none {
			position := int32(len(t.units))
			t.at[i] = position
			t.units, t.end = append(t.units, u), append(t.end, 0)
			path = append(path, position)
		} else {
			t.at[i] = none
		}
		if l.first[i] != none {
			i = l.first[i]
			continue
		}
		for i != none {
			if disabled == none {
				t.end[path[len(path)-1]] = int32(len(t.units))
				path = path[:len(path)-1]
			} else if disabled == i {
				disabled = none
			}
			if l.next[i] != none {
				i = l.next[i]
				break
			}
			i = l.parent[i]
		}
	}
	if reached < n {
		return errors.New("units are their own ancestors")
	}
	return nil
}

// find returns the position of the unit with the id.
func (t *tree) find(id string) (int32, bool) {
	i, ok := t.index[id]
	if !ok {
		return none, false
	}
	at := t.at[i]
	return at, at != none
}

// subtree returns the span of the unit at i and all below it.
func (t *tree) subtree(i int32) span { return span{i, t.end[i]} }

// all returns the span of all units.
func (t *tree) all() span { return span{0, int32(len(t.units))} }

// organization returns the span of all units of the organization, which stand
// together because the tops are sorted by it.
func (t *tree) organization(name string) span {
	lo, found := slices.BinarySearchFunc(t.units, name, func(u *Unit, name string) int {
		return cmp.Compare(u.Organization, name)
	})
	if !found {
		return span{}
	}
	hi := lo
	for hi < len(t.units) && t.units[hi].Organization == name {
		hi = int(t.end[hi])
	}
	return span{int32(lo), int32(hi)}
}
