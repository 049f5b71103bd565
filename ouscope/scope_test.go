package ouscope_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

func TestTheZeroScopeDenies(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]ouscope.Scope{
		"zero value": {}, "context without one": ouscope.FromContext(context.Background()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if scope.Contains("") || scope.Contains("uk") || scope.HasRole("", "") || scope.HasRole("uk", "reader") {
				t.Error("it contains a unit")
			}
			if err := scope.Check("uk", "reader"); !errors.Is(err, apierror.NotFound("")) {
				t.Errorf("Check = %v, want a 404", err)
			}
			if ids := scope.IDs(); ids == nil || len(ids) != 0 {
				t.Errorf("IDs() = %#v, want none and not nil", ids)
			}
			if scope.Active() != "" || scope.Subject() != "" || scope.Digest() != "" {
				t.Errorf("Active, Subject, Digest = %q, %q, %q, want none", scope.Active(), scope.Subject(), scope.Digest())
			}
			for _, dialect := range []string{"postgres", "sqlite", "mysql", ""} {
				if where, args := scope.SQL(dialect, "org_unit", 1); where != "1=0" || len(args) != 0 {
					t.Errorf("SQL(%q) = %q, %v, want 1=0", dialect, where, args)
				}
			}
		})
	}
}

func TestSQLPerDialect(t *testing.T) {
	t.Parallel()
	type condition struct {
		Where string
		Args  []any
	}
	one, several := scopeOf("ann", "editor", "uk"), scopeOf("ann", "editor", "emea")
	tests := map[string]struct {
		scope   ouscope.Scope
		dialect string
		first   int
		want    condition
	}{
		"postgres, one unit":       {one, "postgres", 1, condition{"l.org_unit = $1", []any{"uk"}}},
		"postgres, several":        {several, "postgres", 1, condition{"l.org_unit = ANY($1)", []any{[]string{"de", "emea", "uk"}}}},
		"postgres, a third":        {several, "postgres", 3, condition{"l.org_unit = ANY($3)", []any{[]string{"de", "emea", "uk"}}}},
		"postgres, no placeholder": {one, "postgres", 0, condition{"l.org_unit = $1", []any{"uk"}}},
		"sqlite, one unit":         {one, "sqlite", 7, condition{"l.org_unit = ?", []any{"uk"}}},
		"sqlite, several":          {several, "sqlite", 7, condition{"l.org_unit IN (SELECT value FROM json_each(?))", []any{`["de","emea","uk"]`}}},
		"mysql, one unit":          {one, "mysql", 1, condition{"(l.org_unit = ? COLLATE utf8mb4_bin AND CHAR_LENGTH(l.org_unit) = CHAR_LENGTH(?))", []any{"uk", "uk"}}},
		"mysql, several": {several, "mysql", 1, condition{
			"(l.org_unit, CHAR_LENGTH(l.org_unit)) IN (SELECT ou.id, CHAR_LENGTH(ou.id) FROM JSON_TABLE(?, '$[*]' COLUMNS (id VARCHAR(255) COLLATE utf8mb4_bin PATH '$')) AS ou)", []any{`["de","emea","uk"]`},
		}},
		"a dialect that is not known denies": {several, "oracle", 1, condition{"1=0", nil}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where, args := tt.scope.SQL(tt.dialect, "l.org_unit", tt.first)
			if diff := cmp.Diff(tt.want, condition{where, args}); diff != "" {
				t.Errorf("SQL mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRolesAreAskedOfTheRowsOwnUnit(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader emea editor uk admin apac"}, ouscope.Options{})
	s.activate("ann", "emea")
	scope := s.resolve(t, "ann")
	tests := map[string]struct {
		unit, role string
		want       error
	}{
		"a role granted there":              {"uk", "editor", nil},
		"a role granted above":              {"de", "reader", nil},
		"a role that is implied":            {"uk", "reader", nil},
		"a role held beside it":             {"de", "editor", apierror.Forbidden("missing_role", "")},
		"a role held below it":              {"emea", "editor", apierror.Forbidden("missing_role", "")},
		"a role held outside of the scope":  {"uk", "admin", apierror.Forbidden("missing_role", "")},
		"a unit granted outside the active": {"apac", "admin", apierror.NotFound("")},
		"an unknown unit":                   {"xx", "reader", apierror.NotFound("")},
		"no unit":                           {"", "reader", apierror.NotFound("")},
		"no role":                           {"uk", "", apierror.Forbidden("missing_role", "")},
		"a role in other case":              {"uk", "Editor", apierror.Forbidden("missing_role", "")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := scope.Check(tt.unit, tt.role)
			if !errors.Is(err, tt.want) {
				t.Errorf("Check(%q, %q) = %v, want %v", tt.unit, tt.role, err, tt.want)
			}
			if got, want := scope.HasRole(tt.unit, tt.role), tt.want == nil; got != want {
				t.Errorf("HasRole(%q, %q) = %v, want %v", tt.unit, tt.role, got, want)
			}
		})
	}
}

func (s *service) resolve(t testing.TB, subject string, header ...string) ouscope.Scope {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	r.Header.Set("Subject", subject)
	scope, err := s.scoper.Resolve(r)
	if err != nil {
		t.Fatalf("Resolve: %v", err)
	}
	return scope
}

func TestIDsBelongToTheCaller(t *testing.T) {
	t.Parallel()
	scope := scopeOf("ann", "editor", "emea")
	scope.IDs()[0] = "us"
	_ = append(scope.IDs()[:1], "us")
	if diff := cmp.Diff([]string{"de", "emea", "uk"}, scope.IDs()); diff != "" {
		t.Errorf("IDs mismatch (-want +got):\n%s", diff)
	}
}

func TestDigestTellsScopesApart(t *testing.T) {
	t.Parallel()
	build := func(subject, grants, choice, organization string, units []ouscope.Unit) string {
		t.Helper()
		assignments := team(map[string]string{subject: grants})
		for i := range assignments {
			assignments[i].Organization = "acme"
		}
		s := serviceOn(t, &directory{units: units, assignments: assignments}, ouscope.Options{Organization: organization})
		if choice != "" {
			s.activate(subject, choice)
		}
		return s.resolve(t, subject).Digest()
	}
	base := build("ann", "editor emea", "", "", acme())
	reordered := acme()
	slices.Reverse(reordered)
	renamed := acme()
	for i := range renamed {
		renamed[i].Name = "x" + renamed[i].ID
	}
	elsewhere := append(acme(), ouscope.Unit{ID: "mx", Organization: "acme", Parent: "amer", Name: "A"})
	for name, got := range map[string]string{
		"the same again":           build("ann", "editor emea", "", "", acme()),
		"in another order":         build("ann", "editor emea", "", "", reordered),
		"with other names":         build("ann", "editor emea", "", "", renamed),
		"with a new unit beside":   build("ann", "editor emea", "", "", elsewhere),
		"chosen instead of sole":   build("ann", "editor emea", "emea", "", acme()),
		"a grant twice":            build("ann", "editor emea editor uk", "", "", acme()),
		"a role that came with it": build("ann", "editor emea reader emea", "", "", acme()),
	} {
		if got != base || len(got) != 22 {
			t.Errorf("%s: digest %q, want %q", name, got, base)
		}
	}
	seen := map[string]string{base: "base"}
	for name, got := range map[string]string{
		"another subject":      build("bob", "editor emea", "", "", acme()),
		"another role":         build("ann", "reader emea", "", "", acme()),
		"a role more":          build("ann", "editor emea auditor uk", "", "", acme()),
		"that role elsewhere":  build("ann", "editor emea auditor de", "", "", acme()),
		"another active unit":  build("ann", "editor emea", "uk", "", acme()),
		"another unit":         build("ann", "editor apac", "", "", acme()),
		"without those below":  build("ann", "editor emea!", "", "", acme()),
		"a unit less":          build("ann", "editor emea", "", "", without(acme(), is("uk"))),
		"another organization": build("ann", "editor emea", "", "acme", acme()),
	} {
		if other, ok := seen[got]; ok {
			t.Errorf("%s: digest %q, the same as for %s", name, got, other)
		}
		seen[got] = name
	}
}

// A model that walks the tree upwards for each question.
type model struct {
	units map[string]ouscope.Unit
	own   []ouscope.Assignment
}

func (m model) up(id string) (path []string, usable bool) {
	for id != "" {
		u, ok := m.units[id]
		if !ok || u.Disabled {
			return nil, false
		}
		path = append(path, id)
		id = u.Parent
	}
	return path, len(path) > 0
}

// holds reports whether the role, or any role if it is empty, is held on the unit.
func (m model) holds(unit, role string) bool {
	path, usable := m.up(unit)
	return usable && slices.ContainsFunc(m.own, func(a ouscope.Assignment) bool {
		brings := role == "" || a.Role == role || a.Role == "admin" && role != "auditor" || a.Role == "editor" && role == "reader"
		return brings && (a.Unit == unit || !a.NoInherit && slices.Contains(path, a.Unit))
	})
}

// sole returns the granted unit below which all grants lie.
func (m model) sole() string {
	for _, a := range m.own {
		if !m.holds(a.Unit, "") {
			continue
		}
		if !slices.ContainsFunc(m.own, func(b ouscope.Assignment) bool {
			path, usable := m.up(b.Unit)
			return usable && !slices.Contains(path, a.Unit)
		}) {
			return a.Unit
		}
	}
	return ""
}

func TestScopeIsWhatTheModelSays(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"admin", "editor", "reader", "auditor"}
	for range 300 {
		m := model{units: map[string]ouscope.Unit{}}
		var units []ouscope.Unit
		n := 1 + random.IntN(40)
		for i := range n {
			u := ouscope.Unit{ID: fmt.Sprint("u", i), Name: fmt.Sprint(random.IntN(9)), Disabled: random.IntN(30) == 0}
			if i > 0 && random.IntN(8) > 0 {
				u.Parent = fmt.Sprint("u", random.IntN(i))
			}
			units, m.units[u.ID] = append(units, u), u
		}
		for range random.IntN(7) {
			m.own = append(m.own, ouscope.Assignment{
				Subject: "ann", Role: names[random.IntN(4)], Unit: fmt.Sprint("u", random.IntN(n+1)), NoInherit: random.IntN(4) == 0,
			})
		}
		mode := []string{"subtree", "exact", "granted"}[random.IntN(3)]
		random.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
		s := serviceOn(t, &directory{units: units, assignments: m.own}, ouscope.Options{Mode: mode})
		active := m.sole()
		if choice := fmt.Sprint("u", random.IntN(n+1)); random.IntN(3) > 0 {
			w := s.do("ann", "POST", "/org-units/active", `{"org_unit_id":"`+choice+`"}`)
			if ok := m.holds(choice, ""); ok != (w.Code == http.StatusOK) {
				t.Fatalf("choosing %s = %d, want success %v; units %v, grants %v", choice, w.Code, ok, units, m.own)
			} else if ok {
				active = choice
			}
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Subject", "ann")
		scope, err := s.scoper.Resolve(r)
		any := slices.ContainsFunc(units, func(u ouscope.Unit) bool { return m.holds(u.ID, "") })
		if want := any && (active != "" || mode == "granted"); want != (err == nil) || scope.Active() != active && err == nil {
			t.Fatalf("Resolve = %q, %v, want success %v with %q; units %v, grants %v", scope.Active(), err, want, active, units, m.own)
		}
		var ids []string
		for id := range m.units {
			path, _ := m.up(id)
			in := err == nil && m.holds(id, "")
			switch mode {
			case "subtree":
				in = in && slices.Contains(path, active)
			case "exact":
				in = in && id == active
			}
			if in {
				ids = append(ids, id)
			}
			if got := scope.Contains(id); got != in {
				t.Fatalf("Contains(%q) = %v, want %v; mode %s, active %q, units %v, grants %v", id, got, in, mode, active, units, m.own)
			}
			for _, role := range names {
				if got, want := scope.HasRole(id, role), in && m.holds(id, role); got != want {
					t.Fatalf("HasRole(%q, %q) = %v, want %v; units %v, grants %v", id, role, got, want, units, m.own)
				}
			}
		}
		slices.Sort(ids)
		if diff := cmp.Diff(append([]string{}, ids...), scope.IDs()); diff != "" {
			t.Fatalf("IDs mismatch (-want +got):\n%s", diff)
		}
	}
}
