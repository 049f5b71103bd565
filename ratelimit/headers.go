package ratelimit

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Requests, seconds to wait and limits are small numbers that come again and
// again, and so do the few hundred instants that buckets reset at: their header
// values are kept, so that a header field allocates nothing.
var counts, instants decimals

// decimals keeps header values by the low bits of their number.
type decimals [1024]atomic.Pointer[decimal]

type decimal struct {
	number int64
	values [1]string
}

// of returns the header value that says n. It is shared by all answers.
func (d *decimals) of(n int64) []string {
	place := &d[uint64(n)%uint64(len(d))]
	kept := place.Load()
	if kept == nil || kept.number != n {
		kept = &decimal{number: n, values: [1]string{strconv.FormatInt(n, 10)}}
		place.Store(kept)
	}
	return kept.values[:]
}

// writeHeaders tells the caller where it stands. The names are spelled as
// http.CanonicalHeaderKey does, since they are assigned and not Set.
func (d *Decision) writeHeaders(h http.Header) {
	if d.Policy == "" {
		if !d.Allowed {
			h["Retry-After"] = counts.of(seconds(unavailableFor))
		}
		return
	}
	h["X-Ratelimit-Limit"] = counts.of(int64(d.Limit))
	h["X-Ratelimit-Remaining"] = counts.of(int64(d.Remaining))
	h["X-Ratelimit-Reset"] = instants.of(d.Reset.Unix())
	if !d.Allowed && d.RetryAfter >= 0 {
		h["Retry-After"] = counts.of(seconds(d.RetryAfter))
	}
}

// writeDraftHeaders tells the same in the words of the IETF's draft
// (draft-ietf-httpapi-ratelimit-headers-10). Names of policies need no escapes.
func (d *Decision) writeDraftHeaders(h http.Header) {
	if d.Policy == "" {
		return
	}
	b := make([]byte, 0, 64)
	b = append(b, '"')
	b = append(b, d.Policy...)
	b = append(b, `";q=`...)
	name := len(b) - len("q=")
	b = strconv.AppendInt(b, int64(d.Limit), 10)
	b = append(b, ";w="...)
	b = strconv.AppendInt(b, seconds(d.Period), 10)
	h["Ratelimit-Policy"] = []string{string(b)}

	var t int64
	if d.Next > 0 {
		t = seconds(d.Next)
	}
	b = append(b[:name], "r="...)
	b = strconv.AppendInt(b, int64(d.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, t, 10)
	h["Ratelimit"] = []string{string(b)}
}

// seconds rounds up, to 1 at least: who came back at once would be refused.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return max(s, 1)
}

// resetAt returns the first whole second that is not before now plus d.
func resetAt(now time.Time, d time.Duration) time.Time {
	at := now.Add(d)
	second := at.Unix()
	if at.Nanosecond() > 0 {
		second++
	}
	return time.Unix(second, 0)
}
