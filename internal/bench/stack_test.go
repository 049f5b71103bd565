package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
	"github.com/go-chi/jwtauth/v5"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/resource"
)

// rows is the storage that every stack uses: leads by unit and by id, without a
// lock, so that the stacks and not the storage are measured.
type rows struct {
	byUnit map[string][]Lead
	byID   map[string]Lead
}

const (
	units   = 50
	perUnit = 2000
)

func newRows() *rows {
	s := &rows{map[string][]Lead{}, map[string]Lead{}}
	for u := range units {
		unit := "unit-" + strconv.Itoa(u)
		list := leads(perUnit)
		for i := range list {
			list[i].OrgUnit = unit
			list[i].ID = fmt.Sprintf("01890a5d-ac96-774b-%04d-%012d", u, i)
			s.byID[list[i].ID] = list[i]
		}
		s.byUnit[unit] = list
	}
	return s
}

func (s *rows) page(unit string, offset, limit int) ([]Lead, int) {
	list := s.byUnit[unit]
	first := min(offset, len(list))
	return list[first:min(first+limit, len(list))], len(list)
}

// List serves resource. The benchmarks' caller has one unit.
func (s *rows) List(_ context.Context, scope resource.Scope, q resource.Query) ([]Lead, int, error) {
	list, total := s.page(scope.Active(), q.Offset, q.Limit)
	return list, total, nil
}

// Get serves resource.
func (s *rows) Get(_ context.Context, scope resource.Scope, id string) (Lead, error) {
	row, found := s.byID[id]
	if !found || !scope.Contains(row.OrgUnit) {
		return Lead{}, resource.ErrNotFound
	}
	return row, nil
}

// tenetStack is everything that examples/leads composes, over rows.
func tenetStack(b *testing.B, s *rows, opts auth.JWTOptions) http.Handler {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	must(err)
	limiter, err := ratelimit.New(memory, auth.Subject, ratelimit.Options{Policies: []ratelimit.Policy{{Limit: endless}}})
	must(err)
	tree := []ouscope.Unit{{ID: "acme", Organization: "acme", Name: "Acme", Slug: "acme"}}
	for u := range units {
		id := "unit-" + strconv.Itoa(u)
		tree = append(tree, ouscope.Unit{ID: id, Organization: "acme", Parent: "acme", Name: id, Slug: id})
	}
	directory, err := ouscope.NewMemory(tree, []ouscope.Assignment{{ID: "1", Subject: "demo", Unit: "unit-7", Role: "reader"}})
	must(err)
	scoper, err := ouscope.New(directory, auth.Subject, ouscope.Options{})
	must(err)
	list, err := resource.New[Lead, struct {
		Name string `json:"name"`
	}]("/leads", s, resource.Options{
		Roles: resource.Roles{Read: "reader"},
		Scope: func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
	})
	must(err)
	mux := http.NewServeMux()
	guarded := auth.Require(bearer(b, opts))(limiter.Handler(scoper.Handler(list)))
	mux.Handle("/leads", guarded)
	mux.Handle("/leads/{id}", guarded)
	return apierror.Recover(apierror.Options{})(apierror.Mux(mux))
}

// plainHandlers are the two handlers as one writes them with encoding/json; the
// unit is checked if the request says which it may see.
func plainHandlers(s *rows, unit func(*http.Request) (string, bool), id func(*http.Request) string) (list, get http.HandlerFunc) {
	send := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		json.NewEncoder(w).Encode(v)
	}
	list = func(w http.ResponseWriter, r *http.Request) {
		mine, known := unit(r)
		if !known {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		page, limit := 1, 25
		q := r.URL.Query()
		if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
			page = n
		}
		if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
			limit = min(n, 100)
		}
		found, total := s.page(mine, (page-1)*limit, limit)
		send(w, struct {
			Data  []Lead `json:"data"`
			Total int    `json:"total"`
			Page  int    `json:"page"`
			Limit int    `json:"limit"`
		}{found, total, page, limit})
	}
	get = func(w http.ResponseWriter, r *http.Request) {
		mine, known := unit(r)
		row, found := s.byID[id(r)]
		if !known || !found || row.OrgUnit != mine {
			http.Error(w, "Not found", http.StatusNotFound)
			return
		}
		send(w, row)
	}
	return list, get
}

// floor is ServeMux and encoding/json, without any check.
func floor(s *rows) http.Handler {
	list, get := plainHandlers(s,
		func(*http.Request) (string, bool) { return "unit-7", true },
		func(r *http.Request) string { return r.PathValue("id") })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leads", list)
	mux.HandleFunc("GET /leads/{id}", get)
	return mux
}

// chiStack is chi, jwtauth and httprate as their READMEs show them, with the
// unit looked up by the token's subject.
func chiStack(s *rows) http.Handler {
	grants := map[string][]string{"demo": {"unit-7"}}
	list, get := plainHandlers(s,
		func(r *http.Request) (string, bool) {
			_, c, err := jwtauth.FromContext(r.Context())
			subject, _ := c["sub"].(string)
			mine := grants[subject]
			if err != nil || !slices.Contains(mine, "unit-7") {
				return "", false
			}
			return mine[0], true
		},
		func(r *http.Request) string { return chi.URLParam(r, "id") })
	router := chi.NewRouter()
	ja := jwtauth.New("HS256", secret, nil)
	router.Use(jwtauth.Verifier(ja), jwtauth.Authenticator(ja))
	router.Use(httprate.LimitBy(endless, time.Minute, func(r *http.Request) (string, error) {
		_, c, err := jwtauth.FromContext(r.Context())
		subject, _ := c["sub"].(string)
		return subject, err
	}))
	router.Get("/leads", list)
	router.Get("/leads/{id}", get)
	return router
}

func stacks(b *testing.B) []contender {
	s := newRows()
	return []contender{
		{"tenet", tenetStack(b, s, auth.JWTOptions{})},
		{"tenet, no token remembered", tenetStack(b, s, auth.JWTOptions{CacheSize: -1})},
		{"floor", floor(s)},
		{"chi+jwtauth+httprate", chiStack(s)},
	}
}

func BenchmarkStackGet(b *testing.B) {
	r := request("GET", "/leads/01890a5d-ac96-774b-0007-000000000042", "Authorization", "Bearer "+token(b, "demo"))
	compete(b, r, http.StatusOK, stacks(b)...)
}

func BenchmarkStackList25(b *testing.B) {
	r := request("GET", "/leads?page=2&limit=25", "Authorization", "Bearer "+token(b, "demo"))
	compete(b, r, http.StatusOK, stacks(b)...)
}

func BenchmarkStack401(b *testing.B) {
	s := newRows()
	compete(b, request("GET", "/leads"), http.StatusUnauthorized,
		contender{"tenet", tenetStack(b, s, auth.JWTOptions{})},
		contender{"chi+jwtauth+httprate", chiStack(s)},
	)
}
