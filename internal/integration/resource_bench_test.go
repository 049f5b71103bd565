package integration

import (
	"testing"

	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/resourcetest"
	"github.com/tenetkit/tenet/resource/sqlstore"
)

func BenchmarkResourceStores(b *testing.B) {
	for dialect, open := range databases {
		b.Run(dialect, func(b *testing.B) {
			store, err := sqlstore.New[thing](open(b), sqlstore.Options{Dialect: dialect, Table: "things", Unit: "org_unit"})
			if err != nil {
				b.Fatal(err)
			}
			if err := store.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			scope := resourcetest.Scope("a", "b")
			row := newThing(resource.NewID(), "a", 3)
			if _, err := store.Create(b.Context(), scope, row); err != nil {
				b.Fatal(err)
			}
			b.Run("create", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := store.Create(b.Context(), scope, newThing(resource.NewID(), "a", 3)); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("get", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := store.Get(b.Context(), scope, row.ID); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("list", func(b *testing.B) {
				b.ReportAllocs()
				q := resource.Query{Sort: []resource.Order{{Field: "id"}}, Limit: 25}
				for b.Loop() {
					if _, _, err := store.List(b.Context(), scope, q); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("update", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := store.Update(b.Context(), scope, row.ID, func(row thing) (thing, error) { return row, nil })
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
