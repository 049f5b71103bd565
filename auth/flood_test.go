package auth_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tenetkit/tenet/auth"
)

// A flood of wrong secrets and garbage tokens evicts no honest entry and leaves
// nothing behind.
//
// It is not parallel, for the heap is everybody's.
func TestFlood(t *testing.T) {
	var clients []auth.Client
	for i := range 8 {
		clients = append(clients, auth.Client{ID: fmt.Sprint("client", i), Secrets: []auth.Secret{{Hash: argonHash()}}})
	}
	var hits, misses int
	count := func(hit bool) {
		if hit {
			hits++
		} else {
			misses++
		}
	}
	// As few as there are honest callers, and more for shards that get many.
	basic := newBasic(t, auth.BasicOptions{CacheSize: 256, OnCache: count, MaxFailures: -1}, clients...)
	tokens := newJWT(t, auth.JWTOptions{CacheSize: 256, OnCache: count})
	h := auth.Require(basic, tokens)(whoami)
	var honest []string
	for i := range 8 {
		honest = append(honest, basicField(fmt.Sprint("client", i), "open sesame"), "Bearer "+hs256(object{"alg": "HS256"}, with(goodClaims(), "jti", fmt.Sprint(i))))
	}
	callHonest := func() {
		for _, field := range honest {
			if w := serve(h, request(field)); w.Code != 200 {
				t.Errorf("an honest caller is answered with %d", w.Code)
			}
		}
	}
	callHonest()
	flood := func(n int) {
		for i := range n {
			serve(h, request(basicField(fmt.Sprint("client", i%8), fmt.Sprint("wrong", i))))
			serve(h, request(fmt.Sprintf("Bearer %s%d", goodToken(), i)))
		}
	}
	flood(500)
	before := heap()
	flood(5000)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	hits, misses = 0, 0
	callHonest()
	if hits != len(honest) || misses != 0 {
		t.Errorf("after the flood %d of %d honest callers are remembered", hits, len(honest))
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
