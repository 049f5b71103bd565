package resource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

// FuzzElements holds elements against encoding/json.
func FuzzElements(f *testing.F) {
	for _, s := range []string{`[]`, ` [ ] `, `[1]`, "\n\t\r [1 , \"a,]\\\"\" ,{\"a\":[1,{}]},[[],[2,3]] ]\n", `["\\",null]`, `["\\\"",{}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, array []byte) {
		want := []json.RawMessage{}
		if err := json.Unmarshal(array, &want); err != nil || want == nil {
			t.Skip() // no array, which Import refuses
		}
		got := []json.RawMessage{}
		for e := range resource.Elements(array) {
			got = append(got, e)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("elements(%q) mismatch (-want +got):\n%s", array, diff)
		}
	})
}

func TestImportMakesNoAllocationForARowBeforeItRuns(t *testing.T) { // not parallel: it counts allocations
	leads, _ := newLeads(t, resource.Options{MaxImport: 500_000})
	body := "[" + strings.Repeat("0,", 400_000) + "0]"
	n := testing.AllocsPerRun(3, func() {
		if _, err := leads.Import(within(newRequest("POST", "/leads/import", body, ""), editor)); err != nil {
			t.Fatal(err)
		}
	})
	if n > 100 {
		t.Errorf("Import of 400,001 rows makes %v allocations, want at most 100", n)
	}
}

func TestImportBoundsTheRows(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 3} {
		leads, _ := newLeads(t, resource.Options{MaxImport: most})
		if most == 0 {
			most = 10_000
		}
		for n, status := range map[int]int{most: 200, most + 1: 413} {
			r := within(newRequest("POST", "/leads/import", "["+strings.Repeat("0,", n-1)+"0]", ""), editor)
			_, err := leads.Import(r)
			if err == nil && status == 200 {
				continue
			}
			want := fmt.Sprintf(`{"error":"content_too_large","message":"Request body has more than %d rows"}`, most)
			if rec := answer(r, err); rec.Code != status || rec.Body.String() != want {
				t.Errorf("Import of %d rows = %d %s, want %d", n, rec.Code, rec.Body, status)
			}
		}
	}
}

// creating is a store whose Create is a func.
type creating func(context.Context, resource.Scope, Lead) (Lead, error)

func (c creating) Create(ctx context.Context, scope resource.Scope, row Lead) (Lead, error) {
	return c(ctx, scope, row)
}

// imports runs an import of n leads into the store as the editor.
func imports(t *testing.T, store creating, opts resource.Options, n int) (string, error) {
	t.Helper()
	opts.Scope = scopeOf
	opts.Roles.Create = "editor"
	leads, err := resource.New[Lead, LeadInput]("/leads", store, opts)
	if err != nil {
		t.Fatal(err)
	}
	body := "[" + strings.Repeat(`{"name":"Ada"},`, n-1) + `{"name":"Ada"}]`
	work, err := leads.Import(within(newRequest("POST", "/leads/import", body, ""), editor))
	if err != nil {
		t.Fatal(err)
	}
	result, failure := work(t.Context())
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), failure
}

func TestImportTriesABusyStoreAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts, ids := 0, map[string]bool{}
		store := creating(func(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
			attempts++
			ids[row.ID] = true
			if len(ids) == 2 && attempts < 7 {
				return row, apierror.Unavailable(time.Second)
			}
			return row, nil
		})
		start := time.Now()
		got, err := imports(t, store, resource.Options{}, 3)
		want := `{"counts":{"total":3,"succeeded":3,"failed":0},"errors":[]}`
		if err != nil || got != want || attempts != 8 || len(ids) != 3 {
			t.Errorf("the import = %s, %v, after %d attempts with %d ids, want %s after 8 with 3", got, err, attempts, len(ids), want)
		}
		if took := time.Since(start); took != 3100*time.Millisecond {
			t.Errorf("it took %v, want 3.1s", took)
		}
	})
}

func TestImportThatEndsEarlyHasCounts(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	tests := map[string]struct {
		failure error
		want    error
	}{
		"busy for too long":     {apierror.Unavailable(time.Second), apierror.Unavailable(0)},
		"another failure":       {lost, lost},
		"the context has ended": {context.Canceled, context.Canceled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				got, err := imports(t, func(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
					n++
					switch {
					case n == 1:
						return row, apierror.Conflict("email", "unique", "Email is taken")
					case n > 3:
						return row, tt.failure
					}
					return row, nil
				}, resource.Options{}, 10)
				want := `{"counts":{"total":10,"succeeded":2,"failed":1},"errors":[{"index":0,"field":"email","code":"unique","message":"Email is taken"}]}`
				if !errors.Is(err, tt.want) || got != want {
					t.Errorf("the import = %s, %v, want %s, %v", got, err, want, tt.want)
				}
			})
		})
	}
}

// TestImportCountsARowWhoseAnswerWasLost: the store fails after the row is in.
func TestImportCountsARowWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := map[string]bool{}
		got, err := imports(t, func(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
			if in[row.ID] {
				return row, apierror.Conflict("id", "unique", "Id is taken")
			}
			in[row.ID] = true
			return row, apierror.Unavailable(time.Second)
		}, resource.Options{}, 2)
		want := `{"counts":{"total":2,"succeeded":2,"failed":0},"errors":[]}`
		if err != nil || got != want {
			t.Errorf("the import = %s, %v, want %s", got, err, want)
		}
	})
}

func TestImportEndsWhenTheRoleIsRevoked(t *testing.T) {
	t.Parallel()
	revoked := apierror.Forbidden("missing_role", "")
	tests := map[string]struct {
		rescope func() (resource.Scope, error) // once the role is revoked
		pause   time.Duration                  // of each row
		want    int                            // rows that get in at most after it was
		code    string                         // details.code of the error
	}{
		"an error":        {func() (resource.Scope, error) { return nil, revoked }, 0, 100, "missing_role"},
		"no scope":        {func() (resource.Scope, error) { return nil, nil }, 0, 100, "active_ou_required"},
		"another unit":    {func() (resource.Scope, error) { return units{[]string{"uk", "emea"}, editor.roles}, nil }, 0, 100, "active_ou_required"},
		"a lesser role":   {func() (resource.Scope, error) { return units{editor.ids, []string{"reader"}}, nil }, 0, 100, "missing_role"},
		"rows that crawl": {func() (resource.Scope, error) { return nil, revoked }, 300 * time.Millisecond, 4, "missing_role"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				got, err := imports(t, func(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
					n++
					time.Sleep(tt.pause)
					return row, nil
				}, resource.Options{Rescope: func(_ context.Context, accepted resource.Scope) (resource.Scope, error) {
					if accepted.Active() != "emea" {
						t.Errorf("Rescope with %v, want the scope of the request", accepted)
					}
					if n > 250 {
						return tt.rescope()
					}
					return accepted, nil
				}}, 1000)
				e, ok := errors.AsType[*apierror.Error](err)
				if !ok || e.Status != 403 || e.Details.Code != tt.code {
					t.Fatalf("the import = %s, %v, want a 403 %s", got, err, tt.code)
				}
				want := fmt.Sprintf(`{"counts":{"total":1000,"succeeded":%d,"failed":0},"errors":[]}`, n)
				if got != want || n > 250+tt.want {
					t.Errorf("the import = %s, want %s and at most %d rows after 250", got, want, tt.want)
				}
			})
		})
	}
}

func TestImportAsksTheScopeWhenItBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		store := creating(func(_ context.Context, scope resource.Scope, row Lead) (Lead, error) {
			if u := scope.(units); len(u.ids) != 1 {
				t.Errorf("Create with %v, want the scope of now", u)
			}
			return row, nil
		})
		_, err := imports(t, store, resource.Options{Rescope: func(context.Context, resource.Scope) (resource.Scope, error) {
			if asked++; asked < 3 {
				return nil, apierror.Unavailable(time.Second) // which is no refusal
			}
			return units{[]string{"emea"}, editor.roles}, nil
		}}, 2)
		if err != nil || asked != 3 {
			t.Errorf("the import: %v, with the scope asked %d times, want 3", err, asked)
		}
		_, err = imports(t, func(_ context.Context, _ resource.Scope, row Lead) (Lead, error) {
			t.Error("a row was added")
			return row, nil
		}, resource.Options{Rescope: func(context.Context, resource.Scope) (resource.Scope, error) { return nil, nil }}, 2)
		if !errors.Is(err, apierror.Forbidden("", "")) {
			t.Errorf("the import: %v, want a 403", err)
		}
	})
}
