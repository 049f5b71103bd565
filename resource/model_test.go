package resource_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/resource"
)

// model is what a caller may believe of the leads: a map and the rules of the
// contract, in a few lines.
type model map[string]Lead

// TestRandomRequestsAgainstAModel sends requests, sound and unsound, and
// compares every answer with what the model says. Whatever comes, it is never a
// 5xx.
func TestRandomRequestsAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			leads, _ := newLeads(t, resource.Options{Roles: roles})
			w := walk{t: t, h: leads, rows: model{}, random: rand.New(rand.NewPCG(seed, 7))}
			for range 300 {
				w.step()
			}
		})
	}
}

type walk struct {
	t      *testing.T
	h      http.Handler
	rows   model
	ids    []string
	random *rand.Rand
}

func pick[T any](w *walk, from ...T) T { return from[w.random.IntN(len(from))] }

// body returns members, and the status that they alone lead to.
func (w *walk) body(patch bool) (body string, set func(*Lead), status int) {
	status = 200
	var members []string
	set = func(*Lead) {}
	then := func(next func(*Lead)) {
		before := set
		set = func(l *Lead) { before(l); next(l) }
	}
	worse := func(code int) {
		if code == 400 || status == 200 {
			status = code
		}
	}
	if !patch {
		then(func(l *Lead) { l.Name, l.Email, l.Value, l.Active = "", nil, 0, false })
	}
	if !patch || w.random.IntN(2) == 0 {
		value := pick(w, `"Ada"`, `"Bob"`, `"Zoë"`, `"\u0041da"`, `""`, `7`, `null`)
		members = append(members, `"name":`+value)
		var name string
		switch {
		case json.Unmarshal([]byte(value), &name) != nil:
			worse(400)
		case name == "":
			worse(422)
		}
		then(func(l *Lead) { l.Name = name })
	}
	if w.random.IntN(3) == 0 {
		value := pick(w, `"a@example.com"`, `null`, `"nobody"`, `[]`)
		members = append(members, `"email":`+value)
		var email *string
		switch {
		case json.Unmarshal([]byte(value), &email) != nil:
			worse(400)
		case email != nil && !strings.Contains(*email, "@"):
			worse(422)
		}
		then(func(l *Lead) { l.Email = email })
	}
	if w.random.IntN(3) == 0 {
		value := pick(w, `0`, `-0`, `1.5`, `-1`, `1e400`, `"1"`, `null`)
		members = append(members, `"value":`+value)
		var number float64
		switch {
		case json.Unmarshal([]byte(value), &number) != nil:
			worse(400)
		case value == "null" || number < 0:
			worse(422)
		}
		then(func(l *Lead) { l.Value = number + 0 })
	}
	if w.random.IntN(3) == 0 {
		value := pick(w, `true`, `false`, `0`, `null`)
		members = append(members, `"active":`+value)
		active := value == "true"
		switch value {
		case "0":
			worse(400)
		case "null":
			worse(422)
		}
		then(func(l *Lead) { l.Active = active })
	}
	if w.random.IntN(12) == 0 {
		members = append(members, pick(w, `"org_unit":"apac"`, `"id":null`, `"created_at":7`))
		worse(422)
	}
	if w.random.IntN(12) == 0 {
		members = append(members, pick(w, `"nam":1`, `"Name":"x"`))
		worse(400)
	}
	w.random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	body = "{" + strings.Join(members, ",") + "}"
	if w.random.IntN(15) == 0 {
		body = pick(w, "", "{", body+"}", `{"name":"\xff"}`, `{"name":"a","name":"b"}`, strings.Repeat("[", 200))
		status = 400
	}
	return body, set, status
}

func (w *walk) step() {
	w.t.Helper()
	id, known := resource.NewID(), false
	if len(w.ids) > 0 && w.random.IntN(5) > 0 {
		id = pick(w, w.ids...)
		_, known = w.rows[id]
	}
	scope := pick(w, editor, editor, editor, apac, units{ids: []string{"emea"}, roles: []string{"reader"}})
	visible := known && scope.Contains(w.rows[id].OrgUnit)
	target, method := "/leads/"+id, pick(w, "GET", "PUT", "PATCH", "DELETE", "POST", "LIST")
	switch method {
	case "LIST":
		w.list(scope)
		return
	case "POST":
		target = "/leads"
	}
	body, set, status := "", func(*Lead) {}, 200
	if method == "POST" || method == "PUT" || method == "PATCH" {
		body, set, status = w.body(method == "PATCH")
	}
	writes := method != "GET"
	switch {
	case method == "POST" && !scope.HasRole(scope.Active(), "editor"):
		status = 403
	case method == "POST" && status == 200:
		status = 201
	case method != "POST" && !visible:
		status = 404
	case method != "POST" && writes && !scope.HasRole(w.rows[id].OrgUnit, "editor"):
		status = 403
	case method == "DELETE":
		status = 204
	}
	row := w.rows[id]
	if status == 200 && writes {
		set(&row)
		if row.Name == "" {
			status = 422
		}
	}
	rec := do(w.h, scope, method, target, body, "Content-Type: application/json")
	if rec.Code != status {
		w.t.Fatalf("%s %s %s as %v = %d %s, want %d", method, target, body, scope, rec.Code, rec.Body, status)
	}
	switch status {
	case 201:
		created := w.decode(rec.Body.Bytes())
		row = Lead{ID: created.ID, OrgUnit: scope.Active(), CreatedAt: created.CreatedAt, UpdatedAt: created.UpdatedAt}
		set(&row)
		w.ids = append(w.ids, row.ID)
		w.keep(row, created)
	case 200:
		got := w.decode(rec.Body.Bytes())
		if got.UpdatedAt.Before(row.UpdatedAt) {
			w.t.Fatalf("updated_at went back from %v to %v", row.UpdatedAt, got.UpdatedAt)
		}
		row.UpdatedAt = got.UpdatedAt
		w.keep(row, got)
	case 204:
		delete(w.rows, id)
	}
}

func (w *walk) decode(body []byte) Lead {
	var lead Lead
	if err := json.Unmarshal(body, &lead); err != nil {
		w.t.Fatalf("%v in %s", err, body)
	}
	return lead
}

// keep compares the row of an answer with the model's and keeps it.
func (w *walk) keep(want, got Lead) {
	w.t.Helper()
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		w.t.Fatalf("the answer is\n%s, the model says\n%s", b, a)
	}
	w.rows[want.ID] = want
}

func (w *walk) list(scope units) {
	active := w.random.IntN(2) == 0
	query := fmt.Sprintf("filter=active=%t&filter=value%s&limit=100", active, url.QueryEscape(">=0.5"))
	rec := do(w.h, scope, "GET", "/leads?"+query, "")
	var list struct {
		Data  []Lead
		Total int
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || rec.Code != 200 {
		w.t.Fatalf("GET = %d %s", rec.Code, rec.Body)
	}
	want := map[string]bool{}
	for id, row := range w.rows {
		if row.Active == active && row.Value >= 0.5 && scope.Contains(row.OrgUnit) {
			want[id] = true
		}
	}
	if list.Total != len(want) || len(list.Data) != min(len(want), 100) {
		w.t.Fatalf("GET ?%s as %v: total %d of %d rows, want %d", query, scope, list.Total, len(list.Data), len(want))
	}
	for i, row := range list.Data {
		if !want[row.ID] || i > 0 && list.Data[i-1].ID >= row.ID {
			w.t.Fatalf("GET ?%s as %v: %s is not in the model, or out of order", query, scope, row.ID)
		}
	}
}
