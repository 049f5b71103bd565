package strictjson_test

import (
	"encoding/json"
	"testing"

	"github.com/tenetkit/tenet/internal/strictjson"
)

type lead struct {
	Name   string  `json:"name"`
	Email  *string `json:"email"`
	Value  float64 `json:"value"`
	Active bool    `json:"active"`
}

var leadBody = []byte(`{"name":"Ada Lovelace","email":"ada@example.com","value":1250.5,"active":true}`)

func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := strictjson.Check(leadBody); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	b.Run("strictjson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v lead
			if err := strictjson.Unmarshal(leadBody, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v lead
			if err := json.Unmarshal(leadBody, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestCheckMakes0Allocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _ = strictjson.Check(leadBody) }); n != 0 {
		t.Errorf("Check makes %v allocations, want 0", n)
	}
}
