package apierror

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
)

// Options adjusts [Recover]. The zero value is safe for production: it logs
// nothing, generates request ids and answers in the contract's form.
type Options struct {
	// Logger is told the cause of every 5xx, of every panic (with its stack)
	// and of every other refusal that wraps one. If nil, nothing is logged.
	Logger *slog.Logger

	// Mappings turn errors of your own into answers. They are asked in order,
	// before the mappings of this package; nil means the next. An [*Error] in
	// the tree of an error beats them all.
	Mappings []func(error) *Error

	// RequestIDHeader names the request header that carries an id from a
	// trusted proxy, for example X-Request-Id. A value of 1 to 128 letters,
	// digits and -_.:/+= is taken over. By default, and for any other value,
	// an id is generated.
	RequestIDHeader string

	// Problem answers every error as application/problem+json (RFC 9457),
	// also to callers that did not ask for it.
	Problem bool
}

// Recover returns the outermost middleware. It gives the request its id, carries
// opts to [Write], and answers a panic of next with the contract's 500, or, once
// the header is out, aborts the connection so that the client does not take half
// an answer for a whole one. A panic with [http.ErrAbortHandler] goes on to the
// server, as net/http asks for.
//
// The [http.ResponseWriter] that next gets can flush and be unwrapped by
// [http.ResponseController].
func Recover(opts Options) func(http.Handler) http.Handler {
	settings := &opts
	settings.Mappings = append([]func(error) *Error(nil), opts.Mappings...)
	header := http.CanonicalHeaderKey(opts.RequestIDHeader)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// One allocation for all that a request needs.
			c := &struct {
				requestContext
				responseWriter
			}{}
			c.requestContext.Context = r.Context()
			c.settings = settings
			if header != "" {
				if values := r.Header[header]; len(values) == 1 && soundID(values[0]) {
					c.setRequestID(values[0])
				}
			}
			c.ResponseWriter = w
			r = r.WithContext(&c.requestContext)
			defer func() {
				if v := recover(); v != nil {
					answerPanic(&c.responseWriter, r, &c.state, v)
				}
			}()
			next.ServeHTTP(&c.responseWriter, r)
		})
	}
}

// answerPanic runs on the panicking goroutine, inside the deferred func.
func answerPanic(w *responseWriter, r *http.Request, st *state, v any) {
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the same way
		panic(v)
	}
	if logger := st.settings.Logger; logger != nil {
		logger.LogAttrs(r.Context(), slog.LevelError, "panic",
			slog.String("method", r.Method),
			slog.String("path", r.URL.Path),
			slog.String("request_id", st.requestID()),
			slog.String("panic", fmt.Sprint(v)),
			slog.String("stack", string(debug.Stack())),
		)
	}
	if w.wroteHeader {
		panic(http.ErrAbortHandler)
	}
	w.router = nil
	send(w, r, st, errInternal)
}

// RequestID returns the id of the request whose context ctx is, for logs and for
// calls to other services. It is empty where [Recover] did not run.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(contextKey{}).(*requestContext); ok {
		return c.requestID()
	}
	return ""
}

type contextKey struct{}

// requestContext carries the state of a request. It is its own context, which
// spares the allocation and the lookup of a context.WithValue.
type requestContext struct {
	context.Context
	state
}

func (c *requestContext) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// state is what Recover leaves for Write.
type state struct {
	settings *Options
	once     sync.Once
	id       string
}

// noState stands in for the state where Recover did not run. All requests share
// it, so it remembers no id.
var noState = &state{settings: &Options{}}

// requestID makes the id when it is first asked for: most requests never need one.
func (s *state) requestID() string {
	if s == noState {
		return rand.Text()
	}
	s.once.Do(func() { s.id = rand.Text() })
	return s.id
}

func (s *state) setRequestID(id string) {
	s.once.Do(func() { s.id = id })
}

// stateFrom returns what Recover left, or noState.
func stateFrom(ctx context.Context) *state {
	if c, ok := ctx.Value(contextKey{}).(*requestContext); ok {
		return &c.state
	}
	return noState
}

// soundID keeps what would break a log line, a header or a body out of them.
func soundID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}
