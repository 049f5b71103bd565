package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
)

// config is what the flags and the environment say.
type config struct {
	addr       string
	db         string
	redis      string
	rate       int
	burst      int
	rows       int
	demoSecret string
	jwtKey     string
	cursorKey  string
	issuer     string
	audience   string
	jwks       string
	clients    string
	proxies    string
	newSecret  bool
	log        string
}

// errHelp tells that the usage was asked for and printed.
var errHelp = errors.New("help")

// parseConfig reads the flags; a flag that is not given takes the environment's
// LEADS_ variable of the same name (-demo-secret is LEADS_DEMO_SECRET), and
// without one its default. The error is one line.
func parseConfig(args []string, getenv func(string) string, usage io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("leads", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 picks a free one")
	flags.StringVar(&c.db, "db", "", "`path` of a SQLite file, or a postgres:// URL (default leads.db in the user's cache directory)")
	flags.StringVar(&c.redis, "redis", "", "redis:// `URL` that keeps the rate limits (default in memory)")
	flags.IntVar(&c.rate, "rate", 100, "requests per minute and client")
	flags.IntVar(&c.burst, "burst", 200, "requests that a client may send at once")
	flags.IntVar(&c.rows, "rows", 150, "leads in each organizational unit of a new database")
	flags.StringVar(&c.demoSecret, "demo-secret", "", "`secret` of all demo clients (default generated and printed)")
	flags.StringVar(&c.jwtKey, "jwt-key", "", "HS256 `key` of the tokens that it issues, at least 32 bytes (default generated)")
	flags.StringVar(&c.cursorKey, "cursor-key", "", "`key or file` of the cursors in lists: 32 bytes or more in base64, several separated by commas or lines, of which the first makes cursors and each is accepted (default one that the database keeps, the same for all instances on it)")
	flags.StringVar(&c.issuer, "issuer", "", "`URL` of an issuer whose tokens are accepted beside its own; goes with -audience")
	flags.StringVar(&c.audience, "audience", "", "`audiences`, separated by commas; a token of -issuer has to name one of them")
	flags.StringVar(&c.jwks, "jwks", "", "`URL or file` with the keys of -issuer: a JWK Set, in a file also a JWK or PEM; a file is read at the start (default by OpenID discovery)")
	flags.StringVar(&c.clients, "clients", "", "JSON `file` of clients beside the demo clients or in place of some; SIGHUP reads it again")
	flags.StringVar(&c.proxies, "trusted-proxies", "", "`prefixes` (10.0.0.0/8), separated by commas, of the proxies whose X-Forwarded-For tells who called")
	flags.BoolVar(&c.newSecret, "new-secret", false, "print a new secret, and its hash for -clients, and exit")
	flags.StringVar(&c.log, "log", "text", "form of the log: text or json")

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(usage, "Leads serves the demo API. Each flag is also an environment variable: -demo-secret is LEADS_DEMO_SECRET.")
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return config{}, errHelp
	}
	if err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := fromEnvironment(flags, getenv); err != nil {
		return config{}, err
	}
	if c.newSecret {
		return c, nil
	}
	if c.db == "" {
		c.db = defaultDatabase()
	}
	return c, c.check()
}

// fromEnvironment sets the flags that the command line left alone.
func fromEnvironment(flags *flag.FlagSet, getenv func(string) string) error {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed error
	flags.VisitAll(func(f *flag.Flag) {
		name := "LEADS_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if given[f.Name] || value == "" || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("invalid value %q for %s: %w", value, name, err)
		}
	})
	return failed
}

// maxRate is far above what one process serves, and far below what a bucket holds.
const maxRate = 10_000_000

func (c config) check() error {
	if _, port, err := net.SplitHostPort(c.addr); err != nil {
		return fmt.Errorf("-addr must be host:port, not %q", c.addr)
	} else if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("-addr has no valid port: %q", c.addr)
	}
	if strings.Contains(c.db, "://") && !isPostgres(c.db) || c.db == ":memory:" {
		return fmt.Errorf("-db must be the path of a file or a postgres:// URL, not %q", redacted(c.db))
	}
	if c.redis != "" {
		if _, err := redis.ParseURL(c.redis); err != nil {
			return fmt.Errorf("-redis must be a redis:// URL: %w", err)
		}
	}
	switch {
	case c.rate < 1 || c.rate > maxRate:
		return fmt.Errorf("-rate must be from 1 to %d, not %d", maxRate, c.rate)
	case c.burst < 1 || c.burst > maxRate:
		return fmt.Errorf("-burst must be from 1 to %d, not %d", maxRate, c.burst)
	case c.rows < 0:
		return fmt.Errorf("-rows must be at least 0, not %d", c.rows)
	case c.jwtKey != "" && len(c.jwtKey) < 32:
		return fmt.Errorf("-jwt-key must be at least 32 bytes, not %d", len(c.jwtKey))
	case c.log != "text" && c.log != "json":
		return fmt.Errorf("-log must be text or json, not %q", c.log)
	}
	if _, err := ratelimit.IP(c.ipOptions()); err != nil {
		return fmt.Errorf("-trusted-proxies: %w", err)
	}
	return c.checkForeign()
}

// ipOptions say whose word counts on where a request comes from: that of the
// proxies named, and without any the connection's own end.
func (c config) ipOptions() ratelimit.IPOptions {
	var opts ratelimit.IPOptions
	for prefix := range strings.SplitSeq(c.proxies, ",") {
		if c.proxies != "" {
			opts.Proxies = append(opts.Proxies, strings.TrimSpace(prefix))
		}
	}
	return opts
}

func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// redacted returns the database as it may be shown: without a password.
func redacted(db string) string {
	if u, err := url.Parse(db); err == nil && u.User != nil {
		return u.Redacted()
	}
	return db
}

func defaultDatabase() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "leads.db")
}
