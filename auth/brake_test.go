package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/auth"
)

func from(address string, r *http.Request) *http.Request {
	r.RemoteAddr = address
	return r
}

// 300 failures a minute for an address and a client id together; nobody else is
// braked, and neither is a secret that was seen before.
func TestBrake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBasic(t, auth.BasicOptions{},
			auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: argonHash()}}}, auth.Client{ID: "fast", Secrets: []auth.Secret{{Hash: sha256Hash()}}})
		h := auth.Require(b)(whoami)
		status := func(address, id, secret string) int {
			t.Helper()
			w := serve(h, from(address, request(basicField(id, secret))))
			if w.Code == 429 && (w.Header().Get("Retry-After") == "" || w.Body.String() != `{"error":"too_many_requests","message":"Too many failed attempts","details":{"code":"too_many_failures"}}`) {
				t.Errorf("429 = %v %s", w.Header(), w.Body)
			}
			return w.Code
		}
		if got := status("192.0.2.1:1", "bob", "open sesame"); got != 200 {
			t.Fatalf("the right secret = %d", got)
		}
		for _, id := range []string{"bob", "fast", "nobody"} {
			for i := range 300 {
				if got := status("192.0.2.9:"+strconv.Itoa(i+1), id, "wrong"+strconv.Itoa(i)); got != 401 {
					t.Fatalf("failure %d of %s = %d, want 401", i, id, got)
				}
			}
			if got := status("192.0.2.9:1", id, "wrong"); got != 429 {
				t.Errorf("failure 301 of %s = %d, want 429", id, got)
			}
		}
		for name, tt := range map[string]struct {
			address, id, secret string
			want                int
		}{
			"seen before, from the same address":   {"192.0.2.9:1", "bob", "open sesame", 200},
			"a fast hash, from the same address":   {"192.0.2.9:1", "fast", "open sesame", 200},
			"another address":                      {"192.0.2.8:1", "bob", "wrong", 401},
			"another client from the same address": {"192.0.2.9:1", "other", "wrong", 401},
		} {
			if got := status(tt.address, tt.id, tt.secret); got != tt.want {
				t.Errorf("%s = %d, want %d", name, got, tt.want)
			}
		}
		time.Sleep(time.Second)
		if got := status("192.0.2.9:1", "bob", "wrong"); got != 401 {
			t.Errorf("a second later = %d, want 401", got)
		}
	})
}

// Where the address is known, it is braked whatever ids it tries; an IPv6
// network is one address.
func TestBrakeByAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBasic(t, auth.BasicOptions{
			Address: func(r *http.Request) string { return r.Header.Get("X-Real-Ip") }, MaxAddressFailures: 10,
		})
		h := auth.Require(b)(whoami)
		status := func(address string, i int) int {
			r := request(basicField("id"+strconv.Itoa(i), "wrong"))
			r.Header.Set("X-Real-Ip", address)
			return serve(h, r).Code
		}
		for i := range 10 {
			if got := status("2001:db8::"+strconv.Itoa(i), i); got != 401 {
				t.Fatalf("failure %d = %d, want 401", i, got)
			}
		}
		if got := status("2001:db8::ffff", 11); got != 429 {
			t.Errorf("failure 11 = %d, want 429", got)
		}
		if got := status("2001:db8:0:1::1", 12); got != 401 {
			t.Errorf("another network = %d, want 401", got)
		}
	})
}

// A negative limit is none.
func TestNoBrake(t *testing.T) {
	t.Parallel()
	b := newBasic(t, auth.BasicOptions{MaxFailures: -1})
	for range 1000 {
		if w := serve(auth.Require(b)(whoami), request(basicField("eve", "x"))); w.Code != 401 {
			t.Fatalf("answer = %d, want 401", w.Code)
		}
	}
}

// A store that wants to renew its hashes is told once, when the secret is there.
func TestOutdated(t *testing.T) {
	t.Parallel()
	fresh := must(auth.HashSecret("open sesame"))
	for name, tt := range map[string]struct {
		hash string
		want int32
	}{"bcrypt": {bcryptHash(), 1}, "weak argon2id": {argonHash(), 1}, "its own": {fresh, 0}, "sha256": {sha256Hash(), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int32
			b := newBasic(t, auth.BasicOptions{Outdated: func(_ context.Context, id, hash, secret string) {
				if id != "bob" || hash != tt.hash || secret != "open sesame" {
					t.Errorf("Outdated(%q, %q, %q)", id, hash, secret)
				}
				told.Add(1)
			}}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: tt.hash}}})
			for _, secret := range []string{"wrong", "open sesame", "open sesame"} {
				_, _ = b.Authenticate(request(basicField("bob", secret)))
			}
			if got := told.Load(); got != tt.want {
				t.Errorf("Outdated was called %d times, want %d", got, tt.want)
			}
		})
	}
}

// Over a socket without an address nobody is braked: it would be by client id alone.
func TestNoBrakeWithoutAnAddress(t *testing.T) {
	t.Parallel()
	for _, remote := range []string{"@", "", "/run/api.sock"} {
		b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: argonHash()}}})
		h := auth.Require(b)(whoami)
		for i := range 301 {
			serve(h, from(remote, request(basicField("bob", fmt.Sprint("wrong", i)))))
		}
		if w := serve(h, from(remote, request(basicField("bob", "open sesame")))); w.Code != 200 {
			t.Errorf("%q: bob's own secret is answered with %d after another's failures", remote, w.Code)
		}
	}
}

// An address with a port is that address.
func TestBrakeLeavesThePortAside(t *testing.T) {
	t.Parallel()
	b := newBasic(t, auth.BasicOptions{MaxAddressFailures: 10, Address: func(r *http.Request) string { return r.RemoteAddr }})
	for i := range 10 {
		serve(auth.Require(b)(whoami), from(fmt.Sprint("192.0.2.1:", 1000+i), request(basicField(fmt.Sprint("id", i), "x"))))
	}
	if w := serve(auth.Require(b)(whoami), from("192.0.2.1:2000", request(basicField("id", "x")))); w.Code != 429 {
		t.Errorf("failure 11 = %d, want 429", w.Code)
	}
}

// Once braked, no slow hash is computed any more; even the right secret has to wait.
func TestBrakeBeforeTheHash(t *testing.T) {
	t.Parallel()
	client := auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: argonHash()}}}
	b := newBasic(t, auth.BasicOptions{MaxFailures: 3}, client)
	h := auth.Require(b)(whoami)
	for i := range 3 {
		if w := serve(h, from("192.0.2.1:1", request(basicField("bob", fmt.Sprint(i))))); w.Code != 401 {
			t.Fatalf("failure %d = %d", i, w.Code)
		}
	}
	if w := serve(h, from("192.0.2.1:1", request(basicField("bob", "open sesame")))); w.Code != 429 {
		t.Errorf("an unseen secret from a braked address = %d, want 429", w.Code)
	}
}
