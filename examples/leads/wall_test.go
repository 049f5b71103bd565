package main

import (
	"context"
	"database/sql"
	"testing"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
)

// On PostgreSQL a statement without a condition shows nothing, and with a scope in
// its context the rows of that alone; a second start finds the wall.
func TestRowLevelSecurityIsOn(t *testing.T) {
	t.Parallel()
	e := postgresEngine(t)
	for range 2 {
		d, err := openData(t.Context(), config{db: e.flag, rows: 3})
		if err != nil {
			t.Fatal(err)
		}
		scoper, err := ouscope.New(d.units, auth.Subject, ouscope.Options{})
		if err != nil {
			t.Fatal(err)
		}
		uk, err := scoper.For(t.Context(), "demo-reader", "")
		if err != nil {
			t.Fatal(err)
		}
		for want, ctx := range map[int]context.Context{0: t.Context(), 3: ouscope.NewContext(t.Context(), uk)} {
			var n int
			if err := d.walled.QueryRowContext(ctx, "SELECT count(*) FROM leads").Scan(&n); err != nil || n != want {
				t.Errorf("a bare SELECT counts %d, %v, want %d", n, err, want)
			}
		}
		var role string
		if err := d.walled.QueryRowContext(t.Context(), "SELECT current_user").Scan(&role); err != nil || role != rowsRole {
			t.Errorf("the role is %s, %v, want %s", role, err, rowsRole)
		}
		for _, db := range []*sql.DB{d.walled, d.db} {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
