package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// goodBody is what every peer has to take; full_name is required.
const goodBody = `{"full_name":"Ada","value":3}`

// badBodies differ from goodBody in one thing each.
var badBodies = []struct{ name, contentType, body string }{
	{"unknown field", "application/json", `{"full_name":"Ada","value":3,"valeu":4}`},
	{"trailing data", "application/json", goodBody + ` {"full_name":"Bob"}`},
	{"duplicate name", "application/json", `{"full_name":"Ada","value":3,"full_name":"Bob"}`},
	{"name in the wrong case", "application/json", `{"full_name":"Ada","VALUE":3}`},
	{"invalid UTF-8", "application/json", "{\"full_name\":\"Ada\xff\",\"value\":3}"},
	{"text/plain", "text/plain", goodBody},
	{"2 MiB", "application/json", `{"full_name":"` + strings.Repeat("a", 2<<20) + `","value":3}`},
}

// An answer is what a peer made of one request.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	panicked bool // net/http would close the connection
}

func (a answer) refused() bool  { return !a.panicked && a.status >= 400 && a.status < 500 }
func (a answer) accepted() bool { return !a.panicked && a.status >= 200 && a.status < 300 }

func (a answer) isJSON() bool {
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return (kind == "application/json" || strings.HasSuffix(kind, "+json")) && json.Valid(a.body)
}

// A verdict is what a peer made of all of them.
type verdict struct {
	peer              string
	bodies            []answer // in the order of badBodies
	unknownParameter  answer
	repeatedParameter answer
	noRoute, noMethod answer
	missing           answer // to a body without full_name
}

func (v verdict) refused() (n int) {
	for _, a := range v.bodies {
		if a.refused() {
			n++
		}
	}
	return n
}

// judge fails if the peer refuses what is good: then its refusals say nothing.
func (p peer) judge() (verdict, error) {
	v := verdict{peer: p.name}
	h, err := p.handler()
	if err != nil {
		return v, fmt.Errorf("%s: %w", p.name, err)
	}
	for _, good := range []answer{
		send(h, "GET", "/leads?page=1&limit=3", "", ""),
		send(h, "POST", "/leads", "application/json", goodBody),
	} {
		if !good.accepted() {
			return v, fmt.Errorf("%s answers a good request with %d: %s", p.name, good.status, good.body)
		}
	}
	for _, b := range badBodies {
		v.bodies = append(v.bodies, send(h, "POST", "/leads", b.contentType, b.body))
	}
	v.unknownParameter = send(h, "GET", "/leads?lmit=3", "", "")
	v.repeatedParameter = send(h, "GET", "/leads?page=1&page=2", "", "")
	v.noRoute = send(h, "GET", "/nowhere", "", "")
	v.noMethod = send(h, "DELETE", "/leads", "", "")
	v.missing = send(h, "POST", "/leads", "application/json", `{"value":3}`)
	return v, nil
}

func send(h http.Handler, method, target, contentType, body string) (a answer) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	defer func() {
		if recover() != nil {
			a = answer{panicked: true}
		}
	}()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
}
