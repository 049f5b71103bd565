package ouscopetest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// leads is a service written by hand: rows in memory, one handler for each
// method, the scope asked as ouscope wants it.
type leads struct {
	leak   string // a mistake that the suite has to find; see leaks
	scoper *ouscope.Scoper
	mu     sync.Mutex
	rows   []lead
	made   int
	jobs   []*job
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
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		digest, last, _ := strings.Cut(cursor, ".")
		if l.leak == "cursor" {
			seen = l.rows
		} else if digest != scope.Digest() {
			return apierror.BadRequest("cursor", "cursor", "The cursor is none of this list")
		}
		from = len(seen) - len(slices.DeleteFunc(slices.Clone(seen), func(row lead) bool { return row.ID <= last }))
	}
	to := min(from+limit, len(seen))
	w.Header().Set("Link", pagequery.Link(r.URL, page, limit, int64(len(seen))))
	body := map[string]any{"data": seen[from:to], "total": l.total(len(seen)), "page": page, "limit": limit}
	if to < len(seen) && to > from {
		body["next_cursor"] = scope.Digest() + "." + seen[to-1].ID
	}
	return answer(w, r, http.StatusOK, body)
}

// A job is an import that runs when it is first asked for.
type job struct {
	subject, unit string
	names         []string
	status        string
}

// accept starts an import.
func (l *leads) accept(w http.ResponseWriter, r *http.Request) error {
	scope := ouscope.FromContext(r.Context())
	if err := scope.Check(scope.Active(), "editor"); err != nil {
		return apierror.Forbidden("missing_role", "You may not create leads here")
	}
	var rows []map[string]string
	if err := json.NewDecoder(r.Body).Decode(&rows); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	j := &job{subject: scope.Subject(), unit: scope.Active(), status: "queued"}
	for _, row := range rows {
		j.names = append(j.names, row["name"])
	}
	l.jobs = append(l.jobs, j)
	w.Header().Set("Location", fmt.Sprintf("/jobs/%d", len(l.jobs)))
	return answer(w, r, http.StatusAccepted, map[string]string{"status": j.status})
}

// watch tells how an import goes, to its subject in its unit alone.
func (l *leads) watch(w http.ResponseWriter, r *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, refused := l.scoper.Resolve(r)
	i, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || i < 1 || i > len(l.jobs) {
		return cmp.Or(refused, error(apierror.NotFound("")))
	}
	j := l.jobs[i-1]
	if j.status == "queued" {
		j.status = "failed"
		scope, err := l.scoper.For(r.Context(), j.subject, j.unit)
		if l.leak == "async" {
			scope, err = l.scoper.Resolve(r)
		}
		if err == nil && scope.HasRole(scope.Active(), "editor") {
			j.status = "succeeded"
			for _, name := range j.names {
				l.made++
				l.rows = append(l.rows, lead{fmt.Sprintf("lead-%04d", l.made), name, scope.Active()})
			}
		}
	}
	subject, _ := ouscopetest.Subject(r)
	switch {
	case l.leak == "job":
	case l.leak == "job's unit" && j.subject == subject:
	case refused != nil:
		return refused
	case j.subject != subject || j.unit != now.Active():
		return apierror.NotFound("")
	}
	return answer(w, r, http.StatusOK, map[string]string{"status": j.status})
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
		if l.leak == "time" && slices.ContainsFunc(l.rows, func(row lead) bool { return row.ID == id }) {
			for i := range 100 {
				id = fmt.Sprint(i)
			}
		}
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
