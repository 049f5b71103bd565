package integration

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// startCluster starts a cluster of two masters, which have half of the slots each.
func startCluster(t *testing.T) (*redis.ClusterClient, []*redisServer) {
	t.Helper()
	nodes := make([]*redisServer, 2)
	buses := make([]string, len(nodes))
	for i := range nodes {
		buses[i] = strconv.Itoa(freePort(t))
		nodes[i] = startRedis(t, "--cluster-enabled", "yes", "--cluster-port", buses[i])
	}
	nodes[0].command("CLUSTER", "ADDSLOTSRANGE", "0", "8191")
	nodes[1].command("CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
	host, port, err := net.SplitHostPort(nodes[1].addr)
	if err != nil {
		t.Fatal(err)
	}
	nodes[0].command("CLUSTER", "MEET", host, port, buses[1])
	for _, n := range nodes {
		if !n.eventually(func(rdb *redis.Client) bool {
			info, err := rdb.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok\r\n") && strings.Contains(info, "cluster_slots_ok:16384\r\n")
		}) {
			t.Fatal("the nodes do not become a cluster")
		}
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{nodes[0].addr, nodes[1].addr}, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { rdb.Close() })
	return rdb, nodes
}

func TestRedisClusterStoreIsAStore(t *testing.T) {
	t.Parallel()
	rdb, _ := startCluster(t)
	for name, opts := range map[string]redisstore.Options{
		"exact":           {},
		"leased":          {Lease: time.Minute},
		"with a hash tag": {Prefix: "{ratelimit}:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ratelimittest.TestStore(t, func(*testing.T) ratelimit.Store {
				return newRedisStoreWith(t, doWith(rdb), opts)
			}, ratelimittest.Options{Cautious: opts.Lease > 0})
		})
	}
}

// A call names one key, so that it matters neither where the buckets of two
// policies lie nor what callers put into their keys.
func TestPoliciesWhoseBucketsLieOnTwoNodes(t *testing.T) {
	t.Parallel()
	rdb, nodes := startCluster(t)
	for name, prefix := range map[string]string{"spread": "spread:", "with a hash tag": "{tag}:"} {
		t.Run(name, func(t *testing.T) {
			store := newRedisStoreWith(t, doWith(rdb), redisstore.Options{Prefix: prefix})
			l, err := ratelimit.New(store, ratelimit.Header("X-Client"), ratelimit.Options{
				Timeout: time.Minute, // it is not the outage that is tested
				Policies: []ratelimit.Policy{
					{Name: "minute", Limit: 2, Period: time.Hour},
					{Name: "day", Limit: 3, Period: 24 * time.Hour},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			for n := range 50 {
				client := strconv.Itoa(n)
				if n%2 == 1 { // braces make a part of a key decide where it lies
					client = fmt.Sprintf("}{a}{%d", n)
				}
				for i, want := range []bool{true, true, false} {
					r := httptest.NewRequest("GET", "/", nil)
					r.Header.Set("X-Client", client)
					d, _ := l.Check(r)
					if d.Degraded || d.Allowed != want || d.Policy != "minute" {
						t.Fatalf("request %d of %q = %+v, want allowed: %t by the policy minute", i, client, d, want)
					}
				}
			}
			keys := make([]int, len(nodes))
			err = rdb.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
				found, err := node.Keys(ctx, prefix+"*").Result()
				for i, n := range nodes {
					if n.addr == node.Options().Addr {
						keys[i] = len(found)
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := keys[0] + keys[1]; got != 100 {
				t.Errorf("%d buckets are kept, want 100", got)
			}
			if apart := keys[0] > 0 && keys[1] > 0; apart != (name == "spread") {
				t.Errorf("%v buckets lie on the nodes, want them apart: %t", keys, name == "spread")
			}
		})
	}
}

// Nothing is lost when a node is: its callers get their share.
func TestAClusterThatLosesANode(t *testing.T) {
	t.Parallel()
	rdb, nodes := startCluster(t)
	l, err := ratelimit.New(newRedisStore(t, doWith(rdb), "lost:"), ratelimit.Header("X-Client"), ratelimit.Options{
		Policies: []ratelimit.Policy{{Limit: 100, Period: time.Hour}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(client int) ratelimit.Decision {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Client", strconv.Itoa(client))
		d, err := l.Check(r)
		if err != nil || d.Limit != 100 || d.Remaining < 90 {
			t.Errorf("Check = %+v, %v, want it allowed", d, err)
		}
		return d
	}
	for client := range 50 {
		ask(client)
	}
	nodes[0].kill()
	degraded := 0
	for client := range 50 {
		if ask(client).Degraded {
			degraded++
		}
	}
	if degraded == 0 {
		t.Error("no request was degraded, want those of the node that is gone")
	}
}

// Valkey is tested where it is installed.
func TestValkeyStoreIsAStore(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("valkey-server")
	if err != nil {
		t.Skip("valkey-server is not installed")
	}
	server := startServer(t, path)
	for name, opts := range map[string]redisstore.Options{"exact": {}, "leased": {Lease: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb := redis.NewClient(&redis.Options{Addr: server.addr, MaxRetries: -1, ContextTimeoutEnabled: true})
			t.Cleanup(func() { rdb.Close() })
			ratelimittest.TestStore(t, func(*testing.T) ratelimit.Store {
				return newRedisStoreWith(t, doWith(rdb), opts)
			}, ratelimittest.Options{Cautious: opts.Lease > 0})
		})
	}
}
