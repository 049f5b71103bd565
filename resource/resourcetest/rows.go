package resourcetest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

func (s suite[Row]) readBack(t *testing.T, store resource.Store[Row]) {
	for n := range 100 {
		row := s.opts.Row(id(n), "a", n)
		s.create(t, store, Scope("a"), row)
		s.wantRow(t, store, Scope("b", "a"), id(n), row)
	}
}

func (s suite[Row]) noScope(t *testing.T, store resource.Store[Row]) {
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 1))
	s.nothing(t, store, nil)
	s.nothing(t, store, Scope())
	s.wantRow(t, store, Scope("a"), id(1), s.opts.Row(id(1), "a", 1))
}

func (s suite[Row]) foreign(t *testing.T, store resource.Store[Row]) {
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 1))
	s.nothing(t, store, Scope("b", "c"))
	s.wantRow(t, store, Scope("a"), id(1), s.opts.Row(id(1), "a", 1))
}

// nothing asserts that row 1 of unit a does not exist in scope.
func (s suite[Row]) nothing(t *testing.T, store resource.Store[Row], scope resource.Scope) {
	t.Helper()
	rows, total, err := store.List(t.Context(), scope, all)
	if err != nil || len(rows) != 0 || total != 0 {
		t.Errorf("List = %d rows, total %d, %v, want none", len(rows), total, err)
	}
	if _, err := store.Get(t.Context(), scope, id(1)); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("Get: error = %v, want ErrNotFound", err)
	}
	if _, err := store.Create(t.Context(), scope, s.opts.Row(id(2), "a", 2)); !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("Create: error = %v, want ErrNotFound", err)
	}
	s.absent(t, store, scope, id(1))
}

// absent asserts that update and delete do not find the row and call nothing.
func (s suite[Row]) absent(t *testing.T, store resource.Store[Row], scope resource.Scope, id string) {
	t.Helper()
	_, err := store.Update(t.Context(), scope, id, func(row Row) (Row, error) {
		t.Errorf("Update(%s) called change", id)
		return row, nil
	})
	if !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("Update(%s): error = %v, want ErrNotFound", id, err)
	}
	err = store.Delete(t.Context(), scope, id, func(Row) error {
		t.Errorf("Delete(%s) called check", id)
		return nil
	})
	if !errors.Is(err, resource.ErrNotFound) {
		t.Errorf("Delete(%s): error = %v, want ErrNotFound", id, err)
	}
}

func (s suite[Row]) unknown(t *testing.T, store resource.Store[Row]) {
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 1))
	for _, id := range []string{id(2), "x", "", "' OR 1=1 --", "%", "ÿ"} {
		s.absent(t, store, Scope("a"), id)
		if _, err := store.Get(t.Context(), Scope("a"), id); !errors.Is(err, resource.ErrNotFound) {
			t.Errorf("Get(%q): error = %v, want ErrNotFound", id, err)
		}
	}
}

func (s suite[Row]) taken(t *testing.T, store resource.Store[Row]) {
	row := s.opts.Row(id(1), "a", 1)
	s.create(t, store, Scope("a"), row)
	_, err := store.Create(t.Context(), Scope("a", "b"), s.opts.Row(id(1), "b", 2))
	if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Status != http.StatusConflict {
		t.Errorf("Create with an id that is taken: error = %v, want a 409", err)
	}
	s.wantRow(t, store, Scope("a"), id(1), row)

	// Of many at once one gets it.
	got := make(chan Row, 8)
	var wg sync.WaitGroup
	for n := range cap(got) {
		wg.Go(func() {
			row, err := store.Create(t.Context(), Scope("a"), s.opts.Row(id(2), "a", n))
			if e, ok := errors.AsType[*apierror.Error](err); err != nil && (!ok || e.Status != http.StatusConflict) {
				t.Errorf("Create with an id that others ask for: error = %v, want a 409", err)
			} else if err == nil {
				got <- row
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Fatalf("%d of %d creates with one id got it", len(got), cap(got))
	}
	s.wantRow(t, store, Scope("a"), id(2), <-got)
}

func (s suite[Row]) atomic(t *testing.T, store resource.Store[Row]) {
	const updates = 24
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 0))
	number := map[string]int{}
	for n := range updates {
		number[text(t, s.opts.Row(id(1), "a", n))] = n
	}
	var wg sync.WaitGroup
	for range updates {
		wg.Go(func() {
			var changed Row
			got, err := store.Update(t.Context(), Scope("a"), id(1), func(row Row) (Row, error) {
				n, ok := number[text(t, row)]
				if !ok {
					t.Errorf("change got a row that nobody wrote:\n%s", text(t, row))
				}
				changed = s.opts.Row(id(1), "a", n+1)
				return changed, nil
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			} else if got, want := text(t, got), text(t, changed); got != want {
				t.Errorf("Update returned\n%s, want\n%s", got, want)
			}
		})
	}
	wg.Wait()
	s.wantRow(t, store, Scope("a"), id(1), s.opts.Row(id(1), "a", updates))
}

// atomicDelete updates the row while a deletion of the old one is being checked:
// one of the two comes too late.
func (s suite[Row]) atomicDelete(t *testing.T, store resource.Store[Row]) {
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 1))
	old, late := text(t, s.opts.Row(id(1), "a", 1)), apierror.New(http.StatusPreconditionFailed, "")
	updated := make(chan error, 1)
	update := sync.OnceFunc(func() {
		go func() {
			_, err := store.Update(t.Context(), Scope("a"), id(1), func(Row) (Row, error) { return s.opts.Row(id(1), "a", 2), nil })
			updated <- err
		}()
	})
	err := store.Delete(t.Context(), Scope("a"), id(1), func(row Row) error {
		if text(t, row) != old {
			return late
		}
		update()
		// A store whose deletion is atomic lets it wait.
		select {
		case err := <-updated:
			updated <- err
		case <-time.After(20 * time.Millisecond):
		}
		return nil
	})
	update()
	switch updated := <-updated; {
	case updated == nil && errors.Is(err, late):
		s.wantRow(t, store, Scope("a"), id(1), s.opts.Row(id(1), "a", 2))
	case errors.Is(updated, resource.ErrNotFound) && err == nil:
		s.absent(t, store, Scope("a"), id(1))
	default:
		t.Errorf("Update = %v and Delete of the row as it was before = %v, want one of them to come too late", updated, err)
	}
}

func (s suite[Row]) refused(t *testing.T, store resource.Store[Row]) {
	row := s.opts.Row(id(1), "a", 1)
	s.create(t, store, Scope("a"), row)
	refusal := apierror.Conflict("", "test", "No")
	_, err := store.Update(t.Context(), Scope("a"), id(1), func(Row) (Row, error) {
		return s.opts.Row(id(1), "a", 2), refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("Update: error = %v, want that of change", err)
	}
	if err := store.Delete(t.Context(), Scope("a"), id(1), func(Row) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("Delete: error = %v, want that of check", err)
	}
	s.wantRow(t, store, Scope("a"), id(1), row)

	// A change that panics must not keep the row, or the store, locked.
	func() {
		defer func() { _ = recover() }()
		_, _ = store.Update(t.Context(), Scope("a"), id(1), func(Row) (Row, error) { panic("test") })
	}()
	changed := s.opts.Row(id(1), "a", 3)
	if _, err := store.Update(t.Context(), Scope("a"), id(1), func(Row) (Row, error) { return changed, nil }); err != nil {
		t.Errorf("Update after a panic: %v", err)
	}
	s.wantRow(t, store, Scope("a"), id(1), changed)
}

func (s suite[Row]) deleted(t *testing.T, store resource.Store[Row]) {
	for n := range 3 {
		s.create(t, store, Scope("a"), s.opts.Row(id(n), "a", n))
	}
	if err := store.Delete(t.Context(), Scope("a"), id(1), agree[Row]); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	s.absent(t, store, Scope("a"), id(1))
	rows, total, err := store.List(t.Context(), Scope("a"), all)
	if err != nil || len(rows) != 2 || total != 2 {
		t.Errorf("List after Delete = %d rows, total %d, %v, want 2", len(rows), total, err)
	}
	s.create(t, store, Scope("a"), s.opts.Row(id(1), "a", 1))
}

func (s suite[Row]) canceled(t *testing.T, store resource.Store[Row]) {
	row := s.opts.Row(id(1), "a", 1)
	s.create(t, store, Scope("a"), row)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, list := store.List(ctx, Scope("a"), all)
	_, get := store.Get(ctx, Scope("a"), id(1))
	_, create := store.Create(ctx, Scope("a"), s.opts.Row(id(2), "a", 2))
	_, update := store.Update(ctx, Scope("a"), id(1), func(Row) (Row, error) { return s.opts.Row(id(1), "a", 3), nil })
	remove := store.Delete(ctx, Scope("a"), id(1), agree[Row])
	for name, err := range map[string]error{"List": list, "Get": get, "Create": create, "Update": update, "Delete": remove} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a canceled context: error = %v, want context.Canceled", name, err)
		}
	}
	s.wantRow(t, store, Scope("a"), id(1), row)
}

func (s suite[Row]) concurrent(t *testing.T, store resource.Store[Row]) {
	known := map[string]bool{}
	for n := range 8 {
		for k := range 100 {
			known[text(t, s.opts.Row(id(n), "a", k))] = true
		}
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for k := range 12 {
				n := (worker*5 + k*3) % 8
				var err error
				switch (worker + k) % 4 {
				case 0:
					_, err = store.Create(t.Context(), Scope("a"), s.opts.Row(id(n), "a", k))
				case 1:
					_, err = store.Update(t.Context(), Scope("a"), id(n), func(Row) (Row, error) { return s.opts.Row(id(n), "a", k), nil })
				case 2:
					err = store.Delete(t.Context(), Scope("a"), id(n), agree[Row])
				case 3:
					var rows []Row
					rows, _, err = store.List(t.Context(), Scope("a"), all)
					for i := range rows {
						if !known[text(t, rows[i])] {
							t.Errorf("List returned a row that nobody wrote:\n%s", text(t, rows[i]))
						}
					}
				}
				if e, ok := errors.AsType[*apierror.Error](err); ok && e.Status == http.StatusConflict {
					continue
				}
				if err != nil && !errors.Is(err, resource.ErrNotFound) {
					t.Errorf("concurrent use: %v", err)
				}
			}
		})
	}
	wg.Wait()
}
