// Command chi is a service on the chi router with a users table and sqlc that
// adopts three packages: apierror for its failures, paginate for its list and
// ratelimit for its callers. Router, queries and handlers stay its own.
package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/examples/chi/db"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/ratelimit"
)

//go:embed db/schema.sql
var schema string

type api struct{ queries *db.Queries }

func newHandler(queries *db.Queries, logger *slog.Logger) (http.Handler, error) {
	counts, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		return nil, err
	}
	limiter, err := ratelimit.New(counts, apiKey, ratelimit.Options{})
	if err != nil {
		return nil, err
	}
	a := &api{queries: queries}

	r := chi.NewRouter()
	r.Use(apierror.Recover(apierror.Options{Logger: logger, Mappings: []func(error) *apierror.Error{mapSQL, sqlerr.Map}}))
	r.NotFound(apierror.NotFoundHandler)
	r.MethodNotAllowed(methodNotAllowed(r))
	r.Group(func(r chi.Router) {
		r.Use(limiter.Handler)
		r.Method(http.MethodGet, "/users", apierror.Handler(a.list))
		r.Method(http.MethodPost, "/users", apierror.Handler(a.create))
		r.Method(http.MethodGet, "/users/{id}", apierror.Handler(a.get))
	})
	return r, nil
}

// methodNotAllowed says which methods there are: chi tells that its own handler
// alone, and a 405 has to (RFC 9110, section 15.5.6).
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		apierror.MethodNotAllowedHandler(w, r)
	}
}

// apiKey is what a limit is counted under; callers without one share a bucket.
func apiKey(r *http.Request) (string, bool) {
	key := r.Header.Get("X-Api-Key")
	return key, key != ""
}

// mapSQL names the errors of the queries once, for all handlers.
func mapSQL(err error) *apierror.Error {
	if errors.Is(err, sql.ErrNoRows) {
		return apierror.NotFound("No such user")
	}
	return nil
}

func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	page, err := paginate.Options{}.ParseRequest(r)
	if err != nil {
		return err
	}
	users, err := a.queries.ListUsers(r.Context(), db.ListUsersParams{Limit: int64(page.Limit), Offset: int64(page.Offset())})
	if err != nil {
		return err
	}
	total, err := a.queries.CountUsers(r.Context())
	if err != nil {
		return err
	}
	return paginate.Write(w, r, paginate.NewPage(page, users, int(total)))
}

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		return apierror.NotFound("No such user")
	}
	user, err := a.queries.GetUser(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, user)
}

func (a *api) create(w http.ResponseWriter, r *http.Request) error {
	var in db.CreateUserParams
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
		return err
	}
	if in.Email == "" {
		return apierror.ValidationFailed(apierror.FieldError{Field: "email", Code: "required", Message: "Email is required"})
	}
	user, err := a.queries.CreateUser(r.Context(), in)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/users/"+strconv.FormatInt(user.ID, 10))
	return writeJSON(w, http.StatusCreated, user)
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// openUsers makes a database in memory with a few users.
func openUsers(ctx context.Context) (*sql.DB, error) {
	conn, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	conn.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if _, err := conn.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	for _, name := range []string{"Ada", "Grace", "Ken"} {
		if _, err := db.New(conn).CreateUser(ctx, db.CreateUserParams{Email: name + "@example.com", Name: name}); err != nil {
			return nil, err
		}
	}
	return conn, nil
}

func main() {
	conn, err := openUsers(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler(db.New(conn), slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("curl 'http://127.0.0.1:8080/users?limit=2'")
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
