package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/inherit"
	"github.com/tenetkit/tenet/ouscope"
)

// A unitBody is what POST and PUT take. A member that is not there, or null,
// leaves things as they are.
type unitBody struct {
	Name     *string `json:"name"`
	Slug     *string `json:"slug"`
	Parent   *string `json:"parent"`
	Disabled *bool   `json:"disabled"`
}

// A unitView is what they answer.
type unitView struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Slug     string  `json:"slug"`
	Parent   *string `json:"parent"`
	Active   bool    `json:"active"`
	Disabled bool    `json:"disabled"`
}

// UnitsHandler returns the handler for POST of the collection, which takes
// {"name":"Leeds","parent":"uk"} and answers 201 with the new unit, and for PUT
// of {id}, which takes name, and parent and disabled where they change, and
// answers 200. Both take a slug, which is made of the name if there is none.
func (a *Admin) UnitsHandler() http.Handler {
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		method := http.MethodPost
		if id != "" {
			method = http.MethodPut
		}
		if err := begin(w, r, method); err != nil {
			return err
		}
		if id != "" {
			return a.changeUnit(w, r, id)
		}
		return a.createUnit(w, r)
	})
}

func (a *Admin) createUnit(w http.ResponseWriter, r *http.Request) error {
	body, err := readUnit(r)
	if err != nil {
		return err
	}
	if body.Parent == nil || *body.Parent == "" {
		return required("parent")
	}
	scope := ouscope.FromContext(r.Context())
	if err := a.named(r.Context(), *body.Parent); err != nil {
		return err
	}
	parent, found, err := a.unit(r.Context(), *body.Parent)
	if err != nil {
		return err
	}
	if !found {
		return apierror.Conflict("parent", "changed", "The parent was removed meanwhile")
	}
	now := ouscope.Unit{ID: strings.ToLower(rand.Text()), Organization: parent.Organization, Parent: parent.ID}
	body.apply(&now)
	if err := a.store.SaveUnit(r.Context(), ouscope.Unit{}, now); err != nil {
		return err
	}
	a.scoper.Invalidate()
	a.audit(r, Event{Action: "create_unit", Unit: now})
	w.Header().Set("Location", a.opts.UnitsPath+"/"+url.PathEscape(now.ID))
	return httpjson.Write(w, r, http.StatusCreated, view(scope, now))
}

func (a *Admin) changeUnit(w http.ResponseWriter, r *http.Request, id string) error {
	scope := ouscope.FromContext(r.Context())
	was, found, err := a.unit(r.Context(), id)
	if err != nil {
		return err
	}
	// A disabled unit is in no scope: who may enable it sees its parent.
	held := inherit.FromContext(r.Context())
	if !found || !scope.Contains(id) && !(was.Disabled && held.Inherits(was.Parent, a.opts.Role)) {
		return apierror.NotFound("")
	}
	if !was.Disabled {
		if err := scope.Check(id, a.opts.Role); err != nil {
			return err
		}
	}
	body, err := readUnit(r)
	if err != nil {
		return err
	}
	now := was
	body.apply(&now)
	if err := a.mayMove(r.Context(), was, now); err != nil {
		return err
	}
	if now != was {
		if err := a.store.SaveUnit(r.Context(), was, now); err != nil {
			return err
		}
		a.scoper.Invalidate()
		a.audit(r, Event{Action: "change_unit", Unit: now, Was: was})
	}
	return httpjson.Write(w, r, http.StatusOK, view(scope, now))
}

// mayMove checks a new place or state. The unit's own roles count for nothing in
// that: it is the parent who gives a unit away, and takes it in.
func (a *Admin) mayMove(ctx context.Context, was, now ouscope.Unit) error {
	if now.Parent == was.Parent && now.Disabled == was.Disabled {
		return nil
	}
	held := inherit.FromContext(ctx)
	if !held.Inherits(was.Parent, a.opts.Role) {
		return apierror.Forbidden("missing_role", "Moving or disabling a unit takes the role on the unit above it")
	}
	if err := a.named(ctx, now.Parent); err != nil || now.Parent == was.Parent {
		return err
	}
	from := was.ID
	if was.Disabled {
		from = was.Parent
	}
	if held.Gains(from, now.Parent) {
		return errMore
	}
	return nil
}

// begin answers what is wrong before the body is read.
func begin(w http.ResponseWriter, r *http.Request, methods ...string) error {
	if err := httpjson.Methods(w, r, methods...); err != nil {
		return err
	}
	return apierror.CheckAccept(r)
}

func readUnit(r *http.Request) (unitBody, error) {
	var body unitBody
	if err := httpjson.Decode(r, 0, &body); err != nil {
		return body, err
	}
	if body.Name == nil || strings.TrimSpace(*body.Name) == "" {
		return body, required("name")
	}
	for field, text := range map[string]*string{"name": body.Name, "slug": body.Slug} {
		if text == nil {
			continue
		}
		if utf8.RuneCountInString(*text) > 200 {
			return body, invalid(field, "max", field+" must have at most 200 characters")
		}
		if strings.ContainsFunc(*text, unicode.IsControl) {
			return body, invalid(field, "text", field+" must not have control characters")
		}
	}
	return body, nil
}

func (b unitBody) apply(u *ouscope.Unit) {
	u.Name = *b.Name
	if b.Slug != nil {
		u.Slug = *b.Slug
	}
	if u.Slug == "" {
		u.Slug = slug(u.Name)
	}
	if b.Parent != nil {
		u.Parent = *b.Parent
	}
	if b.Disabled != nil {
		u.Disabled = *b.Disabled
	}
}

// slug keeps letters and digits and joins them by hyphens.
func slug(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, "-")
}

func view(scope ouscope.Scope, u ouscope.Unit) unitView {
	v := unitView{ID: u.ID, Name: u.Name, Slug: u.Slug, Active: scope.Active() == u.ID && !u.Disabled, Disabled: u.Disabled}
	if scope.Contains(u.Parent) {
		v.Parent = &u.Parent
	}
	return v
}

func required(field string) error { return invalid(field, "required", field+" is required") }

func invalid(field, code, message string) error {
	return apierror.ValidationFailed(apierror.FieldError{Field: field, Code: code, Message: message})
}
