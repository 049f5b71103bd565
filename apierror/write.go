package apierror

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
)

// Values under canonical keys, shared by all answers: assigning them allocates
// nothing.
var (
	headerJSON    = []string{jsonType + "; charset=utf-8"}
	headerProblem = []string{problemType}
	headerNosniff = []string{"nosniff"}
	headerNoStore = []string{"no-store"}
)

// staleHeaders describe a body that is not sent after all.
var staleHeaders = [...]string{
	"Content-Encoding", "Content-Language", "Content-Range", "Content-Disposition",
	"Etag", "Last-Modified", "Expires", "Accept-Ranges", "Trailer", "Link",
}

// usualHeaders describe no body, and are what a refused request has at most.
var usualHeaders = [...]string{
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Retry-After", "Vary", "Cache-Control", "X-Request-Id",
}

// onlyUsual reports whether h has no other fields. It costs half of deleting those
// that are not there.
func onlyUsual(h http.Header) bool {
	others := len(h)
	for _, name := range usualHeaders {
		if others == 0 {
			break
		}
		if h[name] != nil {
			others--
		}
	}
	return others == 0
}

var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 512)) }}

// Write answers the request with err. An [*Error] anywhere in err's tree is
// answered as it says; other errors are mapped as [From] does, and what nothing
// maps is a 500 that carries the request's id and nothing of err's text. A nil
// err is answered as a 500 too, because the caller meant to refuse.
//
// Behind [Recover] the cause is logged: at level Error for a 5xx, at Info for a 401
// or a 403 that wraps one, at Debug for any other answer that does.
//
// Where the request's context was canceled, the client has left: Write writes
// nothing and panics with [http.ErrAbortHandler], since returning would let
// net/http send an empty 200. Call Write before anything else is written.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		panic(http.ErrAbortHandler)
	}
	st := stateFrom(r.Context())
	e := from(st.settings, r, err)
	log(st, r, e, err)
	send(w, r, st, e)
}

// Handler adapts a func that returns an error, which is answered by [Write]. The
// func must not have written anything when it returns an error.
func Handler(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			Write(w, r, err)
		}
	})
}

// NotFoundHandler answers the contract's 404. It is for routers other than
// [http.ServeMux], which have a place for it: chi's r.NotFound(apierror.NotFoundHandler).
func NotFoundHandler(w http.ResponseWriter, r *http.Request) {
	Write(w, r, errNotFound)
}

// MethodNotAllowedHandler answers the contract's 405 and keeps the Allow field
// that the router has set. Chi (v5) sets none for a handler of one's own, so there
// it has to be put together first:
//
//	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
//		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
//			if router.Match(chi.NewRouteContext(), method, r.URL.Path) {
//				w.Header().Add("Allow", method)
//			}
//		}
//		apierror.MethodNotAllowedHandler(w, r)
//	})
func MethodNotAllowedHandler(w http.ResponseWriter, r *http.Request) {
	Write(w, r, errMethodNotAllowed)
}

// The answers that this package gives by itself.
var (
	errBadRequest       = New(http.StatusBadRequest, "")
	errNotFound         = New(http.StatusNotFound, "")
	errMethodNotAllowed = New(http.StatusMethodNotAllowed, "")
	errInternal         = New(http.StatusInternalServerError, "")
	errNotAcceptable    = New(http.StatusNotAcceptable, "")
)

// send writes the answer: headers first, the whole body in one piece.
func send(w http.ResponseWriter, r *http.Request, st *state, e *Error) {
	h := w.Header()
	if !onlyUsual(h) {
		for _, name := range staleHeaders {
			delete(h, name)
		}
	}
	if len(e.Header) > 0 {
		setHeader(h, e.Header)
	}
	problem := st.settings.Problem || wantsProblem(r)
	if problem {
		h["Content-Type"] = headerProblem
	} else {
		h["Content-Type"] = headerJSON
	}
	h["X-Content-Type-Options"] = headerNosniff
	h["Cache-Control"] = headerNoStore

	if answer, ok := prepared(e, problem); ok {
		h["Content-Length"] = answer.length
		w.WriteHeader(e.status())
		writeBody(w, r, answer.body)
		return
	}
	requestID := ""
	if e.status() == http.StatusInternalServerError {
		requestID = st.requestID()
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if problem {
		*buf = appendProblem((*buf)[:0], e, requestID)
	} else {
		*buf = appendError((*buf)[:0], e, requestID)
	}
	h["Content-Length"] = contentLength(len(*buf))
	w.WriteHeader(e.status())
	writeBody(w, r, *buf)
}

// setHeader copies an error's own headers. Most have one of three, which are looked
// up instead of walking the map. The values are clipped, because the Error is shared
// and somebody further out may add to the answer's.
func setHeader(h, own http.Header) {
	if len(own) == 1 {
		for _, name := range [...]string{"Retry-After", "Www-Authenticate", "Allow"} {
			if values, ok := own[name]; ok {
				h[name] = slices.Clip(values)
				return
			}
		}
	}
	for name, values := range own {
		h[http.CanonicalHeaderKey(name)] = slices.Clip(values)
	}
}

func writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method != http.MethodHead {
		// A failed write means that the client has left; nobody is there to tell.
		_, _ = w.Write(body)
	}
}

// log keeps the cause, which the body does not show. A client's own mistakes
// without a cause are not logged: they are the access log's business.
func log(st *state, r *http.Request, e *Error, err error) {
	var level slog.Level
	switch status := e.status(); {
	case status >= 500:
		level = slog.LevelError
	case e.cause == nil:
		return
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		level = slog.LevelInfo
	default:
		level = slog.LevelDebug
	}
	logger := st.settings.Logger
	if logger == nil || !logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.Int("status", e.status()),
		slog.String("error", e.code()),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.String("request_id", st.requestID()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("cause", err.Error()))
	}
	logger.LogAttrs(r.Context(), level, "request refused", attrs...)
}
