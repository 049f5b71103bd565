package ouscopetest_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// leaks are mistakes in a service, each with a group of attacks that has to
// find it.
var leaks = map[string]string{
	"list":        "list",        // all rows are listed
	"total":       "list",        // the total counts all rows
	"object":      "object",      // a row is found by its id alone
	"exists":      "object",      // a foreign row is 403, an unknown one 404
	"role":        "roles",       // nobody asks for the role on the row
	"etag":        "cache",       // If-None-Match is looked at before the scope
	"header":      "create",      // a header names the unit of a new row
	"stale":       "revoke",      // grants are cached and nobody invalidates
	"replay":      "idempotency", // keys are kept for all callers together
	"public":      "cache",       // answers may be cached for everybody
	"tenant":      "resolve",     // a header names the caller
	"active unit": "select",      // one foreign unit is accepted
	"cursor":      "cursor",      // a cursor leads to all rows
	"job":         "async",       // anybody sees a job
	"job's unit":  "async",       // its subject sees a job from every unit
	"async":       "async",       // a job runs in the unit that is active by then
	"admin":       "admin",       // readers may change units
	"time":        "time",        // a foreign row takes longer
}

// TestLeakyService is run by TestTheSuiteFindsLeaks alone.
func TestLeakyService(t *testing.T) {
	leak := os.Getenv("OUSCOPETEST_LEAK")
	if leak == "" {
		t.Skip("it fails, and is run by TestTheSuiteFindsLeaks")
	}
	ouscopetest.TestIsolation(t, func(t *testing.T) ouscopetest.Service { return leakyService(t, leak) })
}

func TestTheSuiteFindsLeaks(t *testing.T) {
	t.Parallel()
	for leak, group := range leaks {
		t.Run(leak, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLeakyService$/^"+group+"$")
			cmd.Env = append(os.Environ(), "OUSCOPETEST_LEAK="+leak)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestLeakyService/"+group) {
				t.Errorf("the attacks of %s did not find the leak %q: %v\n%.2000s", group, leak, err, out)
			}
		})
	}
}

func leakyService(t *testing.T, leak string) ouscopetest.Service {
	t.Helper()
	directory := &editable{}
	opts := ouscope.Options{Implies: implies, CacheTTL: -1}
	subject := ouscopetest.Subject
	switch leak {
	case "stale":
		opts.CacheTTL = time.Hour
	case "tenant":
		subject = func(r *http.Request) (string, bool) {
			if r.Header.Get("X-Tenant") != "" {
				return "admin", true
			}
			return ouscopetest.Subject(r)
		}
	}
	scoper, err := ouscope.New(directory, subject, opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	replace := directory.Replace
	if leak == "stale" {
		replace = func(ctx context.Context, units []ouscope.Unit, assignments []ouscope.Assignment) error {
			if first, _ := directory.Units(ctx); first == nil {
				defer scoper.Invalidate() // or there would be nothing to leak
			}
			return directory.Replace(ctx, units, assignments)
		}
	}
	var role string
	if leak == "admin" {
		role = "reader"
	}
	handler := routes(t, scoper, directory, &leads{leak: leak, scoper: scoper}, admin.Options{Role: role})
	switch leak {
	case "replay":
		handler = replaying(handler)
	case "public":
		handler = public(handler)
	case "active unit":
		handler = unchecked(handler)
	}
	return ouscopetest.Service{Handler: handler, Path: "/leads", ImportPath: "/leads/import", Admin: true, Replace: replace}
}

// replaying answers a repeated Idempotency-Key with the first answer, whoever
// asks.
func replaying(next http.Handler) http.Handler {
	kept := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			next.ServeHTTP(w, r)
			return
		}
		if kept[key] == nil {
			kept[key] = httptest.NewRecorder()
			next.ServeHTTP(kept[key], r)
		}
		w.WriteHeader(kept[key].Code)
		_, _ = w.Write(kept[key].Body.Bytes())
	})
}

func public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// unchecked makes whatever unit is sent the active one of the answer.
func unchecked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/org-units/active" || r.Method != http.MethodPost && r.Method != http.MethodPut {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Code == http.StatusForbidden && bytes.Contains(body, []byte(`"us"`)) {
			rec.Code = http.StatusOK
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}
