package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/tenetkit/tenet/resource/internal/progress"
)

// Progress tells how far the work of a job has come. The members of value, if that
// is a JSON object, are members of the job until it tells of more progress or
// ends; any other value is the member "result". A job that fails without a result
// keeps them. A value of more than 16 MiB as JSON is passed over. The context is that of the work; under one of no job, Progress does
// nothing.
func Progress(ctx context.Context, value any) { progress.Tell(ctx, value) }

// listen returns the context of a job whose progress is heard.
func (run *Runner) listen(ctx context.Context, j *job) context.Context {
	return progress.NewContext(ctx, func(value any) {
		out, err := outcomeOf(value)
		if err != nil {
			run.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "progress that cannot be kept",
				slog.String("job", j.id), slog.String("cause", err.Error()))
			return
		}
		run.mu.Lock()
		defer run.mu.Unlock()
		if j.status == running {
			j.told, j.members, j.updated = out, out.with(nil), time.Now()
		}
	})
}
