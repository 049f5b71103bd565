// Package sqlerr turns the failures of PostgreSQL, MySQL and SQLite that a request
// causes into answers of apierror, without importing a driver:
//
//	{"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}
//
// Give [Map] to apierror once, and handlers return the errors of their queries as
// they are:
//
//	root := apierror.Recover(apierror.Options{Mappings: []func(error) *apierror.Error{sqlerr.Map}})(mux)
//
// # Answers
//
//	409 conflict             unique       a unique or primary key is taken
//	                         foreign_key  a row referred to is missing, or a row is still referred to
//	                         exclusion    an exclusion constraint, such as overlapping periods
//	422 validation_failed    check        a CHECK constraint
//	                         required     a NOT NULL constraint
//	                         max          a text too long, or a number too large, for its column or index
//	                         format       a text that the column's type cannot read
//	503 service_unavailable  with Retry-After: serialization failures, deadlocks, lock and
//	                         statement timeouts, and a server that is down, full or read-only
//
// Anything else (a syntax error, a missing table, no rows) is not mapped and stays
// the 500 that it is. No answer holds the engine's own text, which quotes values of
// other people's rows.
//
// # Fields
//
// The field is a column, where the engine names exactly one and the driver passes
// it on: SQLite for UNIQUE and NOT NULL, PostgreSQL for NOT NULL and, as long as it
// sends details, for UNIQUE and FOREIGN KEY. MySQL names the key only. [Options]
// gives constraints and columns the names that the API knows them by.
//
// # Drivers
//
// pgx and lib/pq are known by their method SQLState() string, modernc.org/sqlite by
// its Code() int. Those that have no such method are known by the fields or the
// text of their errors: go-sql-driver/mysql by Number and Message, mattn/go-sqlite3
// by ExtendedCode, ncruces/go-sqlite3 by its text.
package sqlerr

import (
	"net/http"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// Map returns the answer for a failure of a database in err's tree, or nil if there
// is none. It is made for the Mappings of [apierror.Options].
func Map(err error) *apierror.Error { return Options{}.Map(err) }

// Retryable reports whether err's tree holds a failure that a transaction meets by
// bad luck, so that running the whole transaction again may succeed: a
// serialization failure, a deadlock, a lock not got in time.
func Retryable(err error) bool {
	f, ok := inspect(err)
	return ok && f.kind == conflicted
}

// Options adjusts [Options.Map]. The zero value is what [Map] uses.
type Options struct {
	// Fields gives the field of the API for a constraint or a column, by its name
	// in the database: "users_email_key", "email", or "users.email". An empty
	// field keeps a name of the database to itself. By default the field is the
	// column.
	Fields map[string]string

	// RetryAfter is what the 503 asks a client to wait. If zero, a second.
	RetryAfter time.Duration
}

// Map is [Map] with the names of o.
func (o Options) Map(err error) *apierror.Error {
	f, ok := inspect(err)
	if !ok {
		return nil
	}
	return o.answer(f).Wrap(err)
}

func (o Options) answer(f failure) *apierror.Error {
	if f.kind == conflicted || f.kind == down {
		return apierror.Unavailable(max(o.RetryAfter, time.Second))
	}
	field := o.field(f)
	words := sentences[f.kind]
	message := "The request " + words.without
	if field != "" {
		message = strictjson.Label(field) + " " + words.with
	}
	if words.status == http.StatusConflict {
		return apierror.Conflict(field, words.code, message)
	}
	return apierror.ValidationFailed(apierror.FieldError{Field: field, Code: words.code, Message: message})
}

func (o Options) field(f failure) string {
	for _, name := range []string{f.constraint, f.table + "." + f.column, f.column} {
		if field, ok := o.Fields[name]; ok && name != "" {
			return field
		}
	}
	return f.column
}

// sentences says each failure with the field it is about, and without one.
var sentences = map[kind]struct {
	status              int
	code, with, without string
}{
	unique:     {http.StatusConflict, "unique", "is taken", "repeats a value that has to be unique"},
	foreignKey: {http.StatusConflict, "foreign_key", "refers to a row that is missing, or is still referred to", "refers to a row that is missing, or one that is still referred to"},
	exclusion:  {http.StatusConflict, "exclusion", "overlaps with another row", "overlaps with another row"},
	check:      {http.StatusUnprocessableEntity, "check", "breaks a rule of its column", "breaks a rule of the database"},
	notNull:    {http.StatusUnprocessableEntity, "required", "is required", "lacks a value that is required"},
	tooLarge:   {http.StatusUnprocessableEntity, "max", "is too long or too large", "holds a value that is too long or too large"},
	malformed:  {http.StatusUnprocessableEntity, "format", "has the wrong form", "holds a value of the wrong form"},
}
