package ouscope

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Options adjusts a [Scoper]. The zero value is the API contract and safe for
// production.
type Options struct {
	// Choices keeps what the callers have chosen. If nil, the memory of this
	// process, which a restart empties and other processes do not see.
	Choices ChoiceStore

	// Implies says which roles come with a role, and with those in turn:
	//
	//	{"admin": {"editor"}, "editor": {"reader"}}
	//
	// By default no role implies another.
	Implies map[string][]string

	// Bound returns the unit that the request's credential is bound to; ok is
	// false for a credential that is not bound. A bound credential has that
	// unit as its active one whatever the caller has chosen, and reaches
	// nothing above it or beside it. One that is bound to a unit without any
	// grant of today reaches nothing at all. If nil, no credential is bound.
	Bound func(*http.Request) (unit string, ok bool)

	// Mode says how a scope follows from the active unit: "subtree" cuts what
	// the roles reach to the active unit and all below it, "exact" to the
	// active unit alone, "granted" leaves all of it, and needs no active unit
	// but for new rows. If empty, "subtree".
	Mode string

	// Organization names the only organization that is served: units and
	// assignments of others count nothing, and choices and digests are bound
	// to it. It is needed where two organizations use the same unit ids, with
	// a Scoper for each. Their rows need an organization, too, in a column that
	// each query compares or in tables of their own: a scope names units alone.
	// If empty, all organizations of the directory.
	Organization string

	// CacheTTL is how long the units, and the assignments of a subject, are
	// used before the directory is asked again, so the longest time that a
	// revoked role goes on working where nobody calls [Scoper.Invalidate]. If
	// zero, 5 seconds; if negative, the directory is asked on each request.
	CacheTTL time.Duration

	// ActiveField is the member of the body of /org-units/active. If empty,
	// org_unit_id.
	ActiveField string

	// MissingStatus answers a request that needs an active unit where there is
	// none: 403 or 400. If zero, 403.
	MissingStatus int

	// Audit is told of every scope that is made without a request
	// ([Scoper.For]), or refused: who it is for, the unit that was asked for,
	// if any, and the error. A system task is so called by its name each time
	// it runs. If nil, nobody is told.
	Audit func(ctx context.Context, subject, unit string, err error)

	// CookieKeys keeps the choices of browsers in a signed cookie (HttpOnly,
	// Secure, SameSite=Lax, Path=/) instead of Choices, so that each browser
	// has its own. A cookie is bound to its subject and Organization. The
	// first key signs and all verify: put a new one in front, and drop the old
	// when cookies of its time are gone. Each has at least 32 bytes of
	// randomness. If empty, no cookie is read or written.
	CookieKeys [][]byte

	CookieName string // if empty, activeOu

	// CookieHost gives the name the prefix __Host-, with which browsers take
	// the cookie from this very host alone. Set it unless services on several
	// hosts share the cookie's name.
	CookieHost bool

	// CookieInsecure lets the cookie travel without TLS, for development.
	CookieInsecure bool

	// CookieFor says which requests keep their choice in the cookie. If nil,
	// those without an Authorization field: a browser that has logged in by
	// a session, and not curl -u.
	CookieFor func(*http.Request) bool

	// Challenges are the WWW-Authenticate fields of the 401 for a request
	// without a subject. If empty, Bearer. Authentication that runs first
	// answers by itself.
	Challenges []string
}

const defaultTTL = 5 * time.Second

var modes = []string{"subtree", "exact", "granted"}

// withDefaults returns the options with every default filled in, or what is
// wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Mode == "" {
		o.Mode = modes[0]
	}
	if !slices.Contains(modes, o.Mode) {
		return o, fmt.Errorf("mode %q is none of %s", o.Mode, strings.Join(modes, ", "))
	}
	if o.Choices == nil {
		o.Choices = &memoryChoices{}
	}
	if o.CacheTTL == 0 {
		o.CacheTTL = defaultTTL
	}
	if o.ActiveField == "" {
		o.ActiveField = "org_unit_id"
	}
	if strings.ContainsFunc(o.ActiveField, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	}) {
		return o, fmt.Errorf("active field %q has other characters than letters, digits and _", o.ActiveField)
	}
	if o.MissingStatus == 0 {
		o.MissingStatus = http.StatusForbidden
	}
	if o.MissingStatus != http.StatusForbidden && o.MissingStatus != http.StatusBadRequest {
		return o, fmt.Errorf("missing status %d is neither 403 nor 400", o.MissingStatus)
	}
	if len(o.Challenges) == 0 {
		o.Challenges = []string{"Bearer"}
	}
	o.Challenges = slices.Clone(o.Challenges)
	return o, nil
}

// closure returns, for each role, all roles that come with it. A circle is
// refused: its roles would be one role under several names.
func closure(implies map[string][]string) (map[string][]string, error) {
	all := make(map[string][]string, len(implies))
	for _, role := range slices.Sorted(maps.Keys(implies)) {
		seen := map[string]bool{}
		for open := slices.Clone(implies[role]); len(open) > 0; {
			next := open[len(open)-1]
			open = open[:len(open)-1]
			if next == "" || role == "" {
				return nil, errors.New("a role in Implies is empty")
			}
			if next == role {
				return nil, fmt.Errorf("role %q implies itself", role)
			}
			if !seen[next] {
				seen[next] = true
				open = append(open, implies[next]...)
			}
		}
		all[role] = slices.Sorted(maps.Keys(seen))
	}
	return all, nil
}
