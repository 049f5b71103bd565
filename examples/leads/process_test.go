package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFlags answers what cannot be run with one clear line and the exit status 2.
func TestFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   []string
		env    map[string]string
		status int
		want   string // part of the line
	}{
		"unknown flag":             {args: []string{"-color"}, status: 2, want: "-color"},
		"stray argument":           {args: []string{"serve"}, status: 2, want: `"serve"`},
		"rate that is no number":   {args: []string{"-rate", "many"}, status: 2, want: "-rate"},
		"rate of zero":             {args: []string{"-rate", "0"}, status: 2, want: "-rate"},
		"burst of zero":            {args: []string{"-burst", "0"}, status: 2, want: "-burst"},
		"negative rows":            {args: []string{"-rows", "-1"}, status: 2, want: "-rows"},
		"short key":                {args: []string{"-jwt-key", "short"}, status: 2, want: "-jwt-key"},
		"unknown log":              {args: []string{"-log", "xml"}, status: 2, want: "-log"},
		"database of another kind": {args: []string{"-db", "mysql://localhost/x"}, status: 2, want: "-db"},
		"redis of another kind":    {args: []string{"-redis", "http://localhost"}, status: 2, want: "-redis"},
		"database in memory":       {args: []string{"-db", ":memory:"}, status: 2, want: "-db"},
		"port out of range":        {args: []string{"-addr", "127.0.0.1:99999"}, status: 2, want: "-addr"},
		"rate out of range":        {args: []string{"-rate", "4611686018427387904"}, status: 2, want: "-rate"},
		"burst out of range":       {args: []string{"-burst", "9223372036854775807"}, status: 2, want: "-burst"},
		"address without a port":   {args: []string{"-addr", "localhost"}, status: 2, want: "-addr"},
		"issuer without audience":  {args: []string{"-issuer", "https://login.example.com"}, status: 2, want: "-issuer goes with -audience"},
		"audience without issuer":  {args: []string{"-audience", "api"}, status: 2, want: "-audience goes with -issuer"},
		"keys without issuer":      {args: []string{"-jwks", "keys.json"}, status: 2, want: "-jwks goes with -issuer and -audience"},
		"keys without audience":    {args: []string{"-issuer", "https://login.example.com", "-jwks", "keys.json"}, status: 2, want: "-issuer goes with -audience"},
		"keys without its issuer":  {args: []string{"-audience", "api", "-jwks", "keys.json"}, status: 2, want: "-audience goes with -issuer"},
		"empty audience":           {args: []string{"-issuer", "https://login.example.com", "-audience", "api,,web"}, status: 2, want: "-audience"},
		"a proxy that is a name":   {args: []string{"-trusted-proxies", "proxy.internal"}, status: 2, want: "-trusted-proxies"},
		"an empty proxy":           {args: []string{"-trusted-proxies", "10.0.0.0/8,"}, status: 2, want: "-trusted-proxies"},
		"issuer that is no URL":    {args: []string{"-issuer", "login", "-audience", "api"}, status: 2, want: "-issuer"},
		"issuer with a password":   {args: []string{"-issuer", "https://ann:hunter2@login.example.com", "-audience", "api"}, status: 2, want: "-issuer"},
		"issuer with a query":      {args: []string{"-issuer", "https://login.example.com?", "-audience", "api"}, status: 2, want: "-issuer"},
		"issuer with a fragment":   {args: []string{"-issuer", "https://login.example.com#", "-audience", "api"}, status: 2, want: "-issuer"},
		"discovery without TLS":    {args: []string{"-issuer", "http://login.example.com", "-audience", "api"}, status: 2, want: "-issuer"},
		"keys without TLS":         {args: []string{"-issuer", "https://login.example.com", "-audience", "api", "-jwks", "http://login.example.com/keys"}, status: 2, want: "-jwks"},
		"keys of another scheme":   {args: []string{"-issuer", "https://login.example.com", "-audience", "api", "-jwks", "file:///keys.json"}, status: 2, want: "-jwks"},
		"issuer in environment":    {env: map[string]string{"LEADS_ISSUER": "https://login.example.com"}, status: 2, want: "-audience"},
		"bad environment":          {env: map[string]string{"LEADS_RATE": "many"}, status: 2, want: "LEADS_RATE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			getenv := func(name string) string { return tt.env[name] }
			if got := run(t.Context(), tt.args, getenv, nil, &stdout, &stderr); got != tt.status {
				t.Errorf("run(%q) = %d, want %d", tt.args, got, tt.status)
			}
			if line := stderr.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, tt.want) || strings.Contains(line, "hunter2") {
				t.Errorf("stderr %q, want one line that names %s and tells no secret", line, tt.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout %q, want nothing", stdout.String())
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"LEADS_RATE": "7", "LEADS_BURST": "9", "LEADS_DEMO_SECRET": "from the environment", "LEADS_DB": "x.db",
		"LEADS_ISSUER": "https://login.example.com", "LEADS_AUDIENCE": "api, web", "LEADS_JWKS": "keys.pem", "LEADS_CLIENTS": "clients.json",
	}
	c, err := parseConfig([]string{"-burst", "8"}, func(name string) string { return env[name] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		addr: "127.0.0.1:8080", db: "x.db", rate: 7, burst: 8, rows: 150, demoSecret: "from the environment", log: "text",
		issuer: "https://login.example.com", audience: "api, web", jwks: "keys.pem", clients: "clients.json",
	}
	if c != want {
		t.Errorf("parseConfig = %+v, want %+v", c, want)
	}
}

// TestUnreachable starts without what it needs: one clear line, exit status 1.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"PostgreSQL":       {"-db", "postgres://ann:secret@127.0.0.1:1/leads"},
		"Redis":            {"-db", filepath.Join(t.TempDir(), "leads.db"), "-redis", "redis://:secret@127.0.0.1:1"},
		"a folder":         {"-db", t.TempDir()},
		"a read-only path": {"-db", "/proc/leads/leads.db"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			args := append([]string{"-addr", "127.0.0.1:0"}, args...)
			if got := run(t.Context(), args, func(string) string { return "" }, nil, &stdout, &stderr); got != 1 {
				t.Errorf("run(%q) = %d, want 1", args, got)
			}
			line := stderr.String()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, args[len(args)-2]) || strings.Contains(line, "secret") {
				t.Errorf("stderr %q, want one line that names %s and tells no secret", line, args[len(args)-2])
			}
		})
	}
}

func TestBannerKeepsThePassword(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"mysql://ann:secret@db/leads":                         "mysql://ann:xxxxx@db/leads",
		"postgres://ann:secret@db:5432/leads?sslmode=disable": "postgres://ann:xxxxx@db:5432/leads?sslmode=disable",
		"/var/lib/leads.db":                                   "/var/lib/leads.db",
	}
	for db, want := range tests {
		if got := redacted(db); got != want {
			t.Errorf("redacted(%q) = %q, want %q", db, got, want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	db := filepath.Join(t.TempDir(), "leads.db")
	got := run(t.Context(), []string{"-addr", l.Addr().String(), "-db", db}, func(string) string { return "" }, nil, &stdout, &stderr)
	if got != 1 {
		t.Errorf("exit status %d, want 1", got)
	}
	if line := stderr.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, "in use") {
		t.Errorf("stderr %q, want one line that says in use", line)
	}
	if _, err := os.Stat(db); !os.IsNotExist(err) {
		t.Errorf("the database was touched: %v", err)
	}
}

// TestBanner pastes the curl commands that the service prints.
func TestBanner(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: skipping")
	}
	s := startUnlimited(t, sqliteEngine(t), "-demo-secret", `it's "$open"`)
	n := 0
	for line := range strings.Lines(s.stdout.String()) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "curl ")
		if !ok {
			continue
		}
		n++
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "curl -sS --fail-with-body "+command).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "{") {
			t.Errorf("curl %s: %v: %s", command, err, out)
		}
	}
	if n != 3 {
		t.Errorf("the banner has %d curl commands, want 3:\n%s", n, s.stdout)
	}
	for _, client := range []string{"demo-emea", "demo-reader", "demo-apac", "demo-admin", "demo-multi", "demo-none"} {
		if !strings.Contains(s.stdout.String(), client+" ") {
			t.Errorf("the banner does not name %s", client)
		}
	}
}

// TestGeneratedSecrets starts twice on one database: the data stays, the secrets
// are new.
func TestGeneratedSecrets(t *testing.T) {
	t.Parallel()
	e := sqliteEngine(t)
	first := start(t, "-db", e.flag, "-rows", "2", "-demo-secret", "")
	banner := first.stdout.String()
	if status := first.stop(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	second := start(t, "-db", e.flag, "-rows", "2", "-demo-secret", "")
	secretOf := func(banner string) string {
		for line := range strings.Lines(banner) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "demo-admin" {
				return fields[1]
			}
		}
		return ""
	}
	a, b := secretOf(banner), secretOf(second.stdout.String())
	if a == "" || b == "" || a == b {
		t.Errorf("secrets of two starts are %q and %q, want two different ones", a, b)
	}
	db := open(t, e)
	var n int
	if err := db.QueryRow("SELECT count(*) FROM leads").Scan(&n); err != nil || n != 16 {
		t.Errorf("%d leads after two starts (%v), want 2 in each of 8 units", n, err)
	}
}

func open(t *testing.T, e engine) *sql.DB {
	t.Helper()
	db, err := sql.Open(e.driver, e.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestInternalError takes the table away: the client hears of a 500 with an id,
// the log of the cause.
func TestInternalError(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		s := startUnlimited(t, e)
		db := open(t, e)
		if _, err := db.Exec("ALTER TABLE leads RENAME TO gone"); err != nil {
			t.Fatal(err)
		}
		got := s.want(t, 500, call{as: "demo-emea", target: "/leads"})
		wantErrorAnswer(t, got)
		var body struct {
			Error, Message string
			Details        struct {
				RequestID string `json:"request_id"`
			}
		}
		got.decode(t, &body)
		if body.Error != "internal_server_error" || body.Details.RequestID == "" {
			t.Errorf("body %s, want internal_server_error with a request_id", got.body)
		}
		if strings.Contains(got.body, "leads") || strings.Contains(got.body, "SQL") {
			t.Errorf("body %s tells of the cause", got.body)
		}
		if got.header.Get("X-RateLimit-Limit") == "" {
			t.Error("the 500 lacks X-RateLimit-Limit: it was counted")
		}
		log := s.stderr.String()
		if !strings.Contains(log, body.Details.RequestID) || !strings.Contains(log, "leads") {
			t.Errorf("log %q, want the request's id and the cause", log)
		}
	})
}

// built is the program, made once for all tests, in a folder that TestMain removes.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(programs, "leads")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return binary, nil
})

var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "leads-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(programs)
	os.Exit(status)
}

func build(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// spawn runs the program as a process that ends with the test, if not before.
func spawn(t *testing.T, binary string, args ...string) (*server, *exec.Cmd) {
	t.Helper()
	args = append([]string{"-addr", "127.0.0.1:0", "-demo-secret", secret, "-rows", "1"}, args...)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	return &server{url: lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:]}, cmd
}

// TestSIGHUP has the built program read its clients again. Without -clients the
// signal ends it, as it does when a terminal is closed.
func TestSIGHUP(t *testing.T) {
	t.Parallel()
	binary := build(t)
	t.Run("with -clients", func(t *testing.T) {
		t.Parallel()
		robot, robotSecret := client("robot")
		path := clientsFile(t, "", robot)
		s, cmd := spawn(t, binary, "-db", sqliteEngine(t).flag, "-clients", path)
		const target = "/org-units"
		s.want(t, 200, call{as: "robot", secret: robotSecret, target: target})
		robot.Disabled = true
		clientsFile(t, path, robot)
		s.want(t, 200, call{as: "robot", secret: robotSecret, target: target})
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); s.do(t, call{as: "robot", secret: robotSecret, target: target}).status != 401; {
			if time.Now().After(deadline) {
				t.Fatal("a client that was disabled is still let in")
			}
		}
		s.want(t, 200, call{as: "demo-emea", target: target})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGHUP and SIGTERM: %v, want exit status 0", err)
		}
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		if signal.Ignored(syscall.SIGHUP) {
			t.Skip("SIGHUP is ignored here and so in what is started, as under nohup")
		}
		_, cmd := spawn(t, binary, "-db", sqliteEngine(t).flag)
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		guard := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer guard.Stop()
		_ = cmd.Wait()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGHUP {
			t.Errorf("after SIGHUP: %v, want the signal to end the process", cmd.ProcessState)
		}
	})
}

// TestSeveralStart starts three processes' worth of services on one new database:
// one of them seeds it, and all of them serve.
func TestSeveralStart(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		for i := range 3 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				s := startUnlimited(t, e)
				if total := s.list(t, "demo-admin", "/leads?limit=1").Total; total != 8*30 {
					t.Errorf("%d leads, want 30 in each of 8 units", total)
				}
			})
		}
	})
}

// TestTokensServeEveryInstance takes a token of one instance to another that has
// the same key.
func TestTokensServeEveryInstance(t *testing.T) {
	t.Parallel()
	const key = "a key that both instances have, of 32 bytes or more"
	e := sqliteEngine(t)
	first := startUnlimited(t, e, "-jwt-key", key)
	second := startUnlimited(t, e, "-jwt-key", key)
	second.want(t, 200, call{as: "bearer:" + first.token(t, "demo-emea"), target: "/leads"})
	other := startUnlimited(t, e)
	other.want(t, 401, call{as: "bearer:" + first.token(t, "demo-emea"), target: "/leads"})
}
