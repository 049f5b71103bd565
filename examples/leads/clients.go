package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/examples/leads/internal/clientfile"
	"github.com/tenetkit/tenet/ratelimit"
)

// clientList has everybody who comes with an id and a secret: the demo clients,
// and beside them, or in place of some, those of a file that may change.
type clientList struct {
	demo    []auth.Client
	file    string // empty: the demo clients alone
	foreign string // begins the subjects of a foreign issuer, which no client may be
	now     atomic.Pointer[clients]
}

// clients are those of one moment.
type clients struct {
	find     auth.ClientFunc
	fromFile []auth.Client
	plans    map[string]ratelimit.Rate // by id; without one the flags' rate and burst hold
}

// newClientList returns the list, with the file read.
func newClientList(demo []auth.Client, c config) (*clientList, error) {
	l := &clientList{demo: demo, file: c.clients, foreign: c.subjectPrefix()}
	return l, l.read()
}

// read reads the file. If it fails, the list stays as it is.
func (l *clientList) read() error {
	var fromFile []auth.Client
	if l.file != "" {
		data, err := os.ReadFile(l.file)
		if err != nil {
			return fmt.Errorf("-clients: %w", err)
		}
		if fromFile, err = clientfile.Parse(data); err != nil {
			return fmt.Errorf("-clients: %s: %w", l.file, err)
		}
	}
	all := slices.Clone(fromFile)
	plans := make(map[string]ratelimit.Rate)
	for _, c := range fromFile {
		plan, err := planOf(c)
		if err != nil {
			return fmt.Errorf("-clients: %s: client %q: %w", l.file, c.ID, err)
		}
		plans[c.ID] = plan
		if l.foreign != "" && strings.HasPrefix(c.ID, l.foreign) {
			return fmt.Errorf("-clients: %s: client %q has the name of a subject of -issuer", l.file, c.ID)
		}
	}
	for _, c := range l.demo {
		if !hasClient(fromFile, c.ID) {
			all = append(all, c)
		}
	}
	find, err := auth.Clients(all...)
	if err != nil {
		return fmt.Errorf("-clients: %s: %w", l.file, err)
	}
	l.now.Store(&clients{find, fromFile, plans})
	return nil
}

// planOf returns the rate that the client's claims name, as {"rate":600,"burst":1200}.
func planOf(c auth.Client) (plan ratelimit.Rate, err error) {
	claims, _ := c.Claims.(map[string]any)
	for name, field := range map[string]*int{"rate": &plan.Limit, "burst": &plan.Burst} {
		value, named := claims[name]
		if !named {
			continue
		}
		n, ok := value.(float64)
		if !ok || n < 1 || n > maxRate || n != math.Trunc(n) {
			return plan, fmt.Errorf("the claim %s is a number from 1 to %d", name, maxRate)
		}
		*field = int(n)
	}
	if plan.Burst > 0 && plan.Limit == 0 {
		return plan, errors.New("the claim burst goes with rate, which is missing")
	}
	return plan, nil
}

// plan is the rate of the caller, or the zero one for those of the flags. A client
// and its tokens are one subject.
func (l *clientList) plan(r *http.Request) ratelimit.Rate {
	subject, _ := auth.Subject(r)
	return l.now.Load().plans[subject]
}

// reload reads the file again, and goes on with the list in use if it is bad.
func (l *clientList) reload(logger *slog.Logger) {
	if err := l.read(); err != nil {
		logger.Error("clients stay as they are", "cause", err)
		return
	}
	logger.Info("clients read again", "file", l.file, "clients", len(l.fromFile()))
}

// find is the auth.ClientFunc. It is asked on every request, so what was read last
// holds from the next one on.
func (l *clientList) find(ctx context.Context, id string) (auth.Client, error) {
	return l.now.Load().find(ctx, id)
}

func (l *clientList) fromFile() []auth.Client { return l.now.Load().fromFile }

func (l *clientList) has(id string) bool {
	c, err := l.find(context.Background(), id)
	return err == nil && id != "" && c.ID == id
}

// barred reports whether the subject may not go on with what was begun in its name,
// a token or an import, bound to the unit: as a client it is gone, was disabled, or
// is bound to another unit by now. Whom a foreign issuer vouches for is not in the
// list, and loses the roles instead.
func (l *clientList) barred(subject, unit string) bool {
	if l.foreign != "" && strings.HasPrefix(subject, l.foreign) {
		return false
	}
	c, err := l.find(context.Background(), subject)
	return err != nil || c.ID == "" || c.Disabled || c.Unit != "" && c.Unit != unit
}

func hasClient(list []auth.Client, id string) bool {
	return slices.ContainsFunc(list, func(c auth.Client) bool { return c.ID == id })
}
