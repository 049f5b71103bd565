// Package nearest guesses which of the known names a sender meant.
package nearest

import "strings"

// maxWord bounds the work: nobody mistypes a name of this length.
const maxWord = 64

// Of returns the name that word probably stands for: the same in another case, or
// the nearest one that is a slip or two of the keyboard away. It returns "" if
// there is none.
func Of(word string, names []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, at := "", 3
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := distance(word, name); d < at && 3*d <= len(name) {
			best, at = name, d
		}
	}
	return best
}

// distance counts the slips between two names: a byte changed, added, left out,
// or swapped with its neighbour.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(next[j]+1, row[j+1]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
