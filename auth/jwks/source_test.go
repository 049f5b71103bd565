package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
	"github.com/tenetkit/tenet/auth/jwks"
)

// took calls Keys and returns what came of it and how long it took.
func took(t *testing.T, source *jwks.Source, kid string) (*auth.KeySet, time.Duration) {
	t.Helper()
	start := time.Now()
	set, err := source.Keys(t.Context(), kid)
	if err != nil {
		t.Errorf("Keys(%q) = %v", kid, err)
	}
	return set, time.Since(start)
}

// A key that is rotated in right after the first fetch or after a refresh in the
// background is found at once: neither was a refetch for an unknown kid.
func TestRotatedRightAfterAnotherFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: 100 * time.Millisecond}
		source := newSource(t, s, jwks.Options{Refresh: time.Minute})
		first, _ := took(t, source, "a")
		s.set(func() { s.pages[url] = keySet("b") })
		second, _ := took(t, source, "b")
		if second == first {
			t.Error("a key that was rotated in after the first fetch was not found")
		}
		time.Sleep(50 * time.Second)
		took(t, source, "b") // begins the refresh in the background
		time.Sleep(time.Second)
		s.set(func() { s.pages[url] = keySet("c") })
		third, _ := took(t, source, "c")
		if third == second || s.fetches.Load() != 4 {
			t.Errorf("a key that was rotated in after a refresh: %d fetches, want the fourth to find it", s.fetches.Load())
		}
	})
}

// Nobody who names a known key waits, whatever else is asked for meanwhile, and
// for an issuer that takes nine seconds.
func TestKnownKeysDoNotWait(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"a slow issuer": false, "an issuer that is down": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{pages: map[string]string{url: keySet("a")}}
				source := newSource(t, s, jwks.Options{Refresh: 10 * time.Minute})
				took(t, source, "a")
				s.set(func() { s.down, s.delay = down, 9*time.Second })
				var wg sync.WaitGroup
				end := time.Now().Add(time.Hour)
				for i := range 4 {
					wg.Go(func() {
						for n := 0; time.Now().Before(end); n++ {
							took(t, source, fmt.Sprint("forged", i, ".", n))
							time.Sleep(time.Duration(i+1) * time.Second)
						}
					})
				}
				for time.Now().Before(end) {
					if _, waited := took(t, source, "a"); waited > 0 {
						t.Fatalf("a known key waited for %v", waited)
					}
					time.Sleep(500 * time.Millisecond)
				}
				wg.Wait()
				time.Sleep(time.Minute) // a fetch may be under way
				if got := s.fetches.Load(); got < 300 || got > 370 {
					t.Errorf("%d fetches in an hour, want about one in ten seconds", got)
				}
			})
		})
	}
}

// Without any flood the background refresh alone serves callers who never wait,
// and a key that left is out within Refresh and the time of one fetch.
func TestBackgroundRefreshOfASlowIssuer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{})
		took(t, source, "a")
		s.set(func() { s.delay = 9 * time.Second })
		last := must(source.Keys(t.Context(), "a"))
		changed := time.Now()
		for range 24 * 60 * 4 {
			time.Sleep(15 * time.Second)
			set, waited := took(t, source, "a")
			if waited > 0 {
				t.Fatalf("a known key waited for %v", waited)
			}
			if set != last {
				last, changed = set, time.Now()
			}
			if age := time.Since(changed); age > 15*time.Minute {
				t.Fatalf("the set is %v old", age)
			}
		}
		time.Sleep(time.Minute) // a fetch may be under way
		if got := s.fetches.Load(); got < 96 || got > 121 {
			t.Errorf("%d fetches in a day, want one in 12 to 15 minutes", got)
		}
	})
}

// An issuer that was down long ago may be up by now, and a key may have left its
// set: where nobody asked for longer than Refresh, the caller waits.
func TestFailureLongAgo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: time.Second}
		source := newSource(t, s, jwks.Options{})
		first, _ := took(t, source, "a")
		s.set(func() { s.down = true })
		time.Sleep(time.Hour)
		took(t, source, "a") // fails
		s.set(func() { s.down, s.pages[url] = false, keySet("b") })
		time.Sleep(5 * time.Hour)
		var wg sync.WaitGroup
		for i := range 3 { // those who join the fetch wait, too
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				if set, _ := took(t, source, "a"); set == first {
					t.Error("a set of six hours ago was used without asking")
				}
			})
		}
		wg.Wait()
	})
}

// While an issuer is down, the rotated key of an honest caller is not found; once
// it is up again, that takes ten seconds at the most, whatever the flood.
func TestRotatedWhileDown(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]time.Duration{"refusing": 0, "hanging": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{pages: map[string]string{url: keySet("a")}}
				source := newSource(t, s, jwks.Options{})
				first, _ := took(t, source, "a")
				s.set(func() { s.down, s.delay, s.pages[url] = true, hang, keySet("b") })
				stop := time.Now().Add(15 * time.Minute)
				var wg sync.WaitGroup
				wg.Go(func() {
					for n := 0; time.Now().Before(stop); n++ {
						took(t, source, fmt.Sprint("forged", n))
						time.Sleep(70 * time.Millisecond)
					}
				})
				time.Sleep(10*time.Minute + 123*time.Millisecond)
				if set, _ := took(t, source, "b"); set != first {
					t.Error("while the issuer is down: another set than the last one")
				}
				s.set(func() { s.down, s.delay = false, 0 })
				time.Sleep(10 * time.Second)
				if set, waited := took(t, source, "b"); set == first || waited > 0 {
					t.Errorf("ten seconds after the issuer is up: the old set %v, after %v", set == first, waited)
				}
				wg.Wait()
			})
		})
	}
}

// A panic of the Client's transport, or an end of its goroutine, is a fetch that
// failed.
func TestTransportPanics(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"panic": func() { panic("oops") }, "Goexit": runtime.Goexit, "panic with an error": func() { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				good := &server{pages: map[string]string{url: keySet("a")}}
				broken := true
				var told atomic.Int32
				source := must(jwks.New(url, jwks.Options{
					OnError: func(error) { told.Add(1) },
					Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						if broken {
							fail()
						}
						return good.RoundTrip(r)
					})},
				}))
				if _, err := source.Keys(t.Context(), "a"); !errors.Is(err, apierror.Unavailable(0)) {
					t.Errorf("Keys = %v, want 503", err)
				}
				synctest.Wait()
				if told.Load() != 1 {
					t.Errorf("OnError was told %d times, want 1", told.Load())
				}
				broken = false
				time.Sleep(10 * time.Second)
				took(t, source, "a")
			})
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// nameless returns a JWK Set of new keys, the first without an id.
func nameless(ids ...string) string {
	keys := []jwk.Key{{Key: &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey}}
	for _, id := range ids {
		keys = append(keys, jwk.Key{ID: id, Key: &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey})
	}
	return string(must(jwk.MarshalSet(keys)))
}

// A key without an id serves tokens of any kid: those that the issuer uses cost
// one fetch each and not one in ten seconds.
func TestKeysWithoutID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: nameless()}, delay: time.Second}
		source := newSource(t, s, jwks.Options{Refresh: 2 * time.Hour})
		kids := []string{"x", "y", "z", ""}
		for range 3600 {
			for _, kid := range kids {
				took(t, source, kid)
			}
			time.Sleep(time.Second)
		}
		if got := s.fetches.Load(); got != 3 {
			t.Errorf("%d fetches in an hour for three kids, want 3", got)
		}
		// They are remembered beyond a refresh.
		time.Sleep(time.Hour)
		for _, kid := range kids {
			took(t, source, kid)
		}
		synctest.Wait()
		start, before := time.Now(), s.fetches.Load()
		for _, kid := range kids {
			took(t, source, kid)
		}
		if waited, got := time.Since(start), s.fetches.Load()-before; waited > 0 || got > 0 {
			t.Errorf("after a refresh: %v and %d fetches, want none", waited, got)
		}
		// A new kid is a rotation, as everywhere.
		s.set(func() { s.pages[url] = nameless() })
		old := must(source.Keys(t.Context(), "x"))
		if set, _ := took(t, source, "new"); set == old {
			t.Error("a key that was rotated in under another kid was not found")
		}
		// What strangers name is not kept without bound.
		s.set(func() { s.delay = 0 })
		long := strings.Repeat("k", 8000)
		before = s.fetches.Load()
		for i := range 100 {
			time.Sleep(10 * time.Second)
			took(t, source, fmt.Sprint(long, i))
		}
		took(t, source, fmt.Sprint(long, 99))
		time.Sleep(10 * time.Second)
		took(t, source, fmt.Sprint(long, 0))
		if got := s.fetches.Load() - before; got != 101 {
			t.Errorf("%d fetches, want 101: one for each kid and one for the first that is forgotten", got)
		}
	})
}

// Tokens without a kid never miss a key: another one is found by the next
// refresh.
func TestTokensWithoutKid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a", "b")}}
		source := newSource(t, s, jwks.Options{})
		first, _ := took(t, source, "")
		s.set(func() { s.pages[url] = keySet("c") })
		for range 11 * 60 {
			time.Sleep(time.Second)
			if set, _ := took(t, source, ""); set != first {
				t.Fatal("a token without a kid caused a fetch")
			}
		}
		time.Sleep(4 * time.Minute)
		if set, _ := took(t, source, ""); set == first {
			t.Error("a set older than Refresh was used without asking")
		}
	})
}

// No Options make the source ask without end.
func TestExtremeOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{Refresh: math.MaxInt64, MaxStale: math.MaxInt64})
		for range 100 {
			took(t, source, "a")
			time.Sleep(time.Hour)
		}
		if got := s.fetches.Load(); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
	if _, err := jwks.New(url, jwks.Options{Refresh: 15}); err == nil { // the unit was forgotten
		t.Error("New with a Refresh of 15 ns = nil error")
	}
}

// Whoever leaves while a fetch is under way gets the reason of its own context,
// and the others their keys.
func TestOneOfManyLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: 9 * time.Second}
		source := newSource(t, s, jwks.Options{})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				leaves := i%2 == 0 // the first one among them
				if leaves {
					time.AfterFunc(time.Second, cancel)
				}
				_, err := source.Keys(ctx, "a")
				if leaves != errors.Is(err, context.Canceled) || !leaves && err != nil {
					t.Errorf("caller %d: Keys = %v", i, err)
				}
			})
		}
		wg.Wait()
		if got := s.fetches.Load(); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

// Many goroutines with known, unknown and missing kids, through rotations and
// outages.
func TestCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a", "0")}, delay: time.Second}
		source := newSource(t, s, jwks.Options{Refresh: time.Minute})
		took(t, source, "a")
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				for n := range 600 {
					_, waited := took(t, source, []string{"a", "", fmt.Sprint(n / 60), fmt.Sprint("forged", i, n)}[i%4])
					if waited > 11*time.Second {
						t.Errorf("a caller waited for %v", waited)
					}
					time.Sleep(time.Second)
				}
			})
		}
		for n := range 10 {
			s.set(func() { s.pages[url], s.down = keySet("a", fmt.Sprint(n)), n%3 == 2 })
			time.Sleep(time.Minute)
		}
		wg.Wait()
		time.Sleep(time.Minute) // a fetch may be under way
	})
}

// The age of a set counts from the request for it: a key that left while a slow
// issuer answered is out within one refresh, too.
func TestAgeOfASlowSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: 9 * time.Second}
		source := newSource(t, s, jwks.Options{Refresh: time.Minute})
		time.AfterFunc(time.Second, func() { s.set(func() { s.pages[url], s.delay = keySet("b"), 0 }) })
		first, _ := took(t, source, "a")
		time.Sleep(52 * time.Second)
		if set, _ := took(t, source, "a"); set == first {
			t.Error("a key that left the set 60 seconds ago was used without asking")
		}
	})
}

// A key that signs before it is published is asked for again.
func TestPublishedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{})
		took(t, source, "a")
		first, _ := took(t, source, "b")
		s.set(func() { s.pages[url] = keySet("a", "b") })
		time.Sleep(10 * time.Second)
		if set, _ := took(t, source, "b"); set == first {
			t.Error("a key that was missed before was not asked for again")
		}
	})
}

// With the shortest Refresh, too, only the first callers wait for an issuer that
// hangs.
func TestShortRefreshOfAnIssuerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{Refresh: 10 * time.Second})
		took(t, source, "a")
		s.set(func() { s.delay = time.Hour })
		time.Sleep(9 * time.Second)
		took(t, source, "a") // begins the refresh that fails in ten seconds
		time.Sleep(time.Second)
		if _, waited := took(t, source, "a"); waited != 9*time.Second {
			t.Errorf("while nothing is known of the issuer a caller waited for %v, want the rest of the ten seconds", waited)
		}
		for range 3600 {
			if _, waited := took(t, source, "a"); waited > 0 {
				t.Fatalf("a caller waited for %v", waited)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute) // a fetch may be under way
	})
}
