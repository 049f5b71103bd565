package integration

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// An organization of two that use the same unit ids, in one database.
type twin struct {
	name   string
	scoper *ouscope.Scoper
	http.Handler
}

// newTwins serves both organizations, each by a scoper of its own. The rows of
// both are in one table, with a column for the organization.
func newTwins(t *testing.T, dialect string, db *sql.DB) (acme, bolt *twin) {
	t.Helper()
	store := ouStore(t, dialect, db)
	var units []ouscope.Unit
	var assignments []ouscope.Assignment
	insert := "INSERT INTO twins VALUES ($1, $2, $3)"
	if dialect == "sqlite" {
		insert = "INSERT INTO twins VALUES (?, ?, ?)"
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE twins (id text PRIMARY KEY, organization text NOT NULL, org_unit text NOT NULL)"); err != nil {
		t.Fatalf("CREATE TABLE: %v", err)
	}
	for _, organization := range []string{"acme", "bolt"} {
		for _, id := range []string{"top", "uk", "de"} {
			u := ouscope.Unit{ID: id, Organization: organization, Parent: "top", Name: organization + " " + id}
			if id == "top" {
				u.Parent = ""
			}
			units = append(units, u)
			if _, err := db.ExecContext(t.Context(), insert, organization+"-"+id, organization, id); err != nil {
				t.Fatalf("INSERT: %v", err)
			}
		}
		assignments = append(assignments,
			ouscope.Assignment{ID: organization + "-chief", Organization: organization, Subject: organization + "-chief", Unit: "top", Role: "admin"},
			ouscope.Assignment{ID: organization + "-both", Organization: organization, Subject: "both", Unit: "uk", Role: "reader"})
	}
	assignments = append(assignments, ouscope.Assignment{ID: "acme-both-2", Organization: "acme", Subject: "both", Unit: "de", Role: "reader"})
	if err := store.Insert(t.Context(), db, units, assignments); err != nil {
		t.Fatalf("Insert: %v", err)
	}
	twins := map[string]*twin{}
	for _, organization := range []string{"acme", "bolt"} {
		scoper, err := ouscope.New(store, ouscopetest.Subject, ouscope.Options{Organization: organization, Choices: store, CacheTTL: time.Hour})
		if err != nil {
			t.Fatalf("ouscope.New: %v", err)
		}
		office, err := admin.New(scoper, store, admin.Options{})
		if err != nil {
			t.Fatalf("admin.New: %v", err)
		}
		mux := http.NewServeMux()
		mux.Handle("/org-units", office.UnitsHandler())
		mux.Handle("/org-units/{id}", office.UnitsHandler())
		mux.Handle("/org-units/active", scoper.ActiveHandler())
		mux.Handle("/role-assignments", office.AssignmentsHandler())
		mux.Handle("/role-assignments/{id}", office.AssignmentsHandler())
		mux.Handle("/rows", scoper.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			where, args := ouscope.FromContext(r.Context()).SQL(dialect, "org_unit", 2)
			query := "SELECT id FROM twins WHERE organization = $1 AND " + where + " ORDER BY id"
			if dialect == "sqlite" {
				query = strings.Replace(query, "$1", "?", 1)
			}
			rows, err := db.QueryContext(r.Context(), query, append([]any{organization}, args...)...)
			if err != nil {
				t.Errorf("%s: %v", query, err)
				return
			}
			defer rows.Close()
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					t.Errorf("Scan: %v", err)
				}
				fmt.Fprint(w, id, " ")
			}
			if err := rows.Err(); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		})))
		twins[organization] = &twin{organization, scoper, mux}
	}
	return twins["acme"], twins["bolt"]
}

// send returns status and body.
func (w *twin) send(t *testing.T, subject, method, target, body string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Ouscopetest-Subject", subject)
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code == http.StatusCreated {
		return "201"
	}
	return fmt.Sprint(rec.Code, " ", rec.Body)
}

// Units, roles, choices and changes of one organization are nothing to the other,
// though each unit's id is there twice.
func TestTwoOrganizationsWithEqualUnitIDsInOneDatabase(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, dialect string, db *sql.DB) {
		acme, bolt := newTwins(t, dialect, db)
		var got []string
		note := func(who *twin, subject, method, target, body string) {
			got = append(got, who.name+" "+subject+": "+who.send(t, subject, method, target, body))
		}
		const choose, unknown = `{"error":"forbidden","message":"Choose an organizational unit first","details":{"code":"active_ou_required"}}`,
			`{"error":"not_found","message":"Resource not found"}`
		const none = `{"error":"forbidden","message":"Your roles do not permit this here","details":{"code":"missing_role"}}`
		note(acme, "acme-chief", "GET", "/rows", "")
		note(bolt, "bolt-chief", "GET", "/rows", "")
		note(bolt, "acme-chief", "GET", "/rows", "") // no role there
		note(acme, "both", "GET", "/rows", "")
		note(bolt, "both", "GET", "/rows", "")
		note(acme, "both", "POST", "/org-units/active", `{"org_unit_id":"de"}`)
		note(acme, "both", "GET", "/rows", "")
		note(bolt, "both", "GET", "/rows", "") // the choice is none of its business
		note(acme, "acme-chief", "PUT", "/org-units/uk", `{"name":"renamed"}`)
		note(bolt, "bolt-chief", "GET", "/org-units/uk", "")
		note(acme, "acme-chief", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"admin"}`)
		note(acme, "new", "GET", "/rows", "")
		note(bolt, "new", "GET", "/rows", "")
		note(acme, "acme-chief", "DELETE", "/role-assignments/bolt-both", "")
		note(acme, "acme-chief", "PUT", "/org-units/uk", `{"name":"renamed","disabled":true}`)
		note(bolt, "both", "GET", "/rows", "")
		want := []string{
			"acme acme-chief: 200 acme-de acme-top acme-uk ",
			"bolt bolt-chief: 200 bolt-de bolt-top bolt-uk ",
			"bolt acme-chief: 403 " + none,
			"acme both: 403 " + choose,
			"bolt both: 200 bolt-uk ",
			`acme both: 200 {"id":"de","name":"acme de","slug":"","parent":null,"active":true}`,
			"acme both: 200 acme-de ",
			"bolt both: 200 bolt-uk ",
			`acme acme-chief: 200 {"id":"uk","name":"renamed","slug":"renamed","parent":"top","active":false,"disabled":false}`,
			`bolt bolt-chief: 200 {"id":"uk","name":"bolt uk","slug":"","parent":"top","active":false,"disabled":false}`,
			"acme acme-chief: 201",
			"acme new: 200 acme-uk ",
			"bolt new: 403 " + none,
			"acme acme-chief: 404 " + unknown,
			`acme acme-chief: 200 {"id":"uk","name":"renamed","slug":"renamed","parent":"top","active":false,"disabled":true}`,
			"bolt both: 200 bolt-uk ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
	})
}
