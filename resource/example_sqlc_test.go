package resource_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

// What sqlc makes of
//
//	-- name: ListGadgets :many
//	SELECT * FROM gadgets WHERE org_unit = ANY($1::text[]) ORDER BY id LIMIT $2 OFFSET $3;
//
//	-- name: CountGadgets :one
//	SELECT count(*) FROM gadgets WHERE org_unit = ANY($1::text[]);
//
//	-- name: GetGadget :one
//	SELECT * FROM gadgets WHERE id = $1 AND org_unit = ANY($2::text[]);
//
//	-- name: CreateGadget :exec
//	INSERT INTO gadgets (id, name, org_unit, created_at, updated_at) VALUES ($1, $2, $3, $4, $5);
type (
	Gadget struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		OrgUnit   string    `json:"org_unit"`
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	ListGadgetsParams struct {
		Units         []string
		Limit, Offset int32
	}
	GetGadgetParams struct {
		ID    string
		Units []string
	}
	Queries struct{ gadgets []Gadget }
)

func (q *Queries) ListGadgets(_ context.Context, arg ListGadgetsParams) ([]Gadget, error) {
	found := slices.DeleteFunc(slices.Clone(q.gadgets), func(g Gadget) bool { return !slices.Contains(arg.Units, g.OrgUnit) })
	start := min(int(arg.Offset), len(found))
	return found[start:min(start+int(arg.Limit), len(found))], nil
}

func (q *Queries) CountGadgets(ctx context.Context, units []string) (int64, error) {
	found, err := q.ListGadgets(ctx, ListGadgetsParams{Units: units, Limit: 1 << 30})
	return int64(len(found)), err
}

func (q *Queries) GetGadget(_ context.Context, arg GetGadgetParams) (Gadget, error) {
	for _, g := range q.gadgets {
		if g.ID == arg.ID && slices.Contains(arg.Units, g.OrgUnit) {
			return g, nil
		}
	}
	return Gadget{}, sql.ErrNoRows
}

func (q *Queries) CreateGadget(_ context.Context, arg Gadget) error {
	q.gadgets = append(q.gadgets, arg)
	return nil
}

// gadgetStore is a store over those queries: it lists, gets and creates. PUT, PATCH
// and DELETE are a 405.
type gadgetStore struct{ queries *Queries }

func (s gadgetStore) List(ctx context.Context, scope resource.Scope, q resource.Query) ([]Gadget, int, error) {
	if scope == nil {
		return nil, 0, nil
	}
	gadgets, err := s.queries.ListGadgets(ctx, ListGadgetsParams{Units: scope.IDs(), Limit: int32(q.Limit), Offset: int32(q.Offset)})
	if err != nil {
		return nil, 0, err
	}
	total, err := s.queries.CountGadgets(ctx, scope.IDs())
	return gadgets, int(total), err
}

func (s gadgetStore) Get(ctx context.Context, scope resource.Scope, id string) (Gadget, error) {
	if scope == nil {
		return Gadget{}, resource.ErrNotFound
	}
	gadget, err := s.queries.GetGadget(ctx, GetGadgetParams{ID: id, Units: scope.IDs()})
	if errors.Is(err, sql.ErrNoRows) {
		err = resource.ErrNotFound
	}
	return gadget, err
}

func (s gadgetStore) Create(ctx context.Context, scope resource.Scope, gadget Gadget) (Gadget, error) {
	if scope == nil || !scope.Contains(gadget.OrgUnit) {
		return gadget, resource.ErrNotFound
	}
	return gadget, s.queries.CreateGadget(ctx, gadget)
}

type GadgetInput struct {
	Name string `json:"name" validate:"required"`
}

// A store of one's own over the queries of sqlc.
func Example_sqlc() {
	store := gadgetStore{&Queries{gadgets: []Gadget{{ID: "1", Name: "Lamp", OrgUnit: "emea"}, {ID: "2", Name: "Fan", OrgUnit: "apac"}}}}
	gadgets, err := resource.New[Gadget, GadgetInput]("/gadgets", store, resource.Options{Scope: scopeFromRequest})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(do(gadgets, editor, "POST", "/gadgets", `{"name":"Clock"}`).Code)
	fmt.Println(call(gadgets, "GET", "/gadgets?page=2&limit=1", ""))
	fmt.Println(call(gadgets, "GET", "/gadgets/2", ""))
	fmt.Println(call(gadgets, "DELETE", "/gadgets/1", ""))
	// Output:
	// 201
	// 200 {"data":[{"name":"Clock"}],"total":2,"page":2,"limit":1}
	// 404 {"error":"not_found","message":"Resource not found"}
	// 405 {"error":"method_not_allowed","message":"Method not allowed on this resource"}
}

// Any operation can be a func of one's own: a method of the store. The body has
// been read and checked before, and what the method returns is encoded.
func Example_ownOperation() {
	memory, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", selling{memory}, resource.Options{Scope: scopeFromRequest})
	if err != nil {
		log.Fatal(err)
	}
	location := do(widgets, editor, "POST", "/widgets", `{"name":"Gear","price":3}`).Header().Get("Location")
	fmt.Println(call(widgets, "PATCH", location, `{"price":4}`))
	fmt.Println(call(widgets, "PATCH", location, `{"price":1}`))
	fmt.Println(call(widgets, "PATCH", location, `{"price":"much"}`))
	// Output:
	// 200 {"name":"Gear","note":"was 3","price":4}
	// 409 {"error":"conflict","message":"Prices only rise","details":{"field":"price","code":"falls"}}
	// 400 {"error":"bad_request","message":"Price must be a number","details":{"field":"price","code":"type"}}
}

type selling struct{ resource.Store[Widget] }

func (s selling) Update(ctx context.Context, scope resource.Scope, id string, change func(Widget) (Widget, error)) (Widget, error) {
	return s.Store.Update(ctx, scope, id, func(old Widget) (Widget, error) {
		row, err := change(old)
		switch {
		case err != nil:
			return row, err
		case row.Price < old.Price:
			return row, apierror.Conflict("price", "falls", "Prices only rise")
		case row.Price > old.Price:
			row.Note = new(fmt.Sprint("was ", old.Price))
		}
		return row, nil
	})
}
