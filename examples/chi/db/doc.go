// Package db is what sqlc makes of schema.sql and queries.sql: the service's own
// queries, which know nothing of Tenet.
package db
