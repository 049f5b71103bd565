package ouscope_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

// On a real server and client: a browser with a cookie jar, HEAD without a body,
// a body that is too long.
func TestOnARealServer(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{
		CookieKeys: [][]byte{keyOne}, CookieInsecure: true, CookieFor: func(*http.Request) bool { return true },
	})
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("cookiejar: %v", err)
	}
	send := func(client *http.Client, method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatalf("NewRequest: %v", err)
		}
		r.Header.Set("Subject", "ann")
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return answer.StatusCode, string(text)
	}
	browser, other := &http.Client{Jar: jar}, &http.Client{}
	steps := []struct {
		client             *http.Client
		method, path, body string
		status             int
		want               string
	}{
		{browser, "GET", "/scope", "", 403, "active_ou_required"},
		{browser, "POST", "/org-units/active", `{"org_unit_id":"apac"}`, 200, `"id":"apac"`},
		{browser, "GET", "/scope", "", 200, "apac: apac uk2"},
		{browser, "HEAD", "/org-units/active", "", 200, ""},
		{browser, "HEAD", "/org-units", "", 200, ""},
		{other, "GET", "/scope", "", 403, "active_ou_required"},
		{browser, "POST", "/org-units/active", `{"org_unit_id":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "content_too_large"},
		{browser, "GET", "/scope", "", 200, "apac: apac uk2"},
		{browser, "DELETE", "/org-units/active", "", 204, ""},
		{browser, "GET", "/scope", "", 403, "active_ou_required"},
	}
	for _, step := range steps {
		status, text := send(step.client, step.method, step.path, step.body)
		if status != step.status || !strings.Contains(text, step.want) || step.want == "" && text != "" {
			t.Errorf("%s %s = %d %s, want %d %s", step.method, step.path, status, text, step.status, step.want)
		}
	}
}
