// Package integration tests the packages of Tenet on the engines that they
// are made for: SQLite in every run, PostgreSQL and Redis where the
// environment names them. It is a module of its own, so that no driver gets
// into the library's go.mod.
//
// TENET_POSTGRES_URL and TENET_REDIS_URL name the servers. Without them their
// tests are skipped, or fail if TENET_REQUIRE_ENGINES is 1. Each test works in
// a schema or under a key prefix of its own and removes it at the end.
package integration
