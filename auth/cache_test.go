package auth_test

import (
	"fmt"
	"testing"

	"github.com/tenetkit/tenet/auth"
)

// What is remembered is bounded, and a caller who keeps coming stays in.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	hits := 0
	tokens := newJWT(t, auth.JWTOptions{CacheSize: 32, OnCache: func(hit bool) {
		if hit {
			hits++
		}
	}})
	call := func(id string) {
		t.Helper()
		if _, err := tokens.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, `{"iss":"`+issuerURL+`","aud":"`+audience+`","sub":"`+id+`","exp":9999999999}`))); err != nil {
			t.Fatal(err)
		}
	}
	call("regular")
	for i := range 2000 {
		call(fmt.Sprint("visitor", i))
		call("regular")
	}
	if hits < 1990 {
		t.Errorf("the regular caller was remembered %d times of 2000", hits)
	}
	hits = 0
	for i := range 2000 {
		call(fmt.Sprint("visitor", i))
	}
	if hits > 32 {
		t.Errorf("%d of 2000 visitors are remembered in a cache of 32", hits)
	}
	off := newJWT(t, auth.JWTOptions{CacheSize: -1, OnCache: func(bool) { t.Error("a cache that is off was asked") }})
	for range 2 {
		if _, err := off.Authenticate(request("Bearer " + goodToken())); err != nil {
			t.Error(err)
		}
	}
}
