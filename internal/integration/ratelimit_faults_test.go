package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
)

// A redisServer is a server of the test's own, which it may hurt.
type redisServer struct {
	t    *testing.T
	addr string
	cmd  *exec.Cmd
}

// startRedis starts a server on a free port, or skips the test where there is no
// redis-server.
func startRedis(t *testing.T) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("TENET_REQUIRE_ENGINES") == "1" {
			t.Fatal("redis-server is not installed, and TENET_REQUIRE_ENGINES=1 demands it")
		}
		t.Skip("redis-server is not installed")
	}
	// The port may be taken by another process before the server has it.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{t: t, addr: listener.Addr().String()}
	listener.Close()
	s.start(path)
	t.Cleanup(s.kill)
	return s
}

func (s *redisServer) start(path string) {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	s.cmd = exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.addr})
	defer rdb.Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if rdb.Ping(s.t.Context()).Err() == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
	}
}

func (s *redisServer) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("signalling redis-server: %v", err)
	}
}

// kill ends the server, also one that was stopped.
func (s *redisServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *redisServer) command(args ...any) {
	s.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.addr})
	defer rdb.Close()
	if err := rdb.Do(s.t.Context(), args...).Err(); err != nil {
		s.t.Errorf("%v: %v", args, err)
	}
}

// A badNetwork passes bytes between clients and a server, worse and worse.
type badNetwork struct {
	addr  string
	mu    sync.Mutex
	conns []net.Conn
	delay atomic.Int64 // nanoseconds before each piece
	hole  atomic.Bool  // swallow everything
}

func newBadNetwork(t *testing.T, server string) *badNetwork {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &badNetwork{addr: listener.Addr().String()}
	t.Cleanup(func() {
		listener.Close()
		n.reset()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			n.mu.Lock()
			n.conns = append(n.conns, client, upstream)
			n.mu.Unlock()
			go n.pass(client, upstream)
			go n.pass(upstream, client)
		}
	}()
	return n
}

func (n *badNetwork) pass(to io.WriteCloser, from io.ReadCloser) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 4096)
	for {
		count, err := from.Read(buf)
		if err != nil {
			return
		}
		time.Sleep(time.Duration(n.delay.Load()))
		if n.hole.Load() {
			continue
		}
		if _, err := to.Write(buf[:count]); err != nil {
			return
		}
	}
}

// reset breaks all connections.
func (n *badNetwork) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
	n.conns = nil
}

// "Redis stopped, killed, slowed, refusing writes, reset connections, black hole:
// 0 requests lost, p99 of the limiter at most 60 ms, back on Redis within 2 s"
func TestRedisFaultsLoseNoRequest(t *testing.T) {
	t.Parallel()
	type world struct {
		server  *redisServer
		network *badNetwork
	}
	tests := map[string]struct {
		hurt, heal func(world)
		harmless   bool // requests may be counted in Redis all the same
	}{
		"stopped": {
			hurt: func(w world) { w.server.signal(syscall.SIGSTOP) },
			heal: func(w world) { w.server.signal(syscall.SIGCONT) },
		},
		"killed": {
			hurt: func(w world) { w.server.kill() },
			heal: func(w world) { w.server.start(w.server.cmd.Path) },
		},
		"slowed by 200 ms": {
			hurt: func(w world) { w.network.delay.Store(int64(200 * time.Millisecond)) },
			heal: func(w world) { w.network.delay.Store(0) },
		},
		"refusing writes": {
			hurt: func(w world) { w.server.command("CONFIG", "SET", "min-replicas-to-write", "1") },
			heal: func(w world) { w.server.command("CONFIG", "SET", "min-replicas-to-write", "0") },
		},
		"out of memory": {
			hurt: func(w world) { w.server.command("CONFIG", "SET", "maxmemory", "1") },
			heal: func(w world) { w.server.command("CONFIG", "SET", "maxmemory", "0") },
		},
		"a black hole": {
			hurt: func(w world) { w.network.hole.Store(true) },
			heal: func(w world) { w.network.hole.Store(false); w.network.reset() },
		},
		"reset connections": {
			hurt: func(w world) { w.network.reset() },
			heal: func(world) {}, harmless: true,
		},
		"flushed": {
			hurt: func(w world) { w.server.command("FLUSHALL"); w.server.command("SCRIPT", "FLUSH") },
			heal: func(world) {}, harmless: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t)
			w := world{server: server, network: newBadNetwork(t, server.addr)}
			// The settings that redisstore's documentation asks for.
			rdb := redis.NewClient(&redis.Options{Addr: w.network.addr, MaxRetries: -1, ContextTimeoutEnabled: true})
			t.Cleanup(func() { rdb.Close() })

			var told []error
			var mu sync.Mutex
			l, err := ratelimit.New(newRedisStore(t, doWith(rdb), "faults:"), ratelimit.Header("X-Client"), ratelimit.Options{
				Policies: []ratelimit.Policy{{Limit: 1_000_000, Period: time.Second}},
				OnOutage: func(err error) { mu.Lock(); told = append(told, err); mu.Unlock() },
			})
			if err != nil {
				t.Fatal(err)
			}
			waitForRedis := func() time.Duration {
				start := time.Now()
				for {
					if d, _ := l.Check(httptest.NewRequest("GET", "/", nil)); !d.Degraded {
						return time.Since(start)
					}
					if time.Since(start) > 10*time.Second {
						t.Fatal("the limiter does not come back to Redis")
					}
					time.Sleep(time.Millisecond)
				}
			}
			waitForRedis()
			mu.Lock()
			told = nil
			mu.Unlock()

			hurt := make(chan struct{})
			time.AfterFunc(200*time.Millisecond, func() { tt.hurt(w); close(hurt) })
			waits, late, lost, degraded := load(t, l, 8, 150)
			<-hurt
			if lost != 0 {
				t.Errorf("%d of %d requests were lost, want none", lost, len(waits))
			}
			if !tt.harmless && degraded < len(waits)/4 {
				t.Errorf("%d of %d requests were degraded, want most of them", degraded, len(waits))
			}
			// What a mere sleep is late by is the machine's doing.
			most := 60*time.Millisecond + p99(late)
			if got := p99(waits); got > most && !raceEnabled {
				t.Errorf("p99 = %v, want at most %v", got, most)
			}
			tt.heal(w)
			if took := waitForRedis(); took > 2*time.Second+p99(late) && !raceEnabled {
				t.Errorf("back on Redis after %v, want at most 2s", took)
			}
			mu.Lock()
			defer mu.Unlock()
			if !tt.harmless && (len(told) < 2 || told[0] == nil || told[len(told)-1] != nil) {
				t.Errorf("OnOutage was told %v, want the outage and its end", told)
			}
		})
	}
}

// load sends requests from so many workers, one every 5 ms each. It returns how
// long each waited for its decision and how late each pause between two ended.
func load(t *testing.T, l *ratelimit.Limiter, workers, each int) (waits, late []time.Duration, lost, degraded int) {
	t.Helper()
	const pause = 5 * time.Millisecond
	var mu sync.Mutex
	var wg sync.WaitGroup
	for id := range workers {
		wg.Go(func() {
			for n := range each {
				r := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
				r.Header.Set("X-Client", fmt.Sprint(id, n%10))
				start := time.Now()
				d, err := l.Check(r)
				took := time.Since(start)
				time.Sleep(pause)
				over := time.Since(start) - took - pause
				mu.Lock()
				waits = append(waits, took)
				late = append(late, over)
				if err != nil {
					lost++
				}
				if d.Degraded {
					degraded++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return waits, late, lost, degraded
}

// p99 returns what 99 in 100 do not exceed.
func p99(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)*99/100]
}
