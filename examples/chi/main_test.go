package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/examples/chi/db"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	conn, err := openUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var logged bytes.Buffer
	handler, err := newHandler(db.New(conn), slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{
			"a page", "GET", "/users?limit=2&page=2", "", 200,
			`{"data":[{"id":3,"email":"Ken@example.com","name":"Ken"}],"total":3,"page":2,"limit":2}`,
		},
		{"one row", "GET", "/users/1", "", 200, `{"id":1,"email":"Ada@example.com","name":"Ada"}`},
		{"a bad limit", "GET", "/users?limit=1000", "", 400, `{"error":"bad_request","message":"limit must be at most 100","details":{"field":"limit","code":"max"}}`},
		{"no row, by a mapping", "GET", "/users/99", "", 404, `{"error":"not_found","message":"No such user"}`},
		{"no route", "GET", "/nothing", "", 404, `{"error":"not_found","message":"Resource not found"}`},
		{"no such method", "DELETE", "/users", "", 405, `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`},
		{"a missing field", "POST", "/users", `{"name":"Bob"}`, 422, `{"error":"validation_failed","message":"Email is required","details":{"field":"email","code":"required","errors":[{"field":"email","code":"required","message":"Email is required"}]}}`},
		{"a body that ends early", "POST", "/users", `{"name":`, 400, `{"error":"bad_request","message":"Request body is empty or ends early","details":{"code":"json"}}`},
		{"a new row", "POST", "/users", `{"email":"bob@example.com","name":"Bob"}`, 201, `{"id":4,"email":"bob@example.com","name":"Bob"}`},
		{"a taken address", "POST", "/users", `{"email":"bob@example.com","name":"Bob"}`, 409, `{"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
	}
	for _, tt := range tests { // in order: each sees what the ones before it did
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body)))
			if w.Code != tt.status {
				t.Errorf("%s %s: status %d, want %d", tt.method, tt.target, w.Code, tt.status)
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Errorf("%s %s: body mismatch (-want +got):\n%s", tt.method, tt.target, diff)
			}
			if tt.status == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
				t.Error("the 405 lacks Allow")
			}
			counted := strings.HasPrefix(tt.target, "/users") && tt.status != http.StatusMethodNotAllowed
			if got := w.Header().Get("X-RateLimit-Limit"); counted != (got == "100") {
				t.Errorf("X-RateLimit-Limit %q, counted %t", got, counted)
			}
		})
	}
	if strings.Contains(logged.String(), "level=ERROR") {
		t.Errorf("a client's mistake is logged as an error:\n%s", logged.String())
	}
}
