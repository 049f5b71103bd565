package httpjson

import (
	"mime"
	"slices"
	"strings"
)

var (
	headerJSON = []string{"application/json; charset=utf-8"}
	jsonTypes  = []string{"application/json"}
)

// contentType reports whether the field, sent exactly once, names one of types.
func contentType(field, types []string) bool {
	if len(field) != 1 {
		return false
	}
	if slices.Contains(types, field[0]) {
		return true
	}
	media, params, err := mime.ParseMediaType(field[0])
	if err != nil || !slices.Contains(types, media) {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}
