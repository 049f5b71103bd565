// Package redisstore keeps the buckets of package ratelimit in Redis (5 or later)
// or Valkey, Cluster included, so that many processes enforce one limit.
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
// Nothing else is retried by this package, because a debit whose answer was lost may
// have been made. Configure the client accordingly: with go-redis set MaxRetries to
// -1, DialerRetries to 1 and ContextTimeoutEnabled. Its ClusterClient repeats a
// command after a lost connection all the same, so that such a debit may count twice.
//
// A bucket is one string key, which expires when the bucket is full. A key that
// Redis evicts or loses is a full bucket.
//
// # Leases
//
// With [Options.Lease] a process takes requests of a busy key in advance, in lots
// that grow while they are used up, and spends them without a round trip. It also
// remembers that a bucket is empty and refuses by itself until something can be
// left in it. The price, for a lease of 100 ms and the contract's request every
// 600 ms:
//
//   - All processes together may admit more than the bucket in any span of time, by
//     at most what is refilled during one lease, rounded up: 1 request.
//   - What is left of a lot when its lease ends is lost: at most 31 requests, when a
//     busy caller pauses or moves to another process.
//   - The header fields are up to a lease old, so a caller that is served by several
//     processes at once may be refused although it keeps to them.
//   - A charge given back is seen by the other processes within a second, and one
//     that the bucket does not hold may leave what is left of a lot.
//
// # Exactness
//
// Buckets are kept to the nanosecond, as in [ratelimit.Memory], and the server's
// clock has microseconds. A policy whose empty bucket takes more than 104 days to
// refill is refused, since a number of Lua cannot hold it exactly. When the
// server's clock is set back, a bucket counts as empty at most and nobody waits
// longer than an empty bucket takes.
//
// While Redis is away, and until all processes have found it back, each goes on with
// its share (ratelimit.Options.Instances). What their shares refill between the first
// process's return and the last one's, some tenths of a second, comes on top of what
// Redis refills.
package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/ratelimit"
)

//go:embed script.lua
var script string

// Do sends one command and returns the reply, an integer as int64 and an array as
// []any. An error of the server has to keep its text, which starts with its code
// (NOSCRIPT). Do has to be safe for concurrent use.
type Do = func(ctx context.Context, args ...any) (any, error)

// Options adjusts a [Store].
type Options struct {
	// Prefix starts the names of all keys. If empty, "ratelimit:".
	Prefix string

	// Lease is how long requests taken in advance can be used. If zero,
	// nothing is taken in advance: every request is one round trip.
	Lease time.Duration

	// Lot is the most to take in advance for one key at a time. If zero, 32.
	// A bucket's quarter is never exceeded.
	Lot int
}

// A Store is a [ratelimit.Store] in Redis. It is safe for concurrent use.
type Store struct {
	do     Do
	prefix string
	sha    string
	leases *leases // nil in exact mode
}

// New returns a Store that talks through do. It sends nothing, and fails if do is
// nil or an option negative.
func New(do Do, opts Options) (*Store, error) {
	if do == nil {
		return nil, errors.New("redisstore: New: do is required")
	}
	if opts.Lease < 0 || opts.Lot < 0 {
		return nil, errors.New("redisstore: New: lease and lot must not be negative")
	}
	prefix := opts.Prefix
	if prefix == "" {
		prefix = "ratelimit:"
	}
	// Redis names scripts by SHA-1; nothing is protected by it.
	sum := sha1.Sum([]byte(script))
	s := &Store{do: do, prefix: prefix, sha: hex.EncodeToString(sum[:])}
	if opts.Lease > 0 {
		s.leases = newLeases(opts)
	}
	return s, nil
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
	if s.leases != nil {
		return s.takeLeased(ctx, key, cost, rate)
	}
	debt, allowed, err := s.takeExactly(ctx, key, cost, rate)
	if err != nil {
		return ratelimit.State{}, err
	}
	_, state := rate.Take(debt, 0, 0)
	state.Allowed = allowed
	return state, nil
}

// Held returns what decides requests of busy keys without a round trip, for
// [ratelimit.New]: nil in exact mode, and where asked is not s itself but a store
// around it.
func (s *Store) Held(asked ratelimit.Store) func(key string, cost int, rate ratelimit.Rate) (ratelimit.State, bool) {
	if s.leases == nil || asked != ratelimit.Store(s) {
		return nil
	}
	return s.held
}

// takeExactly takes the cost in Redis and returns the bucket's debt.
func (s *Store) takeExactly(ctx context.Context, key string, cost int, rate ratelimit.Rate) (debt time.Duration, allowed bool, err error) {
	asked := max(cost, -rate.Burst)
	if cost > rate.Burst {
		asked = 0 // no bucket ever holds it: only look
	}
	interval := rate.Interval()
	span := interval * time.Duration(rate.Burst)
	reply, err := s.eval(ctx, key, int64(interval), int64(span), asked)
	if err != nil {
		return 0, false, err
	}
	debt, allowed, err = parseReply(reply, span)
	return debt, allowed && cost <= rate.Burst, err
}

// eval runs the script on the bucket of key, by its name, or by its text where the
// server does not know it.
func (s *Store) eval(ctx context.Context, key string, args ...any) (any, error) {
	args = append([]any{"EVALSHA", s.sha, 1, s.prefix + key}, args...)
	reply, err := s.do(ctx, args...)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		// The client may still hold on to the arguments of the first call.
		args = slices.Concat([]any{"EVAL", script}, args[2:])
		reply, err = s.do(ctx, args...)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: Take: %w", err)
	}
	return reply, nil
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
