package bench

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/tenetkit/tenet/apierror"
)

// BenchmarkErrorWithDetails compares the whole answer to a failed validation,
// its error made for each request, with the encoding of the body alone.
func BenchmarkErrorWithDetails(b *testing.B) {
	failure := apierror.FieldError{Field: "name", Code: "required", Message: "Name is required"}
	again := apierror.ValidationFailed(failure)
	r := request("POST", "/leads")
	for _, c := range []struct {
		name string
		make func() *apierror.Error
	}{
		{"tenet", func() *apierror.Error { return apierror.ValidationFailed(failure) }},
		{"tenet, one error again", func() *apierror.Error { return again }},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := newSink()
			b.ReportAllocs()
			for b.Loop() {
				w.reset()
				apierror.Write(w, r, c.make())
			}
			if w.status != http.StatusUnprocessableEntity {
				b.Fatal(w.status)
			}
		})
	}
	type plain struct {
		Error   string           `json:"error"`
		Message string           `json:"message"`
		Details apierror.Details `json:"details"`
	}
	b.Run("std", func(b *testing.B) {
		w := newSink()
		b.ReportAllocs()
		for b.Loop() {
			w.reset()
			details := apierror.Details{Field: failure.Field, Code: failure.Code, Errors: []apierror.FieldError{failure}}
			p, err := json.Marshal(plain{again.Code, again.Message, details})
			if err != nil {
				b.Fatal(err)
			}
			w.Write(p)
		}
	})
}

func BenchmarkPrepared401(b *testing.B) {
	prepared(b, apierror.Unauthorized(`Basic realm="api", charset="UTF-8"`, `Bearer realm="api"`))
}
func BenchmarkPrepared404(b *testing.B) { prepared(b, apierror.NotFound("")) }
func BenchmarkPrepared405(b *testing.B) {
	prepared(b, apierror.New(http.StatusMethodNotAllowed, "").WithHeader("Allow", "GET, HEAD"))
}

func BenchmarkPrepared429(b *testing.B) {
	prepared(b, apierror.TooManyRequests("rate_limited", "", time.Second))
}

// prepared compares an answer that is always the same with net/http's own.
func prepared(b *testing.B, e *apierror.Error) {
	compete(b, request("GET", "/leads"), e.Status,
		contender{"tenet", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { apierror.Write(w, r, e) })},
		contender{"http.Error", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, e.Message, e.Status) })},
	)
}

// quiet makes an echo that logs nothing.
func quiet() *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(nowhere{})
	return e
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkHandler404 is a handler that finds no row.
func BenchmarkHandler404(b *testing.B) {
	mux := http.NewServeMux()
	mux.Handle("GET /leads/{id}", apierror.Handler(func(http.ResponseWriter, *http.Request) error { return apierror.NotFound("No such lead") }))

	text := http.NewServeMux()
	text.HandleFunc("GET /leads/{id}", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "No such lead", http.StatusNotFound)
	})

	described := http.NewServeMux()
	type input struct {
		ID string `path:"id"`
	}
	huma.Get(humago.New(described, huma.DefaultConfig("leads", "1")), "/leads/{id}", func(context.Context, *input) (*struct{ Body Lead }, error) {
		return nil, huma.Error404NotFound("No such lead")
	})

	router := chi.NewRouter()
	router.Get("/leads/{id}", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "No such lead", http.StatusNotFound) })

	e := quiet()
	e.GET("/leads/:id", func(echo.Context) error { return echo.NewHTTPError(http.StatusNotFound, "No such lead") })

	compete(b, request("GET", "/leads/7"), http.StatusNotFound,
		contender{"tenet", apierror.Mux(mux)},
		contender{"std (text)", text},
		contender{"chi (text)", router},
		contender{"huma", described},
		contender{"echo", e},
	)
}

// BenchmarkRouter404 is a path that no route has, BenchmarkRouter405 a method.
func BenchmarkRouter404(b *testing.B) { routerErrors(b, "GET", "/nothing/here", http.StatusNotFound) }

func BenchmarkRouter405(b *testing.B) {
	routerErrors(b, "DELETE", "/leads/7", http.StatusMethodNotAllowed)
}

func routerErrors(b *testing.B, method, target string, status int) {
	router := chi.NewRouter()
	router.Get("/leads/{id}", ok)
	e := quiet()
	e.GET("/leads/:id", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	compete(b, request(method, target), status,
		contender{"tenet", apierror.Mux(routes())},
		contender{"std (text)", routes()},
		contender{"chi (text)", router},
		contender{"echo", e},
	)
}

func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /leads", ok)
	mux.Handle("GET /leads/{id}", ok)
	return mux
}

// BenchmarkMuxHit is a request that finds its route: what the wrapper adds.
func BenchmarkMuxHit(b *testing.B) {
	compete(b, request("GET", "/leads"), http.StatusOK,
		contender{"tenet", apierror.Mux(routes())},
		contender{"std", routes()},
	)
}

// BenchmarkRecoverHit is what the outermost middleware adds to every request.
func BenchmarkRecoverHit(b *testing.B) {
	compete(b, request("GET", "/leads"), http.StatusOK,
		contender{"tenet", apierror.Recover(apierror.Options{})(ok)},
		contender{"std", ok},
	)
}

// BenchmarkForeignError is an error that nothing maps, so a 500 with an id.
func BenchmarkForeignError(b *testing.B) {
	failed := errors.New("pq: connection refused")
	described := http.NewServeMux()
	huma.Get(humago.New(described, huma.DefaultConfig("leads", "1")), "/leads", func(context.Context, *struct{}) (*struct{ Body Lead }, error) {
		return nil, failed
	})
	e := quiet()
	e.GET("/leads", func(echo.Context) error { return failed })
	compete(b, request("GET", "/leads"), http.StatusInternalServerError,
		contender{"tenet", apierror.Recover(apierror.Options{})(apierror.Handler(func(http.ResponseWriter, *http.Request) error { return failed }))},
		contender{"huma", described},
		contender{"echo", e},
	)
}
