package ouscopetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/ouscope"
)

// createForeignRows tries to put a row into a unit that is not the active one.
func createForeignRows(s *suite) {
	s.choose("emea", "uk")
	total := s.count()
	for _, name := range []string{s.UnitField, s.ActiveField, "org_unit", "org_unit_id", "orgUnit", "unit", "ou", "tenant", "organization"} {
		for _, unit := range []string{"us", "de", "UK"} {
			s.run(fmt.Sprintf("member %s %s", name, unit), func(s *suite) {
				body := strings.TrimSuffix(s.body(), "}") + `,"` + name + `":"` + unit + `"}`
				w := s.send("emea", http.MethodPost, s.Path, body)
				switch row := object(w); {
				case w.Code == http.StatusCreated && row[s.UnitField] == "uk":
					total++ // the member was passed over
				case w.Code != http.StatusBadRequest && w.Code != http.StatusUnprocessableEntity:
					s.Errorf("POST = %d %s, want 400, 422 or a row of uk", w.Code, w.Body)
				}
			})
		}
	}
	for name, header := range map[string]string{"query": "", "header": "X-Org-Unit"} {
		s.run(name, func(s *suite) {
			target, more := s.Path, []string{header, "us"}
			if header == "" {
				target, more = s.Path+"?"+s.ActiveField+"=us", nil
			}
			w := s.send("emea", http.MethodPost, target, s.body(), more...)
			if w.Code == http.StatusCreated && object(w)[s.UnitField] == "uk" {
				total++
			} else if w.Code != http.StatusBadRequest {
				s.Errorf("POST = %d %s, want 400 or a row of uk", w.Code, w.Body)
			}
		})
	}
	for _, subject := range []string{"nobody", "reader", "off"} {
		s.run("as "+subject, func(s *suite) {
			if w := s.send(subject, http.MethodPost, s.Path, s.body()); w.Code != http.StatusForbidden {
				s.Errorf("POST = %d %s, want 403", w.Code, w.Body)
			}
		})
	}
	s.run("as multi without an active unit", func(s *suite) {
		if w := s.send("multi", http.MethodPost, s.Path, s.body()); w.Code < 400 || w.Code > 404 {
			s.Errorf("POST = %d %s, want it refused", w.Code, w.Body)
		}
	})
	if got := s.count(); got != total {
		s.Errorf("there are %d rows, want %d", got, total)
	}
}

// writeWithARoleElsewhere writes where the caller may read only, with a role
// that is held on another unit of the same scope.
func writeWithARoleElsewhere(s *suite) {
	s.choose("mixed", "emea")
	seen := s.visible("mixed", "emea")
	for _, unit := range []string{"uk", "emea", "de"} {
		for _, method := range writes {
			s.run("mixed "+method+" "+unit, func(s *suite) {
				target, body := s.Path+"/"+s.rows[unit][1], ""
				if method != http.MethodDelete {
					body = s.body()
				}
				before := s.send("mixed", http.MethodGet, target, "")
				w := s.send("mixed", method, target, body, "If-Match", before.Header().Get("ETag"))
				want := http.StatusForbidden
				if !slices.Contains(seen, unit) {
					want = http.StatusNotFound
				}
				switch {
				case w.Code == http.StatusMethodNotAllowed:
				case unit == "de" && want == http.StatusForbidden:
					if w.Code >= 300 && w.Code != http.StatusNotFound { // gone once it was deleted
						s.Errorf("%s with the role = %d %s, want success", method, w.Code, w.Body)
					}
				case w.Code != want:
					s.Errorf("%s without the role = %d %s, want %d", method, w.Code, w.Body, want)
				case s.send("mixed", http.MethodGet, target, "").Body.String() != before.Body.String():
					s.Errorf("%s without the role changed the row", method)
				}
			})
		}
	}
	s.run("mixed POST emea", func(s *suite) {
		if w := s.send("mixed", http.MethodPost, s.Path, s.body()); w.Code != http.StatusForbidden {
			s.Errorf("POST = %d %s, want 403", w.Code, w.Body)
		}
	})
	s.run("mixed POST de", func(s *suite) {
		s.choose("mixed", "de")
		s.rows["de"] = append(s.rows["de"], s.create("mixed", "de"))
	})
}

// A change makes other units and assignments of those that are there.
type change = func([]ouscope.Unit, []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment)

func changeUnit(id string, f func(*ouscope.Unit)) change {
	return func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
		f(&units[slices.IndexFunc(units, func(u ouscope.Unit) bool { return u.ID == id })])
		return units, assignments
	}
}

// without revokes the subject's role on the unit.
func without(subject, unit string) change {
	return func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
		return units, slices.DeleteFunc(assignments, func(a ouscope.Assignment) bool { return a.Subject == subject && a.Unit == unit })
	}
}

// useWhatWasRevoked goes on after a role is revoked or a unit is gone.
func useWhatWasRevoked(s *suite) {
	changes := map[string]change{
		"the role is revoked": without("emea", "emea"),
		"the role is cut to its unit": func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
			for i := range assignments {
				assignments[i].NoInherit = assignments[i].NoInherit || assignments[i].Subject == "emea"
			}
			return units, assignments
		},
		"the role moves to another unit": func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
			for i := range assignments {
				if assignments[i].Subject == "emea" {
					assignments[i].Unit = "amer"
				}
			}
			return units, assignments
		},
		"the unit is removed": func(units []ouscope.Unit, assignments []ouscope.Assignment) ([]ouscope.Unit, []ouscope.Assignment) {
			return slices.DeleteFunc(units, func(u ouscope.Unit) bool { return u.ID == "uk" }),
				slices.DeleteFunc(assignments, func(a ouscope.Assignment) bool { return a.Unit == "uk" })
		},
		"the unit is disabled":        changeUnit("uk", func(u *ouscope.Unit) { u.Disabled = true }),
		"the unit above is disabled":  changeUnit("emea", func(u *ouscope.Unit) { u.Disabled = true }),
		"the unit moves out of reach": changeUnit("uk", func(u *ouscope.Unit) { u.Parent = "amer" }),
	}
	row := s.Path + "/" + s.rows["uk"][0]
	attacks := map[string]func(*suite){
		"list": func(s *suite) { s.refusedOrSees("emea", "uk") },
		"read": func(s *suite) {
			if w := s.send("emea", http.MethodGet, row, ""); w.Code < 400 || w.Code > 404 {
				s.Errorf("GET = %d %s, want it refused", w.Code, w.Body)
			}
		},
		"create": func(s *suite) {
			before := s.count()
			if w := s.send("emea", http.MethodPost, s.Path, s.body()); w.Code < 400 || w.Code > 404 {
				s.Errorf("POST = %d %s, want it refused", w.Code, w.Body)
			}
			if after := s.count(); after != before {
				s.Errorf("there are %d rows, want %d", after, before)
			}
		},
		"active unit": func(s *suite) {
			if w := s.send("emea", http.MethodGet, "/org-units/active", ""); w.Code != http.StatusForbidden && w.Code != http.StatusBadRequest {
				s.Errorf("GET = %d %s, want it refused", w.Code, w.Body)
			}
		},
		"units": func(s *suite) {
			if ids := rowsIn(s.send("emea", http.MethodGet, "/org-units", ""), "data"); slices.Contains(ids, "uk") {
				s.Errorf("GET /org-units shows %v, want it without uk", ids)
			}
		},
		"choose again": func(s *suite) {
			s.same(s.post("emea", http.MethodPost, "nowhere"), s.post("emea", http.MethodPost, "uk"))
		},
	}
	for name, f := range changes {
		for attack, use := range attacks {
			s.run(name+", "+attack, func(s *suite) {
				s.reset()
				s.choose("emea", "uk")
				s.change(f)
				use(s)
			})
		}
	}
	s.run("nothing falls back to the other unit", func(s *suite) {
		s.reset()
		s.choose("multi", "apac")
		s.change(without("multi", "apac"))
		s.refusedOrSees("multi", "apac")
		if w := s.send("multi", http.MethodPost, s.Path, s.body()); w.Code < 400 || w.Code > 404 {
			s.Errorf("POST = %d %s, want it refused", w.Code, w.Body)
		}
	})
	s.run("what is granted again works again", func(s *suite) {
		s.reset()
		s.choose("emea", "uk")
		s.change(changes["the role is revoked"])
		s.reset()
		s.sees("emea", s.visible("emea", "uk"))
	})
}
