package main

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestRateLimit counts a client down to its 429: 200 at once, of 100 per minute.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		walkRateLimit(t, start(t, "-db", sqliteEngine(t).flag, "-rows", "1"), 0)
	})
	t.Run("in Redis", func(t *testing.T) {
		t.Parallel()
		// On a busy machine Redis may not answer within the limiter's 25 ms; this
		// process's own bucket, full so far, then decides.
		walkRateLimit(t, start(t, "-db", sqliteEngine(t).flag, "-rows", "1", "-redis", freshRedis(t)), 40)
	})
}

// freshRedis returns the URL of a Redis database in which nothing of the service
// is left from an earlier run.
func freshRedis(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(requireEngine(t, "TENET_REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/13"
	opts, err := redis.ParseURL(u.String())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer client.Close()
	keys, err := client.Keys(t.Context(), "leads:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) > 0 {
		if err := client.Del(t.Context(), keys...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return u.String()
}

// walkRateLimit sends requests until one is refused. At most degraded of them
// may have been decided by another bucket.
func walkRateLimit(t *testing.T, s *server, degraded int) {
	t.Helper()
	const as = "demo-reader"
	token := "bearer:" + s.token(t, as) // the first that is counted
	begin := time.Now()

	remaining, late := 199, 0
	var refused answer
	for i := 0; refused.status == 0; i++ {
		// Basic and Bearer are one subject and share one bucket; refusals count too.
		c := call{as: as, target: "/leads?limit=1"}
		switch i % 4 {
		case 1:
			c.as = token
		case 2:
			c.target = "/leads/unknown"
		case 3:
			c.target = "/org-units"
		}
		a := s.do(t, c)
		if got := a.header.Get("X-RateLimit-Limit"); got != "100" {
			t.Fatalf("X-RateLimit-Limit %q, want 100", got)
		}
		reset, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
		if now := time.Now().Unix(); err != nil || reset < now-1 || reset > now+61 {
			t.Fatalf("X-RateLimit-Reset %q, want Unix seconds within a minute of %d", a.header.Get("X-RateLimit-Reset"), now)
		}
		// The bucket refills while the test runs, by 100 a minute.
		earned := int(time.Since(begin)/(600*time.Millisecond)) + 1
		got, err := strconv.Atoi(a.header.Get("X-RateLimit-Remaining"))
		switch {
		case err != nil:
			t.Fatalf("X-RateLimit-Remaining %q, want a number", a.header.Get("X-RateLimit-Remaining"))
		case a.status == 429:
			if remaining > earned {
				t.Fatalf("request %d is refused with %d left: %v", i+2, remaining, a.header)
			}
			refused = a
		case got > max(remaining-1, 0)+earned && degraded > 0:
			degraded--
			late++ // Redis may have counted it all the same, after the 25 ms
		case got < remaining-1-late || got > max(remaining-1, 0)+earned:
			t.Fatalf("request %d: X-RateLimit-Remaining %d, want %d and at most %d more", i+2, got, remaining-1, earned)
		default:
			remaining--
		}
	}

	wantErrorAnswer(t, refused)
	if !strings.Contains(refused.body, `"error":"too_many_requests"`) {
		t.Errorf("body %s, want too_many_requests", refused.body)
	}
	if after, err := strconv.Atoi(refused.header.Get("Retry-After")); err != nil || after < 1 {
		t.Errorf("Retry-After %q, want at least 1", refused.header.Get("Retry-After"))
	}
	if got := refused.header.Get("X-RateLimit-Remaining"); got != "0" {
		t.Errorf("X-RateLimit-Remaining %q, want 0", got)
	}
	if a := s.do(t, call{as: token, target: "/org-units"}); a.status != 429 && degraded == 0 {
		t.Errorf("the token of a refused client: status %d, want 429", a.status)
	}
	// Others are not concerned, and health is not limited.
	s.want(t, 200, call{as: "demo-apac", target: "/leads"})
	s.want(t, 200, call{target: "/healthz"})
	if got := s.want(t, 200, call{target: "/healthz"}).header.Get("X-RateLimit-Limit"); got != "" {
		t.Errorf("/healthz carries X-RateLimit-Limit %q, want none", got)
	}
}

// TestPlans gives clients of a file a rate of their own, by secret and by token, and
// another one when the file is read again.
func TestPlans(t *testing.T) {
	t.Parallel()
	robot, secret := client("robot")
	plain, plainSecret := client("plain")
	write := func(path string, claims any) string {
		robot.Claims = claims
		return clientsFile(t, path, robot, plain)
	}
	path := write("", map[string]any{"rate": 600, "burst": 1200, "team": "reports"})
	s := start(t, "-db", sqliteEngine(t).flag, "-rows", "1", "-clients", path)
	limits := func(as, secret string) [2]string {
		t.Helper()
		h := s.want(t, 403, call{as: as, secret: secret, target: "/leads"}).header
		return [2]string{h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining")}
	}
	token := "bearer:" + s.token(t, "robot", secret) // counted under the plan, too
	for _, tt := range []struct {
		as, secret string
		want       [2]string
	}{
		{"robot", secret, [2]string{"600", "1198"}},
		{token, "", [2]string{"600", "1197"}},
		{"plain", plainSecret, [2]string{"100", "199"}},
		{"demo-none", "", [2]string{"100", "199"}},
	} {
		if got := limits(tt.as, tt.secret); got != tt.want {
			t.Errorf("limit and remaining of %.10s are %v, want %v", tt.as, got, tt.want)
		}
	}
	write(path, map[string]any{"rate": 70})
	s.reload()
	if got := limits("robot", secret); got[0] != "70" {
		t.Errorf("after the plan has changed the limit is %s, want 70", got[0])
	}
	for _, claims := range []map[string]any{{"rate": 0}, {"rate": 1.5}, {"rate": "600"}, {"rate": nil}, {"burst": 5}, {"rate": 1, "burst": 1e12}} {
		write(path, claims)
		s.reload()
		if log := s.stderr.String(); !strings.Contains(log, `client \"robot\": the claim `) {
			t.Errorf("claims %v: the log has no word of them: %s", claims, log)
		}
		if got := limits("robot", secret); got[0] != "70" {
			t.Errorf("claims %v: the limit is %s, want that of the last good file", claims, got[0])
		}
	}
}
