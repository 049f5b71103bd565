// Command leads serves the whole contract on real data: authentication by Basic
// and by token, organizational units, rate limits, paging, filters, errors, POSTs
// that may be sent again and an import that runs in the background.
//
//	go run ./examples/leads
//
// It keeps its data in an embedded SQLite file, or in PostgreSQL with -db, fills
// a new database with demo data and prints clients, secrets and curl commands
// that work when pasted. With -clients it serves clients of a file, too, and with
// -issuer whoever has a token of that issuer.
//
// Several instances may share a database. Each takes the cursors of the others,
// whose key is kept there unless -cursor-key gives one, knows the answers to their
// POSTs with an Idempotency-Key, and goes on with the imports of one that was
// killed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/jwks"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	redis.SetLogger(quiet{})
	os.Exit(run(ctx, os.Args[1:], os.Getenv, hangups, os.Stdout, os.Stderr))
}

// hangups tells of each SIGHUP. Where it is not called, the first one ends the
// process, as it should when a terminal is closed.
func hangups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// quiet takes what go-redis would print: it comes back as an error, too.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// run is main with everything that a test replaces. It returns the exit status: 0
// after a graceful stop, 2 for bad flags, 1 for anything else.
func run(ctx context.Context, args []string, getenv func(string) string, hangups func() <-chan os.Signal, stdout, stderr io.Writer) int {
	c, err := parseConfig(args, getenv, stdout)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "leads:", err)
		return 2
	case c.newSecret:
		printNewSecret(stdout)
		return 0
	}
	if err := serve(ctx, c, hangups, stdout, stderr); err != nil {
		// Some drivers report in several lines.
		fmt.Fprintln(stderr, "leads:", strings.Join(strings.Fields(err.Error()), " "))
		return 1
	}
	return 0
}

// serve runs the service until ctx is done, and then stops it without losing
// anything that was acknowledged.
func serve(ctx context.Context, c config, hangups func() <-chan os.Signal, stdout, stderr io.Writer) (err error) {
	// The port and the files first: a start that fails must not touch the database.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	var hangup <-chan os.Signal
	if c.clients != "" {
		hangup = hangups()
	}
	logger := newLogger(c.log, stderr)
	demo, demoClients, err := newDemoClients(c.demoSecret)
	if err != nil {
		return err
	}
	clients, err := newClientList(demoClients, c)
	if err != nil {
		return err
	}
	var foreign auth.Issuer
	if c.issuer != "" {
		foreign, err = trustForeign(c, jwks.Options{OnError: func(err error) {
			logger.Warn("keys of the foreign issuer", "issuer", c.issuer, "cause", err)
		}})
		if err != nil {
			return err
		}
	}
	s, err := newService(ctx, c, clients, foreign, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	printBanner(stdout, baseURL(listener.Addr()), c, demo, clients.fromFile())

	for {
		select {
		case err := <-failed:
			return err
		case <-hangup:
			clients.reload(logger)
		case <-ctx.Done():
			// Requests in flight end within the server's own timeouts; imports that
			// run finish after them, in close.
			logger.Info("stopping")
			err := server.Shutdown(context.Background())
			logger.Info("caches of credentials", "secrets", &s.access.secretCache, "tokens", &s.access.tokenCache)
			return err
		}
	}
}

func newLogger(form string, w io.Writer) *slog.Logger {
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
