package resource

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// narrowed is a scope cut to the units where the caller holds a role.
type narrowed struct {
	Scope
	ids []string
}

func (s narrowed) Contains(unit string) bool { return slices.Contains(s.ids, unit) }
func (s narrowed) IDs() []string             { return slices.Clone(s.ids) }

func (s narrowed) SQL(dialect, column string, firstPlaceholder int) (string, []any) {
	list, err := json.Marshal(s.ids)
	if err != nil || len(s.ids) == 0 {
		return "1=0", nil
	}
	switch dialect {
	case "sqlite":
		return column + " IN (SELECT value FROM json_each(?))", []any{string(list)}
	case "postgres":
		return column + " IN (SELECT jsonb_array_elements_text($" + strconv.Itoa(firstPlaceholder) + "::jsonb))", []any{string(list)}
	}
	args := make([]any, len(s.ids))
	for i, id := range s.ids {
		args[i] = id
	}
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?,", len(args)), ",") + ")", args
}

// maxNarrowed is how many scopes a narrower remembers.
const maxNarrowed = 1024

// A narrower cuts scopes to the units where the caller holds a role. It asks for
// every unit, which takes a while where there are thousands; a scope that has a
// digest, as that of package ouscope does, is asked once.
type narrower struct {
	role string

	mu   sync.Mutex
	seen map[string][]string // by digest; nil where the role is held on all units
}

// narrow returns nil where the role is held nowhere.
func (n *narrower) narrow(scope Scope) Scope {
	if n.role == "" {
		return scope
	}
	digest := ""
	if d, ok := scope.(interface{ Digest() string }); ok {
		digest = d.Digest()
	}
	n.mu.Lock()
	ids, ok := n.seen[digest]
	n.mu.Unlock()
	if digest == "" || !ok {
		ids = n.ask(scope)
	}
	if digest != "" && !ok {
		n.remember(digest, ids)
	}
	switch {
	case ids == nil:
		return scope
	case len(ids) == 0:
		return nil
	}
	return narrowed{Scope: scope, ids: ids}
}

// ask returns the units where the role is held, or nil where these are all.
func (n *narrower) ask(scope Scope) []string {
	ids := scope.IDs()
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if scope.HasRole(id, n.role) {
			kept = append(kept, id)
		}
	}
	if len(kept) == len(ids) && len(ids) > 0 {
		return nil
	}
	return kept
}

func (n *narrower) remember(digest string, ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil || len(n.seen) >= maxNarrowed {
		n.seen = make(map[string][]string) // the scopes of today's callers come back soon
	}
	n.seen[digest] = ids
}
