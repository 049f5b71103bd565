package auth_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

// Hashes of the secret "open sesame", as cheap as they may be.
var (
	bcryptHash = sync.OnceValue(func() string {
		return string(must(bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)))
	})
	argonHash = sync.OnceValue(func() string {
		salt := []byte("0123456789abcdef")
		sum := argon2.IDKey([]byte("open sesame"), salt, 1, 8, 1, 32)
		return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", phc(salt), phc(sum))
	})
	pbkdf2Hash = sync.OnceValue(func() string {
		salt := []byte("0123456789abcdef")
		return fmt.Sprintf("$pbkdf2-sha256$i=1000$%s$%s", phc(salt), phc(must(pbkdf2.Key(sha256.New, "open sesame", salt, 1000, 32))))
	})
	pbkdf2Hash512 = sync.OnceValue(func() string {
		salt := []byte("0123456789abcdef")
		return fmt.Sprintf("$pbkdf2-sha512$i=1000$%s$%s", phc(salt), phc(must(pbkdf2.Key(sha512.New, "open sesame", salt, 1000, 64))))
	})
	sha256Hash = sync.OnceValue(func() string {
		sum := sha256.Sum256([]byte("open sesame"))
		return "$sha256$" + phc(sum[:])
	})
)

func phc(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func TestBasicHashes(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]string{
		"bcrypt": bcryptHash(), "argon2id": argonHash(), "pbkdf2-sha256": pbkdf2Hash(), "pbkdf2-sha512": pbkdf2Hash512(),
		"sha256": sha256Hash(), "HashSecret": must(auth.HashSecret("open sesame")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBasic(t, auth.BasicOptions{}, auth.Client{
				ID: "bob", Secrets: []auth.Secret{{Hash: hash}}, Scopes: []string{"read"}, Roles: []string{"editor"}, Unit: "emea", Claims: 7,
			})
			for range 2 {
				p, err := b.Authenticate(request(basicField("bob", "open sesame")))
				if err != nil || p.Subject != "bob" || p.ClientID != "bob" || p.Scheme != "Basic" || len(p.Scopes) != 1 || p.Unit != "emea" || p.Roles[0] != "editor" {
					t.Fatalf("Authenticate = %+v, %v", p, err)
				}
				if n, err := auth.Claims[int](p); n != 7 || err != nil {
					t.Errorf("Claims = %d, %v", n, err)
				}
				for _, wrong := range []string{"open sesam", "open sesame ", "Open sesame", "x", strings.Repeat("x", 1024)} {
					if _, err := b.Authenticate(request(basicField("bob", wrong))); err == nil {
						t.Errorf("the secret %q was accepted", wrong)
					}
				}
			}
		})
	}
}

// Each is a 401; what is well-formed but wrong is no different from the rest.
func TestMustRefuseBasic(t *testing.T) {
	t.Parallel()
	_, hash := auth.GenerateSecret()
	b := newBasic(t, auth.BasicOptions{},
		auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: sha256Hash()}}},
		auth.Client{ID: "off", Secrets: []auth.Secret{{Hash: sha256Hash()}}, Disabled: true},
		auth.Client{ID: "late", Secrets: []auth.Secret{{Hash: sha256Hash(), NotAfter: time.Now().Add(-time.Second)}}},
		auth.Client{ID: "bare"},
		auth.Client{ID: "slow", Secrets: []auth.Secret{{Hash: bcryptHash()}, {Hash: hash}}},
	)
	enc := base64.StdEncoding.EncodeToString
	good := enc([]byte("bob:open sesame"))
	h := auth.Require(b)(whoami)
	tests := map[string]string{
		"no colon":                 "Basic " + enc([]byte("bob")),
		"an empty id":              "Basic " + enc([]byte(":open sesame")),
		"an empty secret":          "Basic " + enc([]byte("bob:")),
		"nothing":                  "Basic ",
		"the scheme alone":         "Basic",
		"a control character":      "Basic " + enc([]byte("bob:open\x00sesame")),
		"a line end":               "Basic " + enc([]byte("bob:open sesame\n")),
		"delete":                   "Basic " + enc([]byte("bob\x7f:open sesame")),
		"not UTF-8":                "Basic " + enc([]byte("bob:\xff")),
		"invalid base64":           "Basic !!!!",
		"base64 without padding":   "Basic " + strings.TrimRight(enc([]byte("bob:open sesame!")), "="),
		"base64 not canonical":     "Basic " + strings.Replace(enc([]byte("bob:open sesame!")), "E=", "F=", 1),
		"a line end in the base64": "Basic " + good[:4] + "\n" + good[4:],
		"trailing text":            "Basic " + good + " x",
		"a wrong secret":           basicField("bob", "wrong"),
		"an unknown id":            basicField("eve", "open sesame"),
		"an id in another case":    basicField("BOB", "open sesame"),
		"a disabled client":        basicField("off", "open sesame"),
		"a secret that has ended":  basicField("late", "open sesame"),
		"a client without secrets": basicField("bare", "open sesame"),
		"a slow wrong secret":      basicField("slow", "wrong"),
		"an id of 257 bytes":       basicField(strings.Repeat("x", 257), "open sesame"),
		"a secret of 1025 bytes":   basicField("bob", strings.Repeat("x", 1025)),
		"a field of a megabyte":    "Basic " + strings.Repeat("A", 1<<20),
	}
	for name, field := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(h, request(field))
			if w.Code != 401 || w.Body.String() != unauthorized || w.Header().Get("Www-Authenticate") != `Basic realm="api", charset="UTF-8"` {
				t.Errorf("answer = %d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
	for _, field := range []string{"Basic " + good, "basic " + good, "BASIC   " + good} {
		if w := serve(h, request(field)); w.Code != 200 {
			t.Errorf("%q = %d, want 200", field, w.Code)
		}
	}
}

// RFC 7617, section 2 and 2.1.
func TestRFC7617Examples(t *testing.T) {
	t.Parallel()
	for field, client := range map[string]struct{ id, secret string }{
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==": {"Aladdin", "open sesame"},
		"Basic dGVzdDoxMjPCow==":             {"test", "123£"},
	} {
		sum := sha256.Sum256([]byte(client.secret))
		b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: client.id, Secrets: []auth.Secret{{Hash: "$sha256$" + phc(sum[:])}}})
		if p, err := b.Authenticate(request(field)); err != nil || p.Subject != client.id {
			t.Errorf("%s = %+v, %v", field, p, err)
		}
	}
}

// What the store says now counts, also for credentials that were seen before.
func TestSeenCredentialsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: bcryptHash(), NotAfter: time.Now().Add(time.Minute)}}}
		var down error
		b := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) { return client, down }, auth.BasicOptions{}))
		check := func(when string, ok bool) {
			t.Helper()
			if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); (err == nil) != ok {
				t.Errorf("%s: Authenticate = %v, want ok %v", when, err, ok)
			}
		}
		check("unseen", true)
		check("seen", true)
		client.Disabled = true
		check("disabled", false)
		client.Disabled = false
		check("enabled", true)
		saved := client.Secrets
		client.Secrets = nil
		check("without secrets", false)
		client.Secrets = []auth.Secret{{Hash: argonHash()}}
		check("with another hash of the secret", true)
		client.Secrets = saved
		down = errors.New("down")
		_, err := b.Authenticate(request(basicField("bob", "open sesame")))
		if !errors.Is(err, apierror.Unavailable(0)) || !errors.Is(err, down) {
			t.Errorf("store down = %v, want a 503 that wraps it", err)
		}
		down = nil
		client.ID = "bobby"
		check("another client's row", false)
		client.ID = "bob"
		time.Sleep(time.Minute)
		check("past not-after", false)
	})
}

// While one secret replaces another, both are good.
// A hash that ended once and lives again under a later entry still counts.
func TestOneHashListedTwice(t *testing.T) {
	t.Parallel()
	b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{
		{Hash: bcryptHash(), NotAfter: time.Now().Add(-time.Hour)}, {Hash: bcryptHash()},
	}})
	if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err != nil {
		t.Errorf("Authenticate = %v, want the live entry to count", err)
	}
}

// While a check against the old secrets is under way, one against the new ones does
// not take over its result.
func TestRotationDuringAHash(t *testing.T) {
	t.Parallel()
	slow := string(must(bcrypt.GenerateFromPassword([]byte("something else"), 11)))
	var reads atomic.Int32
	b := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) {
		if reads.Add(1) == 1 {
			return auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: slow}}}, nil
		}
		return auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: slow}, {Hash: bcryptHash()}}}, nil
	}, auth.BasicOptions{}))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err == nil {
			t.Error("Authenticate before the rotation = nil, want an error")
		}
	})
	for !auth.Hashing(b) {
		runtime.Gosched()
	}
	for range 5 {
		wg.Go(func() {
			if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err != nil {
				t.Errorf("Authenticate after the rotation = %v", err)
			}
		})
	}
	wg.Wait()
}

// A client that is withdrawn while its secret waits for a hash is out, too.
func TestWithdrawnDuringAHash(t *testing.T) {
	t.Parallel()
	good := auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: bcryptHash()}}}
	tests := map[string]struct {
		then auth.Client
		err  error
		want int
	}{
		"unchanged":        {then: good, want: 200},
		"disabled":         {then: auth.Client{ID: "bob", Secrets: good.Secrets, Disabled: true}, want: 401},
		"deleted":          {want: 401},
		"another secret":   {then: auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: argonHash()}}}, want: 401},
		"an ended secret":  {then: auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: bcryptHash(), NotAfter: time.Unix(1, 0)}}}, want: 401},
		"with other roles": {then: auth.Client{ID: "bob", Secrets: good.Secrets, Roles: []string{"x"}}, want: 200},
		"no answer":        {err: errors.New("down"), want: 503},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reads atomic.Int32
			b := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) {
				if reads.Add(1) == 1 {
					return good, nil
				}
				return tt.then, tt.err
			}, auth.BasicOptions{}))
			var roles []string
			w := serve(auth.Require(b)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				p, _ := auth.FromContext(r.Context())
				roles = p.Roles
			})), request(basicField("bob", "open sesame")))
			if diff := cmp.Diff(tt.then.Roles, roles); diff != "" || w.Code != tt.want {
				t.Errorf("answer = %d, want %d; roles mismatch (-want +got):\n%s", w.Code, tt.want, diff)
			}
		})
	}
}

func TestRotationOfSecrets(t *testing.T) {
	t.Parallel()
	old, oldHash := auth.GenerateSecret()
	fresh, freshHash := auth.GenerateSecret()
	b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{
		{Hash: oldHash, NotAfter: time.Now().Add(time.Hour)}, {Hash: freshHash}, {Hash: argonHash()},
	}})
	for _, secret := range []string{old, fresh, "open sesame"} {
		if _, err := b.Authenticate(request(basicField("bob", secret))); err != nil {
			t.Errorf("Authenticate = %v", err)
		}
	}
	if old == fresh || len(old) < 26 {
		t.Errorf("generated secrets %q, %q", old, fresh)
	}
}

// bcrypt looks at 72 bytes only; a longer secret is not taken for its beginning.
func TestBcryptIsNotCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 72)
	hash := string(must(bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)))
	b := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}})
	if _, err := b.Authenticate(request(basicField("bob", long))); err != nil {
		t.Errorf("72 bytes = %v", err)
	}
	if _, err := b.Authenticate(request(basicField("bob", long+"y"))); err == nil {
		t.Error("73 bytes were accepted")
	}
}

// A row with a hash that nothing can read refuses, and the audit says why.
func TestBrokenHash(t *testing.T) {
	t.Parallel()
	client := auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: "plain text"}}}
	b := must(auth.NewBasic(func(context.Context, string) (auth.Client, error) { return client, nil }, auth.BasicOptions{}))
	_, err := b.Authenticate(request(basicField("bob", "plain text")))
	if err == nil || !strings.Contains(err.Error(), `client "bob"`) || !strings.Contains(err.Error(), "hash is not") || strings.Contains(err.Error(), "plain text") {
		t.Errorf("Authenticate = %v, want an error that tells of the hash and not the text", err)
	}
	client.Secrets = append(client.Secrets, auth.Secret{Hash: bcryptHash()})
	if _, err := b.Authenticate(request(basicField("bob", "open sesame"))); err != nil {
		t.Errorf("a good hash beside it = %v", err)
	}
}

func TestClientsRefuses(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]auth.Client{
		"an empty id":    {{}},
		"an id twice":    {{ID: "a"}, {ID: "a"}},
		"a colon":        {{ID: "a:b"}},
		"a line end":     {{ID: "a\n"}},
		"a long id":      {{ID: strings.Repeat("a", 257)}},
		"a broken hash":  {{ID: "a", Secrets: []auth.Secret{{Hash: "secret"}}}},
		"an empty hash":  {{ID: "a", Secrets: []auth.Secret{{}}}},
		"a dear bcrypt":  {{ID: "a", Secrets: []auth.Secret{{Hash: strings.Replace(bcryptHash(), "$04$", "$31$", 1)}}}},
		"a dear argon2":  {{ID: "a", Secrets: []auth.Secret{{Hash: strings.Replace(argonHash(), "m=8,", "m=99999999,", 1)}}}},
		"a dear pbkdf2":  {{ID: "a", Secrets: []auth.Secret{{Hash: strings.Replace(pbkdf2Hash(), "i=1000$", "i=99999999$", 1)}}}},
		"no iterations":  {{ID: "a", Secrets: []auth.Secret{{Hash: strings.Replace(pbkdf2Hash(), "i=1000$", "i=0$", 1)}}}},
		"argon2i":        {{ID: "a", Secrets: []auth.Secret{{Hash: strings.Replace(argonHash(), "argon2id", "argon2i", 1)}}}},
		"a scope of two": {{ID: "a", Scopes: []string{"read write"}}},
		"no scope":       {{ID: "a", Scopes: []string{""}}},
		"a short sha256": {{ID: "a", Secrets: []auth.Secret{{Hash: "$sha256$AAAA"}}}},
	} {
		if _, err := auth.Clients(list...); err == nil || !strings.HasPrefix(err.Error(), "auth: Clients: ") {
			t.Errorf("%s: Clients = %v, want an error of its own", name, err)
		}
	}
	if _, err := auth.NewBasic(nil, auth.BasicOptions{}); err == nil {
		t.Error("NewBasic without clients = nil error")
	}
	for _, opts := range []auth.BasicOptions{{Realm: "a\nb"}, {Decoy: "x"}, {MaxHashes: -1}, {MaxWaiting: -1}} {
		if _, err := auth.NewBasic(must(auth.Clients()), opts); err == nil {
			t.Errorf("NewBasic(%+v) = nil error", opts)
		}
	}
	for _, secret := range []string{"", "a\nb", "\xff", strings.Repeat("x", 1025)} {
		if _, err := auth.HashSecret(secret); err == nil {
			t.Errorf("HashSecret(%.10q) = nil error", secret)
		}
	}
}

// Callers with the same credentials share one hash, those with others wait in a
// queue, and beyond its bound they are told to come back.
func TestHashesQueue(t *testing.T) {
	t.Parallel()
	hash := string(must(bcrypt.GenerateFromPassword([]byte("open sesame"), 10)))
	var hits, misses atomic.Int32
	b := newBasic(t, auth.BasicOptions{MaxHashes: 1, MaxWaiting: 2, OnCache: func(hit bool) {
		if hit {
			hits.Add(1)
		} else {
			misses.Add(1)
		}
	}}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}})
	var good, wrong, busy, other atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	call := func(secret string) {
		<-start
		_, err := b.Authenticate(request(basicField("bob", secret)))
		switch {
		case err == nil:
			good.Add(1)
		case errors.Is(err, apierror.Unavailable(0)):
			busy.Add(1)
		case strings.Contains(err.Error(), "wrong secret"):
			wrong.Add(1)
		default:
			other.Add(1)
		}
	}
	for i := range 20 {
		wg.Go(func() { call("wrong" + strconv.Itoa(i)) })
	}
	close(start)
	wg.Wait()
	if good.Load() != 0 || other.Load() != 0 || wrong.Load() == 0 || busy.Load() == 0 {
		t.Errorf("%d good, %d wrong, %d busy, %d other", good.Load(), wrong.Load(), busy.Load(), other.Load())
	}
	busy.Store(0)
	for range 20 {
		wg.Go(func() { call("open sesame") })
	}
	wg.Wait()
	if good.Load() != 20 || busy.Load() != 0 {
		t.Errorf("of 20 with the same credentials %d were let in and %d told to come back", good.Load(), busy.Load())
	}
	for range 20 {
		call("open sesame")
	}
	if good.Load() != 40 || hits.Load() < 20 || misses.Load() < 21 {
		t.Errorf("once seen: %d let in, %d hits, %d misses", good.Load(), hits.Load(), misses.Load())
	}
}

// The decoy is a client's own hash. Its secret lets nobody in under another id,
// and is not remembered.
func TestDecoyLetsNobodyIn(t *testing.T) {
	t.Parallel()
	hits := 0
	b := newBasic(t, auth.BasicOptions{Decoy: bcryptHash(), OnCache: func(hit bool) {
		if hit {
			hits++
		}
	}, Outdated: func(context.Context, string, string, string) { t.Error("Outdated was told of nobody's hash") }},
		auth.Client{ID: "late", Secrets: []auth.Secret{{Hash: bcryptHash(), NotAfter: time.Now().Add(-time.Second)}}},
		auth.Client{ID: "bare"},
		auth.Client{ID: "off", Secrets: []auth.Secret{{Hash: bcryptHash()}}, Disabled: true},
		auth.Client{ID: "fast", Secrets: []auth.Secret{{Hash: must2nd(auth.GenerateSecret())}}},
	)
	for range 3 {
		for _, id := range []string{"eve", "late", "bare", "off", "fast"} {
			if p, err := b.Authenticate(request(basicField(id, "open sesame"))); err == nil {
				t.Errorf("the decoy's secret lets %s in: %+v", id, p)
			}
		}
	}
	if hits > 0 {
		t.Errorf("what was refused is remembered: %d hits", hits)
	}
}

func must2nd(_, second string) string { return second }
