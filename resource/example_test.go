package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/tenetkit/tenet/paginate/keyset"
	"github.com/tenetkit/tenet/resource"
)

// A Widget is what callers see.
type Widget struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Note      *string   `json:"note"`
	Price     float64   `json:"price"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// A WidgetInput is what callers write.
type WidgetInput struct {
	Name  string  `json:"name" validate:"required,max=50"`
	Note  *string `json:"note"`
	Price float64 `json:"price" validate:"required,gte=0"`
}

// One declaration serves six routes with filter, sort, paging, ETags and PATCH, in
// twelve lines beside the types of its row and its input.
func Example() {
	// The twelve lines:
	mux := http.NewServeMux()
	store, err1 := resource.NewMemory[Widget]("org_unit")
	widgets, err2 := resource.New[Widget, WidgetInput]("/widgets", store, resource.Options{
		Scope:  func(*http.Request) resource.Scope { return editor }, // or ouscope.FromContext
		Filter: []string{"name", "price"},
		Sort:   []string{"name", "price", "created_at"},
	})
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	mux.Handle("/widgets", widgets)
	mux.Handle("/widgets/{id}", widgets)
	// That is all.

	created := do(mux, editor, "POST", "/widgets", `{"name":"Gear","price":0}`)
	gear, tag := created.Header().Get("Location"), created.Header().Get("Etag")
	fmt.Println(call(mux, "POST", "/widgets", `{"name":"Sprocket","price":2.5}`))
	fmt.Println(call(mux, "GET", "/widgets?filter=price>=1&sort=-name", ""))
	fmt.Println(call(mux, "GET", "/widgets?price=0", ""))
	fmt.Println(call(mux, "POST", "/widgets", `{"name":"","note":"x"}`))
	fmt.Println(call(mux, "GET", gear, ""))
	fmt.Println(do(mux, editor, "GET", gear, "", "If-None-Match: "+tag).Code)
	fmt.Println(call(mux, "PATCH", gear, `{"price":3}`))
	fmt.Println(do(mux, editor, "PATCH", gear, `{"price":4}`, "If-Match: "+tag).Code)
	fmt.Println(call(mux, "PUT", gear, `{"name":"Cog","price":1}`))
	fmt.Println(do(mux, editor, "DELETE", gear, "").Code)
	// Output:
	// 201 {"name":"Sprocket","note":null,"price":2.5}
	// 200 {"data":[{"name":"Sprocket","note":null,"price":2.5}],"total":1,"page":1,"limit":25}
	// 400 {"error":"bad_request","message":"Unknown parameter price; use filter=price=0","details":{"field":"price","code":"unknown"}}
	// 422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"},{"field":"price","code":"required","message":"Price is required"}]}}
	// 200 {"name":"Gear","note":null,"price":0}
	// 304
	// 200 {"name":"Gear","note":null,"price":3}
	// 412
	// 200 {"name":"Cog","note":null,"price":1}
	// 204
}

// Absent, null and zero are three different things in a PATCH.
func Example_patch() {
	widgets := newWidgets()
	location := do(widgets, editor, "POST", "/widgets", `{"name":"Gear","note":"old","price":3}`).Header().Get("Location")

	fmt.Println(call(widgets, "PATCH", location, `{"price":0}`))
	fmt.Println(call(widgets, "PATCH", location, `{"note":null}`))
	fmt.Println(call(widgets, "PATCH", location, `{"price":null}`))
	// Output:
	// 200 {"name":"Gear","note":"old","price":0}
	// 200 {"name":"Gear","note":null,"price":0}
	// 422 {"error":"validation_failed","message":"Price must not be null","details":{"field":"price","code":"null","errors":[{"field":"price","code":"null","message":"Price must not be null"}]}}
}

// If-Match keeps two callers from overwriting each other.
func Example_ifMatch() {
	widgets := newWidgets()
	created := do(widgets, editor, "POST", "/widgets", `{"name":"Gear","price":1}`)
	location, tag := created.Header().Get("Location"), created.Header().Get("Etag")

	fmt.Println(do(widgets, editor, "PATCH", location, `{"price":2}`, "If-Match: "+tag).Code)
	fmt.Println(do(widgets, editor, "PATCH", location, `{"price":3}`, "If-Match: "+tag).Code)
	// Output:
	// 200
	// 412
}

// Beside comparisons, ~= asks for one of several values and ^= for a beginning. A
// value with a comma stands in double quotes, as in CSV.
func Example_filter() {
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", store, resource.Options{Scope: scopeFromRequest, Filter: []string{"name", "price"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, body := range []string{`{"name":"Gear, small","price":3}`, `{"name":"Gear","price":8}`, `{"name":"Nut","price":1}`} {
		do(widgets, editor, "POST", "/widgets", body)
	}
	for _, filter := range []string{`name^=Gear`, `name~="Gear, small",Nut`, `price~=1,8`, `name~=Nut,`} {
		fmt.Println(call(widgets, "GET", "/widgets?limit=1&filter="+url.QueryEscape(filter), ""))
	}
	// Output:
	// 200 {"data":[{"name":"Gear, small","note":null,"price":3}],"total":2,"page":1,"limit":1}
	// 200 {"data":[{"name":"Gear, small","note":null,"price":3}],"total":2,"page":1,"limit":1}
	// 200 {"data":[{"name":"Gear","note":null,"price":8}],"total":2,"page":1,"limit":1}
	// 400 {"error":"bad_request","message":"filter must list values of name: an empty value is written \"\"","details":{"field":"filter","code":"list"}}
}

// A list is read to its end by cursors, at the same cost at any depth. The first
// answer has the total and a cursor; those behind it go on until there is none.
func Example_cursors() {
	secret := []byte("32 random bytes of all servers...") // from where other secrets come from
	pager, err := keyset.New([][]byte{secret}, keyset.Options{})
	if err != nil {
		log.Fatal(err)
	}
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", store, resource.Options{
		Scope: scopeFromRequest, Sort: []string{"price"}, Cursors: pager,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, body := range []string{`{"name":"Gear","price":3}`, `{"name":"Nut","price":1}`, `{"name":"Cog","price":2}`} {
		do(widgets, editor, "POST", "/widgets", body)
	}
	for query := "?sort=-price&limit=2"; query != ""; {
		var list struct {
			Data       []Widget
			Total      *int
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(do(widgets, editor, "GET", "/widgets"+query, "").Body.Bytes(), &list); err != nil {
			log.Fatal(err)
		}
		for _, widget := range list.Data {
			fmt.Println(widget.Name, widget.Price)
		}
		if query = ""; list.NextCursor != "" {
			fmt.Println("there are more, of", *list.Total)
			query = "?sort=-price&limit=2&cursor=" + list.NextCursor
		}
	}
	fmt.Println(call(widgets, "GET", "/widgets?cursor=forged", ""))
	// Output:
	// Gear 3
	// Cog 2
	// there are more, of 3
	// Nut 1
	// 400 {"error":"bad_request","message":"cursor is not valid for this list, or no longer: start again without it","details":{"field":"cursor","code":"invalid"}}
}

// A store of one's own implements the operations that it has; the others are a
// 405. This one would be four lines for a query that sqlc made.
func Example_ownStore() {
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", catalog{}, resource.Options{Scope: scopeFromRequest})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(call(widgets, "GET", "/widgets/gear", ""))
	fmt.Println(call(widgets, "GET", "/widgets/nut", ""))
	fmt.Println(call(widgets, "DELETE", "/widgets/gear", ""))
	// Output:
	// 200 {"name":"Gear","note":null,"price":3}
	// 404 {"error":"not_found","message":"Resource not found"}
	// 405 {"error":"method_not_allowed","message":"Method not allowed on this resource"}
}

type catalog struct{}

func (catalog) Get(_ context.Context, scope resource.Scope, id string) (Widget, error) {
	if id != "gear" || scope == nil || !scope.Contains("emea") {
		return Widget{}, resource.ErrNotFound
	}
	return Widget{ID: id, Name: "Gear", Price: 3, OrgUnit: "emea"}, nil
}

// What is to happen around an operation goes into a type that embeds the store.
func Example_hook() {
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", notifying{store}, resource.Options{Scope: scopeFromRequest})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(call(widgets, "POST", "/widgets", `{"name":"Gear","price":3}`))
	// Output:
	// created Gear in emea
	// 201 {"name":"Gear","note":null,"price":3}
}

type notifying struct{ resource.Store[Widget] }

func (n notifying) Create(ctx context.Context, scope resource.Scope, row Widget) (Widget, error) {
	row, err := n.Store.Create(ctx, scope, row)
	if err == nil {
		fmt.Println("created", row.Name, "in", row.OrgUnit)
	}
	return row, err
}

func newWidgets() http.Handler {
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		log.Fatal(err)
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", store, resource.Options{Scope: scopeFromRequest})
	if err != nil {
		log.Fatal(err)
	}
	return widgets
}

// scopeFromRequest stands for ouscope.FromContext(r.Context()).
func scopeFromRequest(*http.Request) resource.Scope { return editor }

// call returns status and body without what differs from run to run.
func call(h http.Handler, method, target, body string) string {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	text := rec.Body.String()
	for {
		start := strings.Index(text, `"id":"`)
		end := strings.Index(text, `"name":`)
		if start < 0 || end < start {
			break
		}
		text = text[:start] + text[end:]
		start = strings.Index(text, `,"org_unit":`)
		text = text[:start] + text[start+strings.IndexByte(text[start:], '}'):]
	}
	return fmt.Sprint(rec.Code, " ", text)
}
