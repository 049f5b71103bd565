// Package apierror writes the JSON error body shared by every endpoint of an API:
//
//	{"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required"}}
//
// Handlers return or build an [*Error]; [Write] turns any error into an answer.
// An error that is not an [*Error], and that no mapping knows, is answered with
// a bare 500 and its text never reaches the client, so returning a database
// error from a handler is safe.
//
// Two middlewares complete the picture. [Recover] goes outermost: it gives the
// request an id, turns panics into the contract's 500 and carries the settings
// ([Options]) that [Write] uses further in. [Mux] takes an [*http.ServeMux] and
// replaces the plain text of its own 404, 405 and redirects.
//
//	mux := http.NewServeMux()
//	mux.Handle("GET /widgets/{id}", apierror.Handler(getWidget))
//	root := apierror.Recover(apierror.Options{Logger: logger})(apierror.Mux(mux))
//
// # What every error answer carries
//
// Content-Type is application/json; charset=utf-8, or application/problem+json
// with the same facts for a caller that asks for it ([RFC 9457]). Every answer
// carries Content-Length, X-Content-Type-Options: nosniff and Cache-Control:
// no-store. Headers that described a body which is not sent after all
// (Content-Encoding, ETag, Last-Modified and the like) are removed.
//
// # Concurrency
//
// All functions of this package are safe for concurrent use. An [*Error] is a
// value to build and hand over: [Write] only reads it, so one [*Error] may be
// shared by many requests as long as nobody changes it.
//
// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
package apierror
