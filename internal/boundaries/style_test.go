package boundaries_test

import (
	"cmp"
	"go/ast"
	"go/doc"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// budgets is how many names a package may export, methods counted and fields
// not, so that its API can be read at one sitting. What does not fit is a
// subpackage or is not needed.
var budgets = map[string]int{
	"apierror":  25,
	"auth":      30,
	"ouscope":   25,
	"paginate":  15,
	"ratelimit": 25,
	"resource":  30,
}

// subpackageBudget is the same for every package one folder down.
const subpackageBudget = 12

func TestExportsFitTheBudget(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if !f.public() || f.path == "." {
			continue
		}
		budget, ok := budgets[f.path]
		if !ok {
			budget = subpackageBudget
		}
		var names []string
		for _, e := range exports(f) {
			names = append(names, e.name)
		}
		if most := budget * 12 / 10; len(names) > most {
			slices.Sort(names)
			t.Errorf("%s exports %d names, want about %d and at most %d: %s", f.path, len(names), budget, most, strings.Join(names, " "))
		}
	}
}

func TestExportsAreDocumented(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if f.nested {
			continue
		}
		for _, e := range exports(f) {
			if e.comment == "" {
				t.Errorf("%s: %s has no comment", f.path, e.name)
			} else if e.own && !startsWithName(e.comment, e.name) {
				t.Errorf("%s: the comment on %s begins %.40q, want it to begin with the name", f.path, e.name, e.comment)
			}
		}
	}
}

func TestEachDirectoryHasOnePackageComment(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		var comments, files []string
		name := f.files[0].ast.Name.Name
		testOnly := !slices.ContainsFunc(f.files, func(g goFile) bool { return !g.test })
		for _, g := range f.files {
			if g.test && !testOnly {
				continue
			}
			name = g.ast.Name.Name
			if g.ast.Doc != nil {
				comments, files = append(comments, g.ast.Doc.Text()), append(files, g.name)
			}
		}
		switch {
		case f.path == "examples/hello": // the README's program, explained there
		case len(comments) != 1:
			t.Errorf("%s: package comments in %v, want exactly one", f.path, files)
		case name != "main" && !strings.HasPrefix(comments[0], "Package "+name+" "):
			t.Errorf("%s: the package comment begins %.40q, want %q", f.path, comments[0], "Package "+name+" ")
		}
	}
}

func TestEachPackageHasAnExample(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if !f.public() {
			continue
		}
		var tests []*ast.File
		for _, g := range f.files {
			if g.test {
				tests = append(tests, g.ast)
			}
		}
		// What takes a *testing.T can be shown and not run.
		shown := strings.HasSuffix(f.path, "test")
		if !slices.ContainsFunc(doc.Examples(tests...), func(e *doc.Example) bool { return shown || e.Output != "" }) {
			t.Errorf("%s has no Example with checked output", f.path)
		}
	}
}

func TestEachTopLevelPackageIsFuzzedAndMeasured(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		if !slices.Contains(topLevel, f.path) {
			continue
		}
		for _, prefix := range []string{"Fuzz", "Benchmark"} {
			if !slices.ContainsFunc(f.files, func(g goFile) bool { return g.test && declares(g.ast, prefix) }) {
				t.Errorf("%s has no %s func", f.path, prefix)
			}
		}
	}
}

// Nothing may happen at import, and no file may be too long to read.
func TestFilesHaveNoInitAndAtMost500Lines(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t) {
		for _, g := range f.files {
			if g.lines > 500 {
				t.Errorf("%s/%s has %d lines, want at most 500", f.path, g.name, g.lines)
			}
			if f.public() && declares(g.ast, "init") {
				t.Errorf("%s/%s has a func init", f.path, g.name)
			}
		}
	}
}

// An export is one exported name of a package.
type export struct {
	name    string // with its receiver: Error.Wrap
	comment string
	own     bool // the comment belongs to this name alone
}

// exports lists the exported names of a folder's package: types, funcs,
// constants, variables, methods of exported types and of exported interfaces.
func exports(f folder) []export {
	var found []export
	for _, g := range f.files {
		if g.test || g.ast.Name.Name == "main" {
			continue
		}
		for _, d := range g.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					receiver := receiverName(d.Recv.List[0].Type)
					if !ast.IsExported(receiver) {
						continue
					}
					name = receiver + "." + name
				}
				if d.Name.IsExported() {
					found = append(found, export{name, d.Doc.Text(), true})
				}
			case *ast.GenDecl:
				found = append(found, declared(d)...)
			}
		}
	}
	return found
}

// declared lists the exported names of a const, var or type declaration.
func declared(d *ast.GenDecl) []export {
	var found []export
	last := d.Doc.Text() // the comment on a group, or on the names above
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if !spec.Name.IsExported() {
				continue
			}
			comment := spec.Doc.Text()
			if comment == "" && len(d.Specs) == 1 {
				comment = d.Doc.Text()
			}
			found = append(found, export{spec.Name.Name, comment, true})
			methods, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				continue
			}
			for _, m := range methods.Methods.List {
				for _, name := range m.Names {
					if name.IsExported() {
						e := export{spec.Name.Name + "." + name.Name, m.Doc.Text() + m.Comment.Text(), m.Doc != nil}
						if e.comment == "" && methods.Methods.NumFields() == 1 {
							e.comment = comment // the type's comment is about its only method
						}
						found = append(found, e)
					}
				}
			}
		case *ast.ValueSpec:
			comment := spec.Doc.Text() + spec.Comment.Text()
			own := spec.Doc != nil && len(spec.Names) == 1
			if comment == "" && !d.Lparen.IsValid() {
				comment, own = d.Doc.Text(), len(spec.Names) == 1
			}
			for _, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				e := export{name.Name, comment, own}
				// One comment may stand for the names below it if it names them,
				// and the one on the group for all of it.
				if comment == "" && (d.Doc != nil || strings.Contains(last, name.Name)) {
					e.comment = last
				}
				found = append(found, e)
			}
			last = cmp.Or(comment, last)
		}
	}
	return found
}

// receiverName is the type's name of a method's receiver.
func receiverName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.StarExpr:
		return receiverName(x.X)
	case *ast.IndexExpr:
		return receiverName(x.X)
	case *ast.IndexListExpr:
		return receiverName(x.X)
	}
	return ""
}

// startsWithName reports whether a comment begins with the name that it is on,
// an article allowed.
func startsWithName(comment, name string) bool {
	if _, method, ok := strings.Cut(name, "."); ok {
		name = method
	}
	for _, article := range []string{"", "A ", "An ", "The ", "Deprecated: "} {
		if rest, ok := strings.CutPrefix(comment, article); ok && strings.HasPrefix(rest, name) {
			return true
		}
	}
	return false
}

// declares reports whether the file has a func, not a method, whose name
// begins with prefix.
func declares(file *ast.File, prefix string) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil {
			return false
		}
		if prefix == "init" {
			return f.Name.Name == prefix
		}
		return strings.HasPrefix(f.Name.Name, prefix)
	})
}

// nestedModules returns the folders below the root that have a go.mod.
func nestedModules(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.Name() != "go.mod" {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if rel != "." {
			found = append(found, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatalf("reading the tree: %v", err)
	}
	return found
}
