package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/admin"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// Other processes are told of each change, and of nothing else, once it is made.
func TestChangesArePublished(t *testing.T) {
	t.Parallel()
	var told []string
	h, store := published(t, &memory{units: ouscopetest.Units(), assignments: ouscopetest.Assignments()}, admin.Options{
		Publish: func(_ context.Context, subject string) { told = append(told, fmt.Sprintf("publish %q", subject)) },
		Audit:   func(_ context.Context, e admin.Event) { told = append(told, "audit "+e.Action) },
	})
	for _, request := range [][3]string{
		{"POST", "/org-units", `{"name":"Leeds","parent":"uk"}`},
		{"PUT", "/org-units/uk", `{"name":"Britain"}`},
		{"PUT", "/org-units/uk", `{"name":"Britain"}`}, // changes nothing
		{"POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"admin"}`},
		{"POST", "/role-assignments", `{"subject":"new","org_unit_id":"uk","role":"admin"}`}, // a 409
		{"DELETE", "/role-assignments/uk-uk", ``},
		{"DELETE", "/role-assignments/uk-uk", ``},        // a 404
		{"PUT", "/org-units/bolt", `{"name":"Britain"}`}, // a 404
	} {
		h.send("admin", request[0], request[1], request[2])
	}
	want := []string{`publish ""`, "audit create_unit", `publish ""`, "audit change_unit", `publish "new"`, "audit grant", `publish "uk"`, "audit revoke"}
	if diff := cmp.Diff(want, told); diff != "" || len(store.units) != len(ouscopetest.Units())+1 {
		t.Errorf("told mismatch (-want +got):\n%s", diff)
	}
}

// A client that leaves once its change is made does not keep it from being told.
func TestAClientThatLeavesIsAuditedAllTheSame(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	told := 0
	tell := func(ctx context.Context) {
		if ctx.Err() == nil {
			told++
		}
	}
	store := &leaving{memory: memory{units: ouscopetest.Units(), assignments: ouscopetest.Assignments()}, leave: leave}
	h, _ := published(t, store, admin.Options{
		Publish: func(ctx context.Context, _ string) { tell(ctx) },
		Audit:   func(ctx context.Context, _ admin.Event) { tell(ctx) },
	})
	r := httptest.NewRequestWithContext(ctx, http.MethodDelete, "/role-assignments/uk-uk", nil)
	r.Header.Set("Ouscopetest-Subject", "admin")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if ctx.Err() == nil || told != 2 {
		t.Errorf("%d were told with a context that goes on, want 2", told)
	}
}

// leaving is a store whose client leaves while it works.
type leaving struct {
	memory
	leave func()
}

func (l *leaving) Revoke(ctx context.Context, id string, check func(ouscope.Assignment) error) error {
	err := l.memory.Revoke(ctx, id, check)
	l.leave()
	return err
}

// Where the connection breaks while a change is committed, nobody knows whether
// it was made: it holds from the next request on if it was, and is audited as
// what it is.
func TestAStoreThatBreaksDownMidway(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{
		"an error of the driver":      errors.New("connection lost"),
		"a 503":                       apierror.Unavailable(time.Second),
		"a context that is over, too": context.Canceled,
		"a deadline that has expired": context.DeadlineExceeded,
		"an error that wraps a 5xx":   fmt.Errorf("sqlstore: %w", apierror.Unavailable(time.Second)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []string
			store := &breaking{memory: memory{units: ouscopetest.Units(), assignments: ouscopetest.Assignments()}, err: broken}
			h, _ := published(t, store, admin.Options{
				Publish: func(_ context.Context, subject string) { told = append(told, subject) },
				Audit: func(_ context.Context, e admin.Event) {
					told = append(told, fmt.Sprint(e.Subject, " ", e.Action, " ", errors.Is(e.Err, broken)))
				},
			})
			if w := h.send("uk", "GET", "/org-units/uk", ""); w.Code != 200 {
				t.Fatalf("GET = %d %s, want 200", w.Code, w.Body)
			}
			func() {
				defer func() { _ = recover() }() // http.ErrAbortHandler where the client is gone
				if w := h.send("admin", "DELETE", "/role-assignments/uk-uk", ""); w.Code < 500 {
					t.Errorf("DELETE = %d %s, want a 5xx", w.Code, w.Body)
				}
			}()
			if w := h.send("uk", "GET", "/org-units/uk", ""); outcome(w) != "403 missing_role" {
				t.Errorf("GET after the role was revoked = %d %s, want 403", w.Code, w.Body)
			}
			if diff := cmp.Diff([]string{"uk", "admin revoke true"}, told); diff != "" {
				t.Errorf("told mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// breaking is a store that does what it is asked for, and then fails.
type breaking struct {
	memory
	err error
}

func (b *breaking) Revoke(ctx context.Context, id string, check func(ouscope.Assignment) error) error {
	if err := b.memory.Revoke(ctx, id, check); err != nil {
		return err
	}
	return b.err
}

func published[S admin.Store](t *testing.T, store S, opts admin.Options) (*office, S) {
	t.Helper()
	scoper, err := ouscope.New(store, ouscopetest.Subject, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		t.Fatalf("ouscope.New: %v", err)
	}
	a, err := admin.New(scoper, store, opts)
	if err != nil {
		t.Fatalf("admin.New: %v", err)
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/org-units", "/org-units/{id}"} {
		mux.Handle(path, a.UnitsHandler())
	}
	for _, path := range []string{"/role-assignments", "/role-assignments/{id}"} {
		mux.Handle(path, a.AssignmentsHandler())
	}
	return &office{Handler: mux}, store
}
