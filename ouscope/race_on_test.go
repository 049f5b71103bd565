//go:build race

package ouscope_test

const race = true
