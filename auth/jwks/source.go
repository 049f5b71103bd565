package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

const (
	defaultRefresh  = 15 * time.Minute
	defaultMaxStale = 24 * time.Hour
	defaultTimeout  = 10 * time.Second

	// minInterval is between two fetches that callers ask for, be it by a key
	// that is missed or because the last one failed.
	minInterval = 10 * time.Second
)

// Options adjusts a [Source]. The zero value is safe for production.
type Options struct {
	// Client sends the requests. If nil, one of its own over
	// [http.DefaultTransport]. Its CheckRedirect is replaced.
	Client *http.Client

	// Hosts may be asked beside the host of the URL: by a redirect, or because
	// a discovery document has its keys there. With a port, if it has one.
	Hosts []string

	// Refresh is how old a set may become while the issuer answers. If zero,
	// 15 minutes.
	Refresh time.Duration

	// MaxStale is how long the last set is good while the issuer does not
	// answer. If zero, 24 hours.
	MaxStale time.Duration

	// Timeout bounds one fetch, all of it. If zero, 10 seconds.
	Timeout time.Duration

	// OnError, if not nil, is told of each fetch that failed and of each key
	// that was left out.
	OnError func(error)
}

// Source has the keys of one issuer. Make one with [New] or [Discover].
type Source struct {
	fetcher  fetcher
	refresh  time.Duration
	maxStale time.Duration
	timeout  time.Duration
	onError  func(error)

	state atomic.Pointer[state]

	mu     sync.Mutex
	flight *flight // the fetch under way, or nil
	last   time.Time
	failed error // of the last fetch
}

// state is a set, immutable.
type state struct {
	set     *auth.KeySet
	ids     map[string]bool
	fetched time.Time
}

type flight struct {
	done chan struct{}
}

// New returns a Source for the JWK Set at the URL. Nothing is fetched yet. It
// fails for a URL that is not https, unless its host is a loopback address.
func New(url string, opts Options) (*Source, error) {
	s, err := newSource(url, opts)
	if err != nil {
		return nil, fmt.Errorf("jwks: New: %w", err)
	}
	s.fetcher.keysURL = url
	return s, nil
}

// Discover returns a Source for the keys of an issuer that has an OpenID Connect
// discovery document (or RFC 8414 metadata in the same place): the issuer's URL
// followed by /.well-known/openid-configuration. The document has to name the
// same issuer, and keys on its own host or one of [Options.Hosts].
func Discover(issuer string, opts Options) (*Source, error) {
	s, err := newSource(issuer, opts)
	if err != nil {
		return nil, fmt.Errorf("jwks: Discover: %w", err)
	}
	s.fetcher.issuer = issuer
	return s, nil
}

func newSource(url string, opts Options) (*Source, error) {
	if opts.Refresh < 0 || opts.MaxStale < 0 || opts.Timeout < 0 {
		return nil, errors.New("a duration is negative")
	}
	s := &Source{
		refresh:  orDefault(opts.Refresh, defaultRefresh),
		maxStale: orDefault(opts.MaxStale, defaultMaxStale),
		timeout:  orDefault(opts.Timeout, defaultTimeout),
		onError:  opts.OnError,
	}
	if s.maxStale < s.refresh {
		return nil, errors.New("MaxStale is below Refresh")
	}
	if s.onError == nil {
		s.onError = func(error) {}
	}
	return s, s.fetcher.init(url, opts)
}

func orDefault(d, usual time.Duration) time.Duration {
	if d == 0 {
		return usual
	}
	return d
}

// Keys returns the keys as they are known now. It is the KeySource of an
// [auth.Issuer]. A kid that is not in the set may cause a fetch; see the package
// comment for when.
func (s *Source) Keys(ctx context.Context, kid string) (*auth.KeySet, error) {
	now := time.Now()
	st := s.state.Load()
	missed, old, useless := true, true, true
	if st != nil {
		age := now.Sub(st.fetched)
		missed, old, useless = kid != "" && !st.ids[kid], age >= s.refresh, age >= s.maxStale
		if !missed && age < s.refresh*4/5 {
			return st.set, nil
		}
	}
	f, failing := s.start(now)
	// Honest callers do not wait for an issuer that is down while there is a
	// set to go on with.
	if f != nil && (useless || missed || old && !failing) {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if st = s.state.Load(); st != nil && time.Since(st.fetched) < s.maxStale {
		return st.set, nil
	}
	s.mu.Lock()
	err, again := s.failed, minInterval-time.Since(s.last)
	s.mu.Unlock()
	if err == nil {
		err = errors.New("the keys are too old")
	}
	return nil, apierror.Unavailable(max(again, time.Second)).Wrap(fmt.Errorf("jwks: Keys: %w", err))
}

// start returns the fetch under way, or starts one; nil if the last one is too
// recent. It also reports whether the last one failed.
func (s *Source) start(now time.Time) (f *flight, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failing = s.failed != nil
	if s.flight != nil {
		return s.flight, failing
	}
	if !s.last.IsZero() && now.Sub(s.last) < minInterval {
		return nil, failing
	}
	f = &flight{done: make(chan struct{})}
	s.flight, s.last = f, now
	go s.fetch(f)
	return f, failing
}

// fetch serves all who wait for it, and so does not end with any of them.
func (s *Source) fetch(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	st, skipped, err := s.fetcher.fetch(ctx)
	if err == nil {
		s.state.Store(st)
	}
	s.mu.Lock()
	s.flight, s.failed = nil, err
	s.mu.Unlock()
	close(f.done)
	for _, e := range append(skipped, err) {
		if e != nil {
			s.onError(fmt.Errorf("jwks: %w", e))
		}
	}
}
