//go:build race

package integration

// SQLite is Go code here, which the race detector makes a hundred times slower.
const raceEnabled = true
