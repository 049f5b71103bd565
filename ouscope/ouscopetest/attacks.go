package ouscopetest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

var writes = []string{http.MethodPut, http.MethodPatch, http.MethodDelete}

// selectForeignUnits tries to make a unit the active one that the caller may not
// use: the answer is always the one for a unit that is not there.
func selectForeignUnits(s *suite) {
	tests := map[string][]string{
		"uk": {
			"acme", "emea", "de", "us", "uk2", "bolt", "UK", "Uk", "u\u043a", "uk_", "u", "uk ", " uk", "uk\x00", "uk\n", "off", "below-off",
			"*", "%", "_", "u%", "uk,de", "uk' OR '1'='1", "../uk", "null", strings.Repeat("u", 5000),
		},
		"admin": {"bolt", "UK", "off"},
		"bolt":  {"acme", "uk"},
		"alone": {"uk", "acme"},
		"off":   {"off", "below-off", "uk"},
		"multi": {"emea", "acme"},
		"nobody": {
			"acme", "uk",
		},
	}
	for subject, units := range tests {
		unknown := s.post(subject, http.MethodPost, "nowhere")
		if unknown.Code != http.StatusForbidden {
			s.Errorf("POST of an unknown unit as %s = %d %s, want 403", subject, unknown.Code, unknown.Body)
		}
		before := s.send(subject, http.MethodGet, "/org-units/active", "").Body.String()
		for _, unit := range units {
			for _, method := range []string{http.MethodPost, http.MethodPut} {
				s.run(fmt.Sprintf("%s %s %.20q", subject, method, unit), func(s *suite) {
					s.same(unknown, s.post(subject, method, unit))
					if after := s.send(subject, http.MethodGet, "/org-units/active", "").Body.String(); after != before {
						s.Errorf("the active unit was %s and is %s", before, after)
					}
				})
			}
		}
	}
}

// smuggleUnits names a unit in every place but the one that is meant for it.
func smuggleUnits(s *suite) {
	s.choose("emea", "uk")
	mine := s.visible("emea", "uk")
	check := func(name, target string, header ...string) {
		s.run(name, func(s *suite) {
			w := s.send("emea", http.MethodGet, target, "", header...)
			if w.Code == http.StatusBadRequest || w.Code == http.StatusForbidden {
				s.sees("emea", mine)
				return
			}
			if ids, total := s.listed(w); !slices.Equal(ids, s.rowsOf(mine)) || total != len(ids) {
				s.Errorf("GET %s with %q shows %d rows and the total %d, want %d", target, header, len(ids), total, len(s.rowsOf(mine)))
			}
		})
	}
	for _, name := range []string{s.UnitField, s.ActiveField, "org_unit", "org_unit_id", "ou", "unit", "tenant", "active", "activeOu", "scope", "mode"} {
		check("query "+name, s.Path+"?limit=100&"+name+"=us")
	}
	check("query twice", s.Path+"?limit=100&"+s.UnitField+"=uk&"+s.UnitField+"=us")
	check("filter", s.Path+"?limit=100&filter="+s.UnitField+"=us")
	for _, name := range []string{
		"X-Tenant", "X-Tenant-Id", "X-Org-Unit", "X-Org-Unit-Id", "Org-Unit-Id", "X-Active-Ou", "X-Organization", "X-Forwarded-Host", "X-Original-Url", "X-Subject",
	} {
		check("header "+name, s.Path+"?limit=100", name, "us")
	}
	for _, name := range []string{"activeOu", "__Host-activeOu", "org_unit_id", "tenant"} {
		check("cookie "+name, s.Path+"?limit=100", "Cookie", name+"=us")
	}
	s.run("body of a GET", func(s *suite) {
		s.send("emea", http.MethodGet, s.Path, `{"`+s.ActiveField+`":"us"}`)
		s.send("emea", http.MethodGet, "/org-units/active", `{"`+s.ActiveField+`":"emea"}`)
		s.sees("emea", mine)
	})
	for _, target := range []string{"/org-units", "/org-units/active"} {
		s.run("query of "+target, func(s *suite) {
			w := s.send("emea", http.MethodGet, target+"?"+s.ActiveField+"=us", "")
			if strings.Contains(w.Body.String(), `"us"`) {
				s.Errorf("GET %s shows us: %s", target, w.Body)
			}
			s.sees("emea", mine)
		})
	}
}

// touchForeignRows asks for rows of other units by their id: each answer is byte
// for byte the one for an id that is not there, and the row stays as it is.
func touchForeignRows(s *suite) {
	tests := map[string]struct {
		active, owner string
		units         []string
	}{
		"uk":    {"uk", "admin", []string{"de", "emea", "acme", "us", "uk2"}},
		"admin": {"uk", "bolt", []string{"bolt", "UK", "u\u043a", "uk_"}},
		"alone": {"emea", "admin", []string{"uk", "de"}},
	}
	for subject, tt := range tests {
		s.choose(subject, tt.active)
		for _, unit := range tt.units {
			for _, method := range append([]string{http.MethodGet, http.MethodHead, http.MethodPost}, writes...) {
				s.run(fmt.Sprintf("%s %s %s", subject, method, unit), func(s *suite) {
					id, body := s.rows[unit][0], ""
					if method == http.MethodPut || method == http.MethodPatch || method == http.MethodPost {
						body = s.body()
					}
					s.choose(tt.owner, unit)
					before := s.send(tt.owner, http.MethodGet, s.Path+"/"+id, "")
					s.same(
						s.send(subject, method, s.Path+"/"+s.gone, body, "If-Match", before.Header().Get("ETag")),
						s.send(subject, method, s.Path+"/"+id, body, "If-Match", before.Header().Get("ETag")))
					s.choose(tt.owner, unit)
					after := s.send(tt.owner, http.MethodGet, s.Path+"/"+id, "")
					if before.Code != http.StatusOK || after.Body.String() != before.Body.String() {
						s.Errorf("the row was %s and is %s", before.Body, after.Body)
					}
				})
			}
		}
	}
}

// listForeignRows looks for the rows of others in lists, totals and pages.
func listForeignRows(s *suite) {
	for _, at := range [][2]string{
		{"admin", "acme"},
		{"admin", "emea"},
		{"admin", "uk"},
		{"admin", "apac"},
		{"emea", "emea"},
		{"emea", "uk"},
		{"uk", "uk"},
		{"reader", "uk"},
		{"multi", "uk"},
		{"multi", "apac"},
		{"multi", "uk2"},
		{"mixed", "emea"},
		{"mixed", "de"},
		{"alone", "emea"},
		{"bolt", "bolt"},
		{"bolt", "UK"},
	} {
		subject, active := at[0], at[1]
		s.run(subject+" at "+active, func(s *suite) {
			s.choose(subject, active)
			want := s.visible(subject, active)
			s.sees(subject, want)
			var all []string
			n := len(s.rowsOf(want))
			for page := 1; page <= n+1; page++ {
				ids, total := s.listed(s.send(subject, http.MethodGet, fmt.Sprintf("%s?limit=1&page=%d", s.Path, page), ""))
				if total != n {
					s.Errorf("page %d has the total %d, want %d", page, total, n)
				}
				all = append(all, ids...)
			}
			slices.Sort(all)
			if !slices.Equal(all, s.rowsOf(want)) {
				s.Errorf("the pages show %v, want %v", all, s.rowsOf(want))
			}
			head := s.send(subject, http.MethodHead, s.Path, "")
			get := s.send(subject, http.MethodGet, s.Path, "")
			if head.Header().Get("Link") != get.Header().Get("Link") {
				s.Errorf("HEAD has the Link %q, want %q", head.Header().Get("Link"), get.Header().Get("Link"))
			}
		})
	}
	for _, subject := range []string{"nobody", "off", "multi"} {
		s.run(subject+" without an active unit", func(s *suite) {
			s.send(subject, http.MethodDelete, "/org-units/active", "")
			s.refusedOrSees(subject, "")
		})
	}
}

// refusedOrSees fails unless the list is refused, or, in the mode that needs no
// active unit, is exactly what the roles give.
func (s *suite) refusedOrSees(subject, active string) {
	s.Helper()
	if units := s.visible(subject, active); s.Mode == "granted" && len(units) > 0 {
		s.sees(subject, units)
		return
	}
	if w := s.send(subject, http.MethodGet, s.Path, ""); w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
		s.Errorf("GET %s as %s = %d %s, want it refused", s.Path, subject, w.Code, w.Body)
	}
}

// revalidateForeignRows asks whether something has changed that the caller may
// not know of, and looks for answers that a shared cache would hand on.
func revalidateForeignRows(s *suite) {
	s.choose("multi", "uk")
	row := s.Path + "/" + s.rows["uk"][0]
	etag := s.send("multi", http.MethodGet, row, "").Header().Get("ETag")
	list := s.send("multi", http.MethodGet, s.Path, "").Header().Get("ETag")
	for _, subject := range []string{"alone", "bolt"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, tag := range []string{etag, "*"} {
				if tag == "" {
					continue
				}
				s.run(subject+" "+method+" a row with If-None-Match "+tag, func(s *suite) {
					s.same(s.send(subject, method, s.Path+"/"+s.gone, "", "If-None-Match", tag), s.send(subject, method, row, "", "If-None-Match", tag))
				})
			}
		}
		s.run(subject+" the list of another", func(s *suite) {
			if list == "" {
				return
			}
			if w := s.send(subject, http.MethodGet, s.Path, "", "If-None-Match", list); w.Code != http.StatusOK {
				s.Errorf("GET with another caller's ETag = %d, want 200", w.Code)
			}
		})
	}
	for name, target := range map[string]string{
		"the list": s.Path, "a row": row, "an unknown row": s.Path + "/" + s.gone, "the units": "/org-units", "the active unit": "/org-units/active",
	} {
		s.run("headers of "+name, func(s *suite) {
			s.choose("multi", "uk")
			h := s.send("multi", http.MethodGet, target, "").Header()
			vary, control := strings.Join(h["Vary"], ","), strings.Join(h["Cache-Control"], ",")
			if !strings.Contains(vary, "*") && (!strings.Contains(vary, "Authorization") || !strings.Contains(vary, "Cookie")) {
				s.Errorf("Vary is %q, want Authorization and Cookie", vary)
			}
			if strings.Contains(control, "public") || !strings.Contains(control, "private") && !strings.Contains(control, "no-store") {
				s.Errorf("Cache-Control is %q, want private or no-store", control)
			}
		})
	}
}

// repeatForeignRequests uses an Idempotency-Key again in another unit and as
// another caller. A service without such keys creates a new row each time.
func repeatForeignRequests(s *suite) {
	body := s.body()
	post := func(subject, unit string) (id string) {
		s.choose(subject, unit)
		w := s.send(subject, http.MethodPost, s.Path, body, "Idempotency-Key", "the same key")
		row := object(w)
		if id, _ = row["id"].(string); id != "" && row[s.UnitField] != unit {
			s.Errorf("POST as %s in %s answers with a row of %v", subject, unit, row[s.UnitField])
		}
		return id
	}
	first := post("multi", "uk")
	if first == "" {
		s.Error("POST with an Idempotency-Key created no row")
	}
	s.run("in another unit", func(*suite) { post("multi", "apac") })
	for _, subject := range []string{"uk", "emea", "admin"} {
		s.run("as "+subject, func(s *suite) {
			if id := post(subject, "uk"); id == first {
				s.Errorf("POST as %s answers with the row of another", subject)
			}
		})
	}
}

// switchWhileOthersRead makes choices while the same and other callers read:
// every list is that of one choice.
func switchWhileOthersRead(s *suite) {
	s.choose("multi", "uk")
	s.choose("admin", "amer")
	uk, apac, amer := s.rowsOf(s.visible("multi", "uk")), s.rowsOf(s.visible("multi", "apac")), s.rowsOf(s.visible("admin", "amer"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if i == 0 {
					s.post("multi", http.MethodPost, "apac")
					s.post("multi", http.MethodPost, "uk")
				}
				for subject, may := range map[string][][]string{"multi": {uk, apac}, "admin": {amer}} {
					w := s.send(subject, http.MethodGet, s.Path+"?limit=100", "")
					ids := rowsIn(w, s.DataKey)
					slices.Sort(ids)
					if w.Code != http.StatusOK || !slices.ContainsFunc(may, func(one []string) bool { return slices.Equal(one, ids) }) {
						s.Errorf("%s sees %v (%d), want the rows of one choice: %v", subject, ids, w.Code, may)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func rowsIn(w *httptest.ResponseRecorder, key string) (ids []string) {
	data, _ := object(w)[key].([]any)
	for _, row := range data {
		o, _ := row.(map[string]any)
		id, _ := o["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// same fails unless the two answers are equal in status, body and header, but
// for what changes from request to request.
func (s *suite) same(want, got *httptest.ResponseRecorder) {
	s.Helper()
	if got.Code != want.Code || got.Body.String() != want.Body.String() {
		s.Errorf("answer %d %s, want that for an unknown one: %d %s", got.Code, got.Body, want.Code, want.Body)
	}
	if got.Code < 400 {
		s.Errorf("answer %d %s, want it refused", got.Code, got.Body)
	}
	one, other := want.Header().Clone(), got.Header().Clone()
	for _, h := range []http.Header{one, other} {
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			return name == "Date" || name == "X-Request-Id" || strings.HasPrefix(name, "X-Ratelimit-")
		})
	}
	if !maps.EqualFunc(one, other, slices.Equal) {
		s.Errorf("header %v, want that for an unknown one: %v", other, one)
	}
}
