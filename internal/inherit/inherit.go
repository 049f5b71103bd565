// Package inherit is what a scope of ouscope tells ouscope/admin and nobody else:
// which of the caller's roles go on below a unit. Whoever changes the tree or
// hands roles on has to know; access to rows never depends on it.
package inherit

import "context"

// A Scope is what package ouscope keeps in a request's context.
type Scope interface {
	// Inherits reports whether the scope contains the unit and the caller
	// holds the role there by an assignment that goes on below: also on units
	// that are disabled now, or will be created.
	Inherits(unit, role string) bool

	// Gains reports whether some role of the caller goes on below the unit to
	// and not below the unit from. Where to is outside the scope, it may.
	Gains(from, to string) bool
}

// Key is the key of the Scope in a context.
type Key struct{}

// FromContext returns the Scope in ctx, or one that permits nothing.
func FromContext(ctx context.Context) Scope {
	if s, ok := ctx.Value(Key{}).(Scope); ok {
		return s
	}
	return nothing{}
}

type nothing struct{}

func (nothing) Inherits(string, string) bool { return false }
func (nothing) Gains(string, string) bool    { return true }
