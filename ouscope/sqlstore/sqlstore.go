// Package sqlstore keeps units, role assignments and the chosen units of
// package ouscope in SQLite or PostgreSQL, through database/sql and whichever
// driver the program uses.
//
//	store, err := sqlstore.New(db, sqlstore.Options{Dialect: "postgres"})
//	err = store.Migrate(ctx)
//	scoper, err := ouscope.New(store, auth.Subject, ouscope.Options{Choices: store})
//
// # Tables
//
// Three tables, whose names begin with a prefix (ou_ by default): units,
// assignments and choices. [Schema] shows their statements, for those who run
// migrations with a tool of their own; [Store.Migrate] runs them. Other tools
// may write to them: only the tables' constraints are relied upon, and a
// [ouscope.Scoper] that shall see such a change before its cache time is over
// has to be told ([ouscope.Scoper.Invalidate]). On PostgreSQL the store tells
// those who listen of its own changes ([Options].Channel; see package follow).
//
// A unit is removed with its assignments, and only when nothing is below it. A
// choice outlives its unit: the caller is then asked to choose again, instead
// of going on somewhere else.
//
// # Choosing ids
//
// Units are keyed by organization and id. Ids that are unique over all
// organizations need nothing else; where two organizations use equal ones, each
// has a Scoper with its own [ouscope.Options].Organization, and rows of theirs in
// one table are told apart by a column for the organization.
//
// # Concurrency
//
// A [Store] is safe for concurrent use, also by several processes.
package sqlstore
