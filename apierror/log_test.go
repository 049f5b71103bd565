package apierror_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
)

// The server's own failures are errors, refused credentials are worth a line, and
// what clients get wrong in a body is for those who debug.
func TestLevelsOfTheLog(t *testing.T) {
	t.Parallel()
	cause := errors.New("why")
	tests := map[string]struct {
		err  error
		want []string
	}{
		"a foreign error":     {cause, []string{"ERROR"}},
		"a 503":               {apierror.Unavailable(0), []string{"ERROR"}},
		"a 401 with a reason": {apierror.Unauthorized().Wrap(cause), []string{"INFO"}},
		"a 403 with a reason": {apierror.Forbidden("missing_role", "").Wrap(cause), []string{"INFO"}},
		"a 422 with a cause":  {apierror.ValidationFailed().Wrap(cause), []string{"DEBUG"}},
		"a 404 with a cause":  {apierror.NotFound("").Wrap(cause), []string{"DEBUG"}},
		"a 401 without":       {apierror.Unauthorized(), nil},
		"a 404 without":       {apierror.NotFound(""), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			h := apierror.Recover(apierror.Options{Logger: logger})(
				apierror.Handler(func(http.ResponseWriter, *http.Request) error { return tt.err }))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
			var got []string
			for _, line := range logged(t, &log) {
				got = append(got, line["level"].(string))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("levels mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
