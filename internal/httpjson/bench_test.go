package httpjson_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/internal/httpjson"
)

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

func BenchmarkDecode(b *testing.B) {
	const data = `{"name":"Ada Lovelace","email":"ada@example.com","value":1250.5,"active":true}`
	reader := body{strings.NewReader(data)}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = reader, int64(len(data))
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(data)
		var v struct {
			Name   string  `json:"name"`
			Email  *string `json:"email"`
			Value  float64 `json:"value"`
			Active bool    `json:"active"`
		}
		if err := httpjson.Decode(r, 0, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	v := map[string]int{"total": 1}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		w.Body.Reset()
		if err := httpjson.Write(w, r, 200, v); err != nil {
			b.Fatal(err)
		}
	}
}
