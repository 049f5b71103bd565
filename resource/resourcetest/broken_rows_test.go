//go:build !race

package resourcetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource"
)

// kept adds another row than the one that came.
func kept(change func(row) row) func(memory) broken {
	return func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			if _, err := m.Create(ctx, scope, change(r)); err != nil {
				return r, err
			}
			return r, nil
		}}
	}
}

var brokenRows = map[string]func(memory) broken{
	"gets rows of other units": func(m memory) broken {
		return broken{memory: m, get: func(ctx context.Context, _ resource.Scope, id string) (row, error) {
			return m.Get(ctx, resource.Everything(), id)
		}}
	},
	"has an error of its own for a row that is missing": func(m memory) broken {
		return broken{memory: m, get: func(ctx context.Context, scope resource.Scope, id string) (row, error) {
			r, err := m.Get(ctx, scope, id)
			if errors.Is(err, resource.ErrNotFound) {
				err = errors.New("no rows in result set")
			}
			return r, err
		}}
	},
	"returns a zero row for one that is missing": func(m memory) broken {
		return broken{memory: m, get: func(ctx context.Context, scope resource.Scope, id string) (row, error) {
			r, err := m.Get(ctx, scope, id)
			if errors.Is(err, resource.ErrNotFound) {
				err = nil
			}
			return r, err
		}}
	},

	"adds rows to other units": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, _ resource.Scope, r row) (row, error) {
			return m.Create(ctx, resource.Everything(), r)
		}}
	},
	"adds a row over another with its id": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			_ = m.Delete(ctx, resource.Everything(), r.ID, func(row) error { return nil })
			return m.Create(ctx, scope, r)
		}}
	},
	"looks for the id, and then adds the row": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			if _, err := m.Get(ctx, resource.Everything(), r.ID); err == nil {
				return r, apierror.Conflict("id", "unique", "ID is taken")
			}
			<-time.After(time.Millisecond)
			_ = m.Delete(ctx, resource.Everything(), r.ID, func(row) error { return nil })
			return m.Create(ctx, scope, r)
		}}
	},
	"takes an id once in each unit": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			if old, err := m.Get(ctx, resource.Everything(), r.ID); err == nil && old.OrgUnit != r.OrgUnit {
				return r, nil
			}
			return m.Create(ctx, scope, r)
		}}
	},
	"has an error of its own for an id that is taken": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			if _, err := m.Get(ctx, resource.Everything(), r.ID); err == nil {
				return r, errors.New("duplicate key")
			}
			return m.Create(ctx, scope, r)
		}}
	},
	"changes the row that it was given": func(m memory) broken {
		return broken{memory: m, create: func(ctx context.Context, scope resource.Scope, r row) (row, error) {
			slices.Sort(r.Tags)
			slices.Reverse(r.Tags)
			return m.Create(ctx, scope, r)
		}}
	},
	"keeps times to the second": kept(func(r row) row { r.CreatedAt = r.CreatedAt.Truncate(time.Second); return r }),
	"keeps null as zero": kept(func(r row) row {
		if r.Note == nil {
			r.Note = new(string)
		}
		return r
	}),
	"keeps an empty list as null": kept(func(r row) row {
		if len(r.Name) == 0 {
			r.Tags = nil
		}
		return r
	}),
	"keeps no JSON":    kept(func(r row) row { r.Tags = []string{}; return r }),
	"trims text":       kept(func(r row) row { r.Name = strings.ReplaceAll(r.Name, " ", ""); return r }),
	"keeps a few rows": kept(func(r row) row { r.Count = min(r.Count, 50); return r }),

	"updates in two steps": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			old, err := m.Get(ctx, scope, id)
			if err != nil {
				return old, err
			}
			<-time.After(time.Millisecond) // as a database takes
			changed, err := change(old)
			if err != nil {
				return old, err
			}
			return m.Update(ctx, scope, id, func(row) (row, error) { return changed, nil })
		}}
	},
	"updates what change has refused": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			var refusal error
			r, err := m.Update(ctx, scope, id, func(old row) (r row, err error) {
				r, refusal = change(old)
				return r, nil
			})
			return r, errors.Join(err, refusal)
		}}
	},
	"swallows the error of change": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			var refusal error
			r, err := m.Update(ctx, scope, id, func(old row) (r row, err error) {
				r, refusal = change(old)
				return r, refusal
			})
			if refusal != nil {
				return r, nil
			}
			return r, err
		}}
	},
	"updates rows of other units": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, _ resource.Scope, id string, change func(row) (row, error)) (row, error) {
			return m.Update(ctx, resource.Everything(), id, change)
		}}
	},
	"adds a row that it is to update": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			r, err := m.Update(ctx, scope, id, change)
			if errors.Is(err, resource.ErrNotFound) && scope != nil {
				if r, err = change(row{ID: id, OrgUnit: scope.Active()}); err == nil {
					return m.Create(ctx, scope, r)
				}
			}
			return r, err
		}}
	},
	"returns the old row of an update": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			var old row
			_, err := m.Update(ctx, scope, id, func(r row) (row, error) { old = r; return change(r) })
			return old, err
		}}
	},
	"writes no zero values when it updates": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			var full row
			_, err := m.Update(ctx, scope, id, func(old row) (row, error) {
				r, err := change(old)
				full = r
				if r.Note == nil {
					r.Note = old.Note
				}
				return r, err
			})
			return full, err
		}}
	},
	"changes the row before change has agreed": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			if _, err := m.Update(ctx, scope, id, func(old row) (row, error) { old.Count++; return old, nil }); err != nil {
				return row{}, err
			}
			return m.Update(ctx, scope, id, func(old row) (row, error) { old.Count--; return change(old) })
		}}
	},

	"deletes rows of other units": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, _ resource.Scope, id string, check func(row) error) error {
			return m.Delete(ctx, resource.Everything(), id, check)
		}}
	},
	"deletes what check has refused": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
			var refusal error
			err := m.Delete(ctx, scope, id, func(r row) error { refusal = check(r); return nil })
			return errors.Join(err, refusal)
		}}
	},
	"asks nobody before it deletes": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
			return m.Delete(ctx, scope, id, func(row) error { return nil })
		}}
	},
	"deletes nothing": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
			r, err := m.Get(ctx, scope, id)
			if err == nil {
				err = check(r)
			}
			return err
		}}
	},
	"deletes a row that is missing": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
			if err := m.Delete(ctx, scope, id, check); !errors.Is(err, resource.ErrNotFound) {
				return err
			}
			return nil
		}}
	},
	"deletes in two steps": func(m memory) broken {
		return broken{memory: m, remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
			r, err := m.Get(ctx, scope, id)
			if err != nil {
				return err
			}
			if err := check(r); err != nil {
				return err
			}
			return m.Delete(ctx, scope, id, func(row) error { return nil })
		}}
	},
	"counts rows that are deleted": func(m memory) broken {
		var mu sync.Mutex
		gone := map[string]bool{}
		return broken{
			memory: m,
			remove: func(ctx context.Context, scope resource.Scope, id string, check func(row) error) error {
				err := m.Delete(ctx, scope, id, check)
				mu.Lock()
				defer mu.Unlock()
				gone[id] = err == nil
				return err
			},
			list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
				rows, n, err := m.List(ctx, scope, q)
				mu.Lock()
				defer mu.Unlock()
				return rows, n + len(gone), err
			},
		}
	},
	"goes on where the context has ended": func(m memory) broken {
		return broken{memory: m, list: func(ctx context.Context, scope resource.Scope, q resource.Query) ([]row, int, error) {
			return m.List(context.WithoutCancel(ctx), scope, q)
		}}
	},
	"writes where the context has ended": func(m memory) broken {
		return broken{memory: m, update: func(ctx context.Context, scope resource.Scope, id string, change func(row) (row, error)) (row, error) {
			r, err := m.Update(context.WithoutCancel(ctx), scope, id, change)
			return r, errors.Join(err, ctx.Err())
		}}
	},
	"hands out what it keeps": func(m memory) broken {
		// The next reader finds what this one has done with the row.
		return broken{memory: m, get: func(ctx context.Context, scope resource.Scope, id string) (row, error) {
			r, err := m.Get(ctx, scope, id)
			if len(r.Tags) > 0 {
				r.Tags[0] += "'"
			}
			return r, err
		}}
	},
}
