// Package boundaries_test keeps the promises that the compiler cannot keep:
// which package may link which, how much each exports, and that all of it is
// documented. It needs nothing but Go.
package boundaries_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// engines says which packages may import which foreign modules. Who imports
// one of ours links what it links; nobody else may name them.
var engines = map[string][]string{
	"github.com/go-playground/validator/v10": {"apierror/validation", "resource"},
	"github.com/golang-jwt/jwt/v5":           {"auth", "auth/authtest", "auth/issuer", "auth/jwks"},
	"github.com/ulule/limiter/v3":            {"ratelimit/ululestore"},
	"golang.org/x/crypto":                    {"auth/internal/phc"},
}

// siblings says which of our families a family may use beside itself and the
// helpers in internal. Glue between the others is one func value in the
// user's code. A resource's lists are those of paginate and paginate/keyset: one
// contract for pages and cursors, whoever serves them.
var siblings = map[string][]string{
	"apierror":  {},
	"auth":      {"apierror"},
	"ouscope":   {"apierror"},
	"paginate":  {"apierror"},
	"ratelimit": {"apierror"},
	"resource":  {"apierror", "apierror/sqlerr", "apierror/validation", "paginate", "paginate/keyset"},
	"internal":  {"apierror"},
}

func TestEachFamilyUsesOnlyTheSiblingsItMay(t *testing.T) {
	t.Parallel()
	all, own := listAll(t)
	for _, p := range own {
		family, _, _ := strings.Cut(p.own(), "/")
		may, known := siblings[family]
		if !known {
			t.Errorf("%s belongs to no family; name it in the siblings of this test", p.ImportPath)
			continue
		}
		for _, dep := range p.Deps {
			used := all[dep].own()
			if used == "" || slices.Contains(may, used) {
				continue
			}
			if f, _, _ := strings.Cut(used, "/"); f != family && f != "internal" {
				t.Errorf("%s links %s, want only %v, internal and its own family", p.own(), used, may)
			}
		}
	}
}

// What costs something lives one folder down, so a package must not pull in
// its own subpackages, but for helpers that only its family can import.
func TestNoPackageLinksItsSubpackages(t *testing.T) {
	t.Parallel()
	all, own := listAll(t)
	for _, p := range own {
		for _, dep := range p.Deps {
			if used := all[dep].own(); strings.HasPrefix(used, p.own()+"/") && !strings.Contains(used, "/internal/") {
				t.Errorf("%s links its subpackage %s", p.own(), used)
			}
		}
	}
}

func TestEnginesAreImportedOnlyWhereTheyAreNamed(t *testing.T) {
	t.Parallel()
	all, own := listAll(t)
	for _, p := range own {
		for _, imported := range p.Imports {
			foreign := all[imported]
			if foreign.Standard || foreign.own() != "" {
				continue
			}
			if foreign.Module == nil {
				t.Errorf("%s imports %s, which go list knows no module of", p.own(), imported)
			} else if !slices.Contains(engines[foreign.Module.Path], p.own()) {
				t.Errorf("%s imports %s; only %v may", p.own(), imported, engines[foreign.Module.Path])
			}
		}
	}
}

// The packages that servers adopt alone say exactly what comes with them.
func TestWhatComesWithEachPackage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		own     []string // packages of ours; "internal" stands for all helpers
		modules []string // foreign modules
	}{
		"apierror":  {},
		"paginate":  {own: []string{"apierror", "internal"}},
		"ouscope":   {own: []string{"apierror", "internal"}},
		"ratelimit": {own: []string{"apierror", "internal"}},
		"auth": {
			own:     []string{"apierror", "internal"},
			modules: []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/crypto", "golang.org/x/sys"},
		},
		"internal": {own: []string{"apierror", "internal"}},
	}
	all, own := listAll(t)
	for _, p := range own {
		name := p.own()
		if strings.HasPrefix(name, "internal/") {
			name = "internal"
		}
		tt, ok := tests[name]
		if !ok {
			continue
		}
		for _, dep := range p.Deps {
			d := all[dep]
			switch used := d.own(); {
			case d.Standard, slices.Contains(tt.own, used):
			case strings.HasPrefix(used, "internal/") && slices.Contains(tt.own, "internal"):
			case strings.HasPrefix(used, name+"/internal/"):
			case used == "" && d.Module != nil && slices.Contains(tt.modules, d.Module.Path):
			default:
				t.Errorf("%s links %s, want the standard library, %v and %v alone", p.own(), dep, tt.own, tt.modules)
			}
		}
	}
}

// Every module that an importer links is one to trust and to keep up to date;
// the validator brings all but itself.
func TestResourceLinksAtMost8Modules(t *testing.T) {
	t.Parallel()
	all, own := listAll(t)
	var checked bool
	for _, p := range own {
		if p.own() != "resource" && !strings.HasPrefix(p.own(), "resource/") {
			continue
		}
		checked = true
		modules := map[string]bool{}
		for _, dep := range p.Deps {
			if d := all[dep]; d.Module != nil && d.own() == "" {
				modules[d.Module.Path] = true
			}
		}
		if len(modules) > 8 {
			t.Errorf("%s links %d modules beside Tenet, want at most 8: %v", p.own(), len(modules), slices.Sorted(maps.Keys(modules)))
		}
	}
	if !checked {
		t.Error("go list found no package resource")
	}
}

// What a user writes for six routes, types aside, is the marked part of the
// package's first example. Nothing is won by longer lines.
func TestResourceTakesAtMost12LinesOfUserCode(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(path.Join(root, "resource/example_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, marked, begun := strings.Cut(string(src), "func Example() {\n\t// The twelve lines:\n")
	marked, _, ended := strings.Cut(marked, "\t// That is all.\n")
	if !begun || !ended {
		t.Fatal("the comments that mark the lines are not in the first example of package resource")
	}
	lines := strings.Split(strings.TrimSuffix(marked, "\n"), "\n")
	if len(lines) > 12 {
		t.Errorf("the example takes %d lines, want at most 12:\n%s", len(lines), marked)
	}
	for _, line := range lines {
		if len(line) > 100 {
			t.Errorf("a line of the example has %d bytes, want at most 100:\n%s", len(line), line)
		}
	}
	for _, part := range []string{"resource.New[", "Scope:", "Filter:", "Sort:", `mux.Handle("/widgets", `, `mux.Handle("/widgets/{id}", `} {
		if !strings.Contains(marked, part) {
			t.Errorf("the marked lines have no %s", part)
		}
	}
}

func TestModuleRequiresWhatThePackagesNeed(t *testing.T) {
	t.Parallel()
	want := []string{
		"github.com/go-playground/validator/v10",
		"github.com/golang-jwt/jwt/v5",
		"github.com/google/go-cmp", // in tests
		"github.com/ulule/limiter/v3",
	}
	mod := readModule(t, root)
	for _, r := range mod.Require {
		if !r.Indirect && !slices.Contains(want, r.Path) && !strings.HasPrefix(r.Path, "golang.org/x/") {
			t.Errorf("go.mod requires %s, want only %v and golang.org/x", r.Path, want)
		}
	}
	if len(mod.Tool)+len(mod.Replace)+len(mod.Exclude) > 0 {
		t.Error("go.mod has tool, replace or exclude lines; tools and drivers belong to nested modules")
	}
}

// A higher go line, or a toolchain line, would shut importers out.
func TestModulesSayGo1260(t *testing.T) {
	t.Parallel()
	for _, dir := range append(nestedModules(t), ".") {
		mod := readModule(t, path.Join(root, dir))
		if mod.Go != "1.26.0" || mod.Toolchain != "" {
			t.Errorf("%s/go.mod: go %s, toolchain %q, want go 1.26.0 and none", dir, mod.Go, mod.Toolchain)
		}
	}
}

func TestNestedModulesUseThisTree(t *testing.T) {
	t.Parallel()
	for _, dir := range nestedModules(t) {
		mod := readModule(t, path.Join(root, dir))
		if want := module + "/" + dir; mod.Module.Path != want {
			t.Errorf("%s/go.mod: module %s, want %s", dir, mod.Module.Path, want)
		}
		for _, r := range mod.Require {
			if r.Path != module {
				continue
			}
			up := strings.Repeat("../", strings.Count(dir, "/")+1)
			ok := slices.ContainsFunc(mod.Replace, func(r replacement) bool {
				return r.Old.Path == module && strings.TrimSuffix(r.New.Path, "/")+"/" == up
			})
			if r.Version != "v0.0.0" || !ok {
				t.Errorf("%s/go.mod: require %s %s and replace %v, want v0.0.0 and %s", dir, module, r.Version, mod.Replace, up)
			}
		}
	}
}

// A goMod is what go mod edit -json tells of a go.mod.
type goMod struct {
	Module    struct{ Path string }
	Go        string
	Toolchain string
	Require   []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []replacement
	Exclude []struct{ Path string }
	Tool    []struct{ Path string }
}

type replacement struct{ Old, New struct{ Path string } }

func readModule(t *testing.T, dir string) goMod {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit -json in %s: %v", dir, err)
	}
	var mod goMod
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatalf("go mod edit -json in %s: %v", dir, err)
	}
	return mod
}
