package boundaries_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// module is the path of the library.
const module = "github.com/tenetkit/tenet"

// root is the top of the tree, seen from this folder.
const root = "../.."

// topLevel names the packages that users adopt one by one.
var topLevel = []string{"apierror", "auth", "ouscope", "paginate", "ratelimit", "resource"}

// A listed is a package as go list tells it, its own or foreign.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string // of its non-test files
	Deps       []string // everything that it links
	Module     *struct{ Path string }
	Error      *struct{ Err string }
}

// own is the path below the module ("auth/issuer"), or "" for foreign packages.
func (p listed) own() string {
	if p.Module == nil || p.Module.Path != module {
		return ""
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

// list asks go list for every package of the library and all that they link.
var list = sync.OnceValues(func() (map[string]listed, error) {
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports,Deps,Module,Error", module+"/...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(stderr.String()))
	}
	packages := map[string]listed{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		if p.own() != "" && p.Error != nil {
			return nil, errors.New(p.ImportPath + ": " + p.Error.Err)
		}
		packages[p.ImportPath] = p
	}
})

// listAll returns the packages by import path, and the library's own sorted.
func listAll(t *testing.T) (all map[string]listed, own []listed) {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, p := range all {
		if p.own() != "" {
			own = append(own, p)
		}
	}
	if len(own) == 0 {
		t.Fatal("go list found no package of the library")
	}
	slices.SortFunc(own, func(a, b listed) int { return cmp.Compare(a.ImportPath, b.ImportPath) })
	return all, own
}

// A folder holds the parsed Go files of one directory of the tree.
type folder struct {
	path   string // below the root, with slashes
	nested bool   // it belongs to a nested module
	files  []goFile
}

type goFile struct {
	name  string
	test  bool
	lines int
	ast   *ast.File
}

// public reports whether importers may use the folder's package.
func (f folder) public() bool {
	return !f.nested && !slices.Contains(strings.Split(f.path, "/"), "internal")
}

// source parses every Go file of the tree once, nested modules included. It
// reads them in this process, so that the test cache knows what the tests read.
var source = sync.OnceValues(func() ([]folder, error) {
	var folders []folder
	var nested []string
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "vendor") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f := folder{path: filepath.ToSlash(rel)}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && f.path != "." {
			nested = append(nested, f.path)
		}
		f.nested = slices.ContainsFunc(nested, func(n string) bool { return f.path == n || strings.HasPrefix(f.path, n+"/") })

		names, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			parsed, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			f.files = append(f.files, goFile{
				name:  filepath.Base(name),
				test:  strings.HasSuffix(name, "_test.go"),
				lines: bytes.Count(src, []byte("\n")),
				ast:   parsed,
			})
		}
		if len(f.files) > 0 {
			folders = append(folders, f)
		}
		return nil
	})
	return folders, err
})

func sources(t *testing.T) []folder {
	t.Helper()
	folders, err := source()
	if err != nil {
		t.Fatalf("reading the tree: %v", err)
	}
	return folders
}
