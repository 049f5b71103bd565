package apierror

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"path"
)

// Mux returns a handler that serves mux and answers in the contract's form where
// mux would answer by itself: no route (404), no such method (405, with Allow), a
// request that no route can have (400). A redirect to the clean path or to the
// trailing slash keeps its status and its Location and loses its HTML.
//
// Answers of handlers, their own 404s included, pass as they are. Mux takes the
// [*http.ServeMux] itself because it reads [http.Request.Pattern] after the
// routing; a middleware in between that copies the request would hide it. Put
// other middleware around Mux or around the single routes.
func Mux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Behind Recover there is a writer to use: nothing is allocated.
		rw, ok := w.(*responseWriter)
		if !ok {
			rw = &responseWriter{ResponseWriter: w}
		}
		rw.router = r
		mux.ServeHTTP(rw, r)
		rw.router = nil
	})
}

// responseWriter knows whether the header is out, and for Mux replaces the
// answers that the router makes by itself.
type responseWriter struct {
	http.ResponseWriter
	router      *http.Request // the request as the mux sees it; nil outside Mux
	wroteHeader bool
	dropBody    bool
}

func (w *responseWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if r := w.router; r != nil && !w.wroteHeader {
		w.router = nil
		if w.answerForRouter(r, status) {
			return
		}
	}
	w.wroteHeader = true
	w.ResponseWriter.WriteHeader(status)
}

// answerForRouter replaces an answer that came from the mux and not from one of
// its handlers, and reports whether it did. The mux leaves an empty pattern on
// the request where no handler matched.
func (w *responseWriter) answerForRouter(r *http.Request, status int) bool {
	switch {
	case status == http.StatusTemporaryRedirect && routerRedirect(r, w.Header().Get("Location")):
		h := w.Header()
		delete(h, "Content-Type")
		h["Content-Length"] = []string{"0"}
		w.wroteHeader, w.dropBody = true, true
		w.ResponseWriter.WriteHeader(status)
		return true
	case r.Pattern != "":
		return false
	}
	var err error
	switch status {
	case http.StatusNotFound:
		err = errNotFound
	case http.StatusMethodNotAllowed:
		err = errMethodNotAllowed
	case http.StatusBadRequest:
		err = errBadRequest
	default:
		return false
	}
	Write(w, r, err)
	w.dropBody = true
	return true
}

// routerRedirect reports whether a redirect to location is the mux's own. A path
// that is not clean never reaches a handler; one that only lacks the slash does
// so only if it redirects there itself, which comes to the same.
func routerRedirect(r *http.Request, location string) bool {
	p := r.URL.EscapedPath()
	if p == "" || p[0] != '/' {
		return true
	}
	clean := path.Clean(p)
	if p[len(p)-1] == '/' && clean != "/" {
		clean += "/"
	}
	if clean != p {
		return true
	}
	target := p + "/"
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	return location == target
}

func (w *responseWriter) Write(b []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropBody {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// WriteString keeps the server's way of not copying a string.
func (w *responseWriter) WriteString(s string) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropBody {
		return len(s), nil
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom keeps the server's fast path for files.
func (w *responseWriter) ReadFrom(src io.Reader) (int64, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropBody {
		return io.Copy(io.Discard, src)
	}
	return io.Copy(w.ResponseWriter, src)
}

// FlushError serves http.ResponseController.
func (w *responseWriter) FlushError() error {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush serves handlers that look for an http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// Hijack serves handlers that look for an http.Hijacker, and remembers that there
// is nothing left to answer.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.router, w.wroteHeader = nil, true
	}
	return conn, rw, err
}

// Unwrap serves http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
