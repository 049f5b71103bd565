package nearest_test

import (
	"strings"
	"testing"

	"github.com/tenetkit/tenet/internal/nearest"
)

func TestOf(t *testing.T) {
	t.Parallel()
	names := []string{"page", "limit", "sort", "filter", "created_at"}
	tests := map[string]string{
		"lmit":                   "limit",
		"LIMIT":                  "limit",
		"pgae":                   "page",
		"pages":                  "page",
		"createdat":              "created_at",
		"creatd_ta":              "created_at",
		"x":                      "",
		"":                       "",
		"offset":                 "",
		"sorting":                "",
		strings.Repeat("a", 1e6): "",
	}
	for word, want := range tests {
		if got := nearest.Of(word, names); got != want {
			t.Errorf("Of(%.20q) = %q, want %q", word, got, want)
		}
	}
}
