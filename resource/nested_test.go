package resource_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

type address struct {
	Street string   `json:"street" validate:"required,max=5"`
	Number int      `json:"number" validate:"required"`
	Floor  *int     `json:"floor"`
	Gates  []string `json:"gates"`
}

type item struct {
	SKU      string `json:"sku" validate:"required"`
	Quantity int    `json:"quantity" validate:"required,gte=0"`
}

type orderInput struct {
	Paid     bool              `json:"paid" validate:"required"`
	Discount int               `json:"discount" validate:"required,lte=50"`
	Due      *time.Time        `json:"due"`
	Address  *address          `json:"address"`
	Items    []item            `json:"items" validate:"dive"`
	Labels   map[string]string `json:"labels"`
	Lines    map[string]item   `json:"lines" validate:"dive"`
	Fixed    *[2]item          `json:"fixed"`
	Any      any               `json:"any"`
	Blob     []byte            `json:"blob"`
	Count    uint8             `json:"count"`
}

func (in *orderInput) Validate(context.Context) error {
	if in.Paid && len(in.Items) == 0 {
		return apierror.ValidationFailed(apierror.FieldError{Field: "items", Code: "paid", Message: "A paid order needs items"})
	}
	return nil
}

type order struct {
	ID string `json:"id"`
	OrderFields
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// OrderFields is embedded, so that its members are those of the row.
type OrderFields struct {
	Paid     bool              `json:"paid"`
	Discount int               `json:"discount"`
	Due      *time.Time        `json:"due"`
	Address  *address          `json:"address"`
	Items    []item            `json:"items"`
	Labels   map[string]string `json:"labels"`
	Lines    map[string]item   `json:"lines" validate:"dive"`
	Fixed    *[2]item          `json:"fixed"`
	Any      any               `json:"any"`
	Blob     []byte            `json:"blob"`
	Count    uint8             `json:"count"`
}

func newOrders(t testing.TB) http.Handler {
	t.Helper()
	store, err := resource.NewMemory[order]("")
	if err != nil {
		t.Fatal(err)
	}
	orders, err := resource.New[order, orderInput]("/orders", store, resource.Options{Unscoped: true})
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

func TestNestedBodies(t *testing.T) {
	t.Parallel()
	const before = `{"paid":false,"discount":0,"address":{"street":"Main","number":0,"floor":3,"gates":["a"]},"labels":{"a":"1","b":"2"},"lines":{"a":{"sku":"x","quantity":1}}}`
	tests := map[string]struct {
		method string // PATCH of before, if empty
		body   string
		status int
		want   string // within the answer
	}{
		"a required 0 and false count as present": {
			method: "POST", body: `{"paid":false,"discount":0}`, status: 201, want: `"paid":false,"discount":0`,
		},
		"a required number or bool has to be sent": {
			method: "POST", body: `{}`, status: 422,
			want: `[{"field":"paid","code":"required","message":"Paid is required"},{"field":"discount","code":"required","message":"Discount is required"}]`,
		},
		"also inside": {
			method: "POST", body: `{"paid":false,"discount":0,"address":{"street":"Main"},"items":[{"sku":"x","quantity":0},{"sku":"y"}]}`, status: 422,
			want: `[{"field":"address.number","code":"required","message":"Number is required"},{"field":"items[1].quantity","code":"required","message":"Quantity is required"}]`,
		},
		"the other rules of such a field hold": {
			method: "POST", body: `{"paid":false,"discount":51}`, status: 422, want: `"field":"discount","code":"max"`,
		},
		"paths of inner fields": {
			method: "POST", body: `{"paid":false,"discount":0,"items":[{"sku":"","quantity":1}]}`, status: 422, want: `"field":"items[0].sku","code":"required"`,
		},
		"inner types": {
			method: "POST", body: `{"paid":false,"discount":0,"items":[{"sku":7,"quantity":1}]}`, status: 400, want: `"field":"items[0].sku","code":"type"`,
		},
		"inner unknown names": {
			method: "POST", body: `{"paid":false,"discount":0,"address":{"stret":"x"}}`, status: 400, want: `"field":"address.stret","code":"unknown"`,
		},
		"rules of the input's own": {
			method: "POST", body: `{"paid":true,"discount":0}`, status: 422, want: `"field":"items","code":"paid","message":"A paid order needs items"`,
		},
		"times are kept in UTC and microseconds": {
			method: "POST", body: `{"paid":false,"discount":0,"due":"2026-01-02T03:04:05.123456789+01:00"}`, status: 201, want: `"due":"2026-01-02T02:04:05.123456Z"`,
		},
		"a time whose UTC has no form": {
			method: "POST", body: `{"paid":false,"discount":0,"due":"9999-12-31T23:59:59-10:00"}`, status: 400, want: `"field":"due","code":"type"`,
		},
		"a time that RFC 3339 does not know": {
			method: "POST", body: `{"paid":false,"discount":0,"due":"2026-01-02T3:04:05Z"}`, status: 400, want: `"field":"due","code":"type"`,
		},
		"a nested patch merges": {
			body: `{"address":{"street":"Side"}}`, status: 200, want: `"address":{"street":"Side","number":0,"floor":3,"gates":["a"]}`,
		},
		"a nested null makes null": {
			body: `{"address":{"floor":null}}`, status: 200, want: `"address":{"street":"Main","number":0,"floor":null,"gates":["a"]}`,
		},
		"a nested null where it is not allowed": {
			body: `{"address":{"number":null}}`, status: 422, want: `"field":"address.number","code":"null"`,
		},
		"a null under an unknown name": {
			body: `{"address":{"strete":null}}`, status: 400, want: `"field":"address.strete","code":"unknown"`,
		},
		"a whole object is taken away": {
			body: `{"address":null}`, status: 200, want: `"address":null`,
		},
		"an array is replaced": {
			body: `{"address":{"gates":["b","c"]}}`, status: 200, want: `"gates":["b","c"]`,
		},
		"members of a map are added and taken away": {
			body: `{"labels":{"a":null,"c":"3"}}`, status: 200, want: `"labels":{"b":"2","c":"3"}`,
		},
		"inside a map": {
			method: "POST", body: `{"paid":false,"discount":0,"lines":{"a":{"sku":"x"}}}`, status: 422, want: `"field":"lines.a.quantity","code":"required"`,
		},
		"under a name that is no word": {
			method: "POST", body: `{"paid":false,"discount":0,"lines":{"a.b":{"sku":"x"}}}`, status: 422, want: `"field":"lines[\"a.b\"].quantity","code":"required"`,
		},
		"under a name that is too long for rules": {
			method: "POST", body: `{"paid":false,"discount":0,"lines":{"` + strings.Repeat("é", 128) + `":{"sku":"x","quantity":1}}}`, status: 400,
			want: `"message":"Lines must have names of at most 255 bytes","details":{"field":"lines","code":"max"}`,
		},
		"a patch with such a name": {
			body: `{"lines":{"` + strings.Repeat("a", 256) + `":{"sku":"x","quantity":1}}}`, status: 400, want: `"field":"lines","code":"max"`,
		},
		"a name that is just short enough": {
			method: "POST", body: `{"paid":false,"discount":0,"lines":{"` + strings.Repeat("a", 255) + `":{"sku":"x","quantity":1}}}`, status: 201,
		},
		"a long name that no rule looks at": {
			method: "POST", body: `{"paid":false,"discount":0,"labels":{"` + strings.Repeat("a", 5000) + `":"x"},"any":{"` + strings.Repeat("a", 5000) + `":1}}`, status: 201,
		},
		"under a long name": {
			method: "POST", body: `{"paid":false,"discount":0,"lines":{"` + strings.Repeat("é", 100) + `":{"sku":"x"}}}`, status: 422,
			want: `"details":{"field":"lines.` + strings.Repeat("é", 32) + `….quantity","code":"required"`,
		},
		"a null under a name that is no word": {
			body: `{"lines":{"a.b":{"quantity":null}}}`, status: 422, want: `"field":"lines[\"a.b\"].quantity","code":"null"`,
		},
		"inside an array": {
			method: "POST", body: `{"paid":false,"discount":0,"fixed":[{"sku":"x","quantity":1},{"sku":"y"}]}`, status: 422, want: `"field":"fixed[1].quantity","code":"required"`,
		},
		"an array of another length": {
			method: "POST", body: `{"paid":false,"discount":0,"fixed":[]}`, status: 400, want: `"field":"fixed","code":"type"`,
		},
		"bytes, anything and a small number": {
			method: "POST", body: `{"paid":false,"discount":0,"blob":"AAEC","any":{"x":[1,null]},"count":255}`, status: 201, want: `"any":{"x":[1,null]},"blob":"AAEC","count":255`,
		},
		"a number out of range": {
			method: "POST", body: `{"paid":false,"discount":0,"count":256}`, status: 400, want: `"field":"count","code":"type"`,
		},
		"a member of a map merges": {
			body: `{"lines":{"a":{"quantity":2}}}`, status: 200, want: `"lines":{"a":{"sku":"x","quantity":2}}`,
		},
		"a null in a member of a map": {
			body: `{"lines":{"a":{"quantity":null}}}`, status: 422, want: `"field":"lines.a.quantity","code":"null"`,
		},
		"a member of a map that is new lacks something": {
			body: `{"lines":{"b":{"sku":"y"}}}`, status: 422, want: `"field":"lines.b.quantity","code":"required"`,
		},
		"anything merges": {
			body: `{"any":{"y":1}}`, status: 200, want: `"any":{"y":1}`,
		},
		"a long unknown name": {
			body: `{"` + strings.Repeat("é", 100) + `":1}`, status: 400, want: strings.Repeat("é", 32) + `…"`,
		},
		"an empty name": {
			body: `{"":1}`, status: 400, want: `"message":"Unknown field [\"\"]","details":{"field":"[\"\"]","code":"unknown"}`,
		},
		"an unknown name that is no word": {
			body: `{"address.street":1}`, status: 400, want: `"field":"[\"address.street\"]","code":"unknown"`,
		},
		"rules hold for the merged value": {
			body: `{"address":{"street":"too long"}}`, status: 422, want: `"field":"address.street","code":"max"`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders := newOrders(t)
			target := "/orders"
			if tt.method == "" {
				tt.method = "PATCH"
				created := do(orders, units{}, "POST", "/orders", before)
				if created.Code != http.StatusCreated {
					t.Fatalf("POST %s = %d %s", before, created.Code, created.Body)
				}
				target = created.Header().Get("Location")
			}
			rec := do(orders, units{}, tt.method, target, tt.body)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
				t.Errorf("%s %s = %d %s, want %d with %s", tt.method, tt.body, rec.Code, rec.Body, tt.status, tt.want)
			}
		})
	}
}

func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	body := `{"paid":false,"discount":0,"items":[` + strings.Repeat(`{"sku":"x"},`, 20_000) + `{"sku":"x"}]}`
	rec := do(newOrders(t), units{}, "POST", "/orders", body)
	if diff := cmp.Diff(100, strings.Count(rec.Body.String(), `"message":"Quantity`)-1); rec.Code != 422 || diff != "" {
		t.Errorf("POST = %d with %d bytes, want 422 with 100 failures (-want +got):\n%s", rec.Code, rec.Body.Len(), diff)
	}
}
