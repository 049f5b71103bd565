package apierror_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
)

const (
	body404 = `{"error":"not_found","message":"Resource not found"}`
	body405 = `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`
)

// api is a mux with all that a mux may be asked for.
func api() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /widgets/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "0" {
			http.Error(w, "my own words", http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, "widget ", r.PathValue("id"))
	})
	mux.HandleFunc("PUT /widgets/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/tree/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	mux.Handle("/old", http.RedirectHandler("/widgets/1", http.StatusTemporaryRedirect))
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir("testdata"))))
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/405", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "mine", http.StatusMethodNotAllowed) })
	mux.HandleFunc("/400", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "mine", http.StatusBadRequest) })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			_, _ = fmt.Fprintln(w, i)
			w.(http.Flusher).Flush()
		}
	})
	return mux
}

// exchange sends a request without following redirects.
func exchange(t *testing.T, srv *httptest.Server, method, target string) answer {
	t.Helper()
	r, err := http.NewRequest(method, srv.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	if resp.ContentLength >= 0 {
		resp.Header.Set("Content-Length", fmt.Sprint(resp.ContentLength))
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func TestMuxOnARealServer(t *testing.T) {
	t.Parallel()
	plain := func(status int, body string, more ...string) answer {
		h := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {fmt.Sprint(len(body))}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return answer{status, h, body}
	}
	redirect := func(location string) answer {
		return answer{307, http.Header{"Location": {location}, "Content-Length": {"0"}}, ""}
	}
	head := func(a answer) answer { a.Body = ""; return a }
	tests := map[string]struct {
		method, target string
		want           answer
	}{
		"a hit":                          {"GET", "/widgets/7", plain(200, "widget 7")},
		"a hit by HEAD":                  {"HEAD", "/widgets/7", head(plain(200, "widget 7"))},
		"a hit without a body":           {"PUT", "/widgets/7", answer{204, http.Header{"Content-Length": {"0"}}, ""}},
		"a handler that writes nothing":  {"GET", "/empty", answer{200, http.Header{"Content-Length": {"0"}}, ""}},
		"no route":                       {"GET", "/nope", want(404, body404)},
		"no route, by HEAD":              {"HEAD", "/nope", head(want(404, body404))},
		"no route, by POST":              {"POST", "/nope", want(404, body404)},
		"no such method":                 {"DELETE", "/widgets/7", want(405, body405, "Allow", "GET, HEAD, PUT")},
		"no such method, by OPTIONS":     {"OPTIONS", "/widgets/7", want(405, body405, "Allow", "GET, HEAD, PUT")},
		"a made-up method":               {"BREW", "/widgets/7", want(405, body405, "Allow", "GET, HEAD, PUT")},
		"a handler's own 404":            {"GET", "/widgets/0", plain(404, "my own words\n", "X-Content-Type-Options", "nosniff")},
		"a handler's own 405":            {"GET", "/405", plain(405, "mine\n", "X-Content-Type-Options", "nosniff")},
		"a handler's own 400":            {"GET", "/400", plain(400, "mine\n", "X-Content-Type-Options", "nosniff")},
		"a file that is not there":       {"GET", "/files/nope", plain(404, "404 page not found\n", "X-Content-Type-Options", "nosniff")},
		"a slash that is missing":        {"GET", "/tree", redirect("/tree/")},
		"a slash that is missing, query": {"GET", "/tree?a=b&c=%20", redirect("/tree/?a=b&c=%20")},
		"a slash that is missing, POST":  {"POST", "/tree", redirect("/tree/")},
		"a path that is not clean":       {"GET", "/widgets/../tree//x", redirect("/tree/x")},
		"not clean, and no route":        {"GET", "//nope", redirect("/nope")},
		"a path below":                   {"GET", "/tree/a/b", plain(200, "/tree/a/b")},
		"a stream":                       {"GET", "/stream", answer{200, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, "0\n1\n2\n"}},
	}
	for outer, wrap := range map[string]func(http.Handler) http.Handler{
		"alone":          func(h http.Handler) http.Handler { return h },
		"behind Recover": apierror.Recover(apierror.Options{}),
		"behind another middleware": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(struct{ http.ResponseWriter }{w}, r) })
		},
	} {
		srv := httptest.NewServer(wrap(apierror.Mux(api())))
		t.Cleanup(srv.Close)
		for name, tt := range tests {
			if outer == "behind another middleware" && name == "a stream" {
				continue // which takes the Flusher away
			}
			t.Run(outer+"/"+name, func(t *testing.T) {
				t.Parallel()
				check(t, tt.method+" "+tt.target, tt.want, exchange(t, srv, tt.method, tt.target))
			})
		}
	}
}

// A handler's own 307 keeps its body; only the router's loses its HTML.
func TestMuxLeavesAHandlersRedirectAlone(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	apierror.Mux(api()).ServeHTTP(w, httptest.NewRequest("GET", "/old", nil))
	if w.Code != 307 || w.Header().Get("Location") != "/widgets/1" || !strings.Contains(w.Body.String(), "<a href") {
		t.Errorf("answered %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestMuxAnswersProblemDetailsToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/nope", nil)
	r.Header.Set("Accept", "application/problem+json")
	w := httptest.NewRecorder()
	apierror.Mux(api()).ServeHTTP(w, r)
	if got, want := w.Body.String(), `{"title":"Not Found","status":404,"detail":"Resource not found","error":"not_found"}`; got != want {
		t.Errorf("body = %s, want %s", got, want)
	}
}

// raw speaks HTTP/1.1 by hand, which shows what happens to the connection.
func raw(t *testing.T, srv *httptest.Server) (send func(string) *http.Response, conn net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	return func(request string) *http.Response {
		t.Helper()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(request, " ")
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body = io.NopCloser(strings.NewReader(string(body)))
		return resp
	}, conn
}

func TestMuxKeepsConnectionsAlive(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(apierror.Recover(apierror.Options{})(apierror.Mux(api())))
	defer srv.Close()
	send, _ := raw(t, srv)
	for range 2 {
		for _, line := range []string{"GET /nope", "HEAD /nope", "DELETE /widgets/7", "GET /tree", "HEAD /tree", "GET /widgets/0", "GET /widgets/7"} {
			resp := send(line + " HTTP/1.1\r\nHost: x\r\n\r\n")
			if resp.Close {
				t.Errorf("%s closes the connection", line)
			}
		}
	}
}

func TestMuxAnswersTheAsterisk(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(apierror.Mux(api()))
	defer srv.Close()
	send, _ := raw(t, srv)
	resp := send("GET * HTTP/1.1\r\nHost: x\r\n\r\n")
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || string(body) != `{"error":"bad_request","message":"Invalid request parameters"}` || !resp.Close {
		t.Errorf("answered %d %s, closing %v", resp.StatusCode, body, resp.Close)
	}
}

func TestMuxesNest(t *testing.T) {
	t.Parallel()
	inner := func() http.Handler { return apierror.Mux(api()) }
	outer := http.NewServeMux()
	outer.Handle("/widgets/", inner())
	outer.Handle("/v1/", http.StripPrefix("/v1", inner()))
	outer.Handle("/bare/", http.StripPrefix("/bare", api())) // no Mux around it: its own words
	h := apierror.Recover(apierror.Options{})(apierror.Mux(outer))
	for target, want := range map[string]string{
		"/nope":           "404 " + body404,
		"/widgets/7":      "200 widget 7",
		"/widgets/7/x":    "404 " + body404,
		"/widgets/0":      "404 my own words\n",
		"/v1/widgets/7":   "200 widget 7",
		"/v1/widgets/0":   "404 my own words\n",
		"/v1/nope":        "404 " + body404,
		"/bare/nope":      "404 404 page not found\n",
		"/bare/widgets/7": "200 widget 7",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		if got := fmt.Sprint(w.Code, " ", w.Body); got != want {
			t.Errorf("GET %s = %q, want %q", target, got, want)
		}
	}
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/deadline", func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		if err := c.EnableFullDuplex(); err != nil {
			t.Errorf("EnableFullDuplex: %v", err)
		}
		if err := c.Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello")
		_ = rw.Flush()
		_ = conn.Close()
		panic("after the hijack")
	})
	srv := httptest.NewServer(apierror.Recover(apierror.Options{})(apierror.Mux(mux)))
	defer srv.Close()
	send, _ := raw(t, srv)
	if resp := send("GET /deadline HTTP/1.1\r\nHost: x\r\n\r\n"); resp.StatusCode != 200 {
		t.Errorf("/deadline answered %d", resp.StatusCode)
	}
	_, conn := raw(t, srv)
	_, _ = io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: x\r\n\r\n")
	got, err := io.ReadAll(conn)
	if want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello"; string(got) != want || err != nil {
		t.Errorf("/hijack sent %q, %v, want %q", got, err, want)
	}
}

func TestHijackSaysWhereItCannot(t *testing.T) {
	t.Parallel()
	h := apierror.Recover(apierror.Options{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Error("Hijack = nil, want an error")
		}
		panic("answered all the same")
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 {
		t.Errorf("answered %d, want 500", w.Code)
	}
}

// The client leaves while the handler works: nothing is answered, least of all an
// empty 200.
func TestAClientThatHasLeft(t *testing.T) {
	t.Parallel()
	began, result := make(chan struct{}), make(chan any, 1)
	h := apierror.Recover(apierror.Options{})(apierror.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		close(began)
		<-r.Context().Done()
		return fmt.Errorf("query: %w", r.Context().Err())
	}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			result <- v
			panic(http.ErrAbortHandler)
		}()
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	_, conn := raw(t, srv)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	_ = conn.(*net.TCPConn).CloseWrite() // the server sees the end and cancels
	if v := <-result; v != http.ErrAbortHandler {
		t.Errorf("the handler ended with %v, want http.ErrAbortHandler", v)
	}
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("the server sent %q, want nothing", got)
	}
}

func TestReadFromKeepsTheBodyWhole(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 100_000)))
	})
	srv := httptest.NewServer(apierror.Mux(mux))
	defer srv.Close()
	got := exchange(t, srv, "GET", "/copy")
	if diff := cmp.Diff(100_000, len(got.Body)); diff != "" || got.Status != 200 {
		t.Errorf("answered %d, length mismatch (-want +got):\n%s", got.Status, diff)
	}
}

func TestMuxOverHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(apierror.Recover(apierror.Options{})(apierror.Mux(api())))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	check(t, "GET /nope", want(404, body404), exchange(t, srv, "GET", "/nope"))
	check(t, "GET /tree", answer{307, http.Header{"Location": {"/tree/"}, "Content-Length": {"0"}}, ""}, exchange(t, srv, "GET", "/tree"))
	if got := exchange(t, srv, "GET", "/stream"); got.Status != 200 || got.Body != "0\n1\n2\n" {
		t.Errorf("GET /stream answered %d %q", got.Status, got.Body)
	}
}
