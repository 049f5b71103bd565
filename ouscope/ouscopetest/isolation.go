package ouscopetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

// TestIsolation attacks the services that start returns. Each group of attacks
// gets one of its own, with the storage still empty; groups run in parallel if
// start calls t.Parallel.
func TestIsolation(t *testing.T, start func(t *testing.T) Service) {
	t.Helper()
	for name, attacks := range map[string]func(*suite){
		"select":      selectForeignUnits,
		"resolve":     smuggleUnits,
		"object":      touchForeignRows,
		"list":        listForeignRows,
		"create":      createForeignRows,
		"roles":       writeWithARoleElsewhere,
		"revoke":      useWhatWasRevoked,
		"cache":       revalidateForeignRows,
		"idempotency": repeatForeignRequests,
		"concurrency": switchWhileOthersRead,
		"cursor":      followForeignCursors,
		"async":       watchForeignJobs,
		"admin":       administerForeignUnits,
		"time":        timeForeignRows,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, Service: start(t), rows: map[string][]string{}}
			if s.Handler == nil || s.Replace == nil || s.Path == "" {
				t.Fatal("ouscopetest: TestIsolation: Handler, Path and Replace are required")
			}
			s.UnitField, s.DataKey = cmp.Or(s.UnitField, "org_unit"), cmp.Or(s.DataKey, "data")
			s.ActiveField, s.Mode = cmp.Or(s.ActiveField, "org_unit_id"), cmp.Or(s.Mode, "subtree")
			s.reset()
			s.seed()
			attacks(s)
		})
	}
}

// A suite is one group of attacks on one service.
type suite struct {
	*testing.T
	Service
	units       []ouscope.Unit
	assignments []ouscope.Assignment
	rows        map[string][]string // ids of rows by unit
	gone        string              // id of a row that was deleted, or that never was
	bodies      int
}

// run runs one attack as a subtest.
func (s *suite) run(name string, attack func(s *suite)) {
	s.T.Run(name, func(t *testing.T) {
		sub := *s
		sub.T = t
		attack(&sub)
		s.bodies = sub.bodies
	})
}

// reset puts the units and assignments back to where they were.
func (s *suite) reset() {
	s.Helper()
	s.change(func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
		return Units(), Assignments()
	})
}

func (s *suite) change(f func([]ouscope.Unit, []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment)) {
	s.Helper()
	s.units, s.assignments = f(slices.Clone(s.units), slices.Clone(s.assignments))
	if err := s.Replace(s.Context(), s.units, s.assignments); err != nil {
		s.Fatalf("Replace: %v", err)
	}
}

// seed creates two rows in every unit in use, through the service itself.
func (s *suite) seed() {
	s.Helper()
	for _, u := range s.units {
		if u.Disabled || u.Parent == "off" {
			continue
		}
		owner := "admin"
		if u.Organization == "bolt" {
			owner = "bolt"
		}
		s.choose(owner, u.ID)
		for range 2 {
			s.rows[u.ID] = append(s.rows[u.ID], s.create(owner, u.ID))
		}
	}
	s.choose("admin", "acme")
	s.gone = s.create("admin", "acme")
	if w := s.send("admin", http.MethodDelete, s.Path+"/"+s.gone, ""); w.Code >= 300 {
		// Without DELETE the row stays: make its id another of the same shape.
		s.rows["acme"] = append(s.rows["acme"], s.gone)
		last := s.gone[len(s.gone)-1]
		s.gone = s.gone[:len(s.gone)-1] + string(rune('0'+(last+1)%10))
	}
	for _, owner := range []string{"admin", "bolt"} {
		s.send(owner, http.MethodDelete, "/org-units/active", "")
	}
}

func (s *suite) body() string {
	s.bodies++
	if s.Body != nil {
		return s.Body(s.bodies)
	}
	return fmt.Sprintf(`{"name":"Row %d"}`, s.bodies)
}

// create posts a row and returns its id.
func (s *suite) create(subject, unit string) string {
	s.Helper()
	w := s.send(subject, http.MethodPost, s.Path, s.body())
	row := object(w)
	id, _ := row["id"].(string)
	if w.Code != http.StatusCreated || id == "" || row[s.UnitField] != unit {
		s.Fatalf("POST %s as %s in %s = %d %s, want 201 with an id and the unit", s.Path, subject, unit, w.Code, w.Body)
	}
	return id
}

// choose makes the unit the active one of the subject.
func (s *suite) choose(subject, unit string) {
	s.Helper()
	if w := s.post(subject, http.MethodPost, unit); w.Code != http.StatusOK || object(w)["id"] != unit {
		s.Fatalf("POST /org-units/active %q as %s = %d %s, want 200 with the unit", unit, subject, w.Code, w.Body)
	}
}

func (s *suite) post(subject, method, unit string) *httptest.ResponseRecorder {
	body, _ := json.Marshal(map[string]string{s.ActiveField: unit})
	return s.send(subject, method, "/org-units/active", string(body))
}

// send sends a request of the subject; header are names and values in turn.
func (s *suite) send(subject, method, target, body string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, s.request(subject, method, target, body, header...))
	return w
}

func (s *suite) request(subject, method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequestWithContext(s.Context(), method, target, strings.NewReader(body))
	switch {
	case method == http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	case body != "":
		r.Header.Set("Content-Type", "application/json")
	}
	if s.As != nil {
		s.As(r, subject)
	} else {
		r.Header.Set(subjectHeader, subject)
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return r
}

func object(w *httptest.ResponseRecorder) map[string]any {
	var o map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &o)
	return o
}

// listed returns the ids and the total of one page.
func (s *suite) listed(w *httptest.ResponseRecorder) (ids []string, total int) {
	s.Helper()
	o := object(w)
	data, ok := o[s.DataKey].([]any)
	count, counted := o["total"].(float64)
	if w.Code != http.StatusOK || !ok || !counted {
		s.Fatalf("GET %s = %d %s, want 200 with %s and total", s.Path, w.Code, w.Body, s.DataKey)
	}
	for _, row := range data {
		o, _ := row.(map[string]any)
		id, _ := o["id"].(string)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, int(count)
}

// rowsOf returns the ids of all rows of the units, sorted.
func (s *suite) rowsOf(units []string) []string {
	var ids []string
	for _, u := range units {
		ids = append(ids, s.rows[u]...)
	}
	slices.Sort(ids)
	return ids
}

// visible returns the units whose rows the subject may see with the active unit.
func (s *suite) visible(subject, active string) []string {
	var units []string
	for _, u := range s.units {
		if s.holds(subject, u.ID) && (s.Mode == "granted" || u.ID == active || s.Mode == "subtree" && slices.Contains(s.path(u.ID), active)) {
			units = append(units, u.ID)
		}
	}
	return units
}

// path returns the unit and all above it, or nothing if one is not in use.
func (s *suite) path(id string) []string {
	var path []string
	for id != "" {
		i := slices.IndexFunc(s.units, func(u ouscope.Unit) bool { return u.ID == id })
		if i < 0 || s.units[i].Disabled {
			return nil
		}
		path = append(path, id)
		id = s.units[i].Parent
	}
	return path
}

func (s *suite) holds(subject, unit string) bool {
	path := s.path(unit)
	return slices.ContainsFunc(s.assignments, func(a ouscope.Assignment) bool {
		return a.Subject == subject && (a.Unit == unit && path != nil || !a.NoInherit && slices.Contains(path, a.Unit))
	})
}

// sees fails unless the subject's list is exactly the rows of the units.
func (s *suite) sees(subject string, units []string) {
	s.Helper()
	ids, total := s.listed(s.send(subject, http.MethodGet, s.Path+"?limit=100", ""))
	if want := s.rowsOf(units); !slices.Equal(ids, want) || total != len(want) {
		s.Errorf("%s sees %d rows %v and the total %d, want the %d of %v: %v", subject, len(ids), ids, total, len(want), units, want)
	}
}

// count returns how many rows all organizations have.
func (s *suite) count() int {
	s.Helper()
	n := 0
	for owner, top := range map[string]string{"admin": "acme", "bolt": "bolt"} {
		for _, u := range s.units {
			if slices.Contains(s.path(u.ID), top) {
				s.choose(owner, u.ID)
				_, total := s.listed(s.send(owner, http.MethodGet, s.Path, ""))
				n += total
				if s.Mode != "exact" {
					break
				}
			}
		}
	}
	return n
}
