package auth_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"golang.org/x/crypto/bcrypt"
)

// What Basic must not carry is refused before the store is asked, and so also where
// the store would know it.
func TestBasicFormBeforeTheStore(t *testing.T) {
	t.Parallel()
	enc := base64.StdEncoding.EncodeToString
	for name, tt := range map[string]struct{ field, secret string }{
		"no colon":             {"Basic " + enc([]byte("bob")), ""},
		"an empty id":          {"Basic " + enc([]byte(":open sesame")), "open sesame"},
		"an empty secret":      {"Basic " + enc([]byte("bob:")), ""},
		"a NUL in the secret":  {"Basic " + enc([]byte("bob:open\x00sesame")), "open\x00sesame"},
		"a line end":           {"Basic " + enc([]byte("bob:open sesame\n")), "open sesame\n"},
		"delete in the id":     {"Basic " + enc([]byte("bob\x7f:open sesame")), "open sesame"},
		"not UTF-8":            {"Basic " + enc([]byte("bob:\xff")), "\xff"},
		"no padding":           {"Basic " + strings.TrimRight(enc([]byte("bob:open sesame!")), "="), "open sesame!"},
		"base64 not canonical": {"Basic " + strings.Replace(enc([]byte("bob:open sesame!")), "IQ==", "IR==", 1), "open sesame!"},
		"a long id":            {"Basic " + enc([]byte(strings.Repeat("x", 257)+":open sesame")), "open sesame"},
		"a long secret":        {"Basic " + enc([]byte("bob:"+strings.Repeat("x", 1025))), strings.Repeat("x", 1025)},
		"the alphabet of URLs": {"Basic " + strings.ReplaceAll(enc([]byte("bob:???>>>")), "/", "_"), "???>>>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := sha256.Sum256([]byte(tt.secret))
			b := must(auth.NewBasic(func(_ context.Context, id string) (auth.Client, error) {
				return auth.Client{ID: id, Secrets: []auth.Secret{{Hash: "$sha256$" + phc(sum[:])}}}, nil
			}, auth.BasicOptions{}))
			w := serve(auth.Require(b)(whoami), request(tt.field))
			if w.Code != 401 || w.Body.String() != unauthorized || w.Header().Get("Www-Authenticate") != `Basic realm="api", charset="UTF-8"` {
				t.Errorf("answer = %d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

// A secret that has ended is refused though others of the client live, fast or slow,
// seen before or not.
func TestEndedSecretBesideALiveOne(t *testing.T) {
	t.Parallel()
	_, other := auth.GenerateSecret()
	salt := []byte("fedcba9876543210")
	slowOther := fmt.Sprintf("$pbkdf2-sha256$i=1000$%s$%s", phc(salt), phc(must(pbkdf2.Key(sha256.New, "another", salt, 1000, 32))))
	for name, ended := range map[string]string{"fast": sha256Hash(), "slow": pbkdf2Hash(), "bcrypt": bcryptHash()} {
		for live, hash := range map[string]string{"fast": other, "slow": slowOther} {
			t.Run(name+" beside "+live, func(t *testing.T) {
				t.Parallel()
				client := auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: ended}, {Hash: hash}}}
				b := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) { return client, nil }, auth.BasicOptions{}))
				for range 2 {
					if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err != nil {
						t.Fatalf("before its end = %v", err)
					}
				}
				client.Secrets = []auth.Secret{{Hash: ended, NotAfter: time.Now().Add(-time.Second)}, {Hash: hash}}
				if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err == nil {
					t.Error("seen before: the ended secret is accepted")
				}
				b = must(auth.NewBasic(func(context.Context, string) (auth.Client, error) { return client, nil }, auth.BasicOptions{}))
				if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err == nil {
					t.Error("never seen: the ended secret is accepted")
				}
			})
		}
	}
}

// ab:c and a:bc are different credentials.
func TestCacheKeepsIDAndSecretApart(t *testing.T) {
	t.Parallel()
	hash := string(must(bcrypt.GenerateFromPassword([]byte("bc"), bcrypt.MinCost)))
	other := string(must(bcrypt.GenerateFromPassword([]byte("zzz"), bcrypt.MinCost)))
	b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "a", Secrets: []auth.Secret{{Hash: hash}}}, auth.Client{ID: "ab", Secrets: []auth.Secret{{Hash: other}, {Hash: hash}}})
	if _, err := b.Authenticate(request(basicField("a", "bc"))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(request(basicField("ab", "c"))); err == nil {
		t.Error("what one client's secret opened lets in another")
	}
}

// Callers that share one check are one renewal.
func TestOutdatedIsToldOnce(t *testing.T) {
	t.Parallel()
	var told atomic.Int32
	b := newBasic(t, auth.BasicOptions{Outdated: func(context.Context, string, string, string) { told.Add(1) }},
		auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: string(must(bcrypt.GenerateFromPassword([]byte("open sesame"), 10)))}}})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = b.Authenticate(request(basicField("bob", "open sesame"))) })
	}
	wg.Wait()
	if n := told.Load(); n != 1 {
		t.Errorf("Outdated was called %d times, want once", n)
	}
}

// slowBcrypt is a hash that takes long enough to be noticed.
func slowBcrypt(secret string) string {
	return string(must(bcrypt.GenerateFromPassword([]byte(secret), 10)))
}

// The queue's 503 on the wire.
func TestBusyAnswer(t *testing.T) {
	hash := slowBcrypt("open sesame")
	b := newBasic(t, auth.BasicOptions{MaxHashes: 1, MaxWaiting: 1}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}})
	h := apierror.Recover(apierror.Options{})(auth.Require(b)(whoami))
	var wg sync.WaitGroup
	var busy atomic.Int32
	for i := range 10 {
		wg.Go(func() {
			w := serve(h, request(basicField("bob", fmt.Sprint(i))))
			if w.Code != 503 {
				return
			}
			busy.Add(1)
			if w.Header().Get("Retry-After") != "1" || w.Header()["Www-Authenticate"] != nil || w.Body.String() != `{"error":"service_unavailable","message":"Service temporarily unavailable"}` {
				t.Errorf("503 = %v %s", w.Header(), w.Body)
			}
		})
	}
	wg.Wait()
	if busy.Load() == 0 {
		t.Error("nobody was told to come back")
	}
}

// An unknown id, and one whose secrets have ended, costs what a wrong secret costs
// the costliest client, also if its hash was not the first of its kind, and if it
// has two secrets.
func TestUnknownCostsAsMuch(t *testing.T) {
	t.Parallel()
	hash := func() string { return string(must(bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost+1))) }
	dear := []string{hash(), hash()}
	b := newBasic(t, auth.BasicOptions{MaxHashes: 1},
		auth.Client{ID: "cheap", Secrets: []auth.Secret{{Hash: bcryptHash()}}},
		auth.Client{ID: "two", Secrets: []auth.Secret{{Hash: dear[0]}, {Hash: sha256Hash()}, {Hash: dear[1]}, {Hash: hash(), NotAfter: time.Unix(1, 0)}}},
		auth.Client{ID: "late", Secrets: []auth.Secret{{Hash: bcryptHash(), NotAfter: time.Unix(1, 0)}}},
		auth.Client{ID: "fast", Secrets: []auth.Secret{{Hash: sha256Hash()}}})
	for _, id := range []string{"cheap", "two", "cheap"} {
		_, _ = b.Authenticate(request(basicField(id, "wrong")))
	}
	if diff := cmp.Diff(dear, auth.Decoys(b)); diff != "" {
		t.Errorf("what nobody is checked against mismatch (-want +got):\n%s", diff)
	}
	for _, id := range []string{"nobody", "late", "fast"} {
		done := make(chan error)
		release := auth.HoldHashes(b)
		go func() {
			_, err := b.Authenticate(request(basicField(id, "wrong")))
			done <- err
		}()
		for !auth.Hashing(b) {
			select {
			case err := <-done:
				t.Fatalf("%s is refused without a hash: %v", id, err)
			default:
				runtime.Gosched()
			}
		}
		release()
		if err := <-done; err == nil {
			t.Errorf("%s is let in", id)
		}
	}
}
