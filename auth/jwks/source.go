package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

	// minInterval is between two fetches for the sake of keys that are missed, and
	// between one that failed and the next.
	minInterval = 10 * time.Second
)

// Options adjusts a [Source]. The zero value is safe for production.
type Options struct {
	// Client sends the requests. If nil, one of its own over
	// [http.DefaultTransport], without cookies. Its CheckRedirect is replaced.
	Client *http.Client

	// Hosts may be asked beside the host of the URL: by a redirect, or because
	// a discovery document has its keys there. With a port, if it has one:
	// keys.example.com, keys.example.com:8443.
	Hosts []string

	// Refresh is how old a set may become while the issuer answers. If zero,
	// 15 minutes; at least 10 seconds.
	Refresh time.Duration

	// MaxStale is how long the last set is good while the issuer does not
	// answer. If zero, 24 hours; not less than Refresh.
	MaxStale time.Duration

	// Timeout bounds one fetch, all of it. If zero, 10 seconds.
	Timeout time.Duration

	// OnError, if not nil, is told of each fetch that failed and of each key
	// that was left out. It may be called by several goroutines, none of which
	// is that of a request.
	OnError func(error)
}

// Source has the keys of one issuer. Make one with [New] or [Discover].
type Source struct {
	fetcher  fetcher
	renew    time.Duration // the age at which a set is renewed in the background
	refresh  time.Duration
	maxStale time.Duration
	timeout  time.Duration
	onError  func(error)

	state atomic.Pointer[state]

	mu       sync.Mutex // for storing the state, too
	flight   *flight    // the fetch under way, or nil
	started  time.Time  // the last fetch
	missed   time.Time  // the last fetch for the sake of a key that was missed
	failed   error      // of the last fetch, or nil
	failedAt time.Time  // when it ended
}

// state is a set, immutable.
type state struct {
	set     *auth.KeySet
	ids     map[string]bool // of tokens that miss no key
	fetched time.Time       // when it was asked for: keys may have left since

	// unnamed are the kids that callers asked for before, and that the set does
	// not name but may serve, since it has a key without an id.
	unnamed []string
}

// maxUnnamed is more than the tokens of one issuer name; strangers may name any.
const maxUnnamed = 16

// serves reports whether the set may have the key for a token with the kid.
func (st *state) serves(kid string) bool { return st != nil && (kid == "" || st.ids[kid]) }

// younger reports whether the set was asked for less than d ago.
func (st *state) younger(d time.Duration) bool { return st != nil && time.Since(st.fetched) < d }

// remember adds the kid of a caller to those that need no fetch, if the set has a
// key for tokens of any kid. Else an issuer whose tokens have a kid that its keys
// lack would be asked every ten seconds for ever.
func (st *state) remember(old *state, kid string) {
	if !st.ids[""] {
		return
	}
	if old != nil {
		st.unnamed = old.unnamed
	}
	if kid != "" && !slices.Contains(st.unnamed, kid) {
		st.unnamed = append([]string{kid}, st.unnamed[:min(len(st.unnamed), maxUnnamed-1)]...)
	}
	for _, kid := range st.unnamed {
		st.ids[kid] = true
	}
}

type flight struct {
	kid  string // of the caller who asked first
	done chan struct{}
}

// New returns a Source for the JWK Set at the URL. Nothing is fetched yet. It
// fails for a URL that is not https, unless its host is a loopback address, for
// one with a user or a fragment, and for options out of their bounds.
func New(url string, opts Options) (*Source, error) {
	s, err := newSource(url, opts)
	if err != nil {
		return nil, fmt.Errorf("jwks: New: %w", err)
	}
	s.fetcher.keysURL = url
	return s, nil
}

// Discover returns a Source for the keys of an issuer that has an OpenID Connect
// discovery document, at its URL followed by /.well-known/openid-configuration, or
// else the metadata of RFC 8414, with /.well-known/oauth-authorization-server
// before the path of its URL. The document has to name the very same issuer, and
// keys on its own host or one of [Options.Hosts]. Discover fails as [New] does, and
// for a URL with a query.
func Discover(issuer string, opts Options) (*Source, error) {
	s, err := newSource(issuer, opts)
	if err == nil && strings.ContainsAny(issuer, "?#") {
		err = errors.New("an issuer has no query and no fragment")
	}
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
	switch {
	case s.refresh < minInterval:
		return nil, fmt.Errorf("the Refresh is below %v", minInterval)
	case s.maxStale < s.refresh:
		return nil, errors.New("MaxStale is below Refresh")
	}
	s.renew = s.refresh - s.refresh/5
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
// comment for when. Without any keys the error is a 503 with Retry-After; if ctx
// ends while the caller waits, it is that of ctx, and the fetch goes on for others.
func (s *Source) Keys(ctx context.Context, kid string) (*auth.KeySet, error) {
	if st := s.state.Load(); st.serves(kid) && st.younger(s.renew) {
		return st.set, nil
	}
	if f := s.ask(kid); f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if st := s.state.Load(); st.younger(s.maxStale) {
		return st.set, nil
	}
	s.mu.Lock()
	err, again := s.failed, minInterval-time.Since(s.started)
	s.mu.Unlock()
	if err == nil {
		err = errors.New("the keys are too old")
	}
	return nil, apierror.Unavailable(again).Wrap(fmt.Errorf("jwks: Keys: %w", err))
}

// ask starts a fetch for the kid's sake, or finds the one under way, and returns it
// if the caller has to wait for it. Where one may not start yet there is nothing to
// wait for.
func (s *Source) ask(kid string) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Read again: a fetch may have ended meanwhile.
	st, now := s.state.Load(), time.Now()
	misses, due := !st.serves(kid), !st.younger(s.renew)
	if s.flight == nil {
		switch {
		case !misses && !due,
			s.failed != nil && now.Sub(s.started) < minInterval,
			!due && now.Sub(s.missed) < minInterval:
			return nil
		case !due:
			s.missed = now
		}
		s.flight, s.started = &flight{kid, make(chan struct{})}, now
		go s.fetch(s.flight)
	}
	// Honest callers do not wait for an issuer that is known to be down while there
	// is a set to go on with. A failure of long ago says nothing of now.
	down := s.failed != nil && now.Sub(s.failedAt) < max(s.refresh, minInterval+s.timeout)
	if misses || !st.younger(s.maxStale) || !down && !st.younger(s.refresh) {
		return s.flight
	}
	return nil
}

// fetch serves all who wait for it, and so does not end with any of them.
func (s *Source) fetch(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	var st *state
	var skipped []error
	err := errors.New("the transport ended its goroutine")
	defer func() {
		// There is no server above to recover from a panic of the transport.
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		s.land(f, st, err)
		for _, e := range append(skipped, err) {
			if e != nil {
				s.onError(fmt.Errorf("jwks: %w", e))
			}
		}
	}()
	st, skipped, err = s.fetcher.fetch(ctx)
}

// land ends the flight with what came of it.
func (s *Source) land(f *flight, st *state, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		st.fetched = s.started
		st.remember(s.state.Load(), f.kid)
		s.state.Store(st)
	}
	s.flight, s.failed, s.failedAt = nil, err, time.Now()
	close(f.done)
}
