package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource"
	"github.com/tenetkit/tenet/resource/idempotency"
	"github.com/tenetkit/tenet/resource/jobs"
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

// newLeads returns the handlers of the resource and of its import. A POST to either
// may be sent again under its key.
func newLeads(data *data, runner *jobs.Runner, scoper *ouscope.Scoper, barred func(subject, unit string) bool, logger *slog.Logger) (leads, imports http.Handler, err error) {
	cursors, err := keyset.New(data.cursors, keyset.Options{})
	if err != nil {
		return nil, nil, err
	}
	declared, err := declareLeads(leadStore{data.leads}, cursors, scoper, barred)
	if err != nil {
		return nil, nil, err
	}
	once, err := idempotency.New(auth.Subject, activeUnit, data.answers, idempotency.Options{Keep: kept, Logger: logger})
	if err != nil {
		return nil, nil, err
	}
	accept, work, err := declared.ImportOperation()
	if err != nil {
		return nil, nil, err
	}
	importing, err := runner.Operation(jobs.Operation{Name: "leads.import", Accept: accept, Run: work})
	if err != nil {
		return nil, nil, err
	}
	return once(declared), once(importing), nil
}

// activeUnit is the unit that keys and imports belong to.
func activeUnit(r *http.Request) string { return ouscope.FromContext(r.Context()).Active() }

// declareLeads declares the resource. An import by a subject that is barred ends.
func declareLeads(store resource.Store[Lead], cursors *keyset.Pager, scoper *ouscope.Scoper, barred func(subject, unit string) bool) (*resource.Resource[Lead, LeadInput], error) {
	fields := []string{"name", "email", "value", "active", "created_at", "updated_at"}
	return resource.New[Lead, LeadInput]("/leads", store, resource.Options{
		Filter:  fields,
		Sort:    fields,
		Cursors: cursors,
		Roles:   resource.Roles{Read: "reader", Create: "editor", Update: "editor", Delete: "editor"},
		Scope:   func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
		// An import goes on as the caller who started it, while the role lasts,
		// also in another process.
		Restore: func(ctx context.Context, subject, unit string) (resource.Scope, error) {
			if barred(subject, unit) {
				return nil, nil // no unit is left
			}
			return scoper.For(ctx, subject, unit)
		},
	})
}
