// Command quickstart is a new service on all six packages, in memory and in one
// file: widgets that belong to organizational units, behind Basic credentials, a
// rate limit and roles.
package main

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/paginate"
	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/resource"
)

// A Widget is a row as callers see it.
type Widget struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Price     float64   `json:"price"`
	OrgUnit   string    `json:"org_unit"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// A WidgetInput is what callers may write.
type WidgetInput struct {
	Name  string  `json:"name" validate:"required,max=100"`
	Price float64 `json:"price" validate:"gte=0"`
}

func main() {
	secret, hash := auth.GenerateSecret()
	handler, err := newHandler(hash)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("curl -u 'robot:%s' http://127.0.0.1:8080/widgets\n", secret)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// newHandler serves the widgets to one client, whose secret has the hash.
func newHandler(hash string) (http.Handler, error) {
	clients, err := auth.Clients(auth.Client{ID: "robot", Secrets: []auth.Secret{{Hash: hash}}})
	if err != nil {
		return nil, err
	}
	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
	if err != nil {
		return nil, err
	}
	counts, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		return nil, err
	}
	limiter, err := ratelimit.New(counts, auth.Subject, ratelimit.Options{})
	if err != nil {
		return nil, err
	}
	directory, err := ouscope.NewMemory(
		[]ouscope.Unit{{ID: "acme", Name: "Acme", Slug: "acme"}},
		[]ouscope.Assignment{{Subject: "robot", Unit: "acme", Role: "editor"}},
	)
	if err != nil {
		return nil, err
	}
	scoper, err := ouscope.New(directory, auth.Subject, ouscope.Options{})
	if err != nil {
		return nil, err
	}
	store, err := resource.NewMemory[Widget]("org_unit")
	if err != nil {
		return nil, err
	}
	widgets, err := resource.New[Widget, WidgetInput]("/widgets", store, resource.Options{
		Filter: []string{"name", "price"},
		Sort:   []string{"name", "price", "created_at"},
		Roles:  resource.Roles{Create: "editor", Update: "editor", Delete: "editor"},
		Scope:  func(r *http.Request) resource.Scope { return ouscope.FromContext(r.Context()) },
	})
	if err != nil {
		return nil, err
	}

	known := func(h http.Handler) http.Handler { return auth.Require(basic)(limiter.Handler(h)) }
	scoped := func(h http.Handler) http.Handler { return known(scoper.Handler(h)) }

	mux := http.NewServeMux()
	mux.Handle("/widgets", scoped(widgets))
	mux.Handle("/widgets/{id}", scoped(widgets))
	mux.Handle("GET /colors", known(apierror.Handler(listColors)))
	mux.Handle("/org-units", known(scoper.UnitsHandler()))
	mux.Handle("/org-units/active", known(scoper.ActiveHandler()))

	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return apierror.Recover(apierror.Options{Logger: logger})(apierror.Mux(mux)), nil
}

// listColors is an endpoint of one's own beside the resource.
func listColors(w http.ResponseWriter, r *http.Request) error {
	page, err := paginate.Options{}.ParseRequest(r)
	if err != nil {
		return err
	}
	colors := []string{"blue", "green", "red"}
	first := min(page.Offset(), len(colors))
	last := min(first+page.Limit, len(colors))
	return paginate.Write(w, r, paginate.NewPage(page, colors[first:last], len(colors)))
}
