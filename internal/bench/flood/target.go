package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tenetkit/tenet/auth"
)

// A target is a service with its honest callers.
type target struct {
	flood
	handler      http.Handler
	honest       [2][]*http.Request // Basic, Bearer
	hits, misses atomic.Int64
	tries        [600]atomic.Int64 // of the attacker, by the status of the answer
}

func newTarget(f flood) (*target, error) {
	t := &target{flood: f}
	onCache := func(hit bool) {
		if hit {
			t.hits.Add(1)
		} else {
			t.misses.Add(1)
		}
	}
	var list []auth.Client
	for i := range callers {
		id := fmt.Sprint("client", i)
		list = append(list, auth.Client{ID: id, Secrets: []auth.Secret{{Hash: f.hash()}}})
		t.honest[0] = append(t.honest[0], request(basic(id, password)))
		t.honest[1] = append(t.honest[1], request("Bearer "+token(id)))
	}
	clients, err := auth.Clients(list...)
	if err != nil {
		return nil, err
	}
	// Little room, so that one bad entry that got in would push a good one out.
	secrets, err := auth.NewBasic(clients, auth.BasicOptions{CacheSize: 256, OnCache: onCache, MaxHashes: f.maxHashes})
	if err != nil {
		return nil, err
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{CacheSize: 256, OnCache: onCache}, auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"HS256"}, Keys: []auth.Key{{Key: secret}},
	})
	if err != nil {
		return nil, err
	}
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	t.handler = auth.Require(secrets, tokens)(served)
	return t, t.callAll()
}

// callAll calls once for each honest caller.
func (t *target) callAll() error {
	w := newSink()
	for _, list := range t.honest {
		for _, r := range list {
			if w.call(t.handler, r); w.status != http.StatusOK {
				return fmt.Errorf("%s: an honest caller is answered with %d", t.name, w.status)
			}
		}
	}
	return nil
}

// attack sends bad credentials until the func that it returns is called, which
// waits for those that are under way.
func (t *target) attack() (stop func()) {
	return concurrently(t.attackers, func(attacker int, stopped *atomic.Bool) {
		var list []*http.Request
		for try := range 64 {
			r := request(t.field(attacker, try))
			// From everywhere, so that the brake on one address does not end it.
			r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:4711", attacker, try)
			list = append(list, r)
		}
		w := newSink()
		for i := 0; !stopped.Load(); i++ {
			w.call(t.handler, list[i%len(list)])
			t.tries[w.status].Add(1)
		}
	})
}

// busy computes without the handler.
func (t *target) busy() (stop func()) {
	n := t.attackers
	if n > 1 {
		n = t.maxHashes
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return concurrently(n, func(_ int, stopped *atomic.Bool) {
		var block [1024]byte
		for !stopped.Load() {
			sum := sha256.Sum256(block[:])
			copy(block[:], sum[:])
		}
	})
}

func concurrently(n int, f func(i int, stopped *atomic.Bool)) (stop func()) {
	var stopped atomic.Bool
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i, &stopped) })
	}
	return func() {
		stopped.Store(true)
		all.Wait()
	}
}
