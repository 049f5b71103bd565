// Command weight builds the programs in its folder, each a small server, and prints
// what they link and how large they are beside the standard library's server.
//
//	GOWORK=off go run ./weight
//	GOWORK=off go run ./weight -packages resource
//
// All are built for linux/amd64 without cgo, so that the figures depend on the
// versions of Go and of the modules alone.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A program is a folder of programs and the build tags that it is built with.
type program struct{ name, tags string }

func (p program) String() string { return strings.TrimSuffix(p.name+", "+p.tags, ", ") }

// noValidateFn is a build tag of validator/v10, which leaves out its rule validateFn.
// That rule calls a method by a name that is not known before, so the linker has to
// keep every exported method of every type that the program uses.
const noValidateFn = "validator_novalidatefn"

var (
	baseline = program{name: "nethttp"}
	programs = []program{
		{name: "apierror"},
		{name: "validator"},
		{"validator", noValidateFn},
		{name: "resource"},
		{"resource", noValidateFn},
		{name: "resources"},
		{"resources", noValidateFn},
		{name: "huma"},
		{name: "fuego"},
		{name: "echo"},
		{name: "gin"},
		{name: "chi"},
	}
)

func main() {
	packages := flag.String("packages", "", "`program` whose packages to show, by what they add to the baseline's")
	tags := flag.String("tags", "", "build `tags` of that program")
	flag.Parse()
	if err := run(os.Stdout, program{*packages, *tags}); err != nil {
		fmt.Fprintln(os.Stderr, "weight:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, shown program) error {
	folder, err := os.MkdirTemp("", "weight")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if shown.name != "" {
		return printPackages(w, folder, shown)
	}
	base, err := weigh(folder, baseline)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| program | modules | MiB | over nethttp | stripped, over nethttp | has to keep all methods for |")
	fmt.Fprintln(w, "| --- | --: | --: | --: | --: | --- |")
	fmt.Fprintf(w, "| %s | %d | %.2f | | |  |\n", baseline, base.modules, mib(base.size))
	for _, p := range programs {
		of, err := weigh(folder, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %d | %.2f | %.2f | %.2f | %s |\n", p, of.modules, mib(of.size),
			mib(of.size-base.size), mib(of.stripped-base.stripped), strings.Join(of.callers, ", "))
	}
	return nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// A weight is what a program costs its user.
type weight struct {
	modules        int // beside the standard library and Tenet
	size, stripped int64
	callers        []string // funcs that call methods by their names
}

func weigh(folder string, p program) (weight, error) {
	var of weight
	listed, err := command("list", "-deps", "-tags", p.tags, "-f", "{{with .Module}}{{.Path}}{{end}}", p.source()).Output()
	if err != nil {
		return of, failed(p, err)
	}
	modules := map[string]bool{}
	for module := range strings.FieldsSeq(string(listed)) {
		modules[module] = true
	}
	delete(modules, "github.com/tenetkit/tenet")
	delete(modules, "github.com/tenetkit/tenet/internal/bench")
	of.modules = len(modules)

	if of.size, _, err = build(folder, p, "-ldflags="); err != nil {
		return of, err
	}
	if of.stripped, _, err = build(folder, p, "-ldflags=-s -w"); err != nil {
		return of, err
	}
	of.callers, err = methodCallers(p)
	return of, err
}

func (p program) source() string { return "./weight/programs/" + p.name }

// build returns the size and the path of the program.
func build(folder string, p program, flags string) (int64, string, error) {
	binary := filepath.Join(folder, "program")
	if out, err := command("build", "-trimpath", "-tags", p.tags, flags, "-o", binary, p.source()).CombinedOutput(); err != nil {
		return 0, "", fmt.Errorf("%s: %w\n%s", p, err, out)
	}
	stat, err := os.Stat(binary)
	if err != nil {
		return 0, "", err
	}
	return stat.Size(), binary, nil
}

// methodCallers asks the linker which funcs of the program call methods by names
// that it cannot know. Those of package reflect are there because of the others.
func methodCallers(p program) ([]string, error) {
	cmd := command("build", "-tags", p.tags, "-ldflags=-dumpdep", "-o", os.DevNull, p.source())
	dump, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	lines := bufio.NewScanner(dump)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, _, is := strings.Cut(lines.Text(), " <ReflectMethod> -> ")
		if is && !strings.HasPrefix(name, "reflect.") && !strings.Contains(name, " ") {
			dir, short := path.Split(name)
			found["`"+path.Join(path.Base(dir), short)+"`"] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), errors.Join(lines.Err(), failed(p, cmd.Wait()))
}

// printPackages compares the symbols of the program with those of the baseline. They
// are less than half of what is added: tables of lines and the debugger's come on
// top, in proportion.
func printPackages(w io.Writer, folder string, p program) error {
	base, err := symbols(folder, baseline)
	if err != nil {
		return err
	}
	all, err := symbols(folder, p)
	if err != nil {
		return err
	}
	var sum int64
	for name := range all {
		all[name] -= base[name]
		sum += all[name]
	}
	fmt.Fprintf(w, "| package | kB of symbols beyond nethttp |\n| --- | --: |\n| all | %.1f |\n", float64(sum)/1000)
	byWeight := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b))
	})
	for _, name := range byWeight {
		if all[name] >= 4000 {
			fmt.Fprintf(w, "| %s | %.1f |\n", name, float64(all[name])/1000)
		}
	}
	return nil
}

// symbols returns the bytes of a program's code and data by package.
func symbols(folder string, p program) (map[string]int64, error) {
	_, binary, err := build(folder, p, "-ldflags=")
	if err != nil {
		return nil, err
	}
	out, err := command("tool", "nm", "-size", binary).Output()
	if err != nil {
		return nil, failed(p, err)
	}
	byPackage := map[string]int64{}
	for line := range strings.Lines(string(out)) {
		parts := strings.Fields(line)
		if len(parts) < 4 || strings.ContainsAny(parts[2], "bBU") {
			continue // nothing in the file
		}
		size, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: go tool nm: %w", p, err)
		}
		byPackage[packageOf(parts[3])] += size
	}
	return byPackage, nil
}

// packageOf is the package that a symbol belongs to: of encoding/json.(*Decoder).Decode
// and encoding/json.cached[go.shape.int] it is encoding/json.
func packageOf(symbol string) string {
	if kind, _, ok := strings.Cut(symbol, ":"); ok && (kind == "go" || kind == "type") {
		return kind + ":"
	}
	if i := strings.IndexAny(symbol, "[({"); i >= 0 {
		symbol = symbol[:i]
	}
	dir, name := path.Split(symbol)
	name, _, _ = strings.Cut(name, ".")
	return dir + name
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0")
	return cmd
}

func failed(p program, err error) error {
	if err == nil {
		return nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%s: %w\n%s", p, err, exit.Stderr)
	}
	return fmt.Errorf("%s: %w", p, err)
}
