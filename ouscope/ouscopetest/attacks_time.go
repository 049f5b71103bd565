package ouscopetest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"time"
)

const (
	timePairs = 100  // requests of each kind in a try
	timeTries = 25   // of which one has to succeed
	timeLimit = 0.05 // part by which the medians may differ
)

// timeForeignRows measures whether an answer about a row of another unit takes
// longer than one about a row that is not there. The two take turns, so that what
// else the machine does falls on both, and a try is repeated where they differ: a
// difference that is there each time, and in the same direction, is a leak.
func timeForeignRows(s *suite) {
	s.choose("uk", "uk")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		body := ""
		if method == http.MethodPut || method == http.MethodPatch {
			body = s.body()
		}
		s.run(method+" a foreign row", func(s *suite) {
			var unknown, foreign time.Duration
			slower, faster := false, false
			for range timeTries {
				unknown, foreign = s.medians(method, s.Path+"/"+s.gone, s.Path+"/"+s.rows["us"][0], body)
				d := float64(foreign-unknown) / float64(unknown)
				slower, faster = slower || d >= -timeLimit, faster || d <= timeLimit
				if slower && faster {
					return
				}
			}
			s.Errorf("%s takes %v for a foreign row and %v for an unknown one, in each of %d tries more than 5 percent apart", method, foreign, unknown, timeTries)
		})
	}
}

// medians returns the median times of requests for two targets.
func (s *suite) medians(method, one, other, body string) (first, second time.Duration) {
	times := [2][]time.Duration{}
	for i := range 2*timePairs + 10 {
		which := (i + i/2) % 2 // one, other, other, one
		r := s.request("uk", method, [2]string{one, other}[which], body)
		w := httptest.NewRecorder()
		start := time.Now()
		s.Handler.ServeHTTP(w, r)
		took := time.Since(start)
		if w.Code < 400 {
			s.Fatalf("%s %s = %d, want it refused", method, r.URL, w.Code)
		}
		if i >= 10 { // the first ones fill caches
			times[which] = append(times[which], took)
		}
	}
	for _, t := range times {
		slices.Sort(t)
	}
	return times[0][len(times[0])/2], times[1][len(times[1])/2]
}
