// Command gin is a service on gin that keeps ulule's rate limiting middleware and
// gives it buckets of package ratelimit to count in: 100 requests a minute with a
// burst of 200 for each API key, and header fields that a client can rely on.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/ulule/limiter/v3"
	limitgin "github.com/ulule/limiter/v3/drivers/middleware/gin"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ululestore"
)

// newHandler counts in store: a ratelimit.Memory, or one of package redisstore for
// several processes.
func newHandler(store ratelimit.Store) (http.Handler, error) {
	// ulule's middleware knows a rate; the burst is the store's.
	buckets, err := ululestore.NewBuckets(store, 200)
	if err != nil {
		return nil, err
	}
	limits := limitgin.NewMiddleware(
		limiter.New(buckets, limiter.Rate{Limit: 100, Period: time.Minute}),
		limitgin.WithKeyGetter(apiKey),
		limitgin.WithLimitReachedHandler(refuse),
		// Its own handler of errors panics, with each request while a store in
		// Redis is down. A Memory returns none.
		limitgin.WithErrorHandler(func(c *gin.Context, err error) {
			apierror.Write(c.Writer, c.Request, apierror.Unavailable(time.Second).Wrap(err))
		}),
	)

	r := gin.New()
	r.Use(gin.Recovery(), limits)
	r.GET("/widgets", func(c *gin.Context) { c.JSON(http.StatusOK, []string{"gear"}) })
	return r, nil
}

// apiKey is what a limit is counted under; callers without one share a bucket.
func apiKey(c *gin.Context) string { return c.GetHeader("X-Api-Key") }

// refuse answers the contract's 429. The middleware has told when a whole limit is
// available again; a request is sooner, but that it does not tell.
func refuse(c *gin.Context) {
	reset, err := strconv.ParseInt(c.Writer.Header().Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		reset = 0
	}
	wait := max(time.Until(time.Unix(reset, 0)), 0)
	apierror.Write(c.Writer, c.Request, apierror.TooManyRequests("rate_limit_exceeded", "Rate limit exceeded", wait))
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	memory, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler(memory)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("curl -i http://127.0.0.1:8080/widgets")
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}
