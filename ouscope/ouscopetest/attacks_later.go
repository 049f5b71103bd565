package ouscopetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/ouscope"
)

// followForeignCursors takes a cursor out of one scope into others: it is refused
// there, or leads to rows of the own scope alone.
func followForeignCursors(s *suite) {
	first := func(subject string) (cursor string) {
		for _, query := range []string{"?limit=1", "?limit=1&cursor="} {
			if cursor, _ = object(s.send(subject, http.MethodGet, s.Path+query, ""))["next_cursor"].(string); cursor != "" {
				return cursor
			}
		}
		return ""
	}
	s.choose("multi", "uk")
	cursor := first("multi")
	if cursor == "" {
		s.Skip("the list has no next_cursor")
	}
	next := func(subject, cursor string) (ids []string, refused bool) {
		w := s.send(subject, http.MethodGet, s.Path+"?limit=1&cursor="+url.QueryEscape(cursor), "")
		if w.Code != http.StatusOK {
			if w.Code != http.StatusBadRequest && w.Code != http.StatusForbidden {
				s.Errorf("GET as %s with the cursor = %d %s, want 200, 400 or 403", subject, w.Code, w.Body)
			}
			return nil, true
		}
		return rowsIn(w, s.DataKey), false
	}
	s.run("in its own scope", func(s *suite) {
		if ids, _ := next("multi", cursor); len(ids) != 1 || !slices.Contains(s.rowsOf(s.visible("multi", "uk")), ids[0]) {
			s.Errorf("the cursor leads to %v, want the other row of uk", ids)
		}
	})
	others := map[string]string{"multi": "apac", "mixed": "de", "emea": "emea", "alone": "emea", "admin": "us", "bolt": "UK", "uk": "uk"}
	for subject, unit := range others {
		s.run(subject+" at "+unit, func(s *suite) {
			s.choose(subject, unit)
			ids, _ := next(subject, cursor)
			own := s.rowsOf(s.visible(subject, unit))
			for _, id := range ids {
				if !slices.Contains(own, id) {
					s.Errorf("the cursor of another scope leads %s to %s, which is not in %v", subject, id, own)
				}
			}
		})
	}
	s.run("after the role is revoked", func(s *suite) {
		s.choose("multi", "uk")
		cursor := first("multi")
		s.change(without("multi", "uk"))
		if ids, refused := next("multi", cursor); !refused && slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(s.rows["uk"], id) }) {
			s.Errorf("the cursor leads to %v of a unit whose role was revoked", ids)
		}
		s.reset()
	})
}

// watchForeignJobs starts work in the background and looks at it as others, and
// switches or loses the unit while it goes on.
func watchForeignJobs(s *suite) {
	if s.ImportPath == "" {
		s.Skip("Service.ImportPath is empty")
	}
	start := func(subject string) (location string, w *httptest.ResponseRecorder) {
		w = s.send(subject, http.MethodPost, s.ImportPath, "["+s.body()+","+s.body()+"]")
		return w.Header().Get("Location"), w
	}
	s.choose("multi", "uk")
	job, w := start("multi")
	if w.Code != http.StatusAccepted || job == "" {
		s.Fatalf("POST %s = %d %s, want 202 with a Location", s.ImportPath, w.Code, w.Body)
	}
	s.finish("multi", job)
	gone := job[:strings.LastIndexByte(job, '/')+1] + "nowhere"
	for _, subject := range []string{"uk", "emea", "admin", "reader", "bolt", "nobody"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			s.run(subject+" "+method+" the job of another", func(s *suite) {
				s.same(s.send(subject, method, gone, ""), s.send(subject, method, job, ""))
			})
		}
	}
	for name, leave := range map[string]func(*suite){
		"from another unit":         func(s *suite) { s.choose("multi", "apac") },
		"after the role is revoked": func(s *suite) { s.change(without("multi", "uk")) },
	} {
		s.run("its own "+name, func(s *suite) {
			s.choose("multi", "uk")
			leave(s)
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
				s.same(s.send("multi", method, gone, ""), s.send("multi", method, job, ""))
			}
			s.reset()
			s.choose("multi", "uk")
			s.finish("multi", job)
		})
	}
	for _, subject := range []string{"reader", "nobody", "off"} {
		s.run("started as "+subject, func(s *suite) {
			if job, w := start(subject); w.Code != http.StatusForbidden || job != "" {
				s.Errorf("POST %s = %d %s, want 403", s.ImportPath, w.Code, w.Body)
			}
		})
	}
	for _, name := range []string{s.UnitField, s.ActiveField, "org_unit", "unit"} {
		s.run("a member "+name+" in a row", func(s *suite) {
			s.reset()
			s.choose("multi", "uk")
			before := s.countIn("us")
			w := s.send("multi", http.MethodPost, s.ImportPath, "["+strings.TrimSuffix(s.body(), "}")+`,"`+name+`":"us"}]`)
			if location := w.Header().Get("Location"); location != "" {
				s.finish("multi", location)
			}
			if after := s.countIn("us"); after != before {
				s.Errorf("there are %d rows in us, want %d", after, before)
			}
		})
	}
	// Whatever happens to the caller meanwhile, rows land in the unit of the start
	// or nowhere.
	for name, meanwhile := range map[string]func(*suite){
		"the caller goes on in another unit": func(s *suite) { s.choose("multi", "apac") },
		"the choice is taken back":           func(s *suite) { s.send("multi", http.MethodDelete, "/org-units/active", "") },
		"the role is revoked":                func(s *suite) { s.change(without("multi", "uk")) },
		"the unit moves out of reach": func(s *suite) {
			s.change(changeUnit("uk", func(u *ouscope.Unit) { u.Parent = "amer" }))
		},
	} {
		s.run(name, func(s *suite) {
			s.reset()
			s.choose("multi", "uk")
			others := []string{"emea", "de", "us", "apac", "uk2", "au"}
			before := make([]int, len(others))
			for i, unit := range others {
				before[i] = s.countIn(unit)
			}
			location, w := start("multi")
			meanwhile(s)
			if w.Code != http.StatusAccepted {
				s.Fatalf("POST %s = %d %s, want 202", s.ImportPath, w.Code, w.Body)
			}
			s.linger("multi", location)
			s.reset()
			s.choose("multi", "uk")
			s.finish("multi", location)
			for i, unit := range others {
				if after := s.countIn(unit); after != before[i] {
					s.Errorf("there are %d rows in %s, want %d", after, unit, before[i])
				}
			}
		})
	}
}

// finish waits until the job has ended.
func (s *suite) finish(subject, location string) {
	s.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		w := s.send(subject, http.MethodGet, location, "")
		if status, _ := object(w)["status"].(string); status == "succeeded" || status == "failed" {
			return
		} else if w.Code != http.StatusOK {
			s.Fatalf("GET %s as %s = %d %s, want 200", location, subject, w.Code, w.Body)
		}
		<-tick.C
	}
	s.Fatalf("the job at %s did not end", location)
}

// linger gives the job time to end where the subject is, from where it may not be
// seen.
func (s *suite) linger(subject, location string) {
	s.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		status, _ := object(s.send(subject, http.MethodGet, location, ""))["status"].(string)
		if status == "succeeded" || status == "failed" {
			return
		}
		<-tick.C
	}
}

// countIn returns how many rows the unit of acme has itself.
func (s *suite) countIn(unit string) (n int) {
	s.Helper()
	s.choose("admin", unit)
	for page := 1; ; page++ {
		w := s.send("admin", http.MethodGet, fmt.Sprintf("%s?limit=100&page=%d", s.Path, page), "")
		data, _ := object(w)[s.DataKey].([]any)
		for _, row := range data {
			if o, _ := row.(map[string]any); o[s.UnitField] == unit {
				n++
			}
		}
		if len(data) < 100 {
			return n
		}
	}
}
