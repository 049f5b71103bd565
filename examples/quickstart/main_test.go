package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/auth"
)

func TestWidgets(t *testing.T) {
	t.Parallel()
	secret, hash := auth.GenerateSecret()
	handler, err := newHandler(hash)
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, method, target, body, secret string
		status                             int
		want                               string
	}{
		{"an empty list", "GET", "/widgets", "", secret, 200, `{"data":[],"total":0,"page":1,"limit":25}`},
		{"a new row", "POST", "/widgets", `{"name":"Gear","price":9.5}`, secret, 201, `{"id":"`},
		{"a bad row", "POST", "/widgets", `{"price":-1}`, secret, 422, `{"error":"validation_failed","message":"Name is required"`},
		{"a filter", "GET", "/widgets?filter=price%3E9&sort=-name", "", secret, 200, `{"data":[{"id":"`},
		{"no secret", "GET", "/widgets", "", "", 401, `{"error":"unauthorized"`},
		{"an endpoint of one's own", "GET", "/colors?limit=2", "", secret, 200, `{"data":["blue","green"],"total":3,"page":1,"limit":2}`},
		{"the units", "GET", "/org-units", "", secret, 200, `{"data":[{"id":"acme"`},
		{"the active unit", "GET", "/org-units/active", "", secret, 200, `{"id":"acme"`},
	}
	for _, tt := range tests { // in order: each sees what the ones before it did
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
			if tt.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			if tt.secret != "" {
				r.SetBasicAuth("robot", tt.secret)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.want) {
				t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.target, w.Code, w.Body, tt.status, tt.want)
			}
			if limit := w.Header().Get("X-RateLimit-Limit"); (limit == "100") != (tt.status != 401) {
				t.Errorf("%s %s: X-RateLimit-Limit %q", tt.method, tt.target, limit)
			}
		})
	}
}
