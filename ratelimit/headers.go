package ratelimit

import (
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Requests, seconds to wait and limits are small numbers that come again and
// again, and so do the few hundred instants that buckets reset at: their header
// values are kept, so that a header field allocates nothing.
var counts, instants decimals

// decimals keeps header values by the low bits of their number. There is room for
// each number up to the burst of a large plan.
type decimals [8192]atomic.Pointer[decimal]

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
func (l *Limiter) writeDraftHeaders(h http.Header, d *Decision) {
	if d.Policy == "" {
		return
	}
	i := slices.IndexFunc(l.policies, func(p policy) bool { return p.Name == d.Policy })
	p := &l.policies[i]
	if p.rate.Limit == d.Limit && p.rate.Period == d.Period {
		h["Ratelimit-Policy"] = p.draft
	} else { // a plan, or a share of the limit
		h["Ratelimit-Policy"] = draftPolicy(d.Policy, d.Limit, d.Period)
	}
	var room [128]byte
	b := append(room[:0], '"')
	b = append(b, d.Policy...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, int64(d.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, seconds(d.Next), 10)
	h["Ratelimit"] = []string{string(b)}
}

// draftPolicy returns the value of RateLimit-Policy.
func draftPolicy(name string, limit int, period time.Duration) []string {
	return []string{`"` + name + `";q=` + strconv.Itoa(limit) + ";w=" + strconv.FormatInt(seconds(period), 10)}
}

// seconds rounds up: who came back a moment early would be refused.
func seconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
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
