//go:build !race

package ratelimit_test

// slowed is how many times more slowly the race detector lets tests run.
const slowed = 1
