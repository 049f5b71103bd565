package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/resource/idempotency"
)

func subject(r *http.Request) (string, bool) {
	name := r.Header.Get("X-Subject")
	return name, name != ""
}

func unit(r *http.Request) string { return r.Header.Get("X-Unit") }

// counter answers each call with its number and the body, or as it is told.
type counter struct {
	calls  atomic.Int32
	status int
	gate   chan struct{} // if not nil, what a call waits for
	panics bool
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := c.calls.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	if c.gate != nil {
		<-c.gate
	}
	if c.panics {
		panic("test")
	}
	w.Header().Set("Location", "/things/"+strconv.Itoa(int(n)))
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
	fmt.Fprintf(w, "%d %s", n, body)
}

func newOnce(t testing.TB, next http.Handler, opts idempotency.Options) http.Handler {
	t.Helper()
	once, err := idempotency.New(subject, unit, idempotency.NewMemory(0), opts)
	if err != nil {
		t.Fatal(err)
	}
	return once(next)
}

// post sends a POST; headers are given as "Name: value".
func post(h http.Handler, target, body string, headers ...string) *httptest.ResponseRecorder {
	return send(h, "POST", target, body, headers...)
}

func send(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Subject", "ada")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Idempotency-Key" {
			r.Header.Add(name, value)
		} else {
			r.Header.Set(name, value)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

const key = "Idempotency-Key: k1"

func TestTheSameRequestGetsTheFirstAnswerAgain(t *testing.T) {
	t.Parallel()
	next := &counter{status: 201}
	once := newOnce(t, next, idempotency.Options{})
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Ratelimit-Remaining", r.Header.Get("X-Test"))
		w.Header().Set("Vary", "Authorization")
		once.ServeHTTP(w, r)
	})
	first := post(outer, "/things", `{"a":1}`, key, "X-Test: 99")
	want := http.Header{
		"Location": {"/things/1"}, "Content-Length": {"9"}, "X-Ratelimit-Remaining": {"99"}, "Vary": {"Authorization"},
	}
	if diff := cmp.Diff(want, first.Header()); first.Code != 201 || first.Body.String() != `1 {"a":1}` || diff != "" {
		t.Errorf("the first POST = %d %s; header mismatch (-want +got):\n%s", first.Code, first.Body, diff)
	}
	for _, again := range []string{key, `Idempotency-Key: "k1"`, "Idempotency-Key:  k1 "} {
		second := post(outer, "/things", `{"a":1}`, again, "X-Test: 98")
		want := http.Header{
			"Location": {"/things/1"}, "Content-Length": {"9"}, "X-Ratelimit-Remaining": {"98"}, "Vary": {"Authorization"},
			"Idempotency-Replayed": {"true"},
		}
		if diff := cmp.Diff(want, second.Header()); second.Code != 201 || second.Body.String() != first.Body.String() || diff != "" {
			t.Errorf("the POST again = %d %s; header mismatch (-want +got):\n%s", second.Code, second.Body, diff)
		}
	}
	if n := next.calls.Load(); n != 1 {
		t.Errorf("the handler ran %d times, want once", n)
	}
}

func TestAnotherRequestUnderTheKeyIs422(t *testing.T) {
	t.Parallel()
	want := `{"error":"validation_failed","message":"The key was used for another request","details":{"field":"Idempotency-Key","code":"idempotency_key_reused"}}`
	tests := map[string]struct {
		target, body string
		headers      []string
	}{
		"another body":         {"/things", `{"a":2}`, nil},
		"another path":         {"/others", `{"a":1}`, nil},
		"another query":        {"/things?x=1", `{"a":1}`, nil},
		"another content type": {"/things", `{"a":1}`, []string{"Content-Type: text/plain"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := &counter{}
			once := newOnce(t, next, idempotency.Options{})
			post(once, "/things", `{"a":1}`, key)
			rec := post(once, tt.target, tt.body, append(tt.headers, key)...)
			if rec.Code != 422 || rec.Body.String() != want || next.calls.Load() != 1 {
				t.Errorf("POST = %d %s after %d calls, want 422 %s", rec.Code, rec.Body, next.calls.Load(), want)
			}
		})
	}
}

func TestKeysBelongToCallerAndUnit(t *testing.T) {
	t.Parallel()
	next := &counter{}
	once := newOnce(t, next, idempotency.Options{})
	for i, headers := range [][]string{
		{key},
		{key, "X-Subject: bob"},
		{key, "X-Unit: uk"},
		{key, "X-Subject: bob", "X-Unit: uk"},
		{key, "X-Subject: "},
		{"Idempotency-Key: k2"},
	} {
		for range 2 {
			rec := post(once, "/things", "x", headers...)
			if want := fmt.Sprintf("%d x", i+1); rec.Code != 200 || rec.Body.String() != want {
				t.Errorf("POST with %q = %d %s, want 200 %s", headers, rec.Code, rec.Body, want)
			}
		}
	}
}

func TestUnscopedKeysBelongToTheCallerAlone(t *testing.T) {
	t.Parallel()
	once, err := idempotency.New(subject, idempotency.Unscoped, idempotency.NewMemory(0), idempotency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := once(&counter{})
	if rec := post(h, "/things", "x", key, "X-Unit: uk"); rec.Body.String() != "1 x" {
		t.Errorf("POST = %s, want 1 x", rec.Body)
	}
	if rec := post(h, "/things", "x", key, "X-Unit: apac"); rec.Body.String() != "1 x" {
		t.Errorf("POST from another unit = %s, want the first answer", rec.Body)
	}
	if rec := post(h, "/things", "x", key, "X-Subject: bob"); rec.Body.String() != "2 x" {
		t.Errorf("POST of another caller = %s, want an answer of its own", rec.Body)
	}
}

func TestInFlightIs409(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &counter{gate: make(chan struct{})}
		once := newOnce(t, next, idempotency.Options{})
		var first *httptest.ResponseRecorder
		var wg sync.WaitGroup
		wg.Go(func() { first = post(once, "/things", "x", key) })
		synctest.Wait()
		want := `{"error":"conflict","message":"The first request with this key is still running","details":{"field":"Idempotency-Key","code":"in_flight"}}`
		if rec := post(once, "/things", "x", key); rec.Code != 409 || rec.Body.String() != want || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("POST meanwhile = %d %v %s, want 409 %s", rec.Code, rec.Header(), rec.Body, want)
		}
		if rec := post(once, "/things", "y", key); rec.Code != 422 {
			t.Errorf("another POST meanwhile = %d %s, want 422", rec.Code, rec.Body)
		}
		close(next.gate)
		wg.Wait()
		if rec := post(once, "/things", "x", key); first.Code != 200 || rec.Body.String() != first.Body.String() {
			t.Errorf("POST afterwards = %d %s, want %s", rec.Code, rec.Body, first.Body)
		}
	})
}

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	for status, calls := range map[int]int32{
		200: 1, 201: 1, 204: 1, 303: 1, 400: 1, 404: 1, 409: 1, 415: 1, 422: 1, 401: 2, 403: 2, 406: 2, 412: 2, 428: 2, 429: 2, 500: 2, 503: 2,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			next := &counter{status: status}
			once := newOnce(t, next, idempotency.Options{})
			for range 2 {
				if rec := post(once, "/things", "x", key); rec.Code != status {
					t.Errorf("POST = %d, want %d", rec.Code, status)
				}
			}
			if got := next.calls.Load(); got != calls {
				t.Errorf("the handler ran %d times, want %d", got, calls)
			}
		})
	}
}

func TestAPanicFreesTheKey(t *testing.T) {
	t.Parallel()
	next := &counter{panics: true}
	once := newOnce(t, next, idempotency.Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not get through")
			}
		}()
		post(once, "/things", "x", key)
	}()
	next.panics = false
	if rec := post(once, "/things", "x", key); rec.Code != 200 || rec.Body.String() != "2 x" {
		t.Errorf("POST after a panic = %d %s, want 200", rec.Code, rec.Body)
	}
}

func TestAnswersAreKeptForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		once := newOnce(t, &counter{}, idempotency.Options{})
		post(once, "/things", "x", key)
		time.Sleep(24*time.Hour - time.Second)
		if rec := post(once, "/things", "x", key); rec.Body.String() != "1 x" {
			t.Errorf("POST within the day = %s, want the first answer", rec.Body)
		}
		time.Sleep(time.Second)
		if rec := post(once, "/things", "x", key); rec.Body.String() != "2 x" {
			t.Errorf("POST a day later = %s, want a new answer", rec.Body)
		}
	})
}

func TestALeaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &counter{gate: make(chan struct{})}
		once := newOnce(t, next, idempotency.Options{Lease: time.Minute})
		var wg sync.WaitGroup
		var first, second *httptest.ResponseRecorder
		wg.Go(func() { first = post(once, "/things", "x", key) })
		time.Sleep(time.Minute)
		wg.Go(func() { second = post(once, "/things", "x", key) })
		synctest.Wait()
		if n := next.calls.Load(); n != 2 {
			t.Errorf("after the lease the handler ran %d times, want 2", n)
		}
		close(next.gate)
		wg.Wait()
		// The first request has lost its claim: the second one's answer counts.
		if rec := post(once, "/things", "x", key); rec.Body.String() != second.Body.String() || first.Code != 200 {
			t.Errorf("POST afterwards = %s, want %s", rec.Body, second.Body)
		}
	})
}

func TestWhatPasses(t *testing.T) {
	t.Parallel()
	next := &counter{}
	once := newOnce(t, next, idempotency.Options{})
	post(once, "/things", "x")
	post(once, "/things", "x")
	send(once, "PUT", "/things", "x", key)
	send(once, "PUT", "/things", "x", key)
	if n := next.calls.Load(); n != 4 {
		t.Errorf("two POSTs without a key and two PUTs with one ran %d times, want 4", n)
	}
}

func TestBadKeysAre400(t *testing.T) {
	t.Parallel()
	next := &counter{}
	once := newOnce(t, next, idempotency.Options{Require: true, MaxBody: 10})
	bad := `{"error":"bad_request","message":"Idempotency-Key must be one value of 1 to 255 visible ASCII characters","details":{"field":"Idempotency-Key","code":"key"}}`
	none := `{"error":"bad_request","message":"Idempotency-Key is required","details":{"field":"Idempotency-Key","code":"required"}}`
	tests := map[string]struct {
		headers []string
		body    string
		status  int
		want    string
	}{
		"none":           {nil, "x", 400, none},
		"empty":          {[]string{"Idempotency-Key: "}, "x", 400, bad},
		"empty quotes":   {[]string{`Idempotency-Key: ""`}, "x", 400, bad},
		"half a quote":   {[]string{`Idempotency-Key: "x`}, "x", 400, bad},
		"blanks":         {[]string{"Idempotency-Key: a b"}, "x", 400, bad},
		"other letters":  {[]string{"Idempotency-Key: é"}, "x", 400, bad},
		"too long":       {[]string{"Idempotency-Key: " + strings.Repeat("a", 256)}, "x", 400, bad},
		"two":            {[]string{key, "Idempotency-Key: k2"}, "x", 400, bad},
		"a large body":   {[]string{key}, "12345678901", 413, `{"error":"content_too_large","message":"Request body is too large"}`},
		"the very limit": {[]string{key}, "1234567890", 200, "1 1234567890"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := post(once, "/things", tt.body, tt.headers...)
			if rec.Code != tt.status || rec.Body.String() != tt.want {
				t.Errorf("POST with %q = %d %s, want %d %s", tt.headers, rec.Code, rec.Body, tt.status, tt.want)
			}
		})
	}
}

func TestAFullMemoryForgetsTheOldestAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory(2)
		once, err := idempotency.New(subject, unit, store, idempotency.Options{})
		if err != nil {
			t.Fatal(err)
		}
		next := &counter{}
		for _, k := range []string{"a", "b", "c", "b", "c", "a"} {
			post(once(next), "/things", "x", "Idempotency-Key: "+k)
		}
		if n := next.calls.Load(); n != 4 {
			t.Errorf("the handler ran %d times, want 4: a, b, c, and a again", n)
		}
		// Requests that run are never forgotten.
		slow := &counter{gate: make(chan struct{})}
		var wg sync.WaitGroup
		for _, k := range []string{"d", "e"} {
			wg.Go(func() { post(once(slow), "/things", "x", "Idempotency-Key: "+k) })
		}
		synctest.Wait()
		if rec := post(once(next), "/things", "x", "Idempotency-Key: f"); rec.Code != 503 || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("POST while all keys run = %d, want 503", rec.Code)
		}
		close(slow.gate)
		wg.Wait()
	})
}

// lossy is a store that cannot keep answers.
type lossy struct{ idempotency.Store }

func (lossy) Finish(context.Context, string, time.Time, []byte, time.Time) error {
	return errors.New("disk full")
}

func TestAnAnswerThatCannotBeKeptIsStillSent(t *testing.T) {
	t.Parallel()
	once, err := idempotency.New(subject, unit, lossy{idempotency.NewMemory(0)}, idempotency.Options{})
	if err != nil {
		t.Fatal(err)
	}
	next := &counter{}
	if rec := post(once(next), "/things", "x", key); rec.Code != 200 || rec.Body.String() != "1 x" {
		t.Errorf("POST = %d %s, want the answer", rec.Code, rec.Body)
	}
	if rec := post(once(next), "/things", "x", key); rec.Code != 409 || next.calls.Load() != 1 {
		t.Errorf("POST again = %d after %d calls, want 409: the work is done", rec.Code, next.calls.Load())
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestABodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for want, cause := range map[int]error{400: io.ErrUnexpectedEOF, 413: &http.MaxBytesError{Limit: 5}} {
		next := &counter{}
		r := httptest.NewRequest("POST", "/things", broken{cause})
		r.Header.Set("Idempotency-Key", "k1")
		rec := httptest.NewRecorder()
		newOnce(t, next, idempotency.Options{}).ServeHTTP(rec, r)
		if rec.Code != want || next.calls.Load() != 0 {
			t.Errorf("POST whose body fails with %v = %d %s, want %d", cause, rec.Code, rec.Body, want)
		}
	}
}

func TestAnAnnouncedBodyThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/things", broken{errors.New("read")})
	r.ContentLength = 1<<20 + 1
	r.Header.Set("Idempotency-Key", "k1")
	rec := httptest.NewRecorder()
	newOnce(t, &counter{}, idempotency.Options{}).ServeHTTP(rec, r)
	if want := `{"error":"content_too_large","message":"Request body is too large"}`; rec.Code != 413 || rec.Body.String() != want {
		t.Errorf("POST = %d %s, want 413 %s", rec.Code, rec.Body, want)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(0)
	if _, err := idempotency.New(nil, unit, store, idempotency.Options{}); err == nil {
		t.Error("New accepts a nil subject")
	}
	if _, err := idempotency.New(subject, nil, store, idempotency.Options{}); err == nil {
		t.Error("New accepts a nil unit")
	}
	if _, err := idempotency.New(subject, unit, nil, idempotency.Options{}); err == nil {
		t.Error("New accepts a nil store")
	}
	if _, err := idempotency.New(subject, unit, store, idempotency.Options{Keep: -1}); err == nil {
		t.Error("New accepts a negative time")
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "a", `"a"`, `"`, "a b", "\x00", strings.Repeat("a", 300)} {
		f.Add(s, s)
	}
	next := &counter{}
	once := newOnce(f, next, idempotency.Options{})
	f.Fuzz(func(t *testing.T, key, body string) {
		before := next.calls.Load()
		first := post(once, "/things", body, "Idempotency-Key: "+key, "X-Unit: "+strconv.Itoa(int(before)))
		second := post(once, "/things", body, "Idempotency-Key: "+key, "X-Unit: "+strconv.Itoa(int(before)))
		calls := next.calls.Load() - before
		switch {
		case first.Code == 400 && second.Code == 400 && calls == 0:
		case first.Code == 200 && second.Code == 200 && calls == 1 && first.Body.String() == second.Body.String():
		default:
			t.Errorf("key %q: %d and %d after %d calls", key, first.Code, second.Code, calls)
		}
	})
}

func BenchmarkFirst(b *testing.B) {
	once := newOnce(b, &counter{}, idempotency.Options{})
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		post(once, "/things", "x", "Idempotency-Key: "+strconv.Itoa(n))
	}
}

func BenchmarkReplay(b *testing.B) {
	once := newOnce(b, &counter{}, idempotency.Options{})
	b.ReportAllocs()
	for b.Loop() {
		post(once, "/things", "x", key)
	}
}
