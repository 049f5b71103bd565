package ouscope_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

// A handler of one's own adds the condition to whatever else it asks, with the
// placeholders counted on.
func ExampleScope_SQL() {
	list := func(scope ouscope.Scope) {
		where, args := scope.SQL("postgres", "l.org_unit", 2)
		query := "SELECT l.id, l.name FROM leads l WHERE l.active = $1 AND " + where + " ORDER BY l.id"
		fmt.Println(query, append([]any{true}, args...))

		where, args = scope.SQL("sqlite", "org_unit", 1)
		fmt.Println("SELECT count(*) FROM leads WHERE", where, args)
	}

	list(scopeOf("ann", "editor", "emea"))
	list(ouscope.Scope{}) // the middleware was forgotten
	// Output:
	// SELECT l.id, l.name FROM leads l WHERE l.active = $1 AND l.org_unit = ANY($2) ORDER BY l.id [true [de emea uk]]
	// SELECT count(*) FROM leads WHERE org_unit IN (SELECT value FROM json_each(?)) [["de","emea","uk"]]
	// SELECT l.id, l.name FROM leads l WHERE l.active = $1 AND 1=0 ORDER BY l.id [true]
	// SELECT count(*) FROM leads WHERE 1=0 []
}

// A row is asked about by its own unit: not found where the caller may not know
// of it, forbidden where the role is missing.
func ExampleScope_Check() {
	row := map[string]string{"1": "uk", "2": "us"} // the unit of each row

	del := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		unit := row[r.URL.Query().Get("id")]
		if err := ouscope.FromContext(r.Context()).Check(unit, "editor"); err != nil {
			return err
		}
		fmt.Fprint(w, "deleted")
		return nil
	})

	for _, role := range []string{"editor", "reader"} {
		for _, id := range []string{"1", "2", "3"} {
			r := httptest.NewRequest("DELETE", "/leads?id="+id, nil)
			r = r.WithContext(ouscope.NewContext(r.Context(), scopeOf("ann", role, "emea")))
			w := httptest.NewRecorder()
			del.ServeHTTP(w, r)
			fmt.Println(role, id, w.Code, w.Body)
		}
	}
	// Output:
	// editor 1 200 deleted
	// editor 2 404 {"error":"not_found","message":"Resource not found"}
	// editor 3 404 {"error":"not_found","message":"Resource not found"}
	// reader 1 403 {"error":"forbidden","message":"Your roles do not permit this here","details":{"code":"missing_role"}}
	// reader 2 404 {"error":"not_found","message":"Resource not found"}
	// reader 3 404 {"error":"not_found","message":"Resource not found"}
}

// scopeOf returns the scope of a request by the subject with one role in acme.
func scopeOf(subject, role, unit string) ouscope.Scope {
	directory, err := ouscope.NewMemory(acme(), []ouscope.Assignment{{Subject: subject, Role: role, Unit: unit}})
	if err != nil {
		panic(err)
	}
	scoper, err := ouscope.New(directory, func(*http.Request) (string, bool) { return subject, true }, ouscope.Options{})
	if err != nil {
		panic(err)
	}
	scope, err := scoper.Resolve(httptest.NewRequest("GET", "/", nil))
	if err != nil {
		panic(err)
	}
	return scope
}
