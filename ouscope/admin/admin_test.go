package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// An office is the organization of ouscopetest behind the handlers.
type office struct {
	http.Handler
	store  *memory
	scoper *ouscope.Scoper
	mu     sync.Mutex
	events []admin.Event
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{store: &memory{units: ouscopetest.Units(), assignments: ouscopetest.Assignments()}}
	o.store.assignments = append(o.store.assignments,
		ouscope.Assignment{ID: "chief-emea", Organization: "acme", Subject: "chief", Unit: "emea", Role: "admin"},
		ouscope.Assignment{ID: "chief-apac", Organization: "acme", Subject: "chief", Unit: "apac", Role: "reader"},
		ouscope.Assignment{ID: "root-acme", Organization: "acme", Subject: "root", Role: "admin"},
		ouscope.Assignment{ID: "partly-emea", Organization: "acme", Subject: "partly", Unit: "emea", Role: "reader"},
		ouscope.Assignment{ID: "partly-uk", Organization: "acme", Subject: "partly", Unit: "uk", Role: "admin"},
		ouscope.Assignment{ID: "local-emea", Organization: "acme", Subject: "local", Unit: "emea", Role: "admin", NoInherit: true},
		ouscope.Assignment{ID: "half-emea", Organization: "acme", Subject: "half", Unit: "emea", Role: "admin", NoInherit: true},
		ouscope.Assignment{ID: "half-all", Organization: "acme", Subject: "half", Unit: "emea", Role: "editor"},
		ouscope.Assignment{ID: "half-au", Organization: "acme", Subject: "half", Unit: "au", Role: "admin", NoInherit: true},
		ouscope.Assignment{ID: "owner-emea", Organization: "acme", Subject: "owner", Unit: "emea", Role: "admin"},
		ouscope.Assignment{ID: "owner-de", Organization: "acme", Subject: "owner", Unit: "de", Role: "owner"},
		ouscope.Assignment{ID: "cover-apac", Organization: "acme", Subject: "cover", Unit: "apac", Role: "admin", NoInherit: true},
		ouscope.Assignment{ID: "cover-uk2", Organization: "acme", Subject: "cover", Unit: "uk2", Role: "admin", NoInherit: true},
		ouscope.Assignment{ID: "cover-au", Organization: "acme", Subject: "cover", Unit: "au", Role: "admin", NoInherit: true})
	scoper, err := ouscope.New(o.store, ouscopetest.Subject, ouscope.Options{
		Implies: map[string][]string{"admin": {"editor"}, "editor": {"reader"}}, CacheTTL: time.Hour,
	})
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	a, err := admin.New(scoper, o.store, admin.Options{Audit: func(_ context.Context, e admin.Event) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.events = append(o.events, e)
	}})
	if err != nil {
		t.Fatalf("admin.New: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/org-units/active", scoper.ActiveHandler())
	mux.Handle("/org-units", a.UnitsHandler())
	mux.Handle("/org-units/{id}", a.UnitsHandler())
	mux.Handle("/role-assignments", a.AssignmentsHandler())
	mux.Handle("/role-assignments/{id}", a.AssignmentsHandler())
	o.Handler, o.scoper = mux, scoper
	return o
}

func (o *office) send(subject, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Ouscopetest-Subject", subject)
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

// outcome is the status of an answer with the code and field of an error.
func outcome(w *httptest.ResponseRecorder) string {
	var body struct{ Details struct{ Code, Field string } }
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", body.Details.Code, " ", body.Details.Field))
}

func TestWhoMayChangeWhat(t *testing.T) {
	t.Parallel()
	const foreign, missing, unknown = "403 org_unit_forbidden", "403 missing_role", "404"
	tests := map[string]struct{ subject, unit, method, target, body, want string }{
		"create below":                          {"chief", "emea", "POST", "/org-units", `{"name":"Leeds","parent":"uk"}`, "201"},
		"create in the active unit":             {"chief", "emea", "POST", "/org-units", `{"name":"France","parent":"emea"}`, "201"},
		"create above":                          {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"acme"}`, foreign},
		"create in a unit that is not there":    {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"nowhere"}`, foreign},
		"create in another organization":        {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"bolt"}`, foreign},
		"create in a disabled unit":             {"admin", "", "POST", "/org-units", `{"name":"X","parent":"off"}`, foreign},
		"create outside of the active unit":     {"chief", "uk", "POST", "/org-units", `{"name":"X","parent":"de"}`, foreign},
		"create with a role below only":         {"partly", "emea", "POST", "/org-units", `{"name":"X","parent":"emea"}`, missing},
		"create where the role is":              {"partly", "emea", "POST", "/org-units", `{"name":"X","parent":"uk"}`, "201"},
		"create as a reader":                    {"chief", "apac", "POST", "/org-units", `{"name":"X","parent":"apac"}`, missing},
		"create as an editor":                   {"emea", "", "POST", "/org-units", `{"name":"X","parent":"uk"}`, missing},
		"create without a role":                 {"nobody", "", "POST", "/org-units", `{"name":"X","parent":"uk"}`, missing},
		"create at the top":                     {"root", "", "POST", "/org-units", `{"name":"X"}`, "422 required parent"},
		"create without a name":                 {"chief", "emea", "POST", "/org-units", `{"parent":"uk"}`, "422 required name"},
		"create with a blank name":              {"chief", "emea", "POST", "/org-units", `{"name":" ","parent":"uk"}`, "422 required name"},
		"create with a long name":               {"chief", "emea", "POST", "/org-units", `{"name":"` + strings.Repeat("ü", 201) + `","parent":"uk"}`, "422 max name"},
		"create with a control character":       {"chief", "emea", "POST", "/org-units", `{"name":"a\u0000","parent":"uk"}`, "422 text name"},
		"create with an id":                     {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"uk","id":"acme"}`, "422 read_only id"},
		"create what is active":                 {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"uk","active":false}`, "422 read_only active"},
		"create with a parameter":               {"chief", "emea", "POST", "/org-units?x=1", `{"name":"X","parent":"uk"}`, "400 unknown x"},
		"create with a unit in the query":       {"chief", "emea", "POST", "/org-units?org_unit=us", `{"name":"X","parent":"uk"}`, "400 unknown org_unit"},
		"rename with another id":                {"chief", "emea", "PUT", "/org-units/uk", `{"id":"us","name":"X"}`, "422 read_only id"},
		"rename what is not active":             {"chief", "emea", "PUT", "/org-units/uk", `{"id":"uk","name":"X","active":true}`, "422 read_only active"},
		"rename with a parameter":               {"chief", "emea", "PUT", "/org-units/uk?x=1", `{"name":"X"}`, "400 unknown x"},
		"rename to nothing":                     {"chief", "emea", "PUT", "/org-units/uk", `{"name":null}`, "422 required name"},
		"grant with a parameter":                {"chief", "emea", "POST", "/role-assignments?x=1", `{"subject":"new","org_unit_id":"uk","role":"reader"}`, "400 unknown x"},
		"revoke with a parameter":               {"chief", "emea", "DELETE", "/role-assignments/uk-uk?x=1", ``, "400 unknown x"},
		"list with a unit in the query":         {"root", "", "GET", "/role-assignments?org_unit=uk", ``, "400 unknown org_unit"},
		"create with an organization":           {"chief", "emea", "POST", "/org-units", `{"name":"X","parent":"uk","organization":"bolt"}`, "400 unknown organization"},
		"rename":                                {"chief", "emea", "PUT", "/org-units/uk", `{"name":"Britain"}`, "200"},
		"rename the active unit":                {"chief", "emea", "PUT", "/org-units/emea", `{"name":"Europe"}`, "200"},
		"rename a foreign unit":                 {"chief", "emea", "PUT", "/org-units/us", `{"name":"X"}`, unknown},
		"rename a unit that is not there":       {"chief", "emea", "PUT", "/org-units/nowhere", `{"name":"X"}`, unknown},
		"rename a foreign unit, no body":        {"chief", "emea", "PUT", "/org-units/us", ``, unknown},
		"rename another organization's":         {"root", "", "PUT", "/org-units/bolt", `{"name":"X"}`, unknown},
		"rename as a reader":                    {"partly", "emea", "PUT", "/org-units/de", `{"name":"X"}`, missing},
		"rename below a disabled unit":          {"root", "", "PUT", "/org-units/below-off", `{"name":"X"}`, unknown},
		"move within reach":                     {"admin", "", "PUT", "/org-units/uk", `{"name":"UK","parent":"amer"}`, "200"},
		"move within the active unit":           {"chief", "emea", "PUT", "/org-units/uk", `{"name":"UK","parent":"de"}`, "200"},
		"move out of reach":                     {"chief", "emea", "PUT", "/org-units/uk", `{"name":"UK","parent":"amer"}`, foreign},
		"move into where there is no role":      {"partly", "emea", "PUT", "/org-units/uk", `{"name":"UK","parent":"de"}`, missing},
		"move away from a parent":               {"partly", "uk", "PUT", "/org-units/uk", `{"name":"UK","parent":"uk"}`, missing},
		"move what the own role stands on":      {"chief", "emea", "PUT", "/org-units/emea", `{"name":"EMEA","parent":"uk"}`, missing},
		"move below itself":                     {"admin", "", "PUT", "/org-units/emea", `{"name":"EMEA","parent":"uk"}`, "422 parent parent"},
		"move into itself":                      {"admin", "", "PUT", "/org-units/emea", `{"name":"EMEA","parent":"emea"}`, "422 parent parent"},
		"move to the top":                       {"admin", "", "PUT", "/org-units/uk", `{"name":"UK","parent":""}`, foreign},
		"move to another organization":          {"admin", "", "PUT", "/org-units/uk", `{"name":"UK","parent":"bolt"}`, foreign},
		"disable":                               {"chief", "emea", "PUT", "/org-units/uk", `{"name":"UK","disabled":true}`, "200"},
		"disable what the own role stands on":   {"chief", "emea", "PUT", "/org-units/emea", `{"name":"EMEA","disabled":true}`, missing},
		"disable the top":                       {"root", "", "PUT", "/org-units/acme", `{"name":"Acme","disabled":true}`, missing},
		"enable":                                {"admin", "", "PUT", "/org-units/off", `{"name":"On","disabled":false}`, "200"},
		"enable a foreign unit":                 {"chief", "emea", "PUT", "/org-units/off", `{"name":"On","disabled":false}`, unknown},
		"enable without a role":                 {"off", "", "PUT", "/org-units/off", `{"name":"On","disabled":false}`, missing},
		"other methods of a unit":               {"chief", "emea", "DELETE", "/org-units/uk", ``, "405"},
		"grant":                                 {"chief", "emea", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"reader"}`, "201"},
		"grant the own role":                    {"chief", "emea", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"admin"}`, "201"},
		"grant a role that one has not":         {"chief", "emea", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"owner"}`, missing},
		"grant on a foreign unit":               {"chief", "emea", "POST", "/role-assignments", `{"subject":"chief","org_unit_id":"acme","role":"admin"}`, foreign},
		"grant on a unit that is not there":     {"chief", "emea", "POST", "/role-assignments", `{"subject":"chief","org_unit_id":"nowhere","role":"admin"}`, foreign},
		"grant oneself where one reads":         {"chief", "apac", "POST", "/role-assignments", `{"subject":"chief","org_unit_id":"apac","role":"admin"}`, missing},
		"grant where one reads":                 {"partly", "emea", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"de","role":"reader"}`, missing},
		"grant as an editor":                    {"emea", "", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"reader"}`, missing},
		"grant twice":                           {"chief", "emea", "POST", "/role-assignments", `{"subject":"uk","org_unit_id":"uk","role":"editor"}`, "409 exists role"},
		"grant without a unit":                  {"root", "", "POST", "/role-assignments", `{"subject":"new","role":"reader"}`, "422 required org_unit_id"},
		"grant without a subject":               {"root", "", "POST", "/role-assignments", `{"org_unit_id":"uk","role":"reader"}`, "422 required subject"},
		"grant a subject with a NUL":            {"root", "", "POST", "/role-assignments", `{"subject":"a\u0000","org_unit_id":"uk","role":"reader"}`, "422 text subject"},
		"revoke":                                {"chief", "emea", "DELETE", "/role-assignments/uk-uk", ``, "204"},
		"revoke on a foreign unit":              {"chief", "emea", "DELETE", "/role-assignments/admin-acme", ``, unknown},
		"revoke what is not there":              {"chief", "emea", "DELETE", "/role-assignments/nothing", ``, unknown},
		"revoke in another organization":        {"root", "", "DELETE", "/role-assignments/bolt-bolt", ``, unknown},
		"revoke a role for all":                 {"root", "", "DELETE", "/role-assignments/root-acme", ``, unknown},
		"revoke where one reads":                {"partly", "emea", "DELETE", "/role-assignments/emea-emea", ``, missing},
		"list as an editor":                     {"emea", "", "GET", "/role-assignments", ``, missing},
		"list with a bad limit":                 {"root", "", "GET", "/role-assignments?limit=0", ``, "400 min limit"},
		"other methods of a list":               {"root", "", "PUT", "/role-assignments", `{}`, "405"},
		"other methods of an assignment":        {"root", "", "GET", "/role-assignments/uk-uk", ``, "405"},
		"create with a body of 10 MB":           {"chief", "emea", "POST", "/org-units", `{"name":"` + strings.Repeat("x", 10<<20) + `","parent":"uk"}`, "413"},
		"grant with a body of 10 MB":            {"chief", "emea", "POST", "/role-assignments", `{"subject":"` + strings.Repeat("x", 10<<20) + `"}`, "413"},
		"grant a subject of any length":         {"chief", "emea", "POST", "/role-assignments", `{"subject":"` + strings.Repeat("x", 256) + `","org_unit_id":"uk","role":"reader"}`, "422 max subject"},
		"create with an id of another script":   {"chief", "emea", "POST", "/org-units", "{\"name\":\"X\",\"parent\":\"u\u043a\"}", foreign},
		"rename a unit in other case":           {"chief", "emea", "PUT", "/org-units/UK", `{"name":"X"}`, unknown},
		"rename by a prefix":                    {"chief", "emea", "PUT", "/org-units/u", `{"name":"X"}`, unknown},
		"rename by a path":                      {"chief", "emea", "PUT", "/org-units/uk%2f..%2fus", `{"name":"X"}`, unknown},
		"a body where there has to be none, ok": {"chief", "emea", "DELETE", "/role-assignments/uk-uk", `{"org_unit_id":"us"}`, "204"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			if tt.unit != "" {
				if w := o.send(tt.subject, "POST", "/org-units/active", `{"org_unit_id":"`+tt.unit+`"}`); w.Code != http.StatusOK {
					t.Fatalf("choosing %s = %d %s", tt.unit, w.Code, w.Body)
				}
			}
			units, assignments := len(o.store.units), len(o.store.assignments)
			before := fmt.Sprint(o.store.units, o.store.assignments)
			w := o.send(tt.subject, tt.method, tt.target, tt.body)
			if got := outcome(w); got != tt.want {
				t.Errorf("%s %s %.200s = %s, want %s: %s", tt.method, tt.target, tt.body, got, tt.want, w.Body)
			}
			changed := fmt.Sprint(o.store.units, o.store.assignments) != before
			if ok := tt.want[0] == '2'; changed != ok || len(o.events) > 0 != ok {
				t.Errorf("changed = %v (%d units, %d assignments), %d events, want %v", changed, len(o.store.units)-units, len(o.store.assignments)-assignments, len(o.events), ok)
			}
		})
	}
}

func TestAnswersAndEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var unit struct{ ID string }
	w := o.send("admin", "POST", "/org-units", `{"name":"New Côte-d'Or 7","parent":"uk"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &unit); err != nil || len(unit.ID) != 26 {
		t.Fatalf("POST = %s, %v, want a unit with an id", w.Body, err)
	}
	want := `{"id":"` + unit.ID + `","name":"New Côte-d'Or 7","slug":"new-côte-d-or-7","parent":"uk","active":false,"disabled":false}`
	if got := w.Body.String(); got != want || w.Header().Get("Location") != "/org-units/"+unit.ID {
		t.Errorf("POST = %s at %s, want %s", got, w.Header().Get("Location"), want)
	}
	w = o.send("admin", "PUT", "/org-units/"+unit.ID, `{"name":"Leeds","slug":"leeds","disabled":true}`)
	want = `{"id":"` + unit.ID + `","name":"Leeds","slug":"leeds","parent":"uk","active":false,"disabled":true}`
	if got := w.Body.String(); got != want {
		t.Errorf("PUT = %s, want %s", got, want)
	}
	w = o.send("admin", "POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"reader","inherit":false}`)
	var assignment struct{ ID string }
	if err := json.Unmarshal(w.Body.Bytes(), &assignment); err != nil {
		t.Fatalf("POST = %s, %v", w.Body, err)
	}
	want = `{"id":"` + assignment.ID + `","subject":"new","org_unit_id":"uk","role":"reader","inherit":false}`
	if got := w.Body.String(); got != want || w.Header().Get("Location") != "/role-assignments/"+assignment.ID {
		t.Errorf("POST = %s at %s, want %s", got, w.Header().Get("Location"), want)
	}
	o.send("admin", "DELETE", "/role-assignments/"+assignment.ID, "")
	o.send("admin", "PUT", "/org-units/us", `{"name":"Unit us"}`) // changes nothing: the name is the same
	var got []string
	for _, e := range o.events {
		got = append(got, fmt.Sprint(e.Subject, " ", e.Action, " ", e.Was.Name, ">", e.Unit.Name, " ", e.Assignment.Subject))
	}
	if diff := cmp.Diff([]string{
		"admin create_unit >New Côte-d'Or 7 ", "admin change_unit New Côte-d'Or 7>Leeds ", "admin grant > new", "admin revoke > new",
	}, got); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
}

func TestListOfAssignments(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.send("partly", "POST", "/org-units/active", `{"org_unit_id":"emea"}`)
	w := o.send("partly", "GET", "/role-assignments?limit=2&page=2", "")
	want := `{"data":[{"id":"multi-uk","subject":"multi","org_unit_id":"uk","role":"editor","inherit":true},` +
		`{"id":"partly-uk","subject":"partly","org_unit_id":"uk","role":"admin","inherit":true}],"total":4,"page":2,"limit":2}`
	if got := w.Body.String(); got != want {
		t.Errorf("GET = %s, want %s", got, want)
	}
	if got, want := w.Header().Get("Link"), `<?page=1&limit=2>; rel="first", <?page=1&limit=2>; rel="prev", <?page=2&limit=2>; rel="last"`; got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
}

// What was changed holds from the next request on, whatever the cache time.
func TestChangesHoldFromTheNextRequest(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	may := func(subject string) string { return outcome(o.send(subject, "GET", "/org-units/active", "")) }
	steps := []struct{ method, target, body, subject, want string }{
		{"POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"reader"}`, "new", "200"},
		{"DELETE", "/role-assignments/uk-uk", "", "uk", "403 active_ou_required"},
		{"PUT", "/org-units/uk", `{"name":"UK","disabled":true}`, "new", "403 active_ou_required"},
		{"PUT", "/org-units/uk", `{"name":"UK","disabled":false}`, "new", "200"},
		{"PUT", "/org-units/apac", `{"name":"APAC","disabled":true}`, "multi", "200"},
	}
	for _, subject := range []string{"new", "uk", "multi"} {
		may(subject)
	}
	for _, step := range steps {
		if w := o.send("admin", step.method, step.target, step.body); w.Code >= 300 {
			t.Fatalf("%s %s = %d %s", step.method, step.target, w.Code, w.Body)
		}
		if got := may(step.subject); got != step.want {
			t.Errorf("after %s %s %s: %s, want %s", step.method, step.target, step.body, got, step.want)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if _, err := admin.New(nil, o.store, admin.Options{}); err == nil {
		t.Error("New without a scoper = nil, want an error")
	}
	if _, err := admin.New(o.scoper, nil, admin.Options{}); err == nil {
		t.Error("New without a store = nil, want an error")
	}
}

func Example() {
	store := &memory{
		units:       []ouscope.Unit{{ID: "acme"}, {ID: "uk", Parent: "acme"}},
		assignments: []ouscope.Assignment{{ID: "1", Subject: "ann", Unit: "acme", Role: "admin"}},
	}
	scoper, err := ouscope.New(store, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{
		Implies: map[string][]string{"admin": {"reader"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	office, err := admin.New(scoper, store, admin.Options{Audit: func(_ context.Context, e admin.Event) {
		fmt.Println("audit:", e.Subject, e.Action, e.Assignment.Subject, e.Assignment.Role, e.Assignment.Unit)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := scoper.Handler(office.AssignmentsHandler())

	r := httptest.NewRequest("POST", "/role-assignments", strings.NewReader(`{"subject":"bob","org_unit_id":"uk","role":"reader"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// audit: ann grant bob reader uk
	// 201
}
