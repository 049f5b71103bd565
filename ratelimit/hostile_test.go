package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

// What a caller can make up in a mebibyte of header, in front of what the trusted
// proxy appends: it is counted under its own address, and reading it takes no longer
// than its length.
func TestForwardedHeadersOfAMebibyte(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{",", `"`, `\`, `\"`, `"\`, `",`, `,"`, ";", "=", "for=", `for="`, `for=",`, "[", "[::1],", "10.0.0.1,", "for=10.0.0.1,", "203.0.113.7,", " ", "\t,", "::ffff:10.0.0.1,", `for="[2001:db8::1]:80",`, "x"} {
		for _, forwarded := range []bool{false, true} {
			t.Run(strconv.Quote(piece)+" "+strconv.FormatBool(forwarded), func(t *testing.T) {
				t.Parallel()
				sent := strings.Repeat(piece, 1<<20/len(piece))
				appended := "203.0.113.5"
				if forwarded {
					appended = "for=203.0.113.5"
				}
				key := ipKey(t, ratelimit.IPOptions{Proxies: []string{"10.0.0.0/8", "::1"}, Forwarded: forwarded})
				for _, fields := range [][]string{{sent + "," + appended}, {sent, appended}} {
					r := &http.Request{RemoteAddr: "10.0.0.9:80", Header: http.Header{"X-Forwarded-For": fields, "Forwarded": fields}}
					if got, ok := key(r); got != "203.0.113.5" || !ok {
						t.Errorf("key = %q, %t, want 203.0.113.5", got, ok)
					}
				}
				// Without what a proxy appends there is some key all the same.
				r := &http.Request{RemoteAddr: "10.0.0.9:80", Header: http.Header{"X-Forwarded-For": {sent}, "Forwarded": {sent}}}
				if got, ok := key(r); !ok || len(got) > 64 {
					t.Errorf("key of %d bytes, %t, want a short one", len(got), ok)
				}
			})
		}
	}
}

// Whatever a request says, it is served or refused in the contract's words, and
// never counted as less than it is.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "203.0.113.5:80", "10.0.0.1", "alice", "application/json", "1")
	f.Add("HEAD", "@", `for="`, "\x00", "application/problem+json", "NaN")
	f.Add("", "[::1%x]:80", ",,", strings.Repeat("k", 300), "*/*;q=2", "-9223372036854775808")
	f.Add("POST", "", "1.2.3.4:", "a:b+c,1:", "", "9223372036854775807")
	f.Fuzz(func(t *testing.T, method, peer, forwarded, key, accept, rows string) {
		ip := ipKey(t, ratelimit.IPOptions{Proxies: []string{"0.0.0.0/0", "::/0"}})
		l := newLimiter(t, ip, ratelimit.Options{DraftHeaders: true, InContext: true, Policies: []ratelimit.Policy{
			{Name: "address", Limit: 2, Period: time.Hour},
			{Name: "rows", Limit: 1000, Period: time.Hour, Key: named, Also: []ratelimit.KeyFunc{ip}, Cost: costHeader("Rows")},
		}})
		h := l.Handler(http.HandlerFunc(hello))
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.RemoteAddr = method, peer
		r.Header = http.Header{"X-Forwarded-For": {forwarded}, "X-Key": {key}, "Accept": {accept}, "Rows": {rows}}
		served := 0
		for range 4 {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			switch rec.Code {
			case http.StatusOK:
				served++
				if rec.Body.String() != "hello" || rec.Header().Get("Retry-After") != "" {
					t.Errorf("200 with %q and %v", rec.Body, rec.Header())
				}
			case http.StatusTooManyRequests:
				if !strings.Contains(rec.Body.String(), "too_many_requests") && method != "HEAD" && !strings.Contains(rec.Header().Get("Content-Type"), "problem") {
					t.Errorf("429 with %q", rec.Body)
				}
			default:
				t.Errorf("status %d, want 200 or 429", rec.Code)
			}
			for _, field := range []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
				if n, err := strconv.ParseInt(rec.Header().Get(field), 10, 64); err != nil || n < 0 {
					t.Errorf("%s = %q, want a number", field, rec.Header().Get(field))
				}
			}
		}
		if served > 2 {
			t.Errorf("%d requests were served, want at most 2", served)
		}
	})
}
