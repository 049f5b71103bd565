// Package ratelimit limits how much each caller may ask of an HTTP API. Its
// middleware counts every request in a token bucket and tells the caller where
// it stands:
//
//	X-RateLimit-Limit: 100
//	X-RateLimit-Remaining: 199
//	X-RateLimit-Reset: 1767225600
//
// Limit is the policy's limit, Remaining what can be sent now, burst credit
// included, and Reset the Unix second at which Limit requests are available
// again. They are rounded so that a caller can rely on them: who sends no more than
// Remaining and waits for Reset is not refused. A refused request is answered with
// 429, Retry-After in seconds and
//
//	{"error":"too_many_requests","message":"Rate limit exceeded","details":{"code":"rate_limit_exceeded"}}
//
// The smallest use is 100 requests per minute with a burst of 200 for each
// caller:
//
//	store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
//	limiter, err := ratelimit.New(store, auth.Subject, ratelimit.Options{})
//	handler := limiter.Handler(mux)
//
// # The bucket
//
// A bucket holds burst requests and is refilled at limit per period (GCRA, the
// generic cell rate algorithm). It is one number: the instant at which it will
// be full. A cost is taken if the bucket holds it, and a refusal takes nothing,
// so hammering a closed door does not keep it closed. Any minute sees at most
// burst plus limit requests.
//
// # Choosing a key
//
// A key is what requests are counted under: any func(*http.Request) (string,
// bool), for example the caller that a middleware further out has put into the
// context, [Header] or [IP]. Requests without a key are counted together under
// one shared key, so that leaving the key out is no way around the limit. Put
// the limiter inside the authentication for keys by caller: a 401 is then not
// counted. To slow down guessing of secrets put a second limiter with a key by
// [IP] outside of it.
//
// A policy by route has to sit inside the router, for example around the handler
// given to [http.ServeMux.Handle]: [http.Request.Pattern] is empty before the
// router has matched.
//
// # Choosing a store
//
// [Memory] counts inside the process, in a fixed piece of memory. Processes that
// share a limit count in Redis (package redisstore); any store of
// github.com/ulule/limiter fits through package ululestore, without bursts. A
// [Limiter] waits for such a store no longer than [Options.Timeout]; while the
// store is down each process enforces its own share of the limit, or lets
// everything or nothing pass, as [Options] say.
//
// # Concurrency
//
// A [Limiter] and a [Memory] are immutable from outside and safe for concurrent
// use. Concurrent requests never get more out of a bucket than it holds. The funcs
// of [Options] and of a [Policy] are called on the requests' goroutines, many at
// once.
package ratelimit
