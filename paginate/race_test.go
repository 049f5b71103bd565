//go:build race

package paginate_test

// Under the race detector sync.Pool drops some of what is put into it.
const raceEnabled = true
