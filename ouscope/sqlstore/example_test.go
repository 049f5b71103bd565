package sqlstore_test

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/sqlstore"
)

// One store is the directory and keeps the choices. The database is opened with
// whichever driver the program uses.
func Example() {
	start := func(ctx context.Context, db *sql.DB, subject func(*http.Request) (string, bool)) (*ouscope.Scoper, error) {
		store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
		if err != nil {
			return nil, err
		}
		if err := store.Migrate(ctx); err != nil {
			return nil, err
		}
		return ouscope.New(store, subject, ouscope.Options{Choices: store})
	}
	_ = start
}
