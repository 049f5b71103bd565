package ouscope_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tenetkit/tenet/ouscope"
)

// Browsers and curl side by side: a request without an Authorization field keeps
// its choice in a signed cookie, each browser its own; the choice of curl -u
// stays on the server, and curl needs no cookie jar.
func ExampleOptions_browsers() {
	directory, err := ouscope.NewMemory(acme(), team(map[string]string{"ann": "editor uk editor apac"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	scoper, err := ouscope.New(directory, subject, ouscope.Options{
		CookieKeys: [][]byte{bytes.Repeat([]byte("k"), 32)}, // from crypto/rand, kept like any secret
		CookieHost: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units/active", scoper.ActiveHandler())

	send := func(who, method, body string, header ...string) (setCookie string) {
		r := httptest.NewRequest(method, "/org-units/active", strings.NewReader(body))
		r.Header.Set("Subject", "ann") // stands for a session or for HTTP Basic
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(who, method, w.Code, w.Body)
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		return cookie
	}
	cookie := send("browser", "POST", `{"org_unit_id":"apac"}`)
	send("curl   ", "POST", `{"org_unit_id":"uk"}`, "Authorization", "Basic YW5uOng=")
	send("browser", "GET", "", "Cookie", cookie)
	send("curl   ", "GET", "", "Authorization", "Basic YW5uOng=")
	fmt.Println(strings.HasPrefix(cookie, "__Host-activeOu="))
	// Output:
	// browser POST 200 {"id":"apac","name":"APAC","slug":"apac","parent":null,"active":true}
	// curl    POST 200 {"id":"uk","name":"United Kingdom","slug":"uk","parent":null,"active":true}
	// browser GET 200 {"id":"apac","name":"APAC","slug":"apac","parent":null,"active":true}
	// curl    GET 200 {"id":"uk","name":"United Kingdom","slug":"uk","parent":null,"active":true}
	// true
}

// A role that is revoked ends with the next request, whatever the cache time.
func ExampleScoper_Invalidate() {
	dir := &directory{units: acme(), assignments: team(map[string]string{"ann": "editor uk"})}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func() {
		r := httptest.NewRequest("GET", "/leads", nil)
		r.Header.Set("Subject", "ann")
		scope, err := scoper.Resolve(r)
		fmt.Println(scope.IDs(), err)
	}
	show()
	dir.set(func(d *directory) { d.assignments = nil }) // and commit
	scoper.Invalidate("ann")
	show()
	// Output:
	// [uk] <nil>
	// [] 403 forbidden: Your roles do not permit this here
}
