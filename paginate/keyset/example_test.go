package keyset_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/paginate/keyset"
)

// A server's secret: 32 random bytes, from where its other secrets come from.
var secret = bytes.Repeat([]byte{1}, 32)

type Lead struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

var leads = []Lead{
	{1, "Ada", 10}, {2, "Barbara", 30}, {3, "Frances", 20}, {4, "Grace", 30}, {5, "Radia", 10},
}

// Cursors over two sort keys: the most valuable first, then by id.
func Example() {
	pager, err := keyset.New([][]byte{secret}, keyset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	order := []keyset.Column{{Name: "value", Desc: true}, {Name: "id"}}
	key := func(l Lead) []any { return []any{l.Value, l.ID} }

	mux := http.NewServeMux()
	mux.Handle("GET /leads", apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := pager.ParseRequest(r, order)
		if err != nil {
			return err
		}
		page, err := keyset.NewPage(req, keyset.Select(req, leads, key), key)
		if err != nil {
			return err
		}
		return keyset.Write(w, r, page)
	}))

	for query := "?limit=2"; query != ""; {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/leads"+query, nil))
		var page struct {
			Data       []Lead
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(w.Code, page.Data)
		if query = ""; page.NextCursor != "" {
			query = "?limit=2&cursor=" + page.NextCursor
		}
	}

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/leads?cursor=forged", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 [{2 Barbara 30} {4 Grace 30}]
	// 200 [{3 Frances 20} {1 Ada 10}]
	// 200 [{5 Radia 10}]
	// 400 {"error":"bad_request","message":"cursor is not valid for this list, or no longer: start again without it","details":{"field":"cursor","code":"invalid"}}
}

// The same in a database. The filter and the caller's scope go into the query,
// and into the cursor, which is then of no use under others.
func ExampleRequest_SQL() {
	pager, err := keyset.New([][]byte{secret}, keyset.Options{Limits: paginate.Options{MaxLimit: 50}})
	if err != nil {
		fmt.Println(err)
		return
	}
	order := []keyset.Column{{Name: "value", Desc: true}, {Name: "id"}}
	key := func(l Lead) []any { return []any{l.Value, l.ID} }
	const filter, scope = "active=true", "digest of the caller's scope"

	// The first page ends with Grace ...
	req, err := pager.ParseRequest(httptest.NewRequest("GET", "/leads?limit=1", nil), order, filter, scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	where, tail, args := req.SQL("postgres", 2)
	fmt.Println("WHERE active = $1 AND", where, tail, args)
	page, err := keyset.NewPage(req, []Lead{{4, "Grace", 30}, {3, "Frances", 20}}, key)
	if err != nil {
		fmt.Println(err)
		return
	}

	// ... and the second goes on behind her.
	r := httptest.NewRequest("GET", "/leads?limit=1&cursor="+page.Next, nil)
	if req, err = pager.ParseRequest(r, order, filter, scope); err != nil {
		fmt.Println(err)
		return
	}
	where, tail, args = req.SQL("postgres", 2)
	fmt.Println("WHERE active = $1 AND", where, tail, args)

	_, err = pager.ParseRequest(r, order, filter, "another scope")
	fmt.Println(err)
	// Output:
	// WHERE active = $1 AND (1=1) ORDER BY value DESC, id LIMIT 2 []
	// WHERE active = $1 AND (value <= $2 AND (value < $2 OR (value = $2 AND (id > $3)))) ORDER BY value DESC, id LIMIT 2 [30 4]
	// 400 bad_request: cursor is not valid for this list, or no longer: start again without it (field "cursor")
}
