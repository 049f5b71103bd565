package resource

import (
	"strings"
	"unicode/utf8"
)

// maxEcho bounds how much of a stranger's word an answer repeats.
const maxEcho = 64

func shorten(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	end := maxEcho
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// nearest returns the name that was probably meant: the word in another case, or
// one with at most two letters changed, added or left out.
func nearest(word string, names []string) string {
	best, at := "", 3
	for _, name := range names {
		if strings.EqualFold(name, word) {
			return name
		}
		if d := distance(word, name); d < at && 2*d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
