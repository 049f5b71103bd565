package resource

import (
	"context"
	"errors"
	"net/http"
	"time"

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
	accepted Scope // when the import was
	scope    Scope // now
	asked    time.Time
	rested   int // attempts since
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
		refused, err := run.row(ctx, raw)
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
func (run *importing[Row, Input]) row(ctx context.Context, raw []byte) (refused *apierror.Error, err error) {
	members, err := run.membersOf(raw)
	if err != nil {
		return refusal(err)
	}
	row, err := run.newRow(ctx, run.accepted, members)
	if err != nil {
		return refusal(err)
	}
	again := false
	err = patiently(ctx, func() error {
		if err := run.rescope(ctx); err != nil {
			return err
		}
		refused = nil
		_, err := run.insert.Create(ctx, run.scope, *row)
		if err != nil {
			refused, err = refusal(err)
		}
		if again && refused != nil && refused.Status == http.StatusConflict && refused.Details.Field == "id" {
			refused = nil // the row is there: the attempt before got through
		}
		again = true
		return err
	})
	return refused, err
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
	if run.opts.Rescope == nil {
		return nil
	}
	if run.rested++; run.rested < rescopeRows && time.Since(run.asked) < rescopeAfter {
		return nil
	}
	scope, err := run.opts.Rescope(ctx, run.accepted)
	if err != nil {
		return err
	}
	// The rows are of the unit that was active when the import was accepted.
	if scope == nil || scope.Active() != run.accepted.Active() || !scope.Contains(scope.Active()) {
		return errNoUnit
	}
	if err := run.mayCreate(scope); err != nil {
		return err
	}
	run.scope, run.asked, run.rested = scope, time.Now(), 0
	return nil
}
