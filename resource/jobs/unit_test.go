package jobs_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource/jobs"
)

// unit is the unit that the request names.
func unit(r *http.Request) string { return r.Header.Get("X-Unit") }

func sendIn(h http.Handler, method, target, caller, in string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(""))
	r.Header.Set("X-Subject", caller)
	r.Header.Set("X-Unit", in)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// TestAJobStaysInItsUnit: whoever looks from another unit learns nothing of it, nor
// stops it.
func TestAJobStaysInItsUnit(t *testing.T) {
	t.Parallel()
	type place struct{ subject, unit string }
	tests := map[string]struct {
		unit    func(*http.Request) string
		started place
		sees    []place
		not     []place
	}{
		"of a unit": {
			unit,
			place{"ada", "uk"},
			[]place{{"ada", "uk"}},
			[]place{{"ada", "de"}, {"ada", "UK"}, {"ada", ""}, {"bob", "uk"}, {"", "uk"}},
		},
		"of no unit": {
			unit,
			place{"ada", ""},
			[]place{{"ada", ""}},
			[]place{{"ada", "uk"}, {"bob", ""}},
		},
		"of nobody, in a unit": {
			unit,
			place{"", "uk"},
			[]place{{"", "uk"}},
			[]place{{"", "de"}, {"ada", "uk"}},
		},
		"where there are no units": {
			jobs.Unscoped,
			place{"ada", "uk"},
			[]place{{"ada", "uk"}, {"ada", "de"}, {"ada", ""}},
			[]place{{"bob", "uk"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyStore(t, func(t *testing.T, opts jobs.Options) {
				opts.Workers = 1
				runner, err := jobs.New(subject, tt.unit, opts)
				if err != nil {
					t.Fatal(err)
				}
				closing(t, runner)
				gate := make(chan struct{})
				start := operate(t, runner, jobs.Operation{Run: func(ctx context.Context, _ string, _ []byte) (any, error) {
					select {
					case <-gate:
						return 7, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}})
				h := runner.Handler()
				running := sendIn(start, "POST", "/import", tt.started.subject, tt.started.unit).Header().Get("Location")
				synctest.Wait()
				waiting := sendIn(start, "POST", "/import", tt.started.subject, tt.started.unit).Header().Get("Location")
				hidden := func(about string) {
					t.Helper()
					for _, p := range tt.not {
						for _, method := range []string{"GET", "HEAD", "DELETE"} {
							unknown := sendIn(h, method, "/jobs/UNKNOWN", p.subject, p.unit)
							for _, location := range []string{running, waiting} {
								rec := sendIn(h, method, location, p.subject, p.unit)
								if rec.Code != 404 || rec.Body.String() != unknown.Body.String() {
									t.Errorf("%s, %s as %q in %q = %d %s, want 404 %s", about, method, p.subject, p.unit, rec.Code, rec.Body, unknown.Body)
								}
								if diff := cmp.Diff(unknown.Header(), rec.Header()); diff != "" {
									t.Errorf("%s, %s as %q in %q: header mismatch (-unknown +got):\n%s", about, method, p.subject, p.unit, diff)
								}
							}
						}
					}
				}
				seen := func(want map[string]string) {
					t.Helper()
					for _, p := range tt.sees {
						for location, status := range want {
							rec := sendIn(h, "GET", location, p.subject, p.unit)
							if rec.Code != 200 || !strings.Contains(rec.Body.String(), status) {
								t.Errorf("GET as %q in %q = %d %s, want 200 and %s", p.subject, p.unit, rec.Code, rec.Body, status)
							}
						}
					}
				}
				hidden("before the end")
				seen(map[string]string{running: `"running"`, waiting: `"queued"`})
				if rec := sendIn(h, "DELETE", waiting, tt.started.subject, tt.started.unit); rec.Code != 204 {
					t.Errorf("DELETE = %d %s, want 204", rec.Code, rec.Body)
				}
				close(gate)
				synctest.Wait()
				hidden("after the end")
				seen(map[string]string{running: `"result":7`, waiting: `"canceled"`})
			})
		})
	}
}

func TestASubjectHasOnlySoManyJobsInAllUnits(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, opts jobs.Options) {
		opts.MaxPerSubject = 2
		runner := newRunner(t, opts)
		closing(t, runner)
		gate := make(chan struct{})
		h := operate(t, runner, jobs.Operation{Run: func(context.Context, string, []byte) (any, error) { <-gate; return nil, nil }})
		for _, want := range []struct {
			subject, unit string
			code          int
		}{{"ada", "uk", 202}, {"ada", "de", 202}, {"ada", "us", 429}, {"bob", "us", 202}} {
			if rec := sendIn(h, "POST", "/import", want.subject, want.unit); rec.Code != want.code {
				t.Errorf("POST as %s in %s = %d %s, want %d", want.subject, want.unit, rec.Code, rec.Body, want.code)
			}
		}
		close(gate)
	})
}
