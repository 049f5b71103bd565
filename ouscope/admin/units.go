package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/endpoint"
	"github.com/tenetkit/tenet/internal/httpjson"
	"github.com/tenetkit/tenet/internal/inherit"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/ouscope"
)

// A unitBody is what POST and PUT take. A member that is not there, or null,
// leaves things as they are.
type unitBody struct {
	ID       *string `json:"id"`
	Name     *string `json:"name"`
	Slug     *string `json:"slug"`
	Parent   *string `json:"parent"`
	Active   *bool   `json:"active"`
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

// UnitsHandler returns the handler for GET of the collection, which is the list of
// [ouscope.Scoper.UnitsHandler]; for POST of it, which takes
// {"name":"Leeds","parent":"uk"} and answers 201 with the new unit; and for GET
// and PUT of {id}, which answer 200. A slug that is empty is made of the name.
//
// GET of the collection with filter=disabled=true lists the disabled units that
// the caller may enable, and nothing below them. GET of {id} shows the units of
// the scope, and disabled ones to those who may enable them. PUT takes name, slug,
// parent and disabled, and what GET answers: id and active have to be what they
// are. A member that is left out or null, but the name, stays as it is, so that
// nobody moves or enables a unit by not naming its parent, which GET does not tell
// everybody, or its state.
func (a *Admin) UnitsHandler() http.Handler {
	all := endpoint.New([]string{"page", "limit", "filter"}, http.MethodGet, http.MethodPost)
	add := endpoint.New(nil, http.MethodGet, http.MethodPost)
	one := endpoint.New(nil, http.MethodGet, http.MethodPut)
	list := a.scoper.UnitsHandler()
	disabled := a.scoped(apierror.Handler(a.listDisabled))
	scoped := a.scoped(apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		serves := one
		if id == "" {
			serves = add
		}
		if done, err := serves.Begin(w, r); done || err != nil {
			return err
		}
		switch {
		case id == "":
			return a.createUnit(w, r)
		case r.Method == http.MethodPut:
			return a.changeUnit(w, r, id)
		}
		was, err := a.visible(r.Context(), id)
		if err != nil {
			return err
		}
		return httpjson.Write(w, r, http.StatusOK, view(ouscope.FromContext(r.Context()), was))
	}))
	return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.PathValue("id") != "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			scoped.ServeHTTP(w, r)
			return nil
		}
		if _, err := all.Begin(w, r); err != nil {
			return err
		}
		switch filters := r.URL.Query()["filter"]; {
		case len(filters) == 0:
			list.ServeHTTP(w, r)
		case len(filters) > 1:
			return apierror.BadRequest("filter", "duplicate", "filter must be given only once")
		case filters[0] != "disabled=true":
			return apierror.BadRequest("filter", "unknown", "filter can be disabled=true alone")
		default:
			disabled.ServeHTTP(w, r)
		}
		return nil
	})
}

// listDisabled lists what can be enabled. Units below a disabled one are out of
// use whatever they are themselves, so its own parent is always one in use.
func (a *Admin) listDisabled(w http.ResponseWriter, r *http.Request) error {
	page, limit, err := pagequery.Parse(r.URL.RawQuery, 25, 100, false)
	if err != nil {
		return err
	}
	scope, held := ouscope.FromContext(r.Context()), inherit.FromContext(r.Context())
	if !slices.ContainsFunc(scope.IDs(), func(id string) bool { return held.Inherits(id, a.opts.Role) }) {
		return errAlone
	}
	units, err := a.units(r.Context())
	if err != nil {
		return err
	}
	var found []ouscope.Unit
	for _, u := range units {
		if u.Disabled && held.Inherits(u.Parent, a.opts.Role) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b ouscope.Unit) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	shown := []unitView{}
	for _, u := range found[min((page-1)*limit, len(found)):min(page*limit, len(found))] {
		shown = append(shown, view(scope, u))
	}
	return writeList(w, r, shown, len(found), page, limit)
}

func (a *Admin) createUnit(w http.ResponseWriter, r *http.Request) error {
	body, err := readUnit(r, nil)
	if err != nil {
		return err
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
	if err := a.settle(r, Event{Action: "create_unit", Unit: now, Err: a.store.SaveUnit(r.Context(), ouscope.Unit{}, now)}); err != nil {
		return err
	}
	w.Header().Set("Location", a.opts.UnitsPath+"/"+url.PathEscape(now.ID))
	return httpjson.Write(w, r, http.StatusCreated, view(scope, now))
}

// visible returns the unit that a path names. A disabled unit is in no scope: who
// may enable it sees it.
func (a *Admin) visible(ctx context.Context, id string) (ouscope.Unit, error) {
	was, found, err := a.unit(ctx, id)
	if err != nil {
		return was, err
	}
	mayEnable := was.Disabled && inherit.FromContext(ctx).Inherits(was.Parent, a.opts.Role)
	if !found || !mayEnable && !ouscope.FromContext(ctx).Contains(id) {
		return was, apierror.NotFound("")
	}
	return was, nil
}

func (a *Admin) changeUnit(w http.ResponseWriter, r *http.Request, id string) error {
	was, err := a.visible(r.Context(), id)
	if err != nil {
		return err
	}
	scope := ouscope.FromContext(r.Context())
	if !was.Disabled {
		if err := scope.Check(id, a.opts.Role); err != nil {
			return err
		}
	}
	current := view(scope, was)
	body, err := readUnit(r, &current)
	if err != nil {
		return err
	}
	now := was
	body.apply(&now)
	if err := a.mayMove(r.Context(), was, now); err != nil {
		return err
	}
	if now != was {
		err := a.store.SaveUnit(r.Context(), was, now)
		if err := a.settle(r, Event{Action: "change_unit", Unit: now, Was: was, Err: err}); err != nil {
			return err
		}
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

// readUnit reads the body of a POST, or of a PUT of the unit that reads so now.
func readUnit(r *http.Request, now *unitView) (unitBody, error) {
	var body unitBody
	if err := httpjson.Decode(r, 0, &body); err != nil {
		return body, err
	}
	var f failures
	if body.ID != nil && (now == nil || *body.ID != now.ID) {
		f.add("id", "read_only", "is set by the server")
	}
	if body.Name == nil || strings.TrimSpace(*body.Name) == "" {
		f.add("name", "required", "is required")
	} else {
		f.text("name", *body.Name)
	}
	if body.Slug != nil {
		f.text("slug", *body.Slug)
	}
	if now == nil && (body.Parent == nil || *body.Parent == "") {
		f.add("parent", "required", "is required")
	}
	if body.Active != nil && (now == nil || *body.Active != now.Active) {
		f.add("active", "read_only", "is set by the server")
	}
	return body, f.err()
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
