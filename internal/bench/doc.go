// Package bench does the same work with Tenet's packages, with the standard
// library alone and with the packages that people use instead, so that one run
// gives ratios. It is a module of its own: nobody else downloads the peers.
//
// A benchmark is named by its scenario, and has one sub-benchmark for each
// contender: BenchmarkParse/tenet, BenchmarkParse/std. See README.md for the
// commands.
package bench
