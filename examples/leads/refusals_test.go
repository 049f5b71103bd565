package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefusals walks the error table of the contract on the real server: every
// status with its body, byte for byte, and the headers that go with it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		bearer := "bearer:" + s.token(t, "demo-emea")
		basicChallenge := []string{`Basic realm="api", charset="UTF-8"`, `Bearer realm="api"`}

		tests := map[string]struct {
			call   call
			status int
			body   string              // exact; empty: not compared
			header map[string][]string // exact
		}{
			"400 for a page that is no number": {
				call: call{target: "/leads?page=two"}, status: 400,
				body: `{"error":"bad_request","message":"page must be a whole number from 1 to 2147483647, written in digits alone","details":{"field":"page","code":"integer"}}`,
			},
			"400 for page zero":             {call: call{target: "/leads?page=0"}, status: 400},
			"400 for a limit above 100":     {call: call{target: "/leads?limit=101"}, status: 400},
			"400 for a repeated page":       {call: call{target: "/leads?page=1&page=2"}, status: 400},
			"400 for an unknown parameter":  {call: call{target: "/leads?lmit=3"}, status: 400},
			"400 for a bare field":          {call: call{target: "/leads?active=true"}, status: 400},
			"400 for an unknown filter":     {call: call{target: "/leads?filter=color=red"}, status: 400},
			"400 for a filter's wrong type": {call: call{target: "/leads?filter=active=maybe"}, status: 400},
			"400 for a repeated filter":     {call: call{target: "/leads?filter=value%3E1&filter=value%3E2"}, status: 400},
			"400 for an unknown sort":       {call: call{target: "/leads?sort=color"}, status: 400},
			"400 for broken JSON":           {call: call{method: "POST", target: "/leads", body: `{"name":`}, status: 400},
			"400 for an unknown member":     {call: call{method: "POST", target: "/leads", body: `{"name":"A","color":"red"}`}, status: 400},
			"400 for a duplicate member":    {call: call{method: "POST", target: "/leads", body: `{"name":"A","name":"B"}`}, status: 400},
			"400 for a member's wrong case": {call: call{method: "POST", target: "/leads", body: `{"Name":"A"}`}, status: 400},
			"400 for two values":            {call: call{method: "POST", target: "/leads", body: `{"name":"A"} {}`}, status: 400},
			"400 for a wrong type":          {call: call{method: "POST", target: "/leads", body: `{"name":1}`}, status: 400},
			"400 for a unit that is no id":  {call: call{method: "POST", target: "/org-units/active", body: `{"org_unit_id":1}`}, status: 400},
			"400 for a unit in the query":   {call: call{target: "/leads?org_unit=apac"}, status: 400},
			"404 for no route":              {call: call{target: "/nothing"}, status: 404, body: `{"error":"not_found","message":"Resource not found"}`},
			"404 for no row":                {call: call{target: "/leads/unknown"}, status: 404},
			"404 for no job":                {call: call{target: "/jobs/unknown"}, status: 404},
			"405 for a list": {
				call: call{method: "DELETE", target: "/leads"}, status: 405,
				header: map[string][]string{"Allow": {"GET, HEAD, OPTIONS, POST"}},
			},
			"405 for a row":            {call: call{method: "POST", target: "/leads/1", body: `{}`}, status: 405},
			"405 for the units":        {call: call{method: "DELETE", target: "/org-units"}, status: 405},
			"405 for a token by GET":   {call: call{target: "/oauth/token"}, status: 405, header: map[string][]string{"Allow": {"POST"}}},
			"405 for an import by GET": {call: call{target: "/leads/import"}, status: 405, header: map[string][]string{"Allow": {"OPTIONS, POST"}}},
			"406 for health":           {call: call{target: "/healthz", header: map[string]string{"Accept": "text/html"}}, status: 406},
			"405 for health by POST":   {call: call{method: "POST", target: "/healthz"}, status: 405},
			"406 for HTML": {
				call: call{target: "/leads", header: map[string]string{"Accept": "text/html"}}, status: 406,
				body: `{"error":"not_acceptable","message":"Only application/json can be served"}`,
			},
			"406 for the units":       {call: call{target: "/org-units", header: map[string]string{"Accept": "text/html"}}, status: 406},
			"406 for the active unit": {call: call{target: "/org-units/active", header: map[string]string{"Accept": "text/html"}}, status: 406},
			"406 for a job":           {call: call{target: "/jobs/unknown", header: map[string]string{"Accept": "text/html"}}, status: 406},
			"413 for 2 MiB":           {call: call{method: "POST", target: "/leads", body: `{"name":"` + strings.Repeat("a", 2<<20) + `"}`}, status: 413},
			"413 for an import": {
				call:   call{method: "POST", target: "/leads/import", body: `[{"name":"` + strings.Repeat("a", 2<<20) + `"}]`},
				status: 413,
			},
			"415 for text":         {call: call{method: "POST", target: "/leads", body: `{"name":"A"}`, header: map[string]string{"Content-Type": "text/plain"}}, status: 415},
			"415 for a form":       {call: call{method: "POST", target: "/org-units/active", body: `org_unit_id=uk`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, status: 415},
			"415 for a JSON grant": {call: call{method: "POST", target: "/oauth/token", body: `{"grant_type":"client_credentials"}`}, status: 415},
			"422 for a missing name": {
				call: call{method: "POST", target: "/leads", body: `{"value":1}`}, status: 422,
				body: `{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}`,
			},
			"422 for a long name":      {call: call{method: "POST", target: "/leads", body: `{"name":"` + strings.Repeat("ä", 201) + `"}`}, status: 422},
			"422 for a negative value": {call: call{method: "POST", target: "/leads", body: `{"name":"A","value":-1}`}, status: 422},
			"422 for a null name":      {call: call{method: "PUT", target: "/leads/" + s.list(t, "demo-emea", "/leads?limit=1").Data[0].ID, body: `{"name":null}`}, status: 422},
			"422 for no address":       {call: call{method: "POST", target: "/leads", body: `{"name":"A","email":"nobody"}`}, status: 422},
			"422 for a sent id":        {call: call{method: "POST", target: "/leads", body: `{"name":"A","id":"1"}`}, status: 422},
			"422 for a sent unit":      {call: call{method: "POST", target: "/leads", body: `{"name":"A","org_unit":"apac"}`}, status: 422},
			"403 for a foreign unit":   {call: call{method: "POST", target: "/org-units/active", body: `{"org_unit_id":"apac"}`}, status: 403},
			"403 for an unknown unit":  {call: call{method: "POST", target: "/org-units/active", body: `{"org_unit_id":"mars"}`}, status: 403},
		}
		for name, tt := range tests {
			for scheme, as := range map[string]string{"basic": "demo-emea", "bearer": bearer} {
				t.Run(name+" by "+scheme, func(t *testing.T) {
					t.Parallel()
					c := tt.call
					c.as = as
					if c.target == "/oauth/token" {
						c.as = "demo-emea"
					}
					got := s.want(t, tt.status, c)
					wantErrorAnswer(t, got)
					if tt.body != "" && got.body != tt.body {
						t.Errorf("body mismatch (-want +got):\n%s", cmp.Diff(tt.body, got.body))
					}
					for name, want := range tt.header {
						if diff := cmp.Diff(want, got.header.Values(name)); diff != "" {
							t.Errorf("%s mismatch (-want +got):\n%s", name, diff)
						}
					}
				})
			}
		}

		for _, target := range []string{"/leads", "/leads/1", "/org-units", "/org-units/active", "/jobs/1"} {
			t.Run("401 without credentials at "+target, func(t *testing.T) {
				t.Parallel()
				got := s.want(t, 401, call{target: target})
				wantErrorAnswer(t, got)
				if want := `{"error":"unauthorized","message":"Missing or invalid credentials"}`; got.body != want {
					t.Errorf("body %s, want %s", got.body, want)
				}
				if diff := cmp.Diff(basicChallenge, got.header.Values("WWW-Authenticate")); diff != "" {
					t.Errorf("WWW-Authenticate mismatch (-want +got):\n%s", diff)
				}
				if got.header.Get("X-RateLimit-Limit") != "" {
					t.Error("a 401 carries X-RateLimit-Limit, want none: it is not counted")
				}
			})
		}
	})
}

// wantErrorAnswer checks what every error answer carries.
func wantErrorAnswer(t *testing.T, a answer) {
	t.Helper()
	want := map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "no-store",
	}
	for name, value := range want {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	var body struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	a.decode(t, &body)
	if body.Error == "" || body.Message == "" {
		t.Errorf("body %s lacks error or message", a.body)
	}
}

func TestProblemDetails(t *testing.T) {
	t.Parallel()
	s := startUnlimited(t, sqliteEngine(t))
	got := s.want(t, 400, call{as: "demo-emea", target: "/leads?limit=0", header: map[string]string{"Accept": "application/problem+json"}})
	if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", ct)
	}
	want := `{"title":"Bad Request","status":400,"detail":"limit must be at least 1","error":"bad_request","details":{"field":"limit","code":"min"}}`
	if got.body != want {
		t.Errorf("body mismatch (-want +got):\n%s", cmp.Diff(want, got.body))
	}
	// Naming it never makes a request unacceptable.
	s.want(t, 200, call{as: "demo-emea", target: "/leads", header: map[string]string{"Accept": "application/problem+json"}})
}

// TestTokenRefusalsAreLogged tells the operator what the client is not told.
func TestTokenRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	s := startUnlimited(t, sqliteEngine(t))
	got := s.want(t, 401, call{
		as: "nobody", method: "POST", target: "/oauth/token", body: "grant_type=client_credentials",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	wantErrorAnswer(t, got)
	if !strings.Contains(got.body, `"error":"invalid_client"`) || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("answer %s, want invalid_client and a challenge", got.body)
	}
	if !strings.Contains(s.stderr.String(), "token refused") {
		t.Error("the log does not tell of the refusal")
	}
}

// TestWrongCredentials answers every kind of bad credential with the same 401.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	s := startUnlimited(t, sqliteEngine(t))
	token := s.token(t, "demo-emea")
	basic := func(user, password string) string {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	tests := map[string]string{
		"wrong secret":    basic("demo-emea", "wrong"),
		"unknown client":  basic("nobody", secret),
		"empty id":        basic("", secret),
		"no base64":       "Basic !!!",
		"garbage token":   "Bearer abc.def.ghi",
		"cut token":       "Bearer " + token[:len(token)-2],
		"unsigned token":  "Bearer eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".",
		"unknown scheme":  "Digest username=demo-emea",
		"scheme alone":    "Bearer",
		"very long token": "Bearer " + strings.Repeat("a", 20_000),
	}
	for name, authorization := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.want(t, 401, call{target: "/leads", header: map[string]string{"Authorization": authorization}})
			wantErrorAnswer(t, got)
			if want := `{"error":"unauthorized","message":"Missing or invalid credentials"}`; got.body != want {
				t.Errorf("body %s, want %s", got.body, want)
			}
			if n := len(got.header.Values("WWW-Authenticate")); n != 2 {
				t.Errorf("%d WWW-Authenticate fields, want one per scheme: %q", n, got.header.Values("WWW-Authenticate"))
			}
		})
	}
}
