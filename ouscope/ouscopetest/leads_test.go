package ouscopetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/ouscope"
)

// leads is a service written by hand: rows in memory, one handler for each
// method, the scope asked as ouscope wants it.
type leads struct {
	leak string // a mistake that the suite has to find; see leaks
	mu   sync.Mutex
	rows []lead
	made int
}

type lead struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Unit string `json:"org_unit"`
}

func (l *leads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		scope := ouscope.FromContext(r.Context())
		if id := r.PathValue("id"); id != "" {
			return l.one(w, r, scope, id)
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			return l.list(w, r, scope)
		case http.MethodPost:
			return l.create(w, r, scope)
		}
		return apierror.New(http.StatusMethodNotAllowed, "")
	}).ServeHTTP(w, r)
}

func (l *leads) list(w http.ResponseWriter, r *http.Request, scope ouscope.Scope) error {
	page, limit, err := pagequery.Parse(r.URL.RawQuery, 25, 100, false)
	if err != nil {
		return err
	}
	seen := []lead{}
	for _, row := range l.rows {
		if scope.Contains(row.Unit) || l.leak == "list" {
			seen = append(seen, row)
		}
	}
	from := min((page-1)*limit, len(seen))
	to := min(from+limit, len(seen))
	w.Header().Set("Link", pagequery.Link(r.URL, page, limit, int64(len(seen))))
	return answer(w, r, http.StatusOK, map[string]any{"data": seen[from:to], "total": l.total(len(seen)), "page": page, "limit": limit})
}

func (l *leads) total(seen int) int {
	if l.leak == "total" {
		return len(l.rows)
	}
	return seen
}

func (l *leads) create(w http.ResponseWriter, r *http.Request, scope ouscope.Scope) error {
	if err := scope.Check(scope.Active(), "editor"); err != nil && l.leak != "role" {
		return apierror.Forbidden("missing_role", "You may not create leads here")
	}
	name, err := nameIn(r)
	if err != nil {
		return err
	}
	l.made++
	row := lead{fmt.Sprintf("lead-%04d", l.made), name, scope.Active()}
	if unit := r.Header.Get("X-Org-Unit"); unit != "" && l.leak == "header" {
		row.Unit = unit
	}
	l.rows = append(l.rows, row)
	return answer(w, r, http.StatusCreated, row)
}

func (l *leads) one(w http.ResponseWriter, r *http.Request, scope ouscope.Scope, id string) error {
	i := slices.IndexFunc(l.rows, func(row lead) bool { return row.ID == id && (scope.Contains(row.Unit) || l.leak == "object") })
	if i < 0 {
		if l.leak == "exists" && slices.ContainsFunc(l.rows, func(row lead) bool { return row.ID == id }) {
			return apierror.Forbidden("org_unit_forbidden", "")
		}
		if l.leak == "etag" && r.Header.Get("If-None-Match") == "*" && slices.ContainsFunc(l.rows, func(row lead) bool { return row.ID == id }) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return apierror.NotFound("")
	}
	row := &l.rows[i]
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return answer(w, r, http.StatusOK, *row)
	}
	if err := scope.Check(row.Unit, "editor"); err != nil && l.leak != "role" && l.leak != "object" {
		return err
	}
	switch r.Method {
	case http.MethodPut, http.MethodPatch:
		name, err := nameIn(r)
		if err != nil {
			return err
		}
		row.Name = name
		return answer(w, r, http.StatusOK, *row)
	case http.MethodDelete:
		l.rows = slices.Delete(l.rows, i, i+1)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return apierror.New(http.StatusMethodNotAllowed, "")
}

func nameIn(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	var members map[string]string
	if err := json.Unmarshal(body, &members); err != nil {
		return "", err
	}
	for member := range members {
		if member != "name" {
			return "", apierror.BadRequest(member, "unknown", "Unknown field")
		}
	}
	return members["name"], nil
}

// answer sends v with an ETag that is made of the body.
func answer(w http.ResponseWriter, r *http.Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tag := fmt.Sprintf("%q", fmt.Sprintf("%x", body))
	w.Header().Set("ETag", tag)
	if status == http.StatusOK && (r.Header.Get("If-None-Match") == tag || r.Header.Get("If-None-Match") == "*") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}
