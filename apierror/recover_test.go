package apierror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/apierror"
)

// logged parses the lines that a JSON handler has written.
func logged(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for d := json.NewDecoder(b); ; {
		var line map[string]any
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestRecoverAnswersAPanicWithTheContracts500(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"text": "secret", "an error": errors.New("secret"), "an *Error": apierror.NotFound("secret")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			opts := apierror.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil)), RequestIDHeader: "x-request-id"}
			h := apierror.Recover(opts)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Etag", `"1"`)
				w.Header().Set("Content-Type", "text/csv")
				panic(value)
			}))
			r := httptest.NewRequest("PUT", "/leads/7", nil)
			r.Header.Set("X-Request-Id", "edge-1")
			got := record(func(w http.ResponseWriter) { h.ServeHTTP(w, r) })
			check(t, "a panic", want(500, `{"error":"internal_server_error","message":"Internal server error","details":{"request_id":"edge-1"}}`), got)

			lines := logged(t, &log)
			if len(lines) != 1 {
				t.Fatalf("logged %d lines, want 1", len(lines))
			}
			line := lines[0]
			for key, want := range map[string]any{"level": "ERROR", "msg": "panic", "method": "PUT", "path": "/leads/7", "request_id": "edge-1"} {
				if line[key] != want {
					t.Errorf("logged %s = %v, want %v", key, line[key], want)
				}
			}
			if !strings.Contains(line["panic"].(string), "secret") || !strings.Contains(line["stack"].(string), "recover_test.go") {
				t.Errorf("the line tells neither the panic nor its place: %v", line)
			}
		})
	}
}

func TestRecoverPassesErrAbortHandlerOn(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := apierror.Recover(apierror.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("Recover panicked with %v, want http.ErrAbortHandler", v)
		}
		if log.Len() > 0 {
			t.Errorf("Recover logged %s", &log)
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

// Half an answer must not look like a whole one: the connection ends.
func TestRecoverAbortsOnceTheHeaderIsOut(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(http.ResponseWriter){
		"written":  func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":[`)) },
		"a string": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data":[`) },
		"copied":   func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader(`{"data":[`)) },
		"begun":    func(w http.ResponseWriter) { w.WriteHeader(200) },
		"flushed":  func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"flushed by a controller": func(w http.ResponseWriter) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			srv := httptest.NewServer(apierror.Recover(apierror.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				begin(w)
				panic("secret")
			})))
			resp, err := srv.Client().Get(srv.URL)
			if err == nil {
				var body []byte
				body, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if strings.Contains(string(body), "error") {
					t.Errorf("body = %q, want no second answer in it", body)
				}
			}
			if err == nil {
				t.Error("the client took half an answer for a whole one")
			}
			srv.Close()
			if lines := logged(t, &log); len(lines) != 1 || lines[0]["msg"] != "panic" {
				t.Errorf("logged %v, want the panic", lines)
			}
		})
	}
}

func TestRecoverAnswersAfterAnInformationalHeader(t *testing.T) {
	t.Parallel()
	h := apierror.Recover(apierror.Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		panic("x")
	}))
	srv := httptest.NewServer(h)
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 500 {
		t.Errorf("answered %d, want 500", resp.StatusCode)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		header string // Options.RequestIDHeader
		sent   []string
		taken  bool
	}{
		"sound":                      {"X-Request-Id", []string{"0b5c-7:a/b+c=_."}, true},
		"of 128 characters":          {"X-Request-Id", []string{strings.Repeat("a", 128)}, true},
		"in another spelling":        {"x-request-ID", []string{"1"}, true},
		"no header configured":       {"", []string{"1"}, false},
		"another header":             {"Traceparent", []string{"1"}, false},
		"none":                       {"X-Request-Id", nil, false},
		"empty":                      {"X-Request-Id", []string{""}, false},
		"sent twice":                 {"X-Request-Id", []string{"1", "1"}, false},
		"of 129 characters":          {"X-Request-Id", []string{strings.Repeat("a", 129)}, false},
		"with a space":               {"X-Request-Id", []string{"a b"}, false},
		"with a line break":          {"X-Request-Id", []string{"a\nb"}, false},
		"with a quote":               {"X-Request-Id", []string{`a"b`}, false},
		"with what is not ASCII":     {"X-Request-Id", []string{"é"}, false},
		"with what a shell might do": {"X-Request-Id", []string{"$(id)"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var seen, again string
			opts := apierror.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil)), RequestIDHeader: tt.header}
			h := apierror.Recover(opts)(apierror.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				seen, again = apierror.RequestID(r.Context()), apierror.RequestID(context.WithoutCancel(r.Context()))
				return errors.New("x")
			}))
			r := httptest.NewRequest("GET", "/", nil)
			if tt.sent != nil {
				r.Header["X-Request-Id"] = tt.sent
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if tt.taken && seen != tt.sent[0] || !tt.taken && len(seen) != 26 || seen != again {
				t.Errorf("RequestID = %q, then %q", seen, again)
			}
			if !strings.Contains(w.Body.String(), `"request_id":"`+seen+`"`) {
				t.Errorf("body = %s, want %s in it", w.Body, seen)
			}
			if line := logged(t, &log)[0]; line["request_id"] != seen {
				t.Errorf("logged %v, want %s in it", line, seen)
			}
		})
	}
	if got := apierror.RequestID(t.Context()); got != "" {
		t.Errorf("RequestID outside Recover = %q, want none", got)
	}
}

func TestRecoverLogsCauses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err   error
		level string // of the line; "" for none
	}{
		"a 500":                     {errors.New("sql: secret"), "ERROR"},
		"a 503 with a cause":        {apierror.Unavailable(1).Wrap(errors.New("redis: secret")), "ERROR"},
		"a 401 with a cause":        {apierror.Unauthorized().Wrap(errors.New("jwt: secret expired")), "INFO"},
		"a 403 with a cause":        {apierror.Forbidden("missing_role", "").Wrap(errors.New("secret role")), "INFO"},
		"a 422 with a cause":        {apierror.ValidationFailed().Wrap(errors.New("secret rule")), "DEBUG"},
		"a client's own mistake":    {apierror.BadRequest("page", "min", ""), ""},
		"a mistake in JSON, mapped": {&http.MaxBytesError{Limit: 1}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			h := apierror.Recover(apierror.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})(
				apierror.Handler(func(http.ResponseWriter, *http.Request) error { return tt.err }))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/leads", nil))
			lines := logged(t, &log)
			if tt.level == "" {
				if len(lines) > 0 {
					t.Errorf("logged %v, want nothing", lines)
				}
				return
			}
			if len(lines) != 1 || lines[0]["level"] != tt.level || !strings.Contains(lines[0]["cause"].(string), "secret") ||
				lines[0]["status"] != float64(w.Code) || lines[0]["path"] != "/leads" || lines[0]["method"] != "GET" || lines[0]["error"] == "" {
				t.Errorf("logged %v, want one line at %s with the cause", lines, tt.level)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("body = %s, which tells the cause", w.Body)
			}
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	opts := apierror.Options{Mappings: []func(error) *apierror.Error{func(error) *apierror.Error { return apierror.NotFound("") }}}
	h := apierror.Recover(opts)(apierror.Handler(func(http.ResponseWriter, *http.Request) error { return io.EOF }))
	opts.Mappings[0] = nil
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 404 {
		t.Errorf("answered %d, want 404", w.Code)
	}
}
