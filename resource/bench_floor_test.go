package resource_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror/validation"
	"github.com/tenetkit/tenet/resource"
)

// The floor is what a team writes by hand without any of the contract: ServeMux,
// encoding/json and validator. BenchmarkFloor* stand beside the benchmarks of the
// same name, to be compared within one run.
type floor struct {
	mu   sync.RWMutex
	rows []Lead
}

func newFloor(n int) http.Handler {
	f := &floor{}
	for i := range n {
		f.rows = append(f.rows, Lead{
			ID: resource.NewID(), Name: fmt.Sprintf("Lead %d", i), Email: new(fmt.Sprintf("lead%d@example.com", i)),
			Value: float64(i) + 0.5, Active: true, OrgUnit: "emea",
			CreatedAt: time.Now().UTC().Truncate(time.Microsecond), UpdatedAt: time.Now().UTC().Truncate(time.Microsecond),
		})
	}
	rules := validation.New()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leads", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": f.rows, "total": len(f.rows), "page": 1, "limit": 25})
	})
	mux.HandleFunc("GET /leads/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.RLock()
		defer f.mu.RUnlock()
		for i := range f.rows {
			if f.rows[i].ID == r.PathValue("id") || r.PathValue("id") == "any" {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(&f.rows[i])
				return
			}
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("POST /leads", func(w http.ResponseWriter, r *http.Request) {
		var in LeadInput
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := rules.Struct(&in); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": validation.Errors(err)})
			return
		}
		now := time.Now().UTC()
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(Lead{
			ID: resource.NewID(), Name: in.Name, Email: in.Email, Value: in.Value, Active: in.Active,
			OrgUnit: "emea", CreatedAt: now, UpdatedAt: now,
		})
	})
	return mux
}

func BenchmarkFloorList25(b *testing.B) { benchmark(b, newFloor(25), "GET", "/leads", "", 0) }

func BenchmarkFloorGet(b *testing.B) { benchmark(b, newFloor(1), "GET", "/leads/any", "", 0) }

func BenchmarkFloorCreate(b *testing.B) {
	benchmark(b, newFloor(0), "POST", "/leads", `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`, 201)
}

func BenchmarkFloorValidationFailed(b *testing.B) {
	benchmark(b, newFloor(0), "POST", "/leads", `{"name":"","email":"nobody","value":-1,"active":true}`, 422)
}
