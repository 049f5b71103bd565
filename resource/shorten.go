package resource

import (
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
