package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
)

func TestJoinedKeysHaveABucketForEachCombination(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{
		Limit: 1, Also: []ratelimit.KeyFunc{ratelimit.Header("X-Tenant"), ratelimit.Header("X-Region")},
	}}})
	seen := make(map[[3]string]bool)
	for _, key := range []string{"", "a", "a,1:b", "a,:b", "ab", "-", "1:a"} {
		for _, tenant := range []string{"", "b", "b,-", "1:b,-"} {
			for _, region := range []string{"", "-", "c"} {
				combination := [3]string{key, tenant, region}
				if seen[combination] {
					t.Fatalf("%q is tested twice", combination)
				}
				seen[combination] = true
				r := request(key)
				r.Header.Set("X-Tenant", tenant)
				r.Header.Set("X-Region", region)
				if _, err := l.Check(r); err != nil {
					t.Errorf("first request of %q: %v, want it allowed", combination, err)
				}
				if _, err := l.Check(r); err == nil {
					t.Errorf("second request of %q was allowed, want it refused", combination)
				}
			}
		}
	}
}

// "immutable": what New was given can be used for something else.
func TestALimiterKeepsItsPolicies(t *testing.T) {
	t.Parallel()
	policies := []ratelimit.Policy{{Limit: 1, Also: []ratelimit.KeyFunc{ratelimit.Header("X-Tenant")}}}
	l := newLimiter(t, alice, ratelimit.Options{Policies: policies})
	policies[0].Also[0] = nil
	policies[0] = ratelimit.Policy{Limit: 1000}
	for i, allowed := range []bool{true, false} {
		if d, _ := l.Check(request("")); d.Allowed != allowed {
			t.Errorf("request %d = %+v, want allowed: %t", i, d, allowed)
		}
	}
}

// A key that is empty is a caller of its own.
func TestAnEmptyKeyIsNotAMissingOne(t *testing.T) {
	t.Parallel()
	given := func(r *http.Request) (string, bool) {
		values, ok := r.Header["X-Key"]
		return strings.Join(values, ""), ok
	}
	for name, policy := range map[string]ratelimit.Policy{
		"alone":  {Limit: 1, Key: given},
		"joined": {Limit: 1, Also: []ratelimit.KeyFunc{given}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{policy}})
			empty := request("")
			empty.Header.Set("X-Key", "")
			for i, r := range []*http.Request{request(""), empty} {
				if _, err := l.Check(r); err != nil {
					t.Errorf("first request of caller %d: %v, want it allowed", i, err)
				}
				if _, err := l.Check(r); err == nil {
					t.Errorf("second request of caller %d was allowed, want it refused", i)
				}
			}
		})
	}
}

func TestAPolicyOfItsOwnKey(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 1, Key: ratelimit.Header("X-Tenant")}}})
	for i, allowed := range []bool{true, false} {
		r := request([]string{"alice", "bob"}[i])
		r.Header.Set("X-Tenant", "acme")
		if d, _ := l.Check(r); d.Allowed != allowed {
			t.Errorf("request %d of the tenant = %+v, want allowed: %t", i, d, allowed)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{
		Limit: 1, Match: func(r *http.Request) bool { return r.Method == "POST" },
	}}})
	h := l.Handler(http.HandlerFunc(hello))
	for i, want := range []struct {
		method  string
		status  int
		counted bool
	}{{"GET", 200, false}, {"POST", 200, true}, {"GET", 200, false}, {"POST", 429, true}, {"GET", 200, false}} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(want.method, "/", nil))
		_, counted := rec.Header()["X-Ratelimit-Limit"]
		if rec.Code != want.status || counted != want.counted {
			t.Errorf("request %d: %s = %d, counted: %t, want %d, %t", i, want.method, rec.Code, counted, want.status, want.counted)
		}
	}
}

// "what comes from a caller's parameters must not refill a bucket"
func TestANegativeCostRefillsNothing(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{
		Limit: 3, Period: time.Hour,
		Cost: func(r *http.Request) int {
			n, _ := strconv.Atoi(r.URL.Query().Get("rows"))
			return n
		},
	}}})
	for _, step := range []struct {
		rows    string
		allowed bool
		left    int
	}{
		{"2", true, 1},
		{"-2", true, 1},
		{"-9223372036854775808", true, 1},
		{"9223372036854775807", false, 1},
		{"2", false, 1},
		{"1", true, 0},
		{"-1", true, 0},
		{"1", false, 0},
	} {
		d, _ := l.Check(httptest.NewRequest("GET", "/?rows="+step.rows, nil))
		if d.Allowed != step.allowed || d.Remaining != step.left {
			t.Errorf("Check of %s rows = %+v, want allowed: %t and %d left", step.rows, d, step.allowed, step.left)
		}
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	plans := map[string]ratelimit.Rate{
		"gold":    {Limit: 1000, Burst: 3000},
		"silver":  {Limit: 500},
		"hourly":  {Limit: 50, Period: time.Hour},
		"broken":  {Limit: -1},
		"endless": {Limit: 1 << 62, Burst: 1 << 62},
	}
	l := newLimiter(t, named, ratelimit.Options{Policies: []ratelimit.Policy{{
		Limit: 10, Burst: 20,
		Plan: func(r *http.Request) ratelimit.Rate { return plans[r.Header.Get("X-Key")] },
	}}})
	tests := map[string]struct {
		limit, remaining int
		period           time.Duration
	}{
		"gold":    {1000, 2999, time.Minute},
		"silver":  {500, 499, time.Minute},
		"hourly":  {50, 49, time.Hour},
		"broken":  {10, 19, time.Minute},
		"endless": {10, 19, time.Minute},
		"none":    {10, 19, time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := l.Check(request(name))
			if err != nil || d.Limit != tt.limit || d.Remaining != tt.remaining || d.Period != tt.period {
				t.Errorf("Check = %+v, %v, want limit %d, remaining %d, period %v", d, err, tt.limit, tt.remaining, tt.period)
			}
		})
	}
}

func TestAPlanThatChangesKeepsTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plan := ratelimit.Rate{Limit: 1, Burst: 60}
		l := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{
			Plan: func(*http.Request) ratelimit.Rate { return plan },
		}}})
		for range 60 {
			_, _ = l.Check(request(""))
		}
		// An hour of debt is no more than an empty bucket of the better plan.
		plan = ratelimit.Rate{Limit: 60, Burst: 60}
		d, _ := l.Check(request(""))
		if d.Allowed || d.Remaining != 0 || d.RetryAfter > time.Minute {
			t.Errorf("Check after the change = %+v, want it refused for a minute at most", d)
		}
	})
}

func TestShadow(t *testing.T) {
	t.Parallel()
	store := newMemory(t, 10)
	l, err := ratelimit.New(store, alice, ratelimit.Options{Policies: []ratelimit.Policy{
		{Name: "next-year", Limit: 2, Shadow: true},
		{Name: "now", Limit: 4, Period: time.Hour},
		{Name: "later", Limit: 1, Shadow: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []ratelimit.Decision{
		{Allowed: true, Remaining: 3},
		{Allowed: true, Remaining: 2, Shadowed: "later"},
		{Allowed: true, Remaining: 1, Shadowed: "next-year"},
		{Allowed: true, Remaining: 0, Shadowed: "next-year"},
		{Allowed: false, Remaining: 0},
	} {
		d, _ := l.Check(request(""))
		got := ratelimit.Decision{Allowed: d.Allowed, Remaining: d.Remaining, Shadowed: d.Shadowed}
		if diff := cmp.Diff(want, got); diff != "" || d.Policy != "now" {
			t.Errorf("request %d under policy %q mismatch (-want +got):\n%s", i, d.Policy, diff)
		}
	}
	// "Requests that other policies refuse are not counted", nor given back.
	if s := take(t, store, "next-year:alice", 0, ratelimit.Rate{Limit: 2, Period: time.Minute, Burst: 2}); s.Remaining != 0 {
		t.Errorf("the shadow's bucket = %+v, want it empty", s)
	}
}

func TestAShadowAloneIsNotTold(t *testing.T) {
	t.Parallel()
	h := newLimiter(t, alice, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 1, Shadow: true}}}).Handler(http.HandlerFunc(hello))
	for range 3 {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, request(""))
		if rec.Code != 200 || rec.Header().Get("X-RateLimit-Limit") != "" {
			t.Errorf("answer = %d %v, want 200 without header fields", rec.Code, rec.Header())
		}
	}
}

func TestDraftHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(t, alice, ratelimit.Options{DraftHeaders: true}).Handler(http.HandlerFunc(hello))
		var rec *httptest.ResponseRecorder
		for range 3 {
			rec = httptest.NewRecorder()
			h.ServeHTTP(rec, request(""))
		}
		for field, want := range map[string]string{
			"RateLimit-Policy":      `"default";q=100;w=60`,
			"RateLimit":             `"default";r=197;t=1`,
			"X-RateLimit-Remaining": "197",
		} {
			if got := rec.Header().Get(field); got != want {
				t.Errorf("%s = %s, want %s", field, got, want)
			}
		}
	})
}

// What RateLimit-Policy says is the caller's own, also by a plan or in an outage.
func TestDraftHeadersOfPlansAndShares(t *testing.T) {
	t.Parallel()
	opts := ratelimit.Options{
		DraftHeaders: true, Instances: 4,
		Policies: []ratelimit.Policy{{Name: "first", Limit: 1000}, {Name: "second", Plan: func(r *http.Request) ratelimit.Rate {
			return map[string]ratelimit.Rate{"gold": {Limit: 400, Period: 10 * time.Second}}[r.Header.Get("X-Key")]
		}}},
	}
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty(t)
		l, err := ratelimit.New(store, named, opts)
		if err != nil {
			t.Fatal(err)
		}
		h := l.Handler(http.HandlerFunc(hello))
		for _, tt := range []struct {
			key          string
			down         bool
			policy, left string
		}{
			{"", false, `"second";q=100;w=60`, `"second";r=199;t=1`},
			{"gold", false, `"second";q=400;w=10`, `"second";r=399;t=1`},
			{"gold", true, `"second";q=100;w=10`, `"second";r=99;t=1`},
			{"", true, `"second";q=25;w=60`, `"second";r=49;t=3`},
		} {
			store.fail(nil)
			if tt.down {
				store.fail(refuse)
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, request(tt.key))
			if got := rec.Header().Get("RateLimit-Policy"); got != tt.policy {
				t.Errorf("%q, down: %t: RateLimit-Policy = %s, want %s", tt.key, tt.down, got, tt.policy)
			}
			if got := rec.Header().Get("RateLimit"); got != tt.left {
				t.Errorf("%q, down: %t: RateLimit = %s, want %s", tt.key, tt.down, got, tt.left)
			}
		}
	})
}

func TestDraftHeadersWithoutAPolicy(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	store.fail(refuse)
	h := guarded(t, store, ratelimit.Options{DraftHeaders: true, FailOpen: true}).Handler(http.HandlerFunc(hello))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, request(""))
	if _, ok := rec.Header()["Ratelimit"]; ok || rec.Code != http.StatusOK {
		t.Errorf("answer = %d %v, want 200 without the fields", rec.Code, rec.Header())
	}
}

func TestDraftHeadersOfAFullBucket(t *testing.T) {
	t.Parallel()
	h := newLimiter(t, alice, ratelimit.Options{
		DraftHeaders: true,
		Policies:     []ratelimit.Policy{{Name: "export", Period: 90*time.Second + 1, Cost: func(*http.Request) int { return 0 }}},
	}).Handler(http.HandlerFunc(hello))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, request(""))
	if got, want := rec.Header().Get("RateLimit-Policy"), `"export";q=100;w=91`; got != want {
		t.Errorf("RateLimit-Policy = %s, want %s", got, want)
	}
	if got, want := rec.Header().Get("RateLimit"), `"export";r=200;t=0`; got != want {
		t.Errorf("RateLimit = %s, want %s", got, want)
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cost     int
		policies []string
		want     [2]int // remaining of a and b, each 9 of 10 before
	}{
		"all policies":                {cost: 3, want: [2]int{6, 6}},
		"one policy":                  {cost: 3, policies: []string{"b"}, want: [2]int{9, 6}},
		"all that is left":            {cost: 9, want: [2]int{0, 0}},
		"more than is left":           {cost: 10, want: [2]int{0, 0}},
		"more than the burst":         {cost: 11, policies: []string{"a"}, want: [2]int{0, 9}},
		"nothing":                     {cost: 0, want: [2]int{9, 9}},
		"given back":                  {cost: -1, policies: []string{"a", "b"}, want: [2]int{10, 10}},
		"more given back than taken":  {cost: -5, want: [2]int{10, 10}},
		"the most that can be asked":  {cost: 1<<63 - 1, want: [2]int{0, 0}},
		"the least that can be asked": {cost: -1 << 63, want: [2]int{10, 10}},
	}
	for name, tt := range tests {
		for kind, wrap := range map[string]func(ratelimit.Store) ratelimit.Store{
			"in memory":      func(s ratelimit.Store) ratelimit.Store { return s },
			"behind a guard": func(s ratelimit.Store) ratelimit.Store { return struct{ ratelimit.Store }{s} },
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				store := newMemory(t, 10)
				l, err := ratelimit.New(wrap(store), alice, ratelimit.Options{Timeout: time.Minute, Policies: []ratelimit.Policy{
					{Name: "a", Limit: 10, Period: time.Hour}, {Name: "b", Limit: 10, Period: time.Hour},
				}})
				if err != nil {
					t.Fatal(err)
				}
				r := request("")
				_, _ = l.Check(r)
				if err := l.Charge(r, tt.cost, tt.policies...); err != nil {
					t.Fatalf("Charge error = %v", err)
				}
				rate := ratelimit.Rate{Limit: 10, Period: time.Hour, Burst: 10}
				got := [2]int{take(t, store, "a:alice", 0, rate).Remaining, take(t, store, "b:alice", 0, rate).Remaining}
				if got != tt.want {
					t.Errorf("remaining after Charge(%d, %q) = %v, want %v", tt.cost, tt.policies, got, tt.want)
				}
			})
		}
	}
}

func TestChargeKnowsItsPolicies(t *testing.T) {
	t.Parallel()
	if err := newLimiter(t, alice, ratelimit.Options{}).Charge(request(""), 1, "export"); err == nil {
		t.Error("Charge under a policy that does not exist: error = nil, want one")
	}
}

func TestAChargeDuringAnOutageGoesToTheLocalShare(t *testing.T) {
	t.Parallel()
	store := newFaulty(t)
	store.fail(refuse)
	l := guarded(t, store, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: 10, Period: time.Hour}}})
	if err := l.Charge(request(""), 8); err != nil {
		t.Fatalf("Charge error = %v", err)
	}
	if d, err := l.Check(request("")); err != nil || d.Remaining != 1 {
		t.Errorf("Check = %+v, %v, want 1 left", d, err)
	}
}
