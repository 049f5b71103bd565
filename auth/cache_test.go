package auth_test

import (
	"fmt"
	"strings"
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

// Whatever is alike has digests of its own, and another process has others.
func TestDigests(t *testing.T) {
	t.Parallel()
	for name, fips := range map[string]bool{"GMAC": false, "SHA-256": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			digest, other := auth.NewDigest(fips), auth.NewDigest(fips)
			seen := make(map[string]string)
			for _, text := range []string{
				"", "\x00", "\x00\x00", "a", "a\x00", "\x00a", "b", strings.Repeat("a", 16), strings.Repeat("a", 16) + "\x00",
				strings.Repeat("a", 32), strings.Repeat("a", 8192), strings.Repeat("a", 8191) + "b", "b" + strings.Repeat("a", 8191),
			} {
				d := digest(text)
				if again := digest(text); again != d {
					t.Errorf("the digest of %.20q changes", text)
				}
				if first, known := seen[d]; known {
					t.Errorf("%.20q has the digest of %.20q", text, first)
				}
				if other(text) == d {
					t.Errorf("the digest of %.20q does not depend on the key", text)
				}
				seen[d] = text
			}
		})
	}
}
