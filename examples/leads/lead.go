package main

import (
	"context"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource"
)

// A Lead is a row of the resource, as callers see it.
type Lead struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     *string   `json:"email"`
	Value     float64   `json:"value"`
	Active    bool      `json:"active"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// A LeadInput is what callers may write.
type LeadInput struct {
	Name   string  `json:"name" validate:"required,min=1,max=200"`
	Email  *string `json:"email" validate:"omitempty,email"`
	Value  float64 `json:"value" validate:"gte=0"`
	Active bool    `json:"active"`
}

// newLeads declares the resource. An import by a subject that is barred ends.
func newLeads(store resource.Store[Lead], cursors *keyset.Pager, scoper *ouscope.Scoper, barred func(subject, unit string) bool) (*resource.Resource[Lead, LeadInput], error) {
	fields := []string{"name", "email", "value", "active", "created_at", "updated_at"}
	return resource.New[Lead, LeadInput]("/leads", store, resource.Options{
		Filter:  fields,
		Sort:    fields,
		Cursors: cursors,
		Roles:   resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"},
		Scope:   func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
		// An import goes on as the caller who started it, while the role lasts.
		Rescope: func(ctx context.Context, accepted resource.Scope) (resource.Scope, error) {
			was := accepted.(ouscope.Scope)
			if barred(was.Subject(), was.Active()) {
				return nil, nil // no unit is left
			}
			return scoper.For(ctx, was.Subject(), was.Active())
		},
	})
}
