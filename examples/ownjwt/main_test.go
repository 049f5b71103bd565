package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOrders(t *testing.T) {
	t.Parallel()
	db, err := openOrders()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	handler, err := newHandler(db)
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, subject, method, target, body string
		status                              int
		want                                string
	}{
		{"all of emea", "ada", "GET", "/orders", "", 200, `["order-1","order-2","order-3"]`},
		{"uk alone", "bob", "GET", "/orders", "", 200, `["order-1","order-3"]`},
		{"nothing for a stranger", "eve", "GET", "/orders", "", 403, `{"error":"forbidden"`},
		{"no token", "", "GET", "/orders", "", 401, "unauthorized"},
		{"a choice", "ada", "POST", "/org-units/active", `{"org_unit_id":"de"}`, 200, `{"id":"de"`},
		{"the chosen unit", "ada", "GET", "/orders", "", 200, `["order-2"]`},
		{"a foreign choice", "bob", "POST", "/org-units/active", `{"org_unit_id":"de"}`, 403, `{"error":"forbidden"`},
	}
	for _, tt := range tests { // in order: each sees what the ones before it did
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/json")
			if tt.subject != "" {
				token, err := newToken(tt.subject)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.want) {
				t.Errorf("%s %s as %q: %d %s, want %d %s", tt.method, tt.target, tt.subject, w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}

// TestForgottenMiddleware mounts the handler without the scope: it returns nothing
// instead of everything.
func TestForgottenMiddleware(t *testing.T) {
	t.Parallel()
	db, err := openOrders()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := httptest.NewRecorder()
	listOrders(db).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders", nil))
	if got := strings.TrimSpace(w.Body.String()); got != "[]" {
		t.Errorf("GET /orders without a scope = %s, want []", got)
	}
}
