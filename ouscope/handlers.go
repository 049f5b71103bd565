package ouscope

import (
	"net/http"
	"reflect"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/endpoint"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// A unitView is a unit as the endpoints show it.
type unitView struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Slug   string  `json:"slug"`
	Parent *string `json:"parent"`
	Active bool    `json:"active"`
}

func (sel *selection) view(i int32) unitView {
	u := sel.tree.units[i]
	v := unitView{ID: u.ID, Name: u.Name, Slug: u.Slug, Active: i == sel.active}
	if sel.position(u.Parent) != none {
		v.Parent = &u.Parent
	}
	return v
}

// UnitsHandler returns the handler for GET /org-units: the units that the
// caller may choose, parents before children and siblings by name, as a list
// with page and limit. A caller without roles gets an empty list. It needs no
// active unit and marks the one in force, if any.
//
// The parent of a unit is null where the caller may not use the parent. Query
// parameters other than page and limit are answered with 400, and OPTIONS with
// 204 and Allow.
func (s *Scoper) UnitsHandler() http.Handler {
	return answering(endpoint.New([]string{"page", "limit"}, http.MethodGet), func(w http.ResponseWriter, r *http.Request) error {
		page, limit, err := pagequery.Parse(r.URL.RawQuery, 25, 100, false)
		if err != nil {
			return err
		}
		sel, err := s.choose(r)
		if err != nil {
			return err
		}
		spans := clip(sel.reach, sel.cut)
		list := struct {
			Data  []unitView `json:"data"`
			Total int        `json:"total"`
			Page  int        `json:"page"`
			Limit int        `json:"limit"`
		}{Data: []unitView{}, Total: size(spans), Page: page, Limit: limit}
		skip := (int64(page) - 1) * int64(limit)
		for _, sp := range spans {
			if n := int64(sp.hi - sp.lo); skip >= n {
				skip -= n
				continue
			}
			for i := sp.lo + int32(skip); i < sp.hi && len(list.Data) < limit; i++ {
				list.Data = append(list.Data, sel.view(i))
			}
			skip = 0
		}
		if link := pagequery.Link(r.URL, page, limit, int64(list.Total)); link != "" {
			w.Header()["Link"] = []string{link}
		}
		return httpjson.Write(w, r, http.StatusOK, list)
	})
}

// ActiveHandler returns the handler for /org-units/active. GET answers with the
// unit in force, or with active_ou_required if there is none. POST and PUT take
// {"org_unit_id":"uk"}, make it the choice of the caller and answer with the
// unit; one that the caller may not use, or that is not there, is a 403 with
// the code org_unit_forbidden. DELETE takes the choice back and always answers
// with 204. A bound credential can choose nothing but its own unit, and leaves
// the choice of its subject alone.
func (s *Scoper) ActiveHandler() http.Handler {
	serves := endpoint.New(nil, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete)
	return answering(serves, func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodDelete {
			return s.forget(w, r)
		}
		sel, err := s.choose(r)
		if err != nil {
			return err
		}
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			if err := s.setActive(w, r, &sel); err != nil {
				return err
			}
		}
		if sel.active == none {
			return s.missing
		}
		return httpjson.Write(w, r, http.StatusOK, sel.view(sel.active))
	})
}

// forget takes the caller's choice back. What the caller may use does not matter.
func (s *Scoper) forget(w http.ResponseWriter, r *http.Request) error {
	subject, ok := s.subject(r)
	if !ok || subject == "" {
		return s.unauthorized()
	}
	if _, bound := s.boundUnit(r); !bound {
		if err := s.setChoice(w, r, subject, ""); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setActive reads the unit from the body and stores it as the caller's choice.
func (s *Scoper) setActive(w http.ResponseWriter, r *http.Request, sel *selection) error {
	body := reflect.New(s.body)
	if err := httpjson.Decode(r, 0, body.Interface()); err != nil {
		return err
	}
	field := s.body.Field(0).Tag.Get("json")
	unit, _ := body.Elem().Field(0).Interface().(*string)
	if unit == nil || *unit == "" {
		return apierror.ValidationFailed(apierror.FieldError{Field: field, Code: "required", Message: strictjson.Label(field) + " is required"})
	}
	i := sel.position(*unit)
	if i == none || sel.bound && i != sel.active {
		return errForbidden
	}
	if !sel.bound {
		if err := s.setChoice(w, r, sel.subject, *unit); err != nil {
			return err
		}
	}
	sel.active = i
	return nil
}

// bodyType returns the struct whose one member is field, a text. A struct gives
// this body the messages that any other body gets.
func bodyType(field string) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{
		Name: "Unit", Type: reflect.TypeFor[*string](), Tag: reflect.StructTag(`json:"` + field + `"`),
	}})
}

// answering adapts f, which is asked only what e serves, and sets the headers of
// a scoped answer.
func answering(e *endpoint.Endpoint, f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header())
		done, err := e.Begin(w, r)
		if !done && err == nil {
			err = f(w, r)
		}
		if err != nil {
			apierror.Write(w, r, err)
		}
	})
}
