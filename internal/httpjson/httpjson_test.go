package httpjson_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/httpjson"
)

const jsonType = "application/json"

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		types  []string // of the Content-Type field
		body   string
		reader io.Reader // instead of body: a length that is not known
		limit  int64
		allow  []string
		status int // 0 if the body is read
	}{
		"application/json":                {types: []string{jsonType}, body: `{}`},
		"with a charset":                  {types: []string{"application/json; charset=UTF-8"}, body: `{}`},
		"in capitals":                     {types: []string{"Application/JSON"}, body: `{}`},
		"with a quoted charset":           {types: []string{`application/json;charset="utf-8"`}, body: `{}`},
		"a type of one's own":             {types: []string{"application/merge-patch+json"}, allow: []string{jsonType, "application/merge-patch+json"}, body: `{}`},
		"exactly the limit":               {types: []string{jsonType}, body: `{"a":1}`, limit: 7},
		"exactly the limit, no length":    {types: []string{jsonType}, reader: strings.NewReader(`{"a":1}`), body: `{"a":1}`, limit: 7},
		"byte by byte":                    {types: []string{jsonType}, reader: iotest.OneByteReader(strings.NewReader(strings.Repeat("1", 3000))), body: strings.Repeat("1", 3000)},
		"no type":                         {body: `{}`, status: 415},
		"two types":                       {types: []string{jsonType, jsonType}, body: `{}`, status: 415},
		"text":                            {types: []string{"text/plain"}, body: `{}`, status: 415},
		"a form":                          {types: []string{"application/x-www-form-urlencoded"}, body: `{}`, status: 415},
		"another charset":                 {types: []string{"application/json; charset=latin1"}, body: `{}`, status: 415},
		"another parameter":               {types: []string{"application/json; version=2"}, body: `{}`, status: 415},
		"a type that does not parse":      {types: []string{"application/json; ="}, body: `{}`, status: 415},
		"a longer type":                   {types: []string{"application/json-seq"}, body: `{}`, status: 415},
		"json where a patch is due":       {types: []string{jsonType}, allow: []string{"application/merge-patch+json"}, body: `{}`, status: 415},
		"over the limit":                  {types: []string{jsonType}, body: `{"a":12}`, limit: 7, status: 413},
		"over the limit, no length":       {types: []string{jsonType}, reader: strings.NewReader(`{"a":12}`), limit: 7, status: 413},
		"over the default limit":          {types: []string{jsonType}, reader: strings.NewReader(strings.Repeat("1", 1<<20+1)), status: 413},
		"over a MaxBytesReader's limit":   {types: []string{jsonType}, reader: http.MaxBytesReader(nil, io.NopCloser(strings.NewReader("[1,2]")), 2), status: 413},
		"empty":                           {types: []string{jsonType}, status: 400},
		"empty, no length":                {types: []string{jsonType}, reader: strings.NewReader(""), status: 400},
		"broken off":                      {types: []string{jsonType}, reader: iotest.ErrReader(io.ErrUnexpectedEOF), status: 400},
		"broken off for any other reason": {types: []string{jsonType}, reader: iotest.ErrReader(errors.New("tcp: secret")), status: 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var body io.Reader = strings.NewReader(tt.body)
			if tt.reader != nil {
				body = struct{ io.Reader }{tt.reader}
			}
			r := httptest.NewRequest("POST", "/", body)
			if tt.types != nil {
				r.Header["Content-Type"] = tt.types
			}
			got, err := httpjson.Read(r, tt.limit, tt.allow...)
			if tt.status == 0 {
				if err != nil || string(got) != tt.body {
					t.Fatalf("Read = %.80q, %v, want %.80q", got, err, tt.body)
				}
				return
			}
			if e := apierror.From(err); err == nil || e.Status != tt.status {
				t.Fatalf("Read = %.80q, %v, want a %d", got, err, tt.status)
			}
		})
	}
}

func TestReadNamesTheTypesThatWouldDo(t *testing.T) {
	t.Parallel()
	for method, field := range map[string]string{"POST": "Accept", "PATCH": "Accept-Patch"} {
		r := httptest.NewRequest(method, "/", strings.NewReader("{}"))
		_, err := httpjson.Read(r, 0, jsonType, "application/merge-patch+json")
		e := apierror.From(err)
		if got := e.Header.Get(field); got != "application/json, application/merge-patch+json" {
			t.Errorf("%s: %s = %q", method, field, got)
		}
		if want := "Content-Type must be application/json or application/merge-patch+json"; e.Message != want {
			t.Errorf("%s: message = %q, want %q", method, e.Message, want)
		}
	}
}

func TestReadRefusesCompressedBodies(t *testing.T) {
	t.Parallel()
	for coding, status := range map[string]int{"gzip": 415, "br, gzip": 415, "identity, gzip": 415, "identity": 0, "Identity": 0, "": 0} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Content-Encoding", coding)
		_, err := httpjson.Read(r, 0)
		if status == 0 {
			if err != nil {
				t.Errorf("Content-Encoding: %s: %v", coding, err)
			}
			continue
		}
		if e := apierror.From(err); e.Status != status || e.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Content-Encoding: %s: %d %v, want 415 with Accept-Encoding: identity", coding, e.Status, e.Header)
		}
	}
}

func TestReadLeavesAnAnnouncedBodyUnread(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("read")))
	r.Header.Set("Content-Type", jsonType)
	r.ContentLength = 1 << 30
	if _, err := httpjson.Read(r, 0); apierror.From(err).Status != 413 {
		t.Errorf("Read = %v, want a 413", err)
	}
}

func TestReadKeepsAnErrorOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", "/", iotest.ErrReader(context.Canceled))
	r.Header.Set("Content-Type", jsonType)
	if _, err := httpjson.Read(r, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want context.Canceled", err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string
		status int
		want   string // the body of the answer
	}{
		"fine":       {body: `{"name":"A","value":1}`},
		"no JSON":    {`{"name":}`, 400, `{"error":"bad_request","message":"Invalid JSON at byte 8: a value is expected","details":{"field":"name","code":"json"}}`},
		"two values": {`{}{}`, 400, `{"error":"bad_request","message":"Invalid JSON at byte 2: there is data after the value","details":{"code":"json"}}`},
		"unknown":    {`{"nane":"A"}`, 400, `{"error":"bad_request","message":"Unknown field nane, did you mean name?","details":{"field":"nane","code":"unknown"}}`},
		"duplicate":  {`{"name":"A","name":"B"}`, 400, `{"error":"bad_request","message":"Name is given more than once","details":{"field":"name","code":"duplicate"}}`},
		"type":       {`{"value":"x"}`, 400, `{"error":"bad_request","message":"Value must be a number","details":{"field":"value","code":"type"}}`},
		"range":      {`{"value":1e999}`, 400, `{"error":"bad_request","message":"Value is a number out of range","details":{"field":"value","code":"type"}}`},
		"no object":  {`[]`, 400, `{"error":"bad_request","message":"Request body must be an object","details":{"code":"type"}}`},
		"null alone": {`null`, 400, `{"error":"bad_request","message":"Request body must not be null","details":{"code":"type"}}`},
		"null":       {`{"name":null}`, 422, `{"error":"validation_failed","message":"Name must not be null","details":{"field":"name","code":"null","errors":[{"field":"name","code":"null","message":"Name must not be null"}]}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", jsonType)
			var v struct {
				Name  string  `json:"name"`
				Value float64 `json:"value"`
			}
			err := httpjson.Decode(r, 0, &v)
			if tt.status == 0 {
				if err != nil || v.Name != "A" || v.Value != 1 {
					t.Fatalf("Decode(%s) = %+v, %v", tt.body, v, err)
				}
				return
			}
			w := httptest.NewRecorder()
			apierror.Write(w, r, err)
			if w.Code != tt.status {
				t.Errorf("Decode(%s) gives a %d, want %d", tt.body, w.Code, tt.status)
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Errorf("Decode(%s) mismatch (-want +got):\n%s", tt.body, diff)
			}
		})
	}
}

func TestDecodeIntoNoPointerIsA500(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.Header.Set("Content-Type", jsonType)
	if err := httpjson.Decode(r, 0, struct{}{}); apierror.From(err).Status != 500 {
		t.Errorf("Decode = %v, want a 500", err)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		if err := httpjson.Write(w, httptest.NewRequest(method, "/", nil), 201, map[string]int{"a": 1}); err != nil {
			t.Fatal(err)
		}
		want := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": {"7"}}
		if diff := cmp.Diff(want, w.Header()); diff != "" || w.Code != 201 {
			t.Errorf("%s: status %d, header mismatch (-want +got):\n%s", method, w.Code, diff)
		}
		body := `{"a":1}`
		if method == "HEAD" {
			body = ""
		}
		if got := w.Body.String(); got != body {
			t.Errorf("%s: body = %q, want %q", method, got, body)
		}
	}
}

func TestWriteKeepsAContentTypeOfOnesOwn(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/schema+json")
	httpjson.WriteBytes(w, httptest.NewRequest("GET", "/", nil), 200, []byte("{}"))
	if got := w.Header().Get("Content-Type"); got != "application/schema+json" {
		t.Errorf("Content-Type = %q", got)
	}
}

func TestWriteSendsNothingOfWhatDoesNotEncode(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	err := httpjson.Write(w, httptest.NewRequest("GET", "/", nil), 200, []any{1, func() {}})
	if err == nil || w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("Write = %v, body %q, header %v, want an error and nothing written", err, w.Body, w.Header())
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method string
		allow  []string
		want   string // Allow of the 405; "" if the method is allowed
	}{
		"allowed":            {method: "POST", allow: []string{"GET", "POST"}},
		"HEAD where GET is":  {method: "HEAD", allow: []string{"GET"}},
		"not allowed":        {method: "PUT", allow: []string{"POST", "GET"}, want: "GET, HEAD, POST"},
		"no HEAD":            {method: "HEAD", allow: []string{"POST"}, want: "POST"},
		"in another case":    {method: "get", allow: []string{"GET", "HEAD"}, want: "GET, HEAD"},
		"a made-up method":   {method: "BREW", allow: []string{"DELETE"}, want: "DELETE"},
		"OPTIONS is refused": {method: "OPTIONS", allow: []string{"GET"}, want: "GET, HEAD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.Method = tt.method
			err := httpjson.Methods(httptest.NewRecorder(), r, tt.allow...)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("Methods = %v, want nil", err)
				}
				return
			}
			if e := apierror.From(err); e.Status != 405 || e.Header.Get("Allow") != tt.want {
				t.Errorf("Methods = %v, Allow %q, want a 405 with Allow %q", err, e.Header.Get("Allow"), tt.want)
			}
		})
	}
}

// A real server, since only there a body can break off or be malformed on the wire.
func TestABodyThatBreaksOffIsNeverA5xx(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		var v any
		if err := httpjson.Decode(r, 0, &v); err != nil {
			return err
		}
		return httpjson.Write(w, r, 200, v)
	}))
	defer srv.Close()
	for name, request := range map[string]string{
		"a malformed chunk":  "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		"a body that ends":   "Content-Length: 10\r\n\r\n{}",
		"a chunk that ends":  "Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
		"no body whatsoever": "\r\n",
	} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"+request)
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: answered %.200q, want a 400 or nothing", name, answer)
		}
	}
}
