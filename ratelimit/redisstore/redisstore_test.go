package redisstore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

var contract = ratelimit.Rate{Limit: 100, Period: time.Minute, Burst: 200}

func newStore(tb testing.TB, fake *fakeRedis, opts redisstore.Options) *redisstore.Store {
	tb.Helper()
	store, err := redisstore.New(fake.do, opts)
	if err != nil {
		tb.Fatalf("New error = %v", err)
	}
	return store
}

func TestStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		return newStore(t, newFakeRedis(), redisstore.Options{})
	}, ratelimittest.Options{Bubble: true})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := redisstore.New(nil, redisstore.Options{}); err == nil {
		t.Error("New(nil) error = nil, want one")
	}
	for name, opts := range map[string]redisstore.Options{"a negative lease": {Lease: -1}, "a negative lot": {Lot: -1}} {
		if _, err := redisstore.New(newFakeRedis().do, opts); err == nil {
			t.Errorf("New with %s: error = nil, want one", name)
		}
	}
}

// "one EVALSHA a request", and EVAL once where the script is not known
func TestCommands(t *testing.T) {
	t.Parallel()
	fake := newFakeRedis()
	store := newStore(t, fake, redisstore.Options{Prefix: "leads:"})
	for range 3 {
		if _, err := store.Take(t.Context(), "default:alice", 1, contract); err != nil {
			t.Fatalf("Take error = %v", err)
		}
	}
	if diff := cmp.Diff([]string{"EVALSHA", "EVAL", "EVALSHA", "EVALSHA"}, fake.commands); diff != "" {
		t.Errorf("commands mismatch (-want +got):\n%s", diff)
	}
	for _, key := range fake.keys {
		if key != "leads:default:alice" {
			t.Errorf("key = %q, want leads:default:alice", key)
		}
	}
}

func TestErrorsAreNotRetried(t *testing.T) {
	t.Parallel()
	fake := newFakeRedis()
	down := errors.New("READONLY You can't write against a read only replica.")
	fake.err = down
	_, err := newStore(t, fake, redisstore.Options{}).Take(t.Context(), "k", 1, contract)
	if !errors.Is(err, down) || len(fake.commands) != 1 {
		t.Errorf("Take error = %v after %q, want the server's after one command", err, fake.commands)
	}
}

// A number of Lua holds 53 bits: costs that are no different from a bucket's are
// sent as such.
func TestCostsAreSentInBounds(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]redisstore.Options{"exactly": {}, "leased": leased} {
		for cost, want := range map[int]int{1: 1, 200: 200, 201: 0, 1<<63 - 1: 0, 0: 0, -1: -1, -200: -200, -201: -200, -1 << 63: -200} {
			t.Run(name+" "+strconv.Itoa(cost), func(t *testing.T) {
				t.Parallel()
				var sent []any
				fake := newFakeRedis()
				store, err := redisstore.New(func(ctx context.Context, args ...any) (any, error) {
					sent = args
					return fake.do(ctx, args...)
				}, opts)
				if err != nil {
					t.Fatal(err)
				}
				s, err := store.Take(t.Context(), "k", cost, contract)
				if err != nil || s.Allowed != (cost <= 200) {
					t.Errorf("Take(%d) = %+v, %v, want allowed: %t", cost, s, err, cost <= 200)
				}
				if diff := cmp.Diff([]any{int64(600e6), int64(120e9), want}, sent[4:7]); diff != "" {
					t.Errorf("arguments of the script mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestRatesThatLuaCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy ratelimit.Policy
		ok     bool
	}{
		"the contract":                   {ok: true},
		"100 days":                       {policy: ratelimit.Policy{Limit: 100, Period: 100 * 24 * time.Hour}, ok: true},
		"a month with a burst of a year": {policy: ratelimit.Policy{Limit: 1, Period: 30 * 24 * time.Hour, Burst: 12}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newStore(t, newFakeRedis(), redisstore.Options{})
			_, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{Policies: []ratelimit.Policy{tt.policy}})
			if (err == nil) != tt.ok {
				t.Errorf("New(%+v) error = %v, want none: %t", tt.policy, err, tt.ok)
			}
		})
	}
}

func TestRepliesThatCannotBe(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts  redisstore.Options
		reply any
	}{
		"a string":                     {reply: "1"},
		"a float":                      {reply: 1.0},
		"a debt above an empty bucket": {reply: int64(120e9 + 1)},
		"one integer for a lease":      {opts: leased, reply: int64(1)},
		"three integers for a lease":   {opts: leased, reply: []any{int64(1), int64(1), int64(1)}},
		"a lease of text":              {opts: leased, reply: []any{"1", int64(1)}},
		"a count of text":              {opts: leased, reply: []any{int64(1), "1"}},
		"more than was asked for":      {opts: leased, reply: []any{int64(1), int64(2)}},
		"less than was asked for":      {opts: leased, reply: []any{int64(1), int64(0)}},
		"something taken of a refusal": {opts: leased, reply: []any{int64(-1), int64(1)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFakeRedis()
			fake.reply = tt.reply
			if s, err := newStore(t, fake, tt.opts).Take(t.Context(), "k", 1, contract); err == nil {
				t.Errorf("Take = %+v, nil, want an error", s)
			}
		})
	}
}

// The script's answer is outside input: whatever it is, the state is within the
// policy or there is an error.
func FuzzReply(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 120e9, -120e9, 120e9 + 1, -120e9 - 2, 1<<63 - 1, -1 << 63} {
		f.Add(n, int64(1), "", 1)
		f.Add(n, int64(1), "leased", 1)
	}
	f.Add(int64(0), int64(0), "OK", 1)
	f.Add(int64(120e9), int64(3), "leased", 2)
	f.Add(int64(-1), int64(0), "leased", 0)
	f.Add(int64(0), int64(1)<<62, "leased", 1)
	f.Add(int64(0), int64(1), "three", 1)
	f.Fuzz(func(t *testing.T, n, taken int64, form string, cost int) {
		fake := newFakeRedis()
		var opts redisstore.Options
		switch form {
		case "":
			fake.reply = n
		case "leased":
			fake.reply = []any{n, taken}
			opts.Lease = time.Second
		case "three":
			fake.reply = []any{n, taken, taken}
			opts.Lease = time.Second
		default:
			fake.reply = form
		}
		store := newStore(t, fake, opts)
		for range 3 { // the second time a lease may know something
			s, err := store.Take(t.Context(), "k", cost, contract)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "redisstore: Take: ") {
					t.Errorf("reply %v: error = %v, want one of this package", fake.reply, err)
				}
				return
			}
			if s.Remaining < 0 || s.Remaining > 200 || s.Reset < 0 || s.Reset > time.Minute || s.Next < 0 || s.Next > 600*time.Millisecond {
				t.Errorf("reply %v: state = %+v, outside the policy", fake.reply, s)
			}
			if s.Allowed && (n < 0 || cost > 200) {
				t.Errorf("reply %v to cost %d: allowed, want it refused", fake.reply, cost)
			}
		}
	})
}

func BenchmarkTake(b *testing.B) {
	fake := newFakeRedis()
	fake.reply = int64(0)
	store := newStore(b, fake, redisstore.Options{})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = store.Take(b.Context(), "default:alice", 1, contract)
		fake.commands, fake.keys = fake.commands[:0], fake.keys[:0]
	}
}
