// Package ouscope decides which organizational units (OUs) one request may
// touch, and hands that decision to data access as a [Scope] that writes its
// own SQL condition.
//
// A [Directory] knows the tree of units and who holds which role where; a role
// granted on a unit holds in the whole subtree below it. [Scoper.Handler]
// finds the caller's active unit, checks it against the grants of now, and puts
// a [Scope] into the request's context: the units that the caller's roles
// reach, cut to the active unit and those below it.
//
//	scoper, err := ouscope.New(directory, auth.Subject, ouscope.Options{})
//	mux.Handle("/org-units", scoper.UnitsHandler())
//	mux.Handle("/org-units/active", scoper.ActiveHandler())
//	mux.Handle("GET /leads", scoper.Handler(leads))
//
// and in the handler, where the rows of other units must not be seen:
//
//	where, args := ouscope.FromContext(r.Context()).SQL("postgres", "org_unit", 1)
//	rows, err := db.QueryContext(r.Context(), "SELECT name FROM leads WHERE "+where, args...)
//
// # What is refused
//
// The zero [Scope], which a handler finds where the middleware was forgotten,
// contains no unit and its condition is 1=0. A request without a subject is
// answered with 401; a caller who holds no role with 403, code missing_role; a
// caller who has several units to choose from and has chosen none with 403, code
// active_ou_required. A request says nothing about its units: an id in a
// header, a query or a body widens nothing, since nothing here reads it, except
// the body of /org-units/active, where an unknown, a foreign and a disabled unit
// are one and the same 403, code org_unit_forbidden.
//
// # Which unit is active
//
// In this order, the first that applies:
//
//   - the unit that the credential is bound to ([Options].Bound);
//   - the caller's stored choice, made by POST /org-units/active;
//   - the top unit, where the caller holds a role on it and all other grants lie
//     below it.
//
// A stored choice that the caller may use no longer is not passed over: the
// request is refused until the caller chooses again or takes the choice back,
// because a write would land in a unit that nobody named.
//
// Choices are kept on the server, per subject, so that curl -u needs no cookie
// jar; browsers may keep theirs in a signed cookie instead ([Options].CookieKeys).
//
// # When a change holds
//
// Grants and units are read again after [Options].CacheTTL, 5 seconds by default,
// and at once after [Scoper.Invalidate]; package follow calls it for the changes
// that other processes make. Choices are read on each request.
//
// # Answers of the endpoints
//
// A unit reads
//
//	{"id":"uk","name":"United Kingdom","slug":"uk","parent":"emea","active":false}
//
// and GET /org-units shows those that the caller may choose as a list with page
// and limit. The parent is null for the top of the tree and wherever the caller
// may not use the parent, whose existence is then not told. Scoped answers carry
// Vary: Authorization, Cookie and Cache-Control: private, no-cache; a handler may
// set either field itself.
//
// # Concurrency
//
// A [Scoper] and a [Scope] are immutable and safe for concurrent use.
package ouscope
