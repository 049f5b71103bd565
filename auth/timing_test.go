package auth_test

import (
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tenetkit/tenet/auth"
)

// An id that nobody has is refused in the time that a wrong secret takes. The
// figure is Welch's t over 10,000 tries of each kind, the slowest tenth left out
// since there the machine is what is measured; below 4.5 they are the same.
func BenchmarkUnknownAgainstWrong(b *testing.B) {
	basic := newBasic(b, auth.BasicOptions{MaxFailures: -1}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: sha256Hash()}}})
	h := auth.Require(basic)(nothing{})
	calls := [2]func(){
		run(h, nothing{http.Header{}}, request(basicField("bob", "open sesamf"))),
		run(h, nothing{http.Header{}}, request(basicField("eve", "open sesamf"))),
	}
	var t, diff float64
	for b.Loop() {
		var took [2][]float64
		for range 20_000 {
			kind := rand.IntN(2)
			start := time.Now()
			calls[kind]()
			took[kind] = append(took[kind], float64(time.Since(start)))
		}
		t = math.Abs(welch(took[0], took[1]))
		m0, _ := moments(took[0])
		m1, _ := moments(took[1])
		diff = m1 - m0
	}
	b.ReportMetric(t, "t")
	b.ReportMetric(diff, "ns_apart")
}

func welch(a, b []float64) float64 {
	meanA, errA := moments(a)
	meanB, errB := moments(b)
	return (meanA - meanB) / math.Sqrt(errA+errB)
}

// moments returns the mean of the quickest nine tenths and its squared error.
func moments(all []float64) (mean, squared float64) {
	slices.Sort(all)
	all = all[:len(all)*9/10]
	for _, v := range all {
		mean += v / float64(len(all))
	}
	for _, v := range all {
		squared += (v - mean) * (v - mean)
	}
	return mean, squared / float64(len(all)-1) / float64(len(all))
}
