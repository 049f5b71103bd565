package ratelimittest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// A Client sends requests to a handler and acts on the header fields of the
// answers: while X-RateLimit-Remaining is 0 it waits for the second named by
// X-RateLimit-Reset, and after a refusal for Retry-After. A limiter that tells
// the truth never refuses it, as long as it has its buckets to itself. Use it in
// a bubble of testing/synctest, where waiting costs no time.
//
// The zero Client with a Handler is ready. It is not safe for concurrent use.
type Client struct {
	Handler http.Handler

	resume time.Time
}

// Do waits until the request may be sent, sends it and returns the answer.
func (c *Client) Do(r *http.Request) *http.Response {
	time.Sleep(time.Until(c.resume))
	rec := httptest.NewRecorder()
	c.Handler.ServeHTTP(rec, r)
	res := rec.Result()
	c.resume = resume(res.Header)
	return res
}

// resume returns the instant at which the next request may be sent.
func resume(h http.Header) time.Time {
	if wait, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		return time.Now().Add(time.Duration(wait) * time.Second)
	}
	if h.Get("X-RateLimit-Remaining") == "0" {
		if at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			return time.Unix(at, 0)
		}
	}
	return time.Time{}
}
