package main

import (
	"os"
	"testing"
)

// The commands run in the folder of the module, as go run ./weight does.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestResourceIsLight(t *testing.T) {
	sizes := map[program]int64{}
	for _, p := range []program{baseline, {name: "validator"}, {name: "resource"}, {"resource", noValidateFn}} {
		size, _, err := build(t.TempDir(), p, "-ldflags=")
		if err != nil {
			t.Fatal(err)
		}
		sizes[p] = size
	}
	if got := mib(sizes[program{"resource", noValidateFn}] - sizes[baseline]); got > 4.5 {
		t.Errorf("resource without validateFn adds %.2f MiB to net/http's server, want at most 4.5", got)
	}
	if got := mib(sizes[program{name: "resource"}] - sizes[program{name: "validator"}]); got > 1.2 {
		t.Errorf("resource adds %.2f MiB to a server with encoding/json and validator, want at most 1.2", got)
	}
}

func TestTheRuleThatKeepsAllMethodsIsNamed(t *testing.T) {
	for tags, want := range map[string]int{"": 1, noValidateFn: 0} {
		callers, err := methodCallers(program{"resource", tags})
		if err != nil {
			t.Fatal(err)
		}
		if len(callers) != want {
			t.Errorf("with the tags %q methods are called by name in %v, want %d funcs", tags, callers, want)
		}
	}
}

func TestPackageOf(t *testing.T) {
	tests := map[string]string{
		"main.main":                                                     "main",
		"encoding/json.(*Decoder).Decode":                               "encoding/json",
		"encoding/json.cachedTypeFields":                                "encoding/json",
		"gopkg.in/yaml.v3.yaml_parser_parse_node":                       "gopkg.in/yaml",
		"github.com/tenetkit/tenet/resource.(*Resource[go.shape.struct": "github.com/tenetkit/tenet/resource",
		"slices.SortFunc[go.shape.[]github.com/a/b.c,go.shape.*uint8]":  "slices",
		"type:.eq.net/http.Cookie":                                      "type:",
		"go:func.*":                                                     "go:",
	}
	for symbol, want := range tests {
		if got := packageOf(symbol); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", symbol, got, want)
		}
	}
}
