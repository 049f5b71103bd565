package ouscope

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
)

// IDs returns the ids of all units in the scope, sorted, for query builders and
// generated code. The slice is the caller's own. It is never nil, and empty
// means no unit at all: take care that a query builder does not leave out a
// condition whose list is empty, or use [Scope.SQL].
func (s Scope) IDs() []string {
	if s.s == nil {
		return []string{}
	}
	return append([]string{}, s.s.list().ids...)
}

// SQL returns a condition that is true for the rows whose unit is in the scope,
// and its arguments. The column is written as it is and must never come from a
// request; the ids are arguments only. The first placeholder has the number
// given, for dialects that number them.
//
//	dialect     one unit      several
//	"postgres"  column = $1   column = ANY($1)                                 with a []string
//	"sqlite"    column = ?    column IN (SELECT value FROM json_each(?))       with a JSON array
//	"mysql"     column = ?    column IN (SELECT id FROM JSON_TABLE(?, ...))    with a JSON array, or the id twice
//
// The number of units does not change the statement, so that prepared
// statements are reused. The zero Scope, and any other dialect, give 1=0
// without arguments. In PostgreSQL the []string is what pgx takes, also below
// database/sql; with lib/pq wrap it by pq.Array. The column has to compare byte
// by byte (no NOCASE, no citext), as units do. MySQL (8.0 and later, MariaDB 10.6 and
// later, ids of up to 255 characters) is made to, under utf8mb4_bin: give the column
// that collation, so that its index is of use.
//
// Put the condition into parentheses or join it by AND. Do not change the
// arguments.
func (s Scope) SQL(dialect, column string, firstPlaceholder int) (string, []any) {
	const never = "1=0"
	if s.s == nil {
		return never, nil
	}
	list := s.s.list()
	if len(list.ids) == 0 {
		return never, nil
	}
	single := len(list.ids) == 1
	switch dialect {
	case "postgres":
		number := strconv.Itoa(max(firstPlaceholder, 1))
		if single {
			return column + " = $" + number, []any{list.ids[0]}
		}
		return column + " = ANY($" + number + ")", []any{list.boxed}
	case "sqlite":
		if single {
			return column + " = ?", []any{list.ids[0]}
		}
		return column + " IN (SELECT value FROM json_each(?))", []any{list.json()}
	case "mysql":
		// A JSON_TABLE column and the collation make the comparison bytewise
		// whatever the column's own collation is, and the length tells spaces at
		// the end, which no collation of both MySQL and MariaDB does.
		if single {
			return "(" + column + " = ? COLLATE utf8mb4_bin AND CHAR_LENGTH(" + column + ") = CHAR_LENGTH(?))", []any{list.ids[0], list.ids[0]}
		}
		return "(" + column + ", CHAR_LENGTH(" + column + ")) IN (SELECT ou.id, CHAR_LENGTH(ou.id) FROM JSON_TABLE(?, " +
			"'$[*]' COLUMNS (id VARCHAR(255) COLLATE utf8mb4_bin PATH '$')) AS ou)", []any{list.json()}
	}
	return never, nil
}

// An idList is the units of a scope in the forms that engines take, boxed once
// so that a request allocates none of it.
type idList struct {
	ids   []string
	boxed any        // ids
	json  func() any // ids as a JSON array in a string
}

// makeList lists the units of the scope. Most scopes are one unit's subtree or
// one unit, and many subjects share these: the tree keeps them.
func (s *scope) makeList() *idList {
	spans := clip(s.reach, s.cut)
	if len(spans) != 1 {
		return s.tree.list(spans)
	}
	only := spans[0]
	if only.hi != only.lo+1 && only.hi != s.tree.end[only.lo] {
		return s.tree.list(spans)
	}
	if l, ok := s.tree.lists.Load(only); ok {
		return l.(*idList)
	}
	made := s.tree.list(spans)
	if s.tree.listed.Add(int64(len(made.ids))) > keepPerUnit*int64(len(s.tree.units)) {
		return made
	}
	l, _ := s.tree.lists.LoadOrStore(only, made)
	return l.(*idList)
}

// keepPerUnit bounds the ids in all lists that a tree keeps. A unit is in the
// subtree of each unit above it: of few in an organization, of thousands in a tree
// that somebody made to exhaust the memory.
const keepPerUnit = 16

func (t *tree) list(spans []span) *idList {
	ids := make([]string, 0, size(spans))
	for _, s := range spans {
		for i := s.lo; i < s.hi; i++ {
			ids = append(ids, t.units[i].ID)
		}
	}
	slices.Sort(ids)
	return &idList{ids: ids, boxed: ids, json: sync.OnceValue(func() any {
		text, err := json.Marshal(ids)
		if err != nil {
			// Strings always encode; if not, the empty list denies.
			text = []byte("[]")
		}
		return string(text)
	})}
}
