package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
)

// A world is a Redis that can be hurt, and the way to it.
type world struct {
	server  *redisServer
	network *badNetwork
}

// A fault is what happens to Redis while requests keep coming.
type fault struct {
	prepare    func(world) // before the first request
	hurt, heal func(world)

	// harmless is for what is over at once: Redis may answer all the same.
	harmless bool
}

// dumpOf is where the server of w keeps its data.
func dumpOf(w world) string { return filepath.Join(w.server.dir, "dump.rdb") }

// "Redis stopped (SIGSTOP), killed, slowed by 200 ms, refusing writes, reset
// connections, black hole", and what else happens to a Redis.
var faults = map[string]fault{
	"stopped": {
		hurt: func(w world) { w.server.signal(syscall.SIGSTOP) },
		heal: func(w world) { w.server.signal(syscall.SIGCONT) },
	},
	"killed and restarted": {
		hurt: func(w world) { w.server.kill() },
		heal: func(w world) { w.server.restart() },
	},
	"restarted at once, without the script": {
		hurt:     func(w world) { w.server.kill(); w.server.restart() },
		heal:     func(world) {},
		harmless: true,
	},
	"loading its data": {
		prepare: func(w world) {
			w.server.command("DEBUG", "POPULATE", "200000")
			w.server.command("SAVE")
		},
		hurt: func(w world) {
			w.server.kill()
			w.server.launch("--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024")
		},
		heal: func(w world) {
			w.server.command("CONFIG", "SET", "key-load-delay", "0")
			w.server.await()
		},
	},
	"slowed by 200 ms": {
		hurt: func(w world) { w.network.worsen("latency", `{"latency":100}`) },
		heal: func(w world) { w.network.heal() },
	},
	"a black hole": {
		hurt: func(w world) { w.network.worsen("timeout", "") },
		heal: func(w world) { w.network.heal() },
	},
	"answers that get lost": {
		hurt: func(w world) { w.network.add("timeout", "downstream", "") },
		heal: func(w world) { w.network.heal() },
	},
	"connections refused": {
		hurt: func(w world) { w.network.cut() },
		heal: func(w world) { w.network.mend() },
	},
	"connections reset": {
		hurt: func(w world) { w.network.worsen("reset_peer", "") },
		heal: func(w world) { w.network.heal() },
	},
	"connections reset once": {
		hurt:     func(w world) { w.network.cut(); w.network.mend() },
		heal:     func(world) {},
		harmless: true,
	},
	"a read-only replica": {
		hurt: func(w world) { w.server.command("REPLICAOF", "127.0.0.1", strconv.Itoa(freePort(w.server.t))) },
		heal: func(w world) { w.server.command("REPLICAOF", "NO", "ONE") },
	},
	"a replica that has lost its master": {
		prepare: func(w world) { w.server.command("CONFIG", "SET", "replica-serve-stale-data", "no") },
		hurt:    func(w world) { w.server.command("REPLICAOF", "127.0.0.1", strconv.Itoa(freePort(w.server.t))) },
		heal:    func(w world) { w.server.command("REPLICAOF", "NO", "ONE") },
	},
	"too few replicas to write": {
		hurt: func(w world) { w.server.command("CONFIG", "SET", "min-replicas-to-write", "1") },
		heal: func(w world) { w.server.command("CONFIG", "SET", "min-replicas-to-write", "0") },
	},
	"out of memory": {
		hurt: func(w world) { w.server.command("CONFIG", "SET", "maxmemory", "1") },
		heal: func(w world) { w.server.command("CONFIG", "SET", "maxmemory", "0") },
	},
	"unable to save its data": {
		prepare: func(w world) { w.server.command("CONFIG", "SET", "save", "3600 1000000") },
		hurt: func(w world) {
			if err := os.MkdirAll(filepath.Join(dumpOf(w), "taken"), 0o700); err != nil {
				w.server.t.Error(err)
			}
			w.server.command("BGSAVE")
			w.server.waitForInfo("persistence", "rdb_last_bgsave_status:err")
		},
		heal: func(w world) {
			if err := os.RemoveAll(dumpOf(w)); err != nil {
				w.server.t.Error(err)
			}
			w.server.command("BGSAVE")
			w.server.waitForInfo("persistence", "rdb_last_bgsave_status:ok")
		},
	},
	"flushed": {
		hurt:     func(w world) { w.server.command("FLUSHALL") },
		heal:     func(world) {},
		harmless: true,
	},
	"its scripts flushed": {
		hurt:     func(w world) { w.server.command("SCRIPT", "FLUSH") },
		heal:     func(world) {},
		harmless: true,
	},
}

func TestRedisFaultsLoseNoRequest(t *testing.T) {
	t.Parallel()
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// One of four processes.
			testFault(t, f, int64(sized(10_000, 4000)), ratelimit.Options{Instances: 4})
		})
	}
}

func TestRedisFaultsWithAPolicyThatFailsOpen(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stopped", "connections refused"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFault(t, faults[name], int64(sized(10_000, 4000)), ratelimit.Options{FailOpen: true})
		})
	}
}

func TestRedisFaultsWithAPolicyThatFailsClosed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stopped", "connections refused"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFault(t, faults[name], int64(sized(10_000, 4000)), ratelimit.Options{FailClosed: true})
		})
	}
}

// The policy is such that each caller of a test is refused most of the time, by
// Redis and by the share.
const (
	faultLimit = 40 // per second
	faultBurst = 80

	faultCallers = 16
	faultPause   = 4 * time.Millisecond // of a caller, between two requests
)

// testFault sends 10,000 requests, during which Redis is hurt and healed, and on
// until they are counted in Redis again.
func testFault(t *testing.T, f fault, requests int64, opts ratelimit.Options) {
	server := startRedis(t)
	w := world{server: server, network: newBadNetwork(t, server.addr)}
	if f.prepare != nil {
		f.prepare(w)
	}
	// The settings that redisstore's documentation asks for.
	rdb := redis.NewClient(&redis.Options{Addr: w.network.addr(), MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { rdb.Close() })

	hook := &outages{t: t}
	opts.Policies = []ratelimit.Policy{{Limit: faultLimit, Period: time.Second, Burst: faultBurst}}
	opts.OnOutage = hook.told
	opts.OnDecision = func(r *http.Request, d ratelimit.Decision) {
		*r.Context().Value(decisionKey{}).(*ratelimit.Decision) = d
	}
	l, err := ratelimit.New(newRedisStore(t, doWith(rdb), "faults:"), ratelimit.Header("X-Client"), opts)
	if err != nil {
		t.Fatal(err)
	}
	handler := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))

	// A healthy Redis may be late as well on a busy machine, before and afterwards.
	settle := func() {
		t.Helper()
		c := &caller{t: t, name: "settler", handler: handler, opts: opts}
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(time.Millisecond) {
			if c.ask(); !c.last().degraded {
				return
			}
		}
		t.Fatal("no answer of a healthy Redis in a minute")
	}
	openAll(t, rdb, faultCallers) // which takes longer than a request has
	settle()
	hook.forget()

	var sent atomic.Int64
	healed := comeback{at: make(chan time.Time, 1)}
	callers := make([]*caller, faultCallers)
	var working sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer working.Wait()
	defer stop()
	for i := range callers {
		c := &caller{t: t, name: fmt.Sprint("caller-", i), handler: handler, opts: opts, healed: &healed}
		callers[i] = c
		working.Go(func() {
			for ctx.Err() == nil {
				c.ask()
				sent.Add(1)
				c.late = append(c.late, pause(faultPause))
			}
		})
	}
	until := func(n int64) {
		for sent.Load() < n {
			pause(time.Millisecond)
		}
	}
	until(requests / 5)
	hurtAt := time.Now()
	f.hurt(w)
	brokenAt := time.Now()
	until(requests * 7 / 10)
	healAt := time.Now()
	healed.since.Store(&healAt)
	f.heal(w)
	healedAt := time.Now()
	control := &control{addr: w.network.addr(), since: healedAt}
	working.Go(func() { control.run(ctx) })
	var backAt time.Time
	select {
	case backAt = <-healed.at:
	case <-time.After(time.Minute):
		t.Fatal("the limiter does not come back to Redis in a minute")
	}
	until(requests)
	stop()
	working.Wait()
	settle()

	var answers []answer
	var late []time.Duration
	for _, c := range callers {
		answers = append(answers, c.answers...)
		late = append(late, c.late...)
	}
	degraded, broken := 0, 0
	var waits []time.Duration // during the fault
	for _, a := range answers {
		if a.at.Add(a.took).Before(hurtAt) || a.at.After(healedAt) {
			continue
		}
		waits = append(waits, a.took)
		if a.at.After(brokenAt) && a.at.Add(a.took).Before(healAt) {
			broken++
			if a.degraded {
				degraded++
			}
		}
	}
	t.Logf("%d requests, %d during the fault, of which %d of %d were degraded; p99 %v, longest %v; back after %v; the machine was late by %v (p99), %v at most",
		len(answers), len(waits), degraded, broken, p99(waits), slices.Max(waits), backAt.Sub(healedAt), p99(late), slices.Max(late))

	// A caller has reported what was wrong with its answers; that there are all of
	// them is told here.
	if got := int64(len(answers)); got != sent.Load() || got < requests {
		t.Errorf("%d of %d requests were answered, want all, and %d of them", got, sent.Load(), requests)
	}
	// A Redis that refuses writes still refuses requests, until it is found out.
	if !f.harmless && degraded < broken*9/10 {
		t.Errorf("%d of %d requests were degraded, want all but a few", degraded, broken)
	}
	// What a mere sleep is late by is the machine's doing.
	if got, most := p99(waits), 60*time.Millisecond+p99(late); got > most {
		t.Errorf("p99 = %v during the fault, want at most %v", got, most)
	}
	// "within 2 s of its return": so long as a new client does not get an answer
	// from it in the time that a request has, Redis has not returned.
	if from := control.returned(backAt); backAt.Sub(from) > 2*time.Second {
		t.Errorf("back on Redis %v after its return, want at most 2s", backAt.Sub(from))
	}
	// A probe from before may still be on its way.
	hook.check(f, brokenAt.Add(25*time.Millisecond+slices.Max(late)), healAt)
}

// pause sleeps and returns by how much it slept too long.
func pause(d time.Duration) time.Duration {
	start := time.Now()
	time.Sleep(d)
	return time.Since(start) - d
}

// p99 returns what 99 in 100 do not exceed.
func p99(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)*99/100]
}
