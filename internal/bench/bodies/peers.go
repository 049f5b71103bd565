package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-fuego/fuego"
	"github.com/go-fuego/fuego/option"
	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

// A peer serves GET and POST /leads.
type peer struct {
	name    string
	handler func() (http.Handler, error)
}

// peers are to be judged in this order: gin, fuego and huma keep some of their
// options in variables of their packages.
func peers() []peer {
	return []peer{
		{"tenet", tenet},
		{"huma, as documented", func() (http.Handler, error) { return humaPeer(false) }},
		{"huma, all options", func() (http.Handler, error) { return humaPeer(true) }},
		{"fuego, as documented", func() (http.Handler, error) { return fuegoPeer[documentedLead]() }},
		{"fuego, all options", func() (http.Handler, error) {
			return fuegoPeer[strictLead](fuego.WithMaxBodySize(maxBody), fuego.WithValidator(namingValidator("validate")),
				fuego.WithEngineOptions(fuego.WithRequestContentType("application/json")))
		}},
		{"echo, as documented", func() (http.Handler, error) { return echoPeer(false) }},
		{"echo, all options", func() (http.Handler, error) { return echoPeer(true) }},
		{"gin, as documented", func() (http.Handler, error) { return ginPeer[documentedLead](false) }},
		{"gin, all options", func() (http.Handler, error) { return ginPeer[strictLead](true) }},
		{"chi, as documented", func() (http.Handler, error) { return chiPeer(false) }},
		{"chi, all options", func() (http.Handler, error) { return chiPeer(true) }},
	}
}

const maxBody = 1 << 20

// A leadInput is the body, as validator's users write it.
type leadInput struct {
	FullName string  `json:"full_name" validate:"required" binding:"required"`
	Value    float64 `json:"value"`
}

// Validators remember a type with the names that its fields had at first, so the
// two wirings of one process have two types.
type (
	documentedLead leadInput
	strictLead     leadInput
)

// A page is what a query may have.
type page struct {
	Page  int `form:"page,default=1" query:"page"`
	Limit int `form:"limit,default=25" query:"limit"`
}

// jsonName is the func that validator's documentation has for RegisterTagNameFunc.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func namingValidator(tag string) *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.SetTagName(tag)
	v.RegisterTagNameFunc(jsonName)
	return v
}

// A lead is the row that Tenet answers with.
type lead struct {
	ID        string    `json:"id"`
	FullName  string    `json:"full_name"`
	Value     float64   `json:"value"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func tenet() (http.Handler, error) {
	type input struct {
		FullName string  `json:"full_name" validate:"required"`
		Value    float64 `json:"value"`
	}
	store, err := resource.NewMemory[lead]("")
	if err != nil {
		return nil, err
	}
	leads, err := resource.New[lead, input]("/leads", store, resource.Options{Unscoped: true})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/leads", leads)
	return apierror.Mux(mux), nil
}

func humaPeer(strict bool) (http.Handler, error) {
	type input struct {
		Body struct {
			FullName string  `json:"full_name"`
			Value    float64 `json:"value,omitempty"`
		}
	}
	type query struct {
		Page  int `query:"page" default:"1" minimum:"1"`
		Limit int `query:"limit" default:"25" minimum:"1" maximum:"100"`
	}
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Leads", "1.0.0")
	config.RejectUnknownQueryParameters = strict
	huma.ValidateStrictCasing = strict
	api := humago.New(mux, config)
	huma.Get(api, "/leads", func(context.Context, *query) (*struct{}, error) { return nil, nil })
	huma.Post(api, "/leads", func(context.Context, *input) (*struct{}, error) { return nil, nil })
	return mux, nil
}

func fuegoPeer[Input any](opts ...fuego.ServerOption) (http.Handler, error) {
	s := fuego.NewServer(append(opts, fuego.WithoutStartupMessages(), fuego.WithoutLogger())...)
	fuego.Get(s, "/leads", func(c fuego.ContextNoBody) (page, error) {
		p, err1 := c.QueryParamIntErr("page")
		limit, err2 := c.QueryParamIntErr("limit")
		return page{p, limit}, errors.Join(err1, err2)
	}, option.QueryInt("page", "", fuego.ParamDefault(1)), option.QueryInt("limit", "", fuego.ParamDefault(25)))
	fuego.Post(s, "/leads", func(c fuego.ContextWithBody[Input]) (Input, error) { return c.Body() },
		option.DefaultStatusCode(http.StatusCreated))
	return s.Mux, nil
}

// echoValidator is the one of echo's documentation.
type echoValidator struct{ v *validator.Validate }

func (e echoValidator) Validate(in any) error {
	if err := e.v.Struct(in); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	return nil
}

// echoStrict is a serializer of one's own, which is the only way to encoding/json's
// option.
type echoStrict struct{ echo.DefaultJSONSerializer }

func (echoStrict) Deserialize(c echo.Context, in any) error {
	d := json.NewDecoder(c.Request().Body)
	d.DisallowUnknownFields()
	return d.Decode(in)
}

func echoPeer(strict bool) (http.Handler, error) {
	e := echo.New()
	e.Validator = echoValidator{validator.New()}
	if strict {
		e.Validator = echoValidator{namingValidator("validate")}
		e.JSONSerializer = echoStrict{}
		e.Use(echomiddleware.BodyLimit("1M"))
	}
	e.GET("/leads", func(c echo.Context) error {
		p := page{1, 25}
		if err := echo.QueryParamsBinder(c).Int("page", &p.Page).Int("limit", &p.Limit).BindError(); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, p)
	})
	e.POST("/leads", func(c echo.Context) error {
		var in leadInput
		if err := c.Bind(&in); err != nil {
			return err
		}
		if err := c.Validate(in); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, in)
	})
	return e, nil
}

func ginPeer[Input any](strict bool) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter, gin.DefaultErrorWriter = io.Discard, io.Discard
	engine := gin.Default()
	engine.HandleMethodNotAllowed = strict
	binding.EnableDecoderDisallowUnknownFields = strict
	if v, ok := binding.Validator.Engine().(*validator.Validate); ok && strict {
		v.RegisterTagNameFunc(jsonName)
		engine.Use(func(c *gin.Context) { c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody) })
	}
	engine.GET("/leads", func(c *gin.Context) {
		var p page
		if err := c.ShouldBindQuery(&p); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusOK, p)
	})
	engine.POST("/leads", func(c *gin.Context) {
		var in Input
		if err := c.ShouldBindJSON(&in); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, in)
	})
	return engine, nil
}

// chiPeer is chi with encoding/json and validator by hand.
func chiPeer(strict bool) (http.Handler, error) {
	router := chi.NewRouter()
	router.Use(middleware.RequestID, middleware.Recoverer)
	v := validator.New()
	if strict {
		v = namingValidator("validate")
		router.Use(middleware.AllowContentType("application/json"), middleware.RequestSize(maxBody))
	}
	router.Get("/leads", func(w http.ResponseWriter, r *http.Request) {
		p := page{1, 25}
		for name, into := range map[string]*int{"page": &p.Page, "limit": &p.Limit} {
			if text := r.URL.Query().Get(name); text != "" {
				n, err := strconv.Atoi(text)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				*into = n
			}
		}
		json.NewEncoder(w).Encode(p)
	})
	router.Post("/leads", func(w http.ResponseWriter, r *http.Request) {
		var in leadInput
		d := json.NewDecoder(r.Body)
		if strict {
			d.DisallowUnknownFields()
		}
		err := d.Decode(&in)
		if err == nil {
			err = v.Struct(in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(in)
	})
	return router, nil
}
