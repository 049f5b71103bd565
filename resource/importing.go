package resource

import (
	"context"
	"errors"
	"net/http"
	"time"
	"unsafe"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/internal/progress"
)

const (
	// A row that the store is too busy for is tried again after firstWait,
	// then after twice as long, until lastWait.
	firstWait = 100 * time.Millisecond
	lastWait  = 1600 * time.Millisecond

	// Options.Rescope is asked again after rescopeRows or rescopeAfter,
	// whichever comes first.
	rescopeRows  = 100
	rescopeAfter = time.Second
)

// importing is an import that runs.
type importing[Row, Input any] struct {
	*Resource[Row, Input]
	unit   string                               // that was active when the import was accepted
	scope  Scope                                // now
	ask    func(context.Context) (Scope, error) // for a newer one, if not nil
	asked  time.Time
	rested int // attempts since

	// idOf, if not nil, gives every row the id that it has whenever the import
	// is run.
	idOf func(index int) string
}

func (run *importing[Row, Input]) rows(ctx context.Context, body []byte, total int) (imported, error) {
	out := imported{Errors: []rowError{}}
	out.Counts.Total = total
	if err := patiently(ctx, func() error { return run.rescope(ctx) }); err != nil {
		return out, err
	}
	progress.Tell(ctx, out.counted)
	i := -1
	for raw := range elements(body) {
		i++
		if err := ctx.Err(); err != nil {
			return out, err
		}
		refused, err := run.row(ctx, i, raw)
		switch {
		case err != nil:
			return out, err
		case refused != nil:
			out.Counts.Failed++
			out.report(i, refused)
		default:
			out.Counts.Succeeded++
		}
		progress.Tell(ctx, out.counted)
	}
	return out, nil
}

// row adds a row. It returns why the row is refused, or the error that ends the
// import.
func (run *importing[Row, Input]) row(ctx context.Context, index int, raw []byte) (refused *apierror.Error, err error) {
	members, err := run.membersOf(raw)
	if err != nil {
		return refusal(err)
	}
	id := ""
	if run.idOf != nil {
		id = run.idOf(index)
	}
	row, err := run.newRow(ctx, run.unit, id, members)
	if err != nil {
		return refusal(err)
	}
	again := run.idOf != nil
	err = patiently(ctx, func() error {
		if err := run.rescope(ctx); err != nil {
			return err
		}
		refused = nil
		_, err := run.insert.Create(ctx, run.scope, *row)
		if err != nil {
			refused, err = refusal(err)
		}
		if again && refused != nil && refused.Status == http.StatusConflict {
			// It may be in: the attempt before got through.
			in, failure := run.there(ctx, *row, refused)
			if failure != nil {
				return failure
			}
			if in {
				refused = nil
			}
		}
		again = true
		return err
	})
	return refused, err
}

// there reports whether the row that a store has refused with a conflict is in
// already. Some name the id, others whatever unique field they come to first.
func (run *importing[Row, Input]) there(ctx context.Context, row Row, conflict *apierror.Error) (bool, error) {
	if conflict.Details.Field == run.id.Name || run.get == nil {
		return conflict.Details.Field == run.id.Name, nil
	}
	_, err := run.get.Get(ctx, run.scope, *run.id.Text(unsafe.Pointer(&row)))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// refusal tells what is wrong with a row from what is wrong with the server.
func refusal(err error) (*apierror.Error, error) {
	if e, ok := errors.AsType[*apierror.Error](err); ok && e.Status < 500 {
		return e, nil
	}
	return nil, err
}

// patiently calls f again for as long as it answers 503 and there is hope.
func patiently(ctx context.Context, f func() error) error {
	for wait := firstWait; ; wait *= 2 {
		err := f()
		if e, ok := errors.AsType[*apierror.Error](err); !ok || e.Status != http.StatusServiceUnavailable || wait > lastWait {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// rescope asks whether the caller may still create rows, if it is time to.
func (run *importing[Row, Input]) rescope(ctx context.Context) error {
	if run.ask == nil {
		return nil
	}
	if run.rested++; run.rested < rescopeRows && time.Since(run.asked) < rescopeAfter {
		return nil
	}
	scope, err := run.ask(ctx)
	if err != nil {
		return err
	}
	// The rows are of the unit that was active when the import was accepted.
	if scope == nil || scope.Active() != run.unit || !scope.Contains(run.unit) {
		return errNoUnit
	}
	if err := run.mayCreate(scope); err != nil {
		return err
	}
	run.scope, run.asked, run.rested = scope, time.Now(), 0
	return nil
}
