package main

import (
	"os"
	"strings"
	"testing"
)

func TestTenetRefusesEveryBadBody(t *testing.T) {
	t.Parallel()
	v, err := peer{"tenet", tenet}.judge()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range badBodies {
		if a := v.bodies[i]; !a.refused() || !a.isJSON() {
			t.Errorf("%s is answered with %s (%d %.100s), want a 4xx with JSON", b.name, a.refusal(), a.status, a.body)
		}
	}
	for name, a := range map[string]answer{"an unknown parameter": v.unknownParameter, "a repeated parameter": v.repeatedParameter} {
		if a.status != 400 || !a.isJSON() {
			t.Errorf("%s is answered with %d %s, want 400 with JSON", name, a.status, a.body)
		}
	}
	for want, got := range map[string]string{
		"404 JSON": v.noRoute.form(), "405 JSON": v.noMethod.form(), "422 `full_name`": v.missing.calls(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Not in parallel: see peers.
func TestReadmeHasTheTablesThatArePrinted(t *testing.T) {
	var printed strings.Builder
	if err := run(&printed); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), printed.String()) {
		t.Errorf("internal/bench/README.md differs; go run ./bodies prints\n%s", printed.String())
	}
}
