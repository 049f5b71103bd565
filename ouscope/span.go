package ouscope

import (
	"cmp"
	"slices"
)

// A span is a range of positions in a tree's pre-order, hi excluded. A unit and
// all units below it are one span, which makes a question about ancestors a
// comparison of two numbers.
type span struct{ lo, hi int32 }

// merge sorts spans and joins those that touch, in place.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s.lo <= merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, s.hi)
			continue
		}
		merged = append(merged, s)
	}
	return slices.Clip(merged)
}

// covers reports whether i lies in one of the merged spans.
func covers(spans []span, i int32) bool {
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if spans[mid].hi <= i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(spans) && spans[lo].lo <= i
}

// clip returns the parts of the merged spans that lie within cut.
func clip(spans []span, cut span) []span {
	var clipped []span
	for _, s := range spans {
		s.lo, s.hi = max(s.lo, cut.lo), min(s.hi, cut.hi)
		if s.lo < s.hi {
			clipped = append(clipped, s)
		}
	}
	return clipped
}

// overlap reports whether one of the merged spans has a position within cut.
func overlap(spans []span, cut span) bool {
	for _, s := range spans {
		if max(s.lo, cut.lo) < min(s.hi, cut.hi) {
			return true
		}
	}
	return false
}

// size returns the number of positions in the merged spans.
func size(spans []span) int {
	n := 0
	for _, s := range spans {
		n += int(s.hi - s.lo)
	}
	return n
}
