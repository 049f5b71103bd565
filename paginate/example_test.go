package paginate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
)

// get shows what a handler answers to a GET.
func get(h http.Handler, target string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	fmt.Println(w.Code, w.Body)
	if link := w.Header().Get("Link"); link != "" {
		fmt.Println("Link:", link)
	}
}

func Example() {
	names := []string{"Ada", "Grace", "Barbara", "Frances", "Radia"}

	mux := http.NewServeMux()
	mux.Handle("GET /names", apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := paginate.Options{}.ParseRequest(r)
		if err != nil {
			return err
		}
		start := min(req.Offset(), len(names))
		end := min(start+req.Limit, len(names))
		return paginate.Write(w, r, paginate.NewPage(req, names[start:end], len(names)))
	}))

	get(mux, "/names?page=2&limit=2")
	get(mux, "/names?limit=500")
	// Output:
	// 200 {"data":["Barbara","Frances"],"total":5,"page":2,"limit":2}
	// Link: <?page=1&limit=2>; rel="first", <?page=1&limit=2>; rel="prev", <?page=3&limit=2>; rel="next", <?page=3&limit=2>; rel="last"
	// 400 {"error":"bad_request","message":"limit must be at most 100","details":{"field":"limit","code":"max"}}
}

// Own defaults.
func ExampleOptions() {
	opts := paginate.Options{DefaultLimit: 50, MaxLimit: 500}

	req, err := opts.ParseQuery("page=3")
	fmt.Println(req.Limit, req.Offset(), err)

	_, err = opts.ParseQuery("limit=1000")
	fmt.Println(err)

	opts.Clamp = true
	req, err = opts.ParseQuery("limit=1000")
	fmt.Println(req.Limit, err)
	// Output:
	// 50 100 <nil>
	// 400 bad_request: limit must be at most 500 (field "limit")
	// 500 <nil>
}

// Many APIs name the resource.
func ExamplePage() {
	leads := []string{"Ada", "Grace"}
	h := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		page := paginate.NewPage(paginate.Request{Page: 1, Limit: 25}, leads, len(leads))
		page.Key = "leads"
		return paginate.Write(w, r, page)
	})

	get(h, "/leads")
	// Output:
	// 200 {"leads":["Ada","Grace"],"total":2,"page":1,"limit":25}
	// Link: <?page=1&limit=25>; rel="first", <?page=1&limit=25>; rel="last"
}

// A total that is not worth counting to the end.
func ExamplePage_Cap() {
	const most = 10_000
	fmt.Println(paginate.CountSQL("events WHERE kind = $1", most))
	count := 10_001 // what the query above gives at most

	h := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		page := paginate.NewPage(paginate.Request{Page: 1, Limit: 1}, []string{"login"}, count)
		return paginate.Write(w, r, page.Cap(most))
	})
	get(h, "/events")
	// Output:
	// SELECT count(*) FROM (SELECT 1 FROM events WHERE kind = $1 LIMIT 10001) AS counted
	// 200 {"data":["login"],"total":10000,"total_capped":true,"page":1,"limit":1}
	// Link: <?page=1&limit=1>; rel="first", <?page=2&limit=1>; rel="next"
}

// A total that is not counted at all.
func ExampleNoTotal() {
	h := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		page := paginate.NewPage(paginate.Request{Page: 1, Limit: 1}, []string{"login"}, paginate.NoTotal)
		return paginate.Write(w, r, page)
	})
	get(h, "/events")
	// Output:
	// 200 {"data":["login"],"page":1,"limit":1}
	// Link: <?page=1&limit=1>; rel="first", <?page=2&limit=1>; rel="next"
}

// A SELECT of one's own, here for PostgreSQL, with a placeholder already taken.
func ExampleRequest_SQL() {
	req, err := paginate.Options{}.ParseQuery("page=3&limit=10")
	if err != nil {
		fmt.Println(err)
		return
	}
	query, args := "SELECT id, name FROM leads WHERE active = $1 ORDER BY name, id ", []any{true}
	end, pageArgs := req.SQL("postgres", 2)

	fmt.Println(query + end)
	fmt.Println(append(args, pageArgs...)...)
	// Output:
	// SELECT id, name FROM leads WHERE active = $1 ORDER BY name, id LIMIT $2 OFFSET $3
	// true 10 20
}
