// Command leads serves the whole contract on real data: authentication by Basic
// and by token, organizational units, rate limits, paging, filters, errors and an
// import that runs in the background.
//
//	go run ./examples/leads
//
// It keeps its data in an embedded SQLite file, or in PostgreSQL with -db, fills
// a new database with demo data and prints clients, secrets and curl commands
// that work when pasted.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	redis.SetLogger(quiet{})
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// quiet takes what go-redis would print: it comes back as an error, too.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// run is main with everything that a test replaces. It returns the exit status: 0
// after a graceful stop, 2 for bad flags, 1 for anything else.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	c, err := parseConfig(args, getenv, stdout)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "leads:", err)
		return 2
	}
	if err := serve(ctx, c, stdout, stderr); err != nil {
		// Some drivers report in several lines.
		fmt.Fprintln(stderr, "leads:", strings.Join(strings.Fields(err.Error()), " "))
		return 1
	}
	return 0
}

// serve runs the service until ctx is done, and then stops it without losing
// anything that was acknowledged.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	// The port first: a second start must not touch the database.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	defer listener.Close()

	clients, find, err := newDemoClients(c.demoSecret)
	if err != nil {
		return err
	}
	s, err := newService(ctx, c, find, newLogger(c.log, stderr))
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
	printBanner(stdout, baseURL(listener.Addr()), redacted(c.db), clients)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Requests in flight end within the server's own timeouts; imports that were
	// accepted finish after them, in close.
	s.logger.Info("stopping")
	return server.Shutdown(context.Background())
}

func newLogger(form string, w io.Writer) *slog.Logger {
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
