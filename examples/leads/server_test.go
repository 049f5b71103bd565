package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tenetkit/tenet/auth/jwks"
)

const secret = "open-sesame-for-tests"

// engine is a database that the contract is walked on.
type engine struct {
	driver string
	dsn    string // for a test's own connection
	flag   string // for -db
}

// forEachEngine runs f on SQLite, and on PostgreSQL where there is one.
func forEachEngine(t *testing.T, f func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, sqliteEngine(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, postgresEngine(t))
	})
}

func sqliteEngine(t *testing.T) engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leads.db")
	return engine{driver: "sqlite", dsn: "file:" + path + "?_pragma=busy_timeout(10000)", flag: path}
}

// postgresEngine makes a schema for the test alone.
func postgresEngine(t *testing.T) engine {
	t.Helper()
	base := requireEngine(t, "TENET_POSTGRES_URL")
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("leads_test_%d", time.Now().UnixNano())
	db, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = db.Exec("DROP SCHEMA " + schema + " CASCADE")
		db.Close()
	})
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return engine{driver: "pgx", dsn: u.String(), flag: u.String()}
}

// requireEngine returns the URL in the environment's variable or skips the test.
func requireEngine(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		if os.Getenv("TENET_REQUIRE_ENGINES") == "1" {
			t.Fatalf("%s is not set, and TENET_REQUIRE_ENGINES=1 forbids to skip", variable)
		}
		t.Skipf("%s is not set: skipping", variable)
	}
	return value
}

// output collects what the server prints and tells when there is something: the
// banner comes in one piece.
type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buf.Write(p)
	o.once.Do(func() { close(o.ready) })
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// server is the leads service, running as it does for a user.
type server struct {
	url    string
	stdout *output
	stderr *output
	stop   func() int // stops it and returns the exit status
	hangup chan os.Signal
}

// start runs the service on a free port until the test ends.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{stdout: &output{ready: make(chan struct{})}, stderr: &output{ready: make(chan struct{})}, hangup: make(chan os.Signal)}
	exit := make(chan int, 1)
	args = append([]string{"-addr", "127.0.0.1:0", "-demo-secret", secret}, args...)
	go func() {
		exit <- run(ctx, args, func(string) string { return "" }, func() <-chan os.Signal { return s.hangup }, s.stdout, s.stderr)
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-exit
	})
	select {
	case <-s.stdout.ready:
	case status := <-exit:
		cancel()
		t.Fatalf("run(%q) ended with status %d: %s", args, status, s.stderr)
	}
	t.Cleanup(func() {
		if status := s.stop(); status != 0 {
			t.Errorf("exit status %d, want 0: %s", status, s.stderr)
		}
	})
	line, _, _ := strings.Cut(s.stdout.String(), "\n")
	s.url = line[strings.LastIndexByte(line, ' ')+1:]
	return s
}

// startUnlimited runs the service with a limit that no test reaches.
func startUnlimited(t *testing.T, e engine, args ...string) *server {
	t.Helper()
	return start(t, append([]string{"-db", e.flag, "-rate", "1000000", "-burst", "1000000", "-rows", "30"}, args...)...)
}

// reload has the file of -clients read again, as a SIGHUP does, and returns when
// that is done: the second signal is not taken before.
func (s *server) reload() {
	s.hangup <- syscall.SIGHUP
	s.hangup <- syscall.SIGHUP
}

// call is one request.
type call struct {
	as     string // client id, or "bearer:" and a token; empty: no credentials
	secret string // of the client; that of the demo clients if empty
	method string // GET if empty
	target string
	body   string
	header map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends c. A body is sent as application/json unless c says otherwise.
func (s *server) do(t *testing.T, c call) answer {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+c.target, body)
	if err != nil {
		t.Fatal(err)
	}
	if token, ok := strings.CutPrefix(c.as, "bearer:"); ok {
		req.Header.Set("Authorization", "Bearer "+token)
	} else if c.as != "" {
		req.SetBasicAuth(c.as, cmp.Or(c.secret, secret))
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, c.target, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the body: %v", method, c.target, err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
}

// want sends c and fails the test unless it is answered with status.
func (s *server) want(t *testing.T, status int, c call) answer {
	t.Helper()
	a := s.do(t, c)
	if a.status != status {
		t.Fatalf("%s %s as %q: status %d, want %d: %s", c.method, c.target, c.as, a.status, status, a.body)
	}
	return a
}

// token gets a token for the client, whose secret is that of the demo clients if
// none is given.
func (s *server) token(t *testing.T, client string, secrets ...string) string {
	t.Helper()
	a := s.want(t, 200, call{
		as: client, secret: strings.Join(secrets, ""), method: "POST", target: "/oauth/token", body: "grant_type=client_credentials",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	var body struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	a.decode(t, &body)
	if body.AccessToken == "" || body.TokenType != "Bearer" || body.ExpiresIn < 1 {
		t.Fatalf("token answer %s lacks access_token, token_type Bearer or expires_in", a.body)
	}
	return body.AccessToken
}

func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
}

// list is the envelope with leads or units in it.
type list struct {
	Data []struct {
		ID      string  `json:"id"`
		Name    string  `json:"name"`
		Email   *string `json:"email"`
		Value   float64 `json:"value"`
		Active  bool    `json:"active"`
		OrgUnit string  `json:"org_unit"`
	} `json:"data"`
	Total int `json:"total"`
	Page  int `json:"page"`
	Limit int `json:"limit"`

	NextCursor string `json:"next_cursor"`
	PrevCursor string `json:"prev_cursor"`
}

func (s *server) list(t *testing.T, as, target string) list {
	t.Helper()
	var l list
	s.want(t, 200, call{as: as, target: target}).decode(t, &l)
	return l
}

// units returns the units of the leads in the whole list, each once, in order of
// appearance.
func (l list) units() map[string]int {
	units := make(map[string]int)
	for _, lead := range l.Data {
		units[lead.OrgUnit]++
	}
	return units
}

// newHandler returns the service's handler as serve makes it, without a server.
func newHandler(t *testing.T, c config, client *http.Client) http.Handler {
	t.Helper()
	if c.db == "" {
		c.db = filepath.Join(t.TempDir(), "leads.db")
	}
	c.rate, c.burst, c.rows = 1_000_000, 1_000_000, 1
	logger := slog.New(slog.DiscardHandler)
	_, demo, err := newDemoClients("")
	if err != nil {
		t.Fatal(err)
	}
	clients, err := newClientList(demo, c)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := trustForeign(c, jwks.Options{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newService(context.WithoutCancel(t.Context()), c, clients, foreign, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s.handler
}

// file writes a file for the test alone.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("GET %s: %s, %v", url, resp.Status, err)
	}
	return data
}

// wantFailure starts the service, which has to end with status 1 and one line that
// has the parts in it and no secret.
func wantFailure(t *testing.T, args []string, parts ...string) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "leads.db")
	args = append([]string{"-addr", "127.0.0.1:0", "-db", db}, args...)
	stdout, stderr := &output{ready: make(chan struct{})}, &output{ready: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { // if it starts after all
		select {
		case <-stdout.ready:
			stop()
		case <-ctx.Done():
		}
	}()
	hangups := func() <-chan os.Signal { return nil }
	if status := run(ctx, args, func(string) string { return "" }, hangups, stdout, stderr); status != 1 {
		t.Errorf("run(%q) = %d, want 1", args, status)
	}
	line := stderr.String()
	if strings.Count(line, "\n") != 1 {
		t.Errorf("stderr %q, want one line", line)
	}
	for _, part := range parts {
		if !strings.Contains(line, part) {
			t.Errorf("stderr %q, want %q in it", line, part)
		}
	}
	for _, secret := range []string{"hunter2", "aHVudGVyM", "$sha256$"} {
		if text := strings.ReplaceAll(line, "is not $sha256$", ""); strings.Contains(text, secret) {
			t.Errorf("stderr %q tells a secret", line)
		}
	}
	if stdout.String() != "" {
		t.Errorf("stdout %q, want nothing", stdout.String())
	}
	if _, err := os.Stat(db); !os.IsNotExist(err) {
		t.Errorf("the database was touched: %v", err)
	}
}
