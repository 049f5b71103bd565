package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
)

// A redisServer is a server of the test's own, which it may hurt.
type redisServer struct {
	t    *testing.T
	path string
	args []string
	addr string
	dir  string
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
}

// startRedis starts a server on a free port, or skips the test where there is no
// redis-server.
func startRedis(t *testing.T, args ...string) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("TENET_REQUIRE_ENGINES") == "1" {
			t.Fatal("redis-server is not installed, and TENET_REQUIRE_ENGINES=1 demands it")
		}
		t.Skip("redis-server is not installed")
	}
	return startServer(t, path, args...)
}

// startServer starts the server at path, Redis or one that is like it.
func startServer(t *testing.T, path string, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{t: t, path: path, args: args, dir: t.TempDir()}
	t.Cleanup(s.kill)
	for range 10 { // another process may take the port before the server has it
		s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
		if s.launch() {
			s.await()
			return s
		}
	}
	t.Fatalf("%s does not start", path)
	return nil
}

// ports are handed out once in each process, from below those that the system
// gives to connections: a server that is restarted has to find its port free.
var (
	firstPort = 20_000 + rand.IntN(8_000)
	ports     atomic.Int32
)

func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := firstPort + int(ports.Add(1))
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// launch starts the server, with more arguments if there are any, and reports
// whether it listens. It may still be loading.
func (s *redisServer) launch(more ...string) bool {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--enable-debug-command", "yes",
	}, s.args...)
	s.cmd = exec.Command(s.path, append(args, more...)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting %s: %v", s.path, err)
	}
	s.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait()
		close(gone)
	}(s.cmd, s.gone)

	// Whoever answers on the port has to be this server.
	mine := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	return s.eventually(func(rdb *redis.Client) bool {
		info, err := rdb.Info(s.t.Context(), "server").Result()
		return err == nil && strings.Contains(info, mine)
	})
}

// restart starts the server after kill, without its data.
func (s *redisServer) restart() {
	s.t.Helper()
	if !s.launch() {
		s.t.Fatalf("%s does not start again on %s", s.path, s.addr)
	}
	s.await()
}

// await waits until the server has loaded its data.
func (s *redisServer) await() {
	s.t.Helper()
	if !s.eventually(func(rdb *redis.Client) bool { return rdb.Ping(s.t.Context()).Err() == nil }) {
		s.t.Fatalf("%s does not answer", s.path)
	}
}

// eventually reports whether done becomes true before the server ends, and
// before a minute is over.
func (s *redisServer) eventually(done func(*redis.Client) bool) bool {
	s.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.addr})
	defer rdb.Close()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if done(rdb) {
			return true
		}
		select {
		case <-s.gone:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

func (s *redisServer) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("signalling %s: %v", s.path, err)
	}
}

// kill ends the server, also one that was stopped.
func (s *redisServer) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
}

func (s *redisServer) command(args ...any) {
	s.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.addr})
	defer rdb.Close()
	if err := rdb.Do(s.t.Context(), args...).Err(); err != nil {
		s.t.Errorf("%v: %v", args, err)
	}
}

// waitForInfo waits for a line of INFO.
func (s *redisServer) waitForInfo(section, line string) {
	s.t.Helper()
	if !s.eventually(func(rdb *redis.Client) bool {
		info, err := rdb.Info(s.t.Context(), section).Result()
		return err == nil && strings.Contains(info, line+"\r\n")
	}) {
		s.t.Errorf("INFO %s never says %s", section, line)
	}
}

// A badNetwork is a Toxiproxy between clients and a server.
type badNetwork struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

func newBadNetwork(t *testing.T, server string) *badNetwork {
	t.Helper()
	n := &badNetwork{t: t, proxy: toxiproxy.NewProxy(
		toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "redis", "127.0.0.1:0", server)}
	if err := n.proxy.Start(); err != nil {
		t.Fatalf("starting Toxiproxy: %v", err)
	}
	t.Cleanup(n.proxy.Stop)
	return n
}

func (n *badNetwork) addr() string { return n.proxy.Listen }

// worsen adds a toxic to the bytes in both directions.
func (n *badNetwork) worsen(kind, attributes string) {
	n.t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		n.add(kind, direction, attributes)
	}
}

func (n *badNetwork) add(kind, direction, attributes string) {
	n.t.Helper()
	toxic := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":%s}`, kind, direction, cmp.Or(attributes, "{}"))
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		n.t.Errorf("adding the toxic %s: %v", toxic, err)
	}
}

// heal removes all toxics.
func (n *badNetwork) heal() { n.proxy.Toxics.ResetToxics(context.Background()) }

// cut closes all connections, and refuses new ones until it is mended.
func (n *badNetwork) cut() { n.proxy.Stop() }

func (n *badNetwork) mend() {
	n.t.Helper()
	if err := n.proxy.Start(); err != nil {
		n.t.Errorf("starting Toxiproxy again: %v", err)
	}
}
