// Command compare runs the benchmarks of internal/bench in several rounds, every
// contender once a round, and prints for each scenario what the contenders cost
// and how that of Tenet compares.
//
//	GOWORK=off go run ./compare -bench 'Parse|Envelope'
//
// The rounds are interleaved, so that a machine that slows down for a while
// slows all contenders down. Times are the minimum of the rounds; the ratio is
// the median of the rounds' own ratios.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	bench := flag.String("bench", ".", "`regexp` of the benchmarks to run")
	rounds := flag.Int("rounds", 8, "`number` of rounds")
	benchtime := flag.String("benchtime", "100ms", "`time` of each benchmark in a round")
	flag.Parse()
	if err := run(os.Stdout, *bench, *rounds, *benchtime); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, bench string, rounds int, benchtime string) error {
	dir, err := os.MkdirTemp("", "tenet-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bench.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}

	var t table
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		cmd := exec.Command(binary, "-test.run=^$", "-test.bench="+bench, "-test.benchtime="+benchtime)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		t.add(string(out))
	}
	t.print(w)
	return nil
}

// A cost is what one contender took in the rounds.
type cost struct {
	ns     []float64
	bytes  float64
	allocs float64
}

func (c *cost) least() float64 { return slices.Min(c.ns) }

// A table holds the costs by scenario and contender, in the order of the run.
type table struct {
	scenarios []string
	names     map[string][]string
	costs     map[[2]string]*cost
}

// add reads the output of one round, of lines such as
//
//	BenchmarkParse/tenet-2   1000   70.1 ns/op   0 B/op   0 allocs/op
func (t *table) add(out string) {
	if t.costs == nil {
		t.names, t.costs = map[string][]string{}, map[[2]string]*cost{}
	}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		scenario, name, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "/")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = strings.ReplaceAll(name[:i], "_", " ")
		}
		key := [2]string{scenario, name}
		c := t.costs[key]
		if c == nil {
			c = new(cost)
			t.costs[key] = c
			if t.names[scenario] == nil {
				t.scenarios = append(t.scenarios, scenario)
			}
			t.names[scenario] = append(t.names[scenario], name)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			switch fields[i+1] {
			case "ns/op":
				c.ns = append(c.ns, value)
			case "B/op":
				c.bytes = value
			case "allocs/op":
				c.allocs = value
			}
		}
	}
}

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w, "| scenario | contender | ns | B | allocations | tenet / contender |")
	fmt.Fprintln(w, "| --- | --- | --: | --: | --: | --: |")
	for _, scenario := range t.scenarios {
		tenet := t.costs[[2]string{scenario, "tenet"}]
		for _, name := range t.names[scenario] {
			c := t.costs[[2]string{scenario, name}]
			ratio := ""
			if tenet != nil && c != tenet {
				ratio = ratioDigits(medianRatio(tenet.ns, c.ns))
			}
			fmt.Fprintf(w, "| %s | %s | %s | %.0f | %.0f | %s |\n", scenario, name, digits(c.least()), c.bytes, c.allocs, ratio)
		}
	}
	if len(t.scenarios) == 0 {
		fmt.Fprintln(w, "no benchmark of that name")
	}
}

// medianRatio is the median of a[i]/b[i].
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, min(len(a), len(b)))
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	slices.Sort(ratios)
	if len(ratios) == 0 {
		return 0
	}
	mid := len(ratios) / 2
	if len(ratios)%2 == 0 {
		return (ratios[mid-1] + ratios[mid]) / 2
	}
	return ratios[mid]
}

// ratioDigits writes a ratio with two digits that mean something.
func ratioDigits(r float64) string {
	if r < 0.1 {
		return strconv.FormatFloat(r, 'g', 2, 64)
	}
	return strconv.FormatFloat(r, 'f', 2, 64)
}

// digits writes a time with a fraction only where it matters.
func digits(ns float64) string {
	if ns < 100 {
		return strconv.FormatFloat(ns, 'f', 1, 64)
	}
	return strconv.FormatFloat(ns, 'f', 0, 64)
}
