package sqlstore_test

import (
	"fmt"
	"log"

	"github.com/tenetkit/tenet/resource/jobs/sqlstore"
)

// The statements, for a migration tool of one's own.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.Options{Dialect: "postgres"})
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range statements {
		fmt.Println(statement + ";")
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS jobs_queue (
	// 	id text NOT NULL PRIMARY KEY,
	// 	owner text NOT NULL,
	// 	unit text NOT NULL DEFAULT '',
	// 	operation text NOT NULL,
	// 	status text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
	// 	input bytea,
	// 	members bytea,
	// 	attempts integer NOT NULL DEFAULT 0,
	// 	canceled boolean NOT NULL DEFAULT false,
	// 	token text NOT NULL DEFAULT '',
	// 	due bigint NOT NULL,
	// 	created bigint NOT NULL,
	// 	updated bigint NOT NULL
	// );
	// CREATE INDEX IF NOT EXISTS jobs_queue_status_due_idx ON jobs_queue (status, due);
	// CREATE INDEX IF NOT EXISTS jobs_queue_owner_status_idx ON jobs_queue (owner, status);
}
