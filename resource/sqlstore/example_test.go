package sqlstore_test

import (
	"database/sql"
	"fmt"
	"log"
	"strings"

	"github.com/tenetkit/tenet/resource/sqlstore"
)

// The statements that create the table can be printed for a migration tool.
func Example() {
	db := sql.OpenDB(unreachable{}) // sql.Open("pgx", url) or sql.Open("sqlite", file)
	store, err := sqlstore.New[Note](db, sqlstore.Options{Dialect: "sqlite", Table: "notes"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Join(store.Schema(), ";\n"))
	// Output:
	// CREATE TABLE IF NOT EXISTS "notes" (
	// 	"id" TEXT NOT NULL PRIMARY KEY,
	// 	"text" TEXT NOT NULL,
	// 	"due" TEXT
	// )
}

// A Note has a column for each of its members.
type Note struct {
	ID   string  `json:"id"`
	Text string  `json:"text"`
	Due  *string `json:"due"`
}
