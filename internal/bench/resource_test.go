package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-fuego/fuego"
	"github.com/go-fuego/fuego/option"
	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"

	"github.com/tenetkit/tenet/apierror/validation"
	"github.com/tenetkit/tenet/resource"
)

// leadInput is what callers write. Gin reads its rules from another tag, huma has
// rules of its own.
type leadInput struct {
	Name   string  `json:"name" validate:"required,max=200" binding:"required,max=200" minLength:"1" maxLength:"200"`
	Email  *string `json:"email" validate:"omitempty,email" binding:"omitempty,email" format:"email"`
	Value  float64 `json:"value" validate:"gte=0" binding:"gte=0" minimum:"0"`
	Active bool    `json:"active"`
}

func (in leadInput) lead() Lead {
	now := time.Now().UTC()
	return Lead{
		ID: resource.NewID(), OrgUnit: "unit-7", Name: in.Name, Email: in.Email, Value: in.Value, Active: in.Active,
		CreatedAt: now, UpdatedAt: now,
	}
}

// oneUnit is the scope of the only caller.
type oneUnit struct{ resource.Scope }

func (oneUnit) Active() string                          { return "unit-7" }
func (oneUnit) Contains(unit string) bool               { return unit == "unit-7" }
func (oneUnit) HasRole(unit, _ string) bool             { return unit == "unit-7" }
func (oneUnit) IDs() []string                           { return []string{"unit-7"} }
func (oneUnit) SQL(string, string, int) (string, []any) { return "", nil }

// creating forgets the rows that are created, so that a benchmark may create any
// number.
type creating struct{ *rows }

func (creating) Create(_ context.Context, _ resource.Scope, row Lead) (Lead, error) { return row, nil }

type leadPage struct {
	Data  []Lead `json:"data"`
	Total int    `json:"total"`
	Page  int    `json:"page"`
	Limit int    `json:"limit"`
}

func (s *rows) leadPage(page, limit int) leadPage {
	found, total := s.page("unit-7", (page-1)*limit, limit)
	return leadPage{found, total, page, limit}
}

// A refusal lists every field that fails, as it takes a few lines with validator.
type refusal struct {
	Error  string    `json:"error"`
	Errors []failure `json:"errors"`
}

type failure struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refusalOf(err error) refusal {
	found, _ := errors.AsType[validator.ValidationErrors](err)
	r := refusal{Error: "validation_failed"}
	for _, f := range found {
		r.Errors = append(r.Errors, failure{f.Field(), f.Tag(), f.Error()})
	}
	return r
}

// A server serves GET and POST /leads and GET /leads/{id}, without credentials. All
// but Tenet answer without ETag and Link, and take what Tenet refuses (see
// ./bodies).
type server struct {
	contender
	invalid int // its status for a body that breaks rules
}

func servers(b *testing.B) []server {
	b.Helper()
	s := newRows()
	tenet, err := resource.New[Lead, leadInput]("/leads", creating{s}, resource.Options{
		Scope: func(*http.Request) resource.Scope { return oneUnit{} },
	})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/leads", tenet)
	mux.Handle("/leads/{id}", tenet)
	return []server{
		{contender{"tenet", mux}, 422},
		{contender{"floor", byHandServer(s)}, 422},
		{contender{"huma", humaServer(s)}, 422},
		{contender{"fuego", fuegoServer(s)}, 400},
		{contender{"echo", echoServer(s)}, 422},
		{contender{"gin", ginServer(s)}, 422},
		{contender{"chi", chiServer(s)}, 422},
	}
}

func number(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func listByHand(s *rows) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sendJSON(w, 200, s.leadPage(number(r, "page", 1), number(r, "limit", 25)))
	}
}

func createByHand() http.HandlerFunc {
	rules := validation.New()
	return func(w http.ResponseWriter, r *http.Request) {
		var in leadInput
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := rules.Struct(&in); err != nil {
			sendJSON(w, 422, refusalOf(err))
			return
		}
		sendJSON(w, 201, in.lead())
	}
}

func getByHand(s *rows, id func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		row, found := s.byID[id(r)]
		if !found {
			http.NotFound(w, r)
			return
		}
		sendJSON(w, 200, row)
	}
}

func byHandServer(s *rows) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leads", listByHand(s))
	mux.HandleFunc("GET /leads/{id}", getByHand(s, func(r *http.Request) string { return r.PathValue("id") }))
	mux.HandleFunc("POST /leads", createByHand())
	return mux
}

func chiServer(s *rows) http.Handler {
	router := chi.NewRouter()
	router.Get("/leads", listByHand(s))
	router.Get("/leads/{id}", getByHand(s, func(r *http.Request) string { return chi.URLParam(r, "id") }))
	router.Post("/leads", createByHand())
	return router
}

func humaServer(s *rows) http.Handler {
	type query struct {
		Page  int `query:"page" default:"1" minimum:"1"`
		Limit int `query:"limit" default:"25" minimum:"1" maximum:"100"`
	}
	type path struct {
		ID string `path:"id"`
	}
	type body struct{ Body leadInput }
	type row struct{ Body Lead }
	type list struct{ Body leadPage }
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("Leads", "1.0.0"))
	huma.Get(api, "/leads", func(_ context.Context, q *query) (*list, error) {
		return &list{s.leadPage(q.Page, q.Limit)}, nil
	})
	huma.Get(api, "/leads/{id}", func(_ context.Context, p *path) (*row, error) {
		found, ok := s.byID[p.ID]
		if !ok {
			return nil, huma.Error404NotFound("no such lead")
		}
		return &row{found}, nil
	})
	huma.Register(api, huma.Operation{Method: "POST", Path: "/leads", DefaultStatus: 201}, func(_ context.Context, in *body) (*row, error) {
		return &row{in.Body.lead()}, nil
	})
	return mux
}

func fuegoServer(s *rows) http.Handler {
	f := fuego.NewServer(fuego.WithoutStartupMessages(), fuego.WithoutLogger(), fuego.WithEngineOptions(
		fuego.WithOpenAPIConfig(fuego.OpenAPIConfig{DisableLocalSave: true, Disabled: true})))
	fuego.Get(f, "/leads", func(c fuego.ContextNoBody) (leadPage, error) {
		return s.leadPage(c.QueryParamInt("page"), c.QueryParamInt("limit")), nil
	}, option.QueryInt("page", "", fuego.ParamDefault(1)), option.QueryInt("limit", "", fuego.ParamDefault(25)))
	fuego.Get(f, "/leads/{id}", func(c fuego.ContextNoBody) (Lead, error) {
		row, found := s.byID[c.PathParam("id")]
		if !found {
			return row, fuego.NotFoundError{}
		}
		return row, nil
	})
	fuego.Post(f, "/leads", func(c fuego.ContextWithBody[leadInput]) (Lead, error) {
		in, err := c.Body()
		if err != nil {
			return Lead{}, err
		}
		return in.lead(), nil
	}, option.DefaultStatusCode(201))
	return f.Mux
}

type echoRules struct{ rules *validator.Validate }

func (e echoRules) Validate(in any) error { return e.rules.Struct(in) }

func echoServer(s *rows) http.Handler {
	e := echo.New()
	e.Validator = echoRules{validation.New()}
	e.GET("/leads", func(c echo.Context) error {
		page, limit := 1, 25
		if err := echo.QueryParamsBinder(c).Int("page", &page).Int("limit", &limit).BindError(); err != nil {
			return err
		}
		return c.JSON(200, s.leadPage(page, limit))
	})
	e.GET("/leads/:id", func(c echo.Context) error {
		row, found := s.byID[c.Param("id")]
		if !found {
			return echo.ErrNotFound
		}
		return c.JSON(200, row)
	})
	e.POST("/leads", func(c echo.Context) error {
		var in leadInput
		if err := c.Bind(&in); err != nil {
			return err
		}
		if err := c.Validate(&in); err != nil {
			return c.JSON(422, refusalOf(err))
		}
		return c.JSON(201, in.lead())
	})
	return e
}

var quietGin = sync.OnceFunc(func() { gin.SetMode(gin.ReleaseMode) })

func ginServer(s *rows) http.Handler {
	quietGin()
	engine := gin.New()
	engine.GET("/leads", func(c *gin.Context) {
		q := struct {
			Page  int `form:"page,default=1"`
			Limit int `form:"limit,default=25"`
		}{}
		if err := c.ShouldBindQuery(&q); err != nil {
			c.JSON(400, gin.H{"error": err.Error()})
			return
		}
		c.JSON(200, s.leadPage(q.Page, q.Limit))
	})
	engine.GET("/leads/:id", func(c *gin.Context) {
		row, found := s.byID[c.Param("id")]
		if !found {
			c.Status(404)
			return
		}
		c.JSON(200, row)
	})
	engine.POST("/leads", func(c *gin.Context) {
		var in leadInput
		if err := c.ShouldBindJSON(&in); err != nil {
			c.JSON(422, refusalOf(err))
			return
		}
		c.JSON(201, in.lead())
	})
	return engine
}

// serve measures every server with the same request.
func serve(b *testing.B, method, target, body string, status func(server) int) {
	b.Helper()
	for _, s := range servers(b) {
		b.Run(s.name, func(b *testing.B) {
			reader := bytes.NewReader([]byte(body))
			r := httptest.NewRequest(method, target, nil)
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
			if body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			w := newSink()
			b.ReportAllocs()
			for b.Loop() {
				w.reset()
				_, _ = reader.Seek(0, io.SeekStart)
				r.Pattern = ""
				s.handler.ServeHTTP(w, r)
			}
			if want := status(s); w.status != want {
				b.Fatalf("%s answers %d, want %d", s.name, w.status, want)
			}
		})
	}
}

func always(status int) func(server) int { return func(server) int { return status } }

func BenchmarkResourceList25(b *testing.B) {
	serve(b, "GET", "/leads?page=2&limit=25", "", always(200))
}

func BenchmarkResourceGet(b *testing.B) {
	serve(b, "GET", "/leads/01890a5d-ac96-774b-0007-000000000042", "", always(200))
}

func BenchmarkResourceCreate(b *testing.B) {
	serve(b, "POST", "/leads", `{"name":"Ada","email":"ada@example.com","value":3,"active":true}`, always(201))
}

// BenchmarkResourceInvalid is a body with three fields that break a rule.
func BenchmarkResourceInvalid(b *testing.B) {
	serve(b, "POST", "/leads", `{"name":"","email":"nobody","value":-1,"active":true}`, func(s server) int { return s.invalid })
}
