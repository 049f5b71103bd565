package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// The limit of all processes together: a request every 10 ms.
var overloaded = ratelimit.Rate{Limit: 600, Period: 6 * time.Second, Burst: 600}

// An overload is a process that asks for more than the limit gives.
type overload struct {
	Addr      string // of Redis
	DB        int
	Username  string
	Password  string
	Prefix    string
	Lease     time.Duration
	Instances int
}

// An outcome is what became of it.
type outcome struct {
	Admitted, Refused, Degraded int

	Down int         // how often Redis was found to be down
	Back []time.Time // and when to be back
}

// overloadVariable makes a process of this test binary an overload.
const overloadVariable = "TENET_TEST_OVERLOAD"

// run says that it is ready, waits for a line, asks until there is no more to read,
// and tells the outcome.
func (o overload) run(in io.Reader, out io.Writer) error {
	rdb := redis.NewClient(&redis.Options{
		Addr: o.Addr, DB: o.DB, Username: o.Username, Password: o.Password,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
	})
	defer rdb.Close()
	store, err := redisstore.New(doWith(rdb), redisstore.Options{Prefix: o.Prefix, Lease: o.Lease})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var result outcome
	all := func(*http.Request) (string, bool) { return "all", true }
	l, err := ratelimit.New(store, all, ratelimit.Options{
		Policies:  []ratelimit.Policy{{Limit: overloaded.Limit, Period: overloaded.Period, Burst: overloaded.Burst}},
		Instances: o.Instances,
		// A busy machine is no outage here, and a dead Redis refuses connections at once.
		Timeout: 30 * time.Second,
		OnOutage: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				result.Down++
			} else {
				result.Back = append(result.Back, time.Now())
			}
		},
	})
	if err != nil {
		return err
	}
	if err := rdb.Ping(context.Background()).Err(); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	told := bufio.NewReader(in)
	if _, err := told.ReadString('\n'); err != nil {
		return err
	}
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, told)
		over.Store(true)
	}()
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for !over.Load() {
				d, _ := l.Check(httptest.NewRequest("GET", "/", nil))
				mu.Lock()
				if d.Allowed {
					result.Admitted++
				} else {
					result.Refused++
				}
				if d.Degraded {
					result.Degraded++
				}
				mu.Unlock()
				pause(2 * time.Millisecond)
			}
		})
	}
	working.Wait()
	return json.NewEncoder(out).Encode(result)
}

// A process is an overload on its way.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startOverloads starts so many processes and waits until all are ready.
func startOverloads(t *testing.T, n int, o overload) []*process {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var list []*process
	for range n {
		p := &process{cmd: exec.Command(self)}
		p.cmd.Env = append(os.Environ(), overloadVariable+"="+string(text))
		p.cmd.Stderr = os.Stderr
		if p.in, err = p.cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := p.cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		p.out = bufio.NewReader(out)
		if err := p.cmd.Start(); err != nil {
			t.Fatalf("starting a process: %v", err)
		}
		t.Cleanup(func() {
			p.in.Close()
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("a process ended with %v", err)
			}
		})
		list = append(list, p)
	}
	for _, p := range list {
		if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("a process says %q, %v, want it to be ready", line, err)
		}
	}
	return list
}

// release lets the processes begin.
func release(t *testing.T, list []*process) {
	t.Helper()
	for _, p := range list {
		if _, err := io.WriteString(p.in, "go\n"); err != nil {
			t.Fatalf("starting the load: %v", err)
		}
	}
}

// outcomes ends the load.
func outcomes(t *testing.T, list []*process) (all []outcome, sum outcome) {
	t.Helper()
	for _, p := range list {
		p.in.Close()
	}
	for _, p := range list {
		var o outcome
		if err := json.NewDecoder(p.out).Decode(&o); err != nil {
			t.Fatalf("reading an outcome: %v", err)
		}
		all = append(all, o)
		sum.Admitted += o.Admitted
		sum.Refused += o.Refused
		sum.Degraded += o.Degraded
	}
	return all, sum
}

// ceil divides and rounds up.
func ceil(d, by time.Duration) int { return int((d + by - 1) / by) }

const overloadLease = 50 * time.Millisecond

// "three processes on one Redis, three seconds of overload: exact admits what one
// bucket admits; leased exceeds it by at most ceil(lease time / T)"
func TestThreeProcessesOnOneRedisAdmitWhatOneBucketAdmits(t *testing.T) {
	t.Parallel()
	for name, lease := range map[string]time.Duration{"exact": 0, "leased": overloadLease} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb, prefix := redisClient(t)
			opts := rdb.Options()
			list := startOverloads(t, 3, overload{
				Addr: opts.Addr, DB: opts.DB, Username: opts.Username, Password: opts.Password,
				Prefix: prefix, Lease: lease, Instances: 3,
			})
			store := newRedisStore(t, doWith(rdb), prefix)
			// now asks the clock that the bucket goes by.
			now := func() time.Time {
				t.Helper()
				at, err := rdb.Time(t.Context()).Result()
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			take := func(cost int) ratelimit.State {
				t.Helper()
				s, err := store.Take(t.Context(), "default:all", cost, overloaded)
				if err != nil || !s.Allowed {
					t.Fatalf("Take(%d) = %+v, %v", cost, s, err)
				}
				return s
			}

			// Half of the bucket is taken at a known instant. It would be full again
			// after three seconds, which is more than the processes need to begin.
			half := overloaded.Burst / 2
			began := now()
			take(half)
			taken := now()
			release(t, list)
			pause(3 * time.Second)
			each, sum := outcomes(t, list)
			ended := now()
			left := take(0).Remaining
			looked := now()

			for i, o := range each {
				if o.Refused == 0 || o.Degraded > 0 {
					t.Errorf("process %d: %+v, want some requests refused and none degraded", i, o)
				}
			}
			interval := overloaded.Interval()
			least := half + int(ended.Sub(taken)/interval)
			most := half + int(looked.Sub(began)/interval)
			got := sum.Admitted + left
			t.Logf("%+v: %d admitted and %d left, one bucket: %d to %d", each, sum.Admitted, left, least, most)
			if lease > 0 {
				got = sum.Admitted
				most += ceil(lease, interval)
				least = half // some of the lots may be lost
			}
			if got < least || got > most {
				t.Errorf("%d requests were admitted and %d are left, want %d to %d together", sum.Admitted, left, least, most)
			}
		})
	}
}

// "Redis killed and flushed under load: at most burst + instances x share burst"
// beyond what one bucket admits: the burst of the bucket that was lost, and those
// of the shares.
func TestThreeProcessesOnARedisThatLosesItsBuckets(t *testing.T) {
	t.Parallel()
	const instances = 3
	tests := map[string]struct {
		lease time.Duration
		hurt  func(*redisServer)
		down  bool
	}{
		"flushed":           {hurt: func(s *redisServer) { s.command("FLUSHALL") }},
		"flushed, leased":   {hurt: func(s *redisServer) { s.command("FLUSHALL") }, lease: overloadLease},
		"restarted":         {hurt: func(s *redisServer) { s.kill(); pause(time.Second); s.restart() }, down: true},
		"restarted, leased": {hurt: func(s *redisServer) { s.kill(); pause(time.Second); s.restart() }, down: true, lease: overloadLease},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t)
			list := startOverloads(t, instances, overload{
				Addr: server.addr, Prefix: "lost:", Lease: tt.lease, Instances: instances,
			})
			rdb := redis.NewClient(&redis.Options{Addr: server.addr})
			t.Cleanup(func() { rdb.Close() })
			store := newRedisStore(t, doWith(rdb), "lost:")
			empty := func() {
				t.Helper()
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(10 * time.Millisecond) {
					if s, err := store.Take(t.Context(), "default:all", 0, overloaded); err == nil && s.Remaining < 5 {
						return
					}
				}
				t.Fatal("the bucket is not empty after a minute of load")
			}
			began := time.Now()
			release(t, list)
			empty()
			tt.hurt(server)
			pause(3*time.Second - time.Since(began))
			empty()
			each, sum := outcomes(t, list)
			took := time.Since(began)

			interval := overloaded.Interval()
			most := overloaded.Burst + ceil(took, interval) + // one bucket
				overloaded.Burst
			if tt.lease > 0 {
				most += ceil(tt.lease, interval)
			}
			if tt.down {
				most += instances * (overloaded.Burst / instances)
				// What is refilled is refilled once, in Redis or in the shares, but
				// for the time in which some are back on Redis and others are not.
				most += ceil(spread(each), interval)
			}
			t.Logf("%+v: %d admitted, at most %d", each, sum.Admitted, most)
			if sum.Admitted > most || sum.Refused == 0 {
				t.Errorf("%d requests were admitted and %d refused, want %d admitted at most", sum.Admitted, sum.Refused, most)
			}
			if least := 2*overloaded.Burst - 10; sum.Admitted < least {
				t.Errorf("%d requests were admitted, want at least %d: two buckets", sum.Admitted, least)
			}
			if tt.down != (sum.Degraded > 0) {
				t.Errorf("%d requests were degraded, want some: %t", sum.Degraded, tt.down)
			}
		})
	}
}

// spread is the time between the first and the last process's return to Redis.
func spread(each []outcome) time.Duration {
	var first, last time.Time
	for _, o := range each {
		for _, at := range o.Back {
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return last.Sub(first)
}
