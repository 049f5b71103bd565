package ratelimit_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// subject stands for auth.Subject: it names the caller that a middleware further
// out has authenticated.
func subject(r *http.Request) (string, bool) {
	id, _, ok := r.BasicAuth()
	return id, ok
}

// Each caller may send two requests per minute. Without Policies it is the
// contract's 100 per minute with a burst of 200.
func Example() {
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New(store, subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 2}},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /widgets", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "[]")
	})
	server := httptest.NewServer(limiter.Handler(mux))
	defer server.Close()

	for range 3 {
		res, err := http.Get(server.URL + "/widgets")
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.StatusCode, res.Header.Get("X-RateLimit-Remaining"), "of", res.Header.Get("X-RateLimit-Limit"))
	}
	// Output:
	// 200 1 of 2
	// 200 0 of 2
	// 429 0 of 2
}

// answer serves one request of a caller and prints what came back.
func answer(h http.Handler, r *http.Request) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	fmt.Println(rec.Code, rec.Header().Get("X-RateLimit-Limit"), rec.Header().Get("X-RateLimit-Remaining"), rec.Body)
}

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })

func memory() *ratelimit.Memory {
	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return store
}

// Each caller has its own bucket, of the size of its plan.
func ExamplePolicy_plan() {
	plans := map[string]ratelimit.Rate{"acme": {Limit: 1000, Burst: 5000}}
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{
			Plan: func(r *http.Request) ratelimit.Rate {
				client, _ := subject(r)
				return plans[client] // the zero Rate is the policy's own
			},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(ok)
	for _, client := range []string{"acme", "other"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(client, "secret")
		answer(h, r)
	}
	// Output:
	// 200 1000 4999 ok
	// 200 100 199 ok
}

// Behind a load balancer at 10.0.0.0/8: the caller is whom the balancer names,
// whatever the caller itself has put into the field.
func ExampleIP() {
	key, err := ratelimit.IP(ratelimit.IPOptions{Proxies: []string{"10.0.0.0/8"}})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New(memory(), key, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 3}},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(ok)
	for _, forged := range []string{"", "198.51.100.1, ", "198.51.100.2, "} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.9:4711"
		r.Header.Set("X-Forwarded-For", forged+"203.0.113.5")
		answer(h, r)
	}
	// Output:
	// 200 3 2 ok
	// 200 3 1 ok
	// 200 3 0 ok
}

// Two policies: the contract for each caller, and a limit for all together.
func ExampleOptions_policies() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{
			{Name: "caller"},
			{
				Name: "everybody", Limit: 3,
				Key: func(*http.Request) (string, bool) { return "", true },
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := limiter.Handler(ok)
	for _, client := range []string{"a", "b", "c", "d"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(client, "secret")
		answer(h, r)
	}
	// Output:
	// 200 3 2 ok
	// 200 3 1 ok
	// 200 3 0 ok
	// 429 3 0 {"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limit_exceeded"}}
}

// An export costs one request for every thousand rows that the caller asks for,
// and, once it is written, what it really was.
func ExampleLimiter_Charge() {
	rows := func(r *http.Request) int {
		n, _ := strconv.Atoi(r.URL.Query().Get("rows"))
		return n
	}
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{Name: "export", Period: time.Hour, Cost: func(r *http.Request) int { return 1 + rows(r)/1000 }}},
	})
	if err != nil {
		log.Fatal(err)
	}
	export := limiter.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const found = 20_000
		fmt.Fprint(w, min(rows(r), found), " rows")
		if unused := rows(r)/1000 - found/1000; unused > 0 {
			if err := limiter.Charge(r, -unused, "export"); err != nil {
				log.Print(err)
			}
		}
	}))
	answer(export, httptest.NewRequest("GET", "/export?rows=5000", nil))
	answer(export, httptest.NewRequest("GET", "/export?rows=100000", nil))
	answer(export, httptest.NewRequest("GET", "/export?rows=0", nil))
	answer(export, httptest.NewRequest("GET", "/export?rows=1000000", nil))
	// Output:
	// 200 100 194 5000 rows
	// 200 100 93 20000 rows
	// 200 100 172 0 rows
	// 429 100 172 {"error":"too_many_requests","message":"The request costs more than the limit allows at once","details":{"code":"cost_exceeds_burst"}}
}

// Ten wrong guesses an hour for each address: a request is let in for 1, which
// those that succeed get back.
func ExampleLimiter_Charge_failures() {
	key, err := ratelimit.IP(ratelimit.IPOptions{})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New(memory(), key, ratelimit.Options{
		Policies: []ratelimit.Policy{{Name: "login", Limit: 10, Period: time.Hour}},
	})
	if err != nil {
		log.Fatal(err)
	}
	login := limiter.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "wrong")
			return
		}
		if err := limiter.Charge(r, -1, "login"); err != nil {
			log.Print(err)
		}
		fmt.Fprint(w, "welcome")
	}))
	for _, secret := range []string{"wrong", "right", "right", "wrong"} {
		r := httptest.NewRequest("POST", "/login", nil)
		r.SetBasicAuth("alice", secret)
		answer(login, r)
	}
	// Output:
	// 401 10 9 wrong
	// 200 10 8 welcome
	// 200 10 8 welcome
	// 401 10 8 wrong
}

// Middleware of another kind asks Check and answers itself.
func ExampleLimiter_Check() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		decision, err := limiter.Check(httptest.NewRequest("GET", "/", nil))
		fmt.Println(decision.Allowed, decision.Remaining, err)
	}
	// Output:
	// true 0 <nil>
	// false 0 429 too_many_requests: Rate limit exceeded
}

// Each caller has a bucket for each route. The limiter sits inside the router:
// outside of it the pattern is not known yet.
func ExamplePolicy_route() {
	limiter, err := ratelimit.New(memory(), subject, ratelimit.Options{
		Policies: []ratelimit.Policy{{
			Name: "route", Limit: 2,
			Also: []ratelimit.KeyFunc{func(r *http.Request) (string, bool) { return r.Pattern, true }},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /widgets/{id}", limiter.Handler(ok))
	mux.Handle("GET /gadgets/{id}", limiter.Handler(ok))
	for _, path := range []string{"/widgets/1", "/widgets/2", "/gadgets/1"} {
		answer(mux, httptest.NewRequest("GET", path, nil))
	}
	// Output:
	// 200 2 1 ok
	// 200 2 0 ok
	// 200 2 1 ok
}
