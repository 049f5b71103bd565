// Package redisstore keeps the buckets of package ratelimit in Redis or Valkey,
// Cluster included, so that many processes enforce one limit.
//
// It knows no driver: [Do] is a func that any client satisfies in a line, here
// github.com/redis/go-redis:
//
//	do := func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }
//	store, err := redisstore.New(do, redisstore.Options{Prefix: "leads:"})
//	limiter, err := ratelimit.New(store, auth.Subject, ratelimit.Options{Instances: 3})
//
// # What it costs
//
// A request is one round trip: an EVALSHA of a script that reads the server's own
// clock, so that the clocks of the processes do not matter. Only when the server
// does not know the script, after a restart, it is sent once more as EVAL.
// Nothing else is retried, because a debit whose answer was lost may have been
// made. Configure the client accordingly: with go-redis set MaxRetries to -1 and
// ContextTimeoutEnabled.
//
// A bucket is one string key, which expires when the bucket is full. A key that
// Redis evicts or loses is a full bucket.
//
// # Exactness
//
// Buckets are kept to the nanosecond, as in [ratelimit.Memory], and the server's
// clock has microseconds. A policy whose empty bucket takes more than 104 days to
// refill is refused, since a number of Lua cannot hold it exactly. When the
// server's clock is set back, a bucket counts as empty at most and nobody waits
// longer than an empty bucket takes.
package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

//go:embed script.lua
var script string

// Do sends one command and returns the reply, an integer as int64. An error of
// the server has to keep its text, which starts with its code (NOSCRIPT). Do has
// to be safe for concurrent use.
type Do = func(ctx context.Context, args ...any) (any, error)

// Options adjusts a [Store].
type Options struct {
	// Prefix starts the names of all keys. If empty, "ratelimit:".
	Prefix string
}

// A Store is a [ratelimit.Store] in Redis. It is safe for concurrent use.
type Store struct {
	do     Do
	prefix string
	sha    string
}

// New returns a Store that talks through do. It sends nothing, and fails only if
// do is nil.
func New(do Do, opts Options) (*Store, error) {
	if do == nil {
		return nil, errors.New("redisstore: New: do is required")
	}
	prefix := opts.Prefix
	if prefix == "" {
		prefix = "ratelimit:"
	}
	// Redis names scripts by SHA-1; nothing is protected by it.
	sum := sha1.Sum([]byte(script))
	return &Store{do: do, prefix: prefix, sha: hex.EncodeToString(sum[:])}, nil
}

// maxSpan is what a number of Lua holds exactly, in nanoseconds.
const maxSpan = 1 << 53

// CheckRate refuses a rate whose empty bucket takes more than 104 days to refill.
func (s *Store) CheckRate(rate ratelimit.Rate) error {
	if time.Duration(rate.Burst) > maxSpan/rate.Interval() {
		return errors.New("an empty bucket takes more than 104 days to refill")
	}
	return nil
}

// Take implements [ratelimit.Store].
func (s *Store) Take(ctx context.Context, key string, cost int, rate ratelimit.Rate) (ratelimit.State, error) {
	interval := rate.Interval()
	span := interval * time.Duration(rate.Burst)
	asked := max(cost, -rate.Burst)
	impossible := cost > rate.Burst
	if impossible {
		asked = 0 // only look
	}

	name := s.prefix + key
	reply, err := s.do(ctx, "EVALSHA", s.sha, 1, name, int64(interval), int64(span), asked)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = s.do(ctx, "EVAL", script, 1, name, int64(interval), int64(span), asked)
	}
	if err != nil {
		return ratelimit.State{}, fmt.Errorf("redisstore: Take: %w", err)
	}
	debt, allowed, err := parseReply(reply, span)
	if err != nil {
		return ratelimit.State{}, err
	}
	_, state := rate.Take(debt, 0, 0)
	state.Allowed = allowed && !impossible
	return state, nil
}

// parseReply reads the script's answer.
func parseReply(reply any, span time.Duration) (debt time.Duration, allowed bool, err error) {
	n, ok := reply.(int64)
	if !ok {
		return 0, false, fmt.Errorf("redisstore: Take: reply is %T, not int64", reply)
	}
	debt, allowed = time.Duration(n), true
	if n < 0 {
		debt, allowed = time.Duration(-1-n), false
	}
	if debt > span {
		return 0, false, fmt.Errorf("redisstore: Take: reply %d is out of range", n)
	}
	return debt, allowed, nil
}
