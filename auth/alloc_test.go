//go:build !race

package auth_test

import "testing"

// The number of allocations is part of the API of a path that every request
// takes. The race detector empties pools at random, so it is not counted there.
func TestAllocations(t *testing.T) {
	most := map[string]float64{
		"HS256 unseen":   10,
		"RS256 unseen":   18,
		"ES256 unseen":   20,
		"EdDSA unseen":   9,
		"HS256 seen":     2, // the request's copy and its context
		"both seen":      2,
		"HS256 bad":      3,
		"too long":       3,
		"no credentials": 3,
		"Basic sha256":   4,
		"Basic seen":     4,
		"Basic wrong":    5,
	}
	for name, f := range cases(t) {
		f()
		if got := testing.AllocsPerRun(200, f); got > most[name] {
			t.Errorf("%s allocates %v times, want %v at most", name, got, most[name])
		}
	}
}
