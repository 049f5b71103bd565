package integration

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// The store's answers to the promises of admin.Store.
func TestOrgUnitsAreChangedInTheDatabase(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		top, a := ouscope.Unit{ID: "top", Organization: "acme"}, ouscope.Unit{ID: "a", Organization: "acme", Parent: "top", Name: "A"}
		b := ouscope.Unit{ID: "b", Organization: "acme", Parent: "a", Default: true, ExternalRef: "7"}
		other := ouscope.Unit{ID: "other", Organization: "bolt"}
		none := ouscope.Unit{}
		for _, u := range []ouscope.Unit{top, a, b, other} {
			if err := store.SaveUnit(t.Context(), none, u); err != nil {
				t.Fatalf("SaveUnit(%v): %v", u, err)
			}
		}
		renamed, moved, disabled := a, a, b
		renamed.Name, moved.Parent, disabled.Disabled = "B", "b", true
		foreign, gone := a, a
		foreign.Parent, gone.Parent = "other", "gone"
		tests := []struct {
			name     string
			was, now ouscope.Unit
			status   int
		}{
			{"add what is there", none, a, 409},
			{"add below what is not there", none, ouscope.Unit{ID: "c", Organization: "acme", Parent: "gone"}, 422},
			{"add below another organization", none, ouscope.Unit{ID: "c", Organization: "acme", Parent: "other"}, 422},
			{"move below itself", a, moved, 422},
			{"move to another organization", a, foreign, 422},
			{"move to what is not there", a, gone, 422},
			{"rename", a, renamed, 0},
			{"rename what was changed", a, moved, 409},
			{"change what is not there", ouscope.Unit{ID: "x"}, ouscope.Unit{ID: "x", Name: "X"}, 409},
			{"disable", b, disabled, 0},
		}
		for _, tt := range tests {
			var status int
			err := store.SaveUnit(t.Context(), tt.was, tt.now)
			if e, ok := errors.AsType[*apierror.Error](err); ok {
				status = e.Status
			}
			if status != tt.status || status == 0 && err != nil {
				t.Errorf("%s: SaveUnit = %v, want status %d", tt.name, err, tt.status)
			}
		}
		got, err := store.Units(t.Context())
		if diff := cmp.Diff([]ouscope.Unit{renamed, disabled, top, other}, got); err != nil || diff != "" {
			t.Errorf("Units: %v, mismatch (-want +got):\n%s", err, diff)
		}
	})
}

// Two moves that are each allowed and together make a circle: one of them fails.
func TestConcurrentMovesMakeNoCircle(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		top, a, b := ouscope.Unit{ID: "top"}, ouscope.Unit{ID: "a", Parent: "top"}, ouscope.Unit{ID: "b", Parent: "top"}
		if err := store.Insert(t.Context(), db, []ouscope.Unit{top, a, b}, nil); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		belowB, belowA := a, b
		belowB.Parent, belowA.Parent = "b", "a"
		for range 10 {
			var wg sync.WaitGroup
			errs := make([]error, 2)
			wg.Go(func() { errs[0] = store.SaveUnit(t.Context(), a, belowB) })
			wg.Go(func() { errs[1] = store.SaveUnit(t.Context(), b, belowA) })
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("moves = %v, %v, want one of them to fail", errs[0], errs[1])
			}
			if errs[0] == nil {
				errs[0] = store.SaveUnit(t.Context(), belowB, a)
			} else {
				errs[0] = store.SaveUnit(t.Context(), belowA, b)
			}
			if errs[0] != nil {
				t.Fatalf("moving back: %v", errs[0])
			}
		}
	})
}

func TestRolesAreGrantedAndRevokedInTheDatabase(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		units := []ouscope.Unit{{ID: "a", Organization: "acme"}, {ID: "b", Organization: "acme"}, {ID: "a", Organization: "bolt"}}
		if err := store.Insert(t.Context(), db, units, []ouscope.Assignment{{ID: "all", Subject: "ann", Organization: "acme", Role: "admin"}}); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		role := func(id, subject, organization, unit string, alone bool) ouscope.Assignment {
			return ouscope.Assignment{ID: id, Subject: subject, Organization: organization, Unit: unit, Role: "reader", NoInherit: alone}
		}
		one, two, three, four := role("1", "ann", "acme", "a", true), role("2", "bob", "acme", "a", false), role("3", "ann", "acme", "b", false), role("4", "ann", "bolt", "a", false)
		for _, a := range []ouscope.Assignment{two, one, three, four} {
			if err := store.Grant(t.Context(), a); err != nil {
				t.Fatalf("Grant(%v): %v", a, err)
			}
		}
		for name, a := range map[string]ouscope.Assignment{"again": role("5", "ann", "acme", "a", false), "on what is gone": role("6", "ann", "acme", "gone", false)} {
			if err := store.Grant(t.Context(), a); !errors.Is(err, apierror.Conflict("", "", "")) {
				t.Errorf("Grant %s = %v, want a 409", name, err)
			}
		}
		for name, tt := range map[string]struct {
			organization  string
			units         []string
			offset, limit int
			want          []ouscope.Assignment
			total         int
		}{
			"of one organization":  {"acme", []string{"a", "b"}, 0, 10, []ouscope.Assignment{one, three, two}, 3},
			"of all organizations": {"", []string{"a"}, 0, 10, []ouscope.Assignment{one, four, two}, 3},
			"a page":               {"acme", []string{"a", "b"}, 1, 1, []ouscope.Assignment{three}, 3},
			"past the end":         {"acme", []string{"a", "b"}, 9, 1, nil, 3},
			"of no unit":           {"acme", nil, 0, 10, nil, 0},
			"of a unit's pattern":  {"acme", []string{"%", "A", `a"`}, 0, 10, nil, 0},
		} {
			got, total, err := store.Held(t.Context(), tt.organization, tt.units, tt.offset, tt.limit)
			if diff := cmp.Diff(tt.want, got); err != nil || total != tt.total || diff != "" {
				t.Errorf("%s: Held = %d, %v, mismatch (-want +got):\n%s", name, total, err, diff)
			}
		}
		for _, id := range []string{"gone", "", "\x00", "\xff", "' OR 1=1 --"} {
			if err := store.Revoke(t.Context(), id, func(ouscope.Assignment) error { return nil }); !errors.Is(err, apierror.NotFound("")) {
				t.Errorf("Revoke(%q) = %v, want a 404", id, err)
			}
		}
		refusal := errors.New("not yours")
		if err := store.Revoke(t.Context(), "1", func(ouscope.Assignment) error { return refusal }); !errors.Is(err, refusal) {
			t.Errorf("Revoke = %v, want what check said", err)
		}
		if err := store.Revoke(t.Context(), "2", func(a ouscope.Assignment) error {
			if a != two {
				t.Errorf("check got %v, want %v", a, two)
			}
			return nil
		}); err != nil {
			t.Errorf("Revoke: %v", err)
		}
		if _, total, err := store.Held(t.Context(), "acme", []string{"a", "b"}, 0, 1); err != nil || total != 2 {
			t.Errorf("Held after Revoke = %d, %v, want 2", total, err)
		}
	})
}

// The handlers of admin on the real store: a role is granted, used, revoked.
func TestAdminOnTheDatabase(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		if err := store.Insert(t.Context(), db, ouscopetest.Units(), ouscopetest.Assignments()); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		scoper := ouScoper(t, store, ouscope.Options{CacheTTL: time.Hour, Implies: map[string][]string{"admin": {"editor"}, "editor": {"reader"}}})
		office, err := admin.New(scoper, store, admin.Options{})
		if err != nil {
			t.Fatalf("admin.New: %v", err)
		}
		mux := http.NewServeMux()
		mux.Handle("/org-units/active", scoper.ActiveHandler())
		mux.Handle("/org-units", scoper.Handler(office.UnitsHandler()))
		mux.Handle("/org-units/{id}", scoper.Handler(office.UnitsHandler()))
		mux.Handle("/role-assignments", scoper.Handler(office.AssignmentsHandler()))
		mux.Handle("/role-assignments/{id}", scoper.Handler(office.AssignmentsHandler()))
		send := func(subject, method, target, body string) string {
			r := ouRequest(t.Context(), subject, method, body)
			r.URL.Path, _, _ = strings.Cut(target, "?")
			_, r.URL.RawQuery, _ = strings.Cut(target, "?")
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			return fmt.Sprint(w.Code, " ", w.Header().Get("Location"))
		}
		granted := send("admin", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"reader"}`)
		location, ok := strings.CutPrefix(granted, "201 ")
		if !ok {
			t.Fatalf("grant = %s, want 201", granted)
		}
		steps := [][2]string{
			{send("new", "GET", "/org-units/active", ""), "200 "},
			{send("admin", "PUT", "/org-units/uk", `{"name":"UK","parent":"amer"}`), "200 "},
			{send("uk", "GET", "/org-units/active", ""), "200 "},
			{send("admin", "PUT", "/org-units/amer", `{"name":"Americas","parent":"uk"}`), "422 "},
			{send("admin", "GET", "/role-assignments?limit=5&page=2", ""), "200 "},
			{send("admin", "DELETE", location, ""), "204 "},
			{send("admin", "DELETE", location, ""), "404 "},
			{send("new", "GET", "/org-units/active", ""), "403 "},
		}
		for i, step := range steps {
			if step[0] != step[1] {
				t.Errorf("step %d = %s, want %s", i, step[0], step[1])
			}
		}
		created := send("admin", "POST", "/org-units", `{"name":"Leeds","parent":"uk"}`)
		location, ok = strings.CutPrefix(created, "201 ")
		if !ok || !strings.HasPrefix(location, "/org-units/") {
			t.Fatalf("create = %s, want 201", created)
		}
		for i, step := range [][2]string{
			{send("admin", "GET", location, ""), "200 "},
			{send("admin", "PUT", location, `{"name":"Leeds","disabled":true}`), "200 "},
			{send("admin", "GET", location, ""), "200 "},
			{send("uk", "GET", location, ""), "404 "},
			{send("admin", "PUT", location, `{"name":"Leeds","disabled":false}`), "200 "},
			{send("uk", "GET", location, ""), "200 "},
		} {
			if step[0] != step[1] {
				t.Errorf("step %d with the new unit = %s, want %s", i, step[0], step[1])
			}
		}
	})
}

// A role that the database holds for one unit alone is handed on for that unit
// alone.
func TestARoleOnOneUnitAloneInTheDatabase(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		store := ouStore(t, dialect, db)
		local := ouscope.Assignment{ID: "local", Organization: "acme", Subject: "local", Unit: "emea", Role: "admin", NoInherit: true}
		if err := store.Insert(t.Context(), db, ouscopetest.Units(), []ouscope.Assignment{local}); err != nil {
			t.Fatalf("Insert: %v", err)
		}
		scoper := ouScoper(t, store, ouscope.Options{CacheTTL: time.Hour, Implies: map[string][]string{"admin": {"editor"}}})
		office, err := admin.New(scoper, store, admin.Options{})
		if err != nil {
			t.Fatalf("admin.New: %v", err)
		}
		units, roles := scoper.Handler(office.UnitsHandler()), scoper.Handler(office.AssignmentsHandler())
		for _, step := range []struct {
			h    http.Handler
			body string
			want int
		}{
			{roles, `{"subject":"local","org_unit_id":"emea","role":"editor","inherit":true}`, 403},
			{roles, `{"subject":"local","org_unit_id":"emea","role":"editor"}`, 403},
			{units, `{"name":"Leeds","parent":"emea"}`, 403},
			{roles, `{"subject":"new","org_unit_id":"emea","role":"editor","inherit":false}`, 201},
		} {
			w := httptest.NewRecorder()
			step.h.ServeHTTP(w, ouRequest(t.Context(), "local", "POST", step.body))
			if w.Code != step.want {
				t.Errorf("POST %s = %d %s, want %d", step.body, w.Code, w.Body, step.want)
			}
		}
		scope, err := scoper.For(t.Context(), "new", "")
		if diff := cmp.Diff([]string{"emea"}, scope.IDs()); err != nil || diff != "" {
			t.Errorf("the units of new: %v, mismatch (-want +got):\n%s", err, diff)
		}
	})
}
