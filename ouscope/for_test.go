package ouscope_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
)

func TestForIsCheckedWhenItRuns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		grants, unit, mode string
		want               string // units of the scope, or the code of the error
	}{
		"the unit of the request":             {"editor emea reader apac", "uk", "", "uk: uk"},
		"the only grant":                      {"editor emea", "", "", "emea: de emea uk"},
		"the only grant, exact":               {"editor emea", "", "exact", "emea: emea"},
		"no unit where there are several":     {"editor emea reader apac", "", "", "active_ou_required"},
		"no unit where all that is granted":   {"editor uk reader apac", "", "granted", ": apac uk uk2"},
		"a unit where all that is granted":    {"editor uk reader apac", "apac", "granted", "apac: apac uk2"},
		"a unit whose role is revoked":        {"editor emea", "apac", "", "active_ou_required"},
		"a unit above the role":               {"editor uk", "emea", "", "active_ou_required"},
		"a unit whose role is revoked, all":   {"editor emea", "apac", "granted", "active_ou_required"},
		"a unit that is gone":                 {"editor emea", "gone", "", "active_ou_required"},
		"a subject whose roles are revoked":   {"", "uk", "", "missing_role"},
		"a subject that never had any, exact": {"", "", "exact", "missing_role"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": tt.grants}, ouscope.Options{Mode: tt.mode})
			scope, err := s.scoper.For(t.Context(), "ann", tt.unit)
			got := scope.Active() + ": " + strings.Join(scope.IDs(), " ")
			if e, ok := errors.AsType[*apierror.Error](err); ok {
				got = e.Details.Code
			}
			if got != tt.want {
				t.Errorf("For(%q) = %s, want %s", tt.unit, got, tt.want)
			}
		})
	}
	s := newService(t, map[string]string{"ann": "editor uk"}, ouscope.Options{})
	if scope, err := s.scoper.For(t.Context(), "", ""); err == nil || scope.Contains("uk") {
		t.Errorf("For without a subject = %v, %v, want an error", scope.IDs(), err)
	}
}

// Work without a request leaves a trace, whatever comes of it.
func TestForIsAudited(t *testing.T) {
	t.Parallel()
	var got []string
	s := newService(t, map[string]string{"nightly": "reader uk"}, ouscope.Options{Audit: func(_ context.Context, subject, unit string, err error) {
		got = append(got, fmt.Sprintf("%s at %q: %v", subject, unit, err))
	}})
	for _, of := range [][2]string{{"nightly", ""}, {"nightly", "uk"}, {"nightly", "us"}, {"", ""}, {"weekly", ""}} {
		_, _ = s.scoper.For(t.Context(), of[0], of[1])
	}
	s.scope("nightly") // a request is none of its business
	want := []string{
		`nightly at "": <nil>`, `nightly at "uk": <nil>`, `nightly at "us": 403 forbidden: Choose an organizational unit first`,
		` at "": 403 forbidden: Your roles do not permit this here`, `weekly at "": 403 forbidden: Your roles do not permit this here`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit mismatch (-want +got):\n%s", diff)
	}
}

// A system task has a name and roles of its own, and leaves a trace.
func ExampleScoper_For_systemTask() {
	dir := &directory{units: acme(), assignments: team(map[string]string{"nightly-report": "reader emea"})}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{Audit: func(_ context.Context, subject, unit string, err error) {
		fmt.Println("audit:", subject, unit, err)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	scope, err := scoper.For(context.Background(), "nightly-report", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	where, args := scope.SQL("postgres", "org_unit", 1)
	fmt.Println("SELECT count(*) FROM leads WHERE", where, args)
	// Output:
	// audit: nightly-report  <nil>
	// SELECT count(*) FROM leads WHERE org_unit = ANY($1) [[de emea uk]]
}

// A job goes on as its caller, with the grants of the time at which it runs.
func ExampleScoper_For() {
	dir := &directory{units: acme(), assignments: team(map[string]string{"ann": "editor emea"})}
	scoper, err := ouscope.New(dir, subject, ouscope.Options{CacheTTL: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var jobs []func(context.Context)
	start := scoper.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := ouscope.FromContext(r.Context())
		caller, unit := scope.Subject(), scope.Active() // kept with the job
		jobs = append(jobs, func(ctx context.Context) {
			scope, err := scoper.For(ctx, caller, unit)
			fmt.Println("job:", scope.IDs(), err)
		})
		w.WriteHeader(http.StatusAccepted)
	}))

	s := &service{mux: http.NewServeMux()}
	s.mux.Handle("POST /reports", start)
	fmt.Println(s.do("ann", "POST", "/reports", "").Code)
	jobs[0](context.Background())
	dir.set(func(d *directory) { d.assignments = nil })
	jobs[0](context.Background())
	// Output:
	// 202
	// job: [de emea uk] <nil>
	// job: [] 403 forbidden: Your roles do not permit this here
}
