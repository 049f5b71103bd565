package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/authtest"
)

// TestRefusalsAreLoggedOnce tells the operator once what the caller is not told,
// and neither of them a secret.
func TestRefusalsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	iss := authtest.NewIssuer(t)
	iss.SetDown(true)
	tests := map[string]struct {
		call   call
		status int
		want   []string // in the line
	}{
		"a wrong secret": {
			call{as: "demo-emea", secret: "hunter2", target: "/leads"},
			401,
			[]string{`level=INFO msg="credentials refused" cause="auth: wrong secret" client=demo-emea address=127.0.0.1 method=GET path=/leads request_id=`},
		},
		"an id that nobody has": {
			call{as: "hunter2", target: "/leads"},
			401,
			[]string{`msg="credentials refused" cause="auth: no such client" client="" address=127.0.0.1`},
		},
		"a token that is none": {call{as: "bearer:hunter2", target: "/jobs/1"}, 401, []string{`msg="credentials refused" cause="auth: `, "path=/jobs/1"}},
		"a foreign token without keys": {
			call{as: "bearer:" + iss.Token("ada"), target: "/leads"},
			503,
			[]string{`level=WARN msg="credentials refused" cause="auth: keys of issuer`, ": 503 service_unavailable: ", "jwks: "},
		},
		"a secret at the token endpoint": {
			call{as: "demo-emea", secret: "hunter2", method: "POST", target: "/oauth/token", body: "grant_type=client_credentials"},
			401,
			[]string{`msg="token refused" cause="auth: wrong secret" client=demo-emea address=127.0.0.1 method=POST path=/oauth/token request_id=`},
		},
		"a grant that is none": {
			call{as: "demo-emea", method: "POST", target: "/oauth/token", body: "grant_type=password"},
			400,
			[]string{`msg="token refused" cause="issuer: unsupported_grant_type: `, "client=demo-emea"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUnlimited(t, sqliteEngine(t), trusting(iss)...)
			if tt.call.method == "POST" {
				tt.call.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
			}
			got := s.want(t, tt.status, tt.call)
			wantErrorAnswer(t, got)
			for _, told := range []string{"wrong", "such client", "jwks", iss.URL} {
				if strings.Contains(got.body, told) {
					t.Errorf("body %s tells the reason", got.body)
				}
			}
			s.want(t, 401, call{target: "/leads"}) // without credentials: nobody tried anything
			s.want(t, 401, call{target: "/leads", header: map[string]string{"Authorization": "Digest username=ada"}})
			s.stop()
			var lines []string
			for line := range strings.Lines(s.stderr.String()) {
				if strings.Contains(line, "refused") {
					lines = append(lines, line)
				}
			}
			if len(lines) != 1 {
				t.Fatalf("the log tells of %d refusals, want one:\n%s", len(lines), s.stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(lines[0], want) {
					t.Errorf("the log lacks %q:\n%s", want, lines[0])
				}
			}
			if strings.Contains(s.stderr.String(), "hunter2") {
				t.Errorf("the log tells a secret:\n%s", s.stderr)
			}
		})
	}
}

// TestOutagesAreLoggedOnce: a check of credentials that cannot be made is told by
// the audit log, and not by that of the answers again.
func TestOutagesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	log := &output{ready: make(chan struct{})}
	logger := slog.New(slog.NewTextHandler(log, nil))
	list := &clientList{}
	list.now.Store(&clients{find: func(context.Context, string) (auth.Client, error) { return auth.Client{}, errors.New("gone") }})
	a, err := newAccess(config{}, list, auth.Issuer{}, logger)
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{
		"token refused":       a.tokenHandler(),
		"credentials refused": a.authenticate(http.NotFoundHandler()),
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.SetBasicAuth("demo-emea", "secret")
		w := httptest.NewRecorder()
		apierror.Recover(apierror.Options{Logger: slog.New(untold{logger.Handler()})})(h).ServeHTTP(w, r)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: status %d with %v, want 503 and Retry-After", name, w.Code, w.Header())
		}
		if n := strings.Count(log.String(), `level=WARN msg="`+name+`"`); n != 1 {
			t.Errorf("the log tells %d times of %q, want once:\n%s", n, name, log)
		}
	}
	if strings.Contains(log.String(), "request refused") {
		t.Errorf("the log tells of an outage twice:\n%s", log)
	}
}

// TestOtherRefusalsAreLogged: what happens behind the credentials is none of the
// audit log's business.
func TestOtherRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	e := sqliteEngine(t)
	s := startUnlimited(t, e)
	if _, err := open(t, e).Exec("ALTER TABLE leads RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	for range 2 * auditLines {
		s.want(t, 500, call{as: "demo-emea", target: "/leads"})
	}
	if n := strings.Count(s.stderr.String(), `level=ERROR msg="request refused" status=500`); n != 2*auditLines {
		t.Errorf("the log tells of %d answers with 500, want all %d", n, 2*auditLines)
	}
}

// TestFloodsAreCounted: each reason gets its lines in a minute, and a number for
// the rest.
func TestFloodsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &output{ready: make(chan struct{})}
		withoutTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		a := &auditLog{
			logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
			known:  func(id string) bool { return strings.HasPrefix(id, "demo-") }, address: func(*http.Request) string { return "192.0.2.1" },
		}
		refused := a.tell("credentials refused")
		send := func(times int, client, reason string) {
			r := httptest.NewRequest("GET", "/leads", nil)
			r.SetBasicAuth(client, "secret")
			for range times {
				refused(r, auth.Principal{}, errors.New(reason))
			}
		}
		seen := 0
		lines := func() (told int, counted []string) {
			synctest.Wait()
			text := log.String()[seen:]
			seen += len(text)
			for line := range strings.Lines(text) {
				if strings.Contains(line, "more often") {
					counted = append(counted, strings.TrimSpace(line))
				} else {
					told++
				}
			}
			return told, counted
		}
		counted := func(cause, client, times string) string {
			return `level=INFO msg="credentials refused more often" times=` + times + ` cause="` + cause + `" client=` + client
		}

		// Of ids that nobody has, many are one.
		for _, id := range []string{"a", "b", "c"} {
			send(1000, id, "no such client")
		}
		send(auditLines, "demo-emea", "wrong secret")
		if told, rest := lines(); told != 2*auditLines || rest != nil {
			t.Errorf("%d lines and %q, want %d and no number yet", told, rest, 2*auditLines)
		}
		// A flood does not hide what happens to somebody else.
		send(1, "demo-apac", "wrong secret")
		if told, _ := lines(); told != 1 {
			t.Errorf("%d lines of another client, want 1", told)
		}
		time.Sleep(auditTime)
		told, rest := lines()
		if diff := cmp.Diff([]string{counted("no such client", `""`, "2990")}, rest); told != 0 || diff != "" {
			t.Errorf("after a minute %d lines, and counted (-want +got):\n%s", told, diff)
		}
		// A new minute, and the end of the service in it.
		send(auditLines+2, "demo-emea", "wrong secret")
		a.flush()
		told, rest = lines()
		if diff := cmp.Diff([]string{counted("wrong secret", "demo-emea", "2")}, rest); told != auditLines || diff != "" {
			t.Errorf("at the end %d lines, and counted (-want +got):\n%s", told, diff)
		}
		time.Sleep(2 * auditTime)
		if told, rest := lines(); told != 0 || rest != nil {
			t.Errorf("afterwards %d lines and %q, want nothing", told, rest)
		}
	})
}

// TestBrakes slow down an address that tries ids and secrets, and nobody who knows
// one.
func TestBrakes(t *testing.T) {
	t.Parallel()
	robot, robotSecret := client("robot")
	s := startUnlimited(t, sqliteEngine(t), "-demo-secret", "", "-clients", clientsFile(t, "", robot))
	const most = 1000 // a minute, and those of the time that it takes to try
	var got answer
	tries := 0
	for begin := time.Now(); got.status != 429 && tries < 2*most; tries++ {
		got = s.do(t, call{as: fmt.Sprint("nobody", tries), target: "/leads"})
		if got.status != 401 && (got.status != 429 || tries < most) {
			t.Fatalf("try %d: status %d, want 401 %d times, and then 429", tries+1, got.status, most)
		}
		if time.Since(begin) > 50*time.Second {
			t.Skip("this machine is too busy to try often enough in a minute")
		}
	}
	wantErrorAnswer(t, got)
	if got.status != 429 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, `"too_many_failures"`) {
		t.Errorf("after %d tries: status %d, Retry-After %q: %s", tries, got.status, got.header.Get("Retry-After"), got.body)
	}
	s.want(t, 403, call{as: "robot", secret: robotSecret, target: "/leads"})
	s.want(t, 403, call{as: "bearer:" + s.token(t, "robot", robotSecret), target: "/leads"})
	s.stop()
	if n := strings.Count(s.stderr.String(), "credentials refused"); n > 3*(auditLines+1) {
		t.Errorf("the log tells of the flood in %d lines, want at most %d for each of the reasons", n, auditLines+1)
	}
}

// TestTrustedProxies takes the word of the proxies named on who called, and nobody
// else's.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"none":             {want: "address=127.0.0.1 "},
		"another one":      {args: []string{"-trusted-proxies", "10.0.0.0/8"}, want: "address=127.0.0.1 "},
		"the one in front": {args: []string{"-trusted-proxies", "10.0.0.0/8, 127.0.0.1"}, want: "address=192.0.2.7 "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUnlimited(t, sqliteEngine(t), tt.args...)
			s.want(t, 401, call{as: "demo-emea", secret: "wrong", target: "/leads", header: map[string]string{"X-Forwarded-For": "198.51.100.1, 192.0.2.7"}})
			s.stop()
			if log := s.stderr.String(); !strings.Contains(log, tt.want) {
				t.Errorf("log %s, want %s", log, tt.want)
			}
		})
	}
}
