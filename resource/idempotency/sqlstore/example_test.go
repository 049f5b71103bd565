package sqlstore_test

import (
	"fmt"
	"log"

	"github.com/tenetkit/tenet/resource/idempotency/sqlstore"
)

// The statements, for a migration tool of one's own.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.Options{Dialect: "postgres", Prefix: "payments_"})
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range statements {
		fmt.Println(statement + ";")
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS payments_keys (
	// 	id text NOT NULL PRIMARY KEY,
	// 	request text NOT NULL,
	// 	until bigint NOT NULL,
	// 	answer bytea
	// );
	// CREATE INDEX IF NOT EXISTS payments_keys_until_idx ON payments_keys (until);
}
