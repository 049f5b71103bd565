package ouscope_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tenetkit/tenet/ouscope"
)

// The smallest server: the two endpoints, and a handler that sees the rows of
// its caller's units alone. The subject here is the user of HTTP Basic; behind
// package auth it is auth.Subject.
func Example() {
	directory, err := ouscope.NewMemory(
		[]ouscope.Unit{
			{ID: "acme", Name: "Acme", Slug: "acme"},
			{ID: "emea", Parent: "acme", Name: "EMEA", Slug: "emea"},
			{ID: "uk", Parent: "emea", Name: "United Kingdom", Slug: "uk"},
			{ID: "apac", Parent: "acme", Name: "APAC", Slug: "apac"},
		},
		[]ouscope.Assignment{
			{Subject: "ann", Unit: "emea", Role: "editor"},
			{Subject: "bob", Unit: "uk", Role: "reader"},
			{Subject: "bob", Unit: "apac", Role: "reader"},
		},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	subject := func(r *http.Request) (string, bool) {
		user, _, ok := r.BasicAuth()
		return user, ok
	}
	scoper, err := ouscope.New(directory, subject, ouscope.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	leads := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		where, args := ouscope.FromContext(r.Context()).SQL("postgres", "org_unit", 1)
		fmt.Fprintln(w, "SELECT name FROM leads WHERE", where, args)
	})

	mux := http.NewServeMux()
	mux.Handle("/org-units", scoper.UnitsHandler())
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("GET /leads", scoper.Handler(leads))

	send := func(user, method, target, body string) {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.SetBasicAuth(user, "secret")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(user, method, target, w.Code, strings.TrimSpace(w.Body.String()))
	}
	send("ann", "GET", "/leads", "")
	send("bob", "GET", "/leads", "")
	send("bob", "POST", "/org-units/active", `{"org_unit_id":"apac"}`)
	send("bob", "GET", "/leads", "")
	send("bob", "POST", "/org-units/active", `{"org_unit_id":"emea"}`)
	// Output:
	// ann GET /leads 200 SELECT name FROM leads WHERE org_unit = ANY($1) [[emea uk]]
	// bob GET /leads 403 {"error":"forbidden","message":"Choose an organizational unit first","details":{"code":"active_ou_required"}}
	// bob POST /org-units/active 200 {"id":"apac","name":"APAC","slug":"apac","parent":null,"active":true}
	// bob GET /leads 200 SELECT name FROM leads WHERE org_unit = $1 [apac]
	// bob POST /org-units/active 403 {"error":"forbidden","message":"You cannot use this organizational unit","details":{"code":"org_unit_forbidden"}}
}
