// Command compare runs the benchmarks of internal/bench in several rounds, every
// contender once a round, and prints for each scenario what the contenders cost
// and how that of Tenet compares.
//
//	GOWORK=off go run ./compare -bench 'Parse|Envelope'
//
// The rounds are interleaved, so that a machine that slows down for a while
// slows all contenders down. Times are the minimum of the rounds; a ratio is the
// median of the rounds' own ratios, and what a contender costs beyond the baseline
// of its scenario the median of the rounds' own differences.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	bench := flag.String("bench", ".", "`regexp` of the benchmarks to run")
	rounds := flag.Int("rounds", 8, "`number` of rounds")
	benchtime := flag.String("benchtime", "100ms", "`time` of each benchmark in a round")
	baseline := flag.String("baseline", "^(raw|copy) ", "`regexp` of the contenders that the others of their scenario are measured against")
	flag.Parse()
	if err := run(os.Stdout, *bench, *rounds, *benchtime, *baseline); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, bench string, rounds int, benchtime, baseline string) error {
	isBaseline, err := regexp.Compile(baseline)
	if err != nil {
		return err
	}
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

	t := table{baseline: isBaseline}
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
	baseline  *regexp.Regexp
	scenarios []string
	names     map[string][]string
	costs     map[[2]string]*cost
}

// add reads the output of one round, of lines such as
//
//	BenchmarkParse/tenet-2               1000   70.1 ns/op   0 B/op   0 allocs/op
//	BenchmarkTokenSeen/HS256/tenet-2     1000    300 ns/op   0 B/op   0 allocs/op
//
// The last part of the name is the contender.
func (t *table) add(out string) {
	if t.costs == nil {
		t.names, t.costs = map[string][]string{}, map[[2]string]*cost{}
	}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		scenario, name := strings.TrimPrefix(fields[0], "Benchmark"), ""
		if i := strings.LastIndexByte(scenario, '/'); i > 0 {
			scenario, name = scenario[:i], scenario[i+1:]
		}
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
	fmt.Fprintln(w, "| scenario | contender | ns | B | allocations | tenet / contender | contender / baseline | ns beyond it |")
	fmt.Fprintln(w, "| --- | --- | --: | --: | --: | --: | --: | --: |")
	for _, scenario := range t.scenarios {
		tenet, baseline := t.costs[[2]string{scenario, "tenet"}], t.baselineOf(scenario)
		for _, name := range t.names[scenario] {
			c := t.costs[[2]string{scenario, name}]
			var ratio, times, beyond string
			if tenet != nil && c != tenet {
				ratio = ratioDigits(median(tenet.ns, c.ns, quotient))
			}
			if baseline != nil && c != baseline {
				times = ratioDigits(median(c.ns, baseline.ns, quotient))
				beyond = digits(median(c.ns, baseline.ns, difference))
			}
			fmt.Fprintf(w, "| %s | %s | %s | %.0f | %.0f | %s | %s | %s |\n", scenario, name, digits(c.least()), c.bytes, c.allocs, ratio, times, beyond)
		}
	}
	if len(t.scenarios) == 0 {
		fmt.Fprintln(w, "no benchmark of that name")
	}
}

// baselineOf returns the cost of the scenario's baseline, or nil if it has none.
func (t *table) baselineOf(scenario string) *cost {
	for _, name := range t.names[scenario] {
		if t.baseline.MatchString(name) {
			return t.costs[[2]string{scenario, name}]
		}
	}
	return nil
}

func quotient(a, b float64) float64   { return a / b }
func difference(a, b float64) float64 { return a - b }

// median is that of f(a[i], b[i]).
func median(a, b []float64, f func(a, b float64) float64) float64 {
	values := make([]float64, min(len(a), len(b)))
	for i := range values {
		values[i] = f(a[i], b[i])
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	mid := len(values) / 2
	if len(values)%2 == 0 {
		return (values[mid-1] + values[mid]) / 2
	}
	return values[mid]
}

// ratioDigits writes a ratio with two digits that mean something.
func ratioDigits(r float64) string {
	switch {
	case r < 0.1:
		return strconv.FormatFloat(r, 'g', 2, 64)
	case r >= 100:
		return strconv.FormatFloat(r, 'f', 0, 64)
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
