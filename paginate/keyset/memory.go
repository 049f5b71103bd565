package keyset

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Select returns the rows that answer req from a list in memory, as a SELECT with
// [Request.SQL] would: nearest first, and one above the limit if there are so
// many. Text is compared by bytes; the func key is that of [NewPage]. The rows
// may be in any order, and stay as they are.
func Select[T any](req Request, rows []T, key func(T) []any) []T {
	type keyed struct {
		row  T
		keys []any
	}
	var found []keyed
	for _, row := range rows {
		keys := key(row)
		for i, v := range keys {
			keys[i], _ = normalize(v) // NewPage reports what cannot be a key
		}
		if req.Values != nil {
			if c := req.compare(keys, req.Values); c < 0 || c == 0 && !req.Inclusive {
				continue
			}
		}
		found = append(found, keyed{row, keys})
	}
	slices.SortStableFunc(found, func(a, b keyed) int { return req.compare(a.keys, b.keys) })
	selected := make([]T, min(len(found), req.Limit+1))
	for i := range selected {
		selected[i] = found[i].row
	}
	return selected
}

// compare is negative where a row with the keys a is read before one with b.
func (req Request) compare(a, b []any) int {
	for i, c := range req.Order {
		if i >= len(a) || i >= len(b) {
			break
		}
		aNull, bNull := a[i] == nil, b[i] == nil
		var d int
		switch {
		case aNull && bNull:
			continue
		case aNull || bNull:
			if d = 1; aNull == c.NullsFirst {
				d = -1
			}
		default:
			if d = compareValues(a[i], b[i]); c.Desc {
				d = -d
			}
		}
		if d != 0 && req.Back {
			d = -d
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// compareValues compares two sort keys of one type; those of different types are
// taken for equal.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
	case []byte:
		if b, ok := b.([]byte); ok {
			return bytes.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case float64:
		if b, ok := b.(float64); ok {
			return cmp.Compare(a, b)
		}
	case bool:
		if b, ok := b.(bool); ok {
			return int(bit(a)) - int(bit(b))
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	}
	return 0
}
