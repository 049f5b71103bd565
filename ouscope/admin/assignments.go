package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/endpoint"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/inherit"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/ouscope"
)

type assignmentView struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	Unit    string `json:"org_unit_id"`
	Role    string `json:"role"`
	Inherit bool   `json:"inherit"`
}

type assignmentBody struct {
	Subject *string `json:"subject"`
	Unit    *string `json:"org_unit_id"`
	Role    *string `json:"role"`
	Inherit *bool   `json:"inherit"`
}

// AssignmentsHandler returns the handler for GET of the collection, a list with
// page and limit of the assignments on units where the caller holds the role;
// for POST, which takes {"subject":"ann","org_unit_id":"uk","role":"reader"},
// and "inherit":false for a role on that unit alone, and answers 201; and for
// DELETE of {id}, which answers 204.
func (a *Admin) AssignmentsHandler() http.Handler {
	add := endpoint.New(nil, http.MethodGet, http.MethodPost)
	list := endpoint.New([]string{"page", "limit"}, http.MethodGet, http.MethodPost)
	one := endpoint.New(nil, http.MethodDelete)
	return a.scoped(apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		serves := list
		switch {
		case id != "":
			serves = one
		case r.Method == http.MethodPost:
			serves = add
		}
		if done, err := serves.Begin(w, r); done || err != nil {
			return err
		}
		switch {
		case id != "":
			return a.revoke(w, r, id)
		case r.Method == http.MethodPost:
			return a.grant(w, r)
		}
		return a.list(w, r)
	}))
}

func (a *Admin) list(w http.ResponseWriter, r *http.Request) error {
	page, limit, err := pagequery.Parse(r.URL.RawQuery, 25, 100, false)
	if err != nil {
		return err
	}
	scope := ouscope.FromContext(r.Context())
	units := []string{}
	for _, unit := range scope.IDs() {
		if scope.HasRole(unit, a.opts.Role) {
			units = append(units, unit)
		}
	}
	if len(units) == 0 {
		return apierror.Forbidden("missing_role", "")
	}
	held, total, err := a.store.Held(r.Context(), organization(r.Context()), units, (page-1)*limit, limit)
	if err != nil {
		return err
	}
	shown := []assignmentView{}
	for _, h := range held {
		shown = append(shown, viewAssignment(h))
	}
	return writeList(w, r, shown, total, page, limit)
}

// writeList answers with one page of total rows.
func writeList[T any](w http.ResponseWriter, r *http.Request, rows []T, total, page, limit int) error {
	if link := pagequery.Link(r.URL, page, limit, int64(total)); link != "" {
		w.Header()["Link"] = []string{link}
	}
	return httpjson.Write(w, r, http.StatusOK, struct {
		Data  []T `json:"data"`
		Total int `json:"total"`
		Page  int `json:"page"`
		Limit int `json:"limit"`
	}{rows, total, page, limit})
}

func (a *Admin) grant(w http.ResponseWriter, r *http.Request) error {
	var body assignmentBody
	if err := httpjson.Decode(r, 0, &body); err != nil {
		return err
	}
	var f failures
	f.name("subject", body.Subject)
	f.name("org_unit_id", body.Unit)
	f.name("role", body.Role)
	if err := f.err(); err != nil {
		return err
	}
	alone := body.Inherit != nil && !*body.Inherit
	if err := a.mayGrant(r.Context(), *body.Unit, *body.Role, alone); err != nil {
		return err
	}
	unit, found, err := a.unit(r.Context(), *body.Unit)
	if err != nil {
		return err
	}
	if !found {
		return apierror.Conflict("org_unit_id", "changed", "The unit was removed meanwhile")
	}
	now := ouscope.Assignment{
		ID: strings.ToLower(rand.Text()), Subject: *body.Subject, Organization: unit.Organization,
		Unit: unit.ID, Role: *body.Role, NoInherit: alone,
	}
	if err := a.settle(r, Event{Action: "grant", Assignment: now, Err: a.store.Grant(r.Context(), now)}); err != nil {
		return err
	}
	w.Header().Set("Location", a.opts.AssignmentsPath+"/"+url.PathEscape(now.ID))
	return httpjson.Write(w, r, http.StatusCreated, viewAssignment(now))
}

// mayGrant checks that the caller hands on no more than is held: the role, and
// where it is to inherit, the role in a form that does.
func (a *Admin) mayGrant(ctx context.Context, unit, role string, alone bool) error {
	scope := ouscope.FromContext(ctx)
	if alone && scope.Contains(unit) {
		if err := scope.Check(unit, a.opts.Role); err != nil {
			return err
		}
	} else if err := a.named(ctx, unit); err != nil {
		return err
	}
	switch {
	case !scope.HasRole(unit, role):
		return apierror.Forbidden("missing_role", "You cannot grant a role that you do not hold there")
	case !alone && !inherit.FromContext(ctx).Inherits(unit, role):
		return errAlone
	}
	return nil
}

func (a *Admin) revoke(w http.ResponseWriter, r *http.Request, id string) error {
	scope := ouscope.FromContext(r.Context())
	var was ouscope.Assignment
	err := a.store.Revoke(r.Context(), id, func(found ouscope.Assignment) error {
		if only := organization(r.Context()); only != "" && found.Organization != only {
			return apierror.NotFound("")
		}
		was = found
		if err := scope.Check(found.Unit, a.opts.Role); err != nil || found.NoInherit {
			return err
		}
		return a.named(r.Context(), found.Unit)
	})
	if err := a.settle(r, Event{Action: "revoke", Assignment: was, Err: err}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func viewAssignment(a ouscope.Assignment) assignmentView {
	return assignmentView{ID: a.ID, Subject: a.Subject, Unit: a.Unit, Role: a.Role, Inherit: !a.NoInherit}
}
