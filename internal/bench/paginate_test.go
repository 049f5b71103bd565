package bench

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/tenetkit/tenet/paginate"
)

func BenchmarkParse(b *testing.B) {
	r := request("GET", "/leads?page=3&limit=50")
	b.Run("tenet", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if page, err := (paginate.Options{}).ParseRequest(r); err != nil || page.Limit != 50 {
				b.Fatal(page, err)
			}
		}
	})
	// Without a check of anything.
	b.Run("std", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q := r.URL.Query()
			page, err := strconv.Atoi(q.Get("page"))
			if err != nil {
				b.Fatal(err)
			}
			limit, err := strconv.Atoi(q.Get("limit"))
			if err != nil || page != 3 || limit != 50 {
				b.Fatal(page, limit, err)
			}
		}
	})
}

func BenchmarkEnvelope25(b *testing.B)  { envelope(b, 25) }
func BenchmarkEnvelope100(b *testing.B) { envelope(b, 100) }

// envelope compares the whole answer, Link and Content-Length included, with
// an encoder that writes what it has.
func envelope(b *testing.B, limit int) {
	rows := leads(limit)
	page := paginate.NewPage(paginate.Request{Page: 2, Limit: limit}, rows, 1000)
	compete(b, request("GET", "/leads?page=2&limit="+strconv.Itoa(limit)), http.StatusOK,
		contender{"tenet", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := paginate.Write(w, r, page); err != nil {
				b.Fatal(err)
			}
		})},
		contender{"std", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			err := json.NewEncoder(w).Encode(struct {
				Data  []Lead `json:"data"`
				Total int    `json:"total"`
				Page  int    `json:"page"`
				Limit int    `json:"limit"`
			}{rows, 1000, 2, limit})
			if err != nil {
				b.Fatal(err)
			}
		})},
	)
}
