package jwks_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth/internal/jwk"
	"github.com/tenetkit/tenet/auth/jwks"
)

const url = "https://issuer.example/keys"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keySet returns a JWK Set of new keys with the ids.
func keySet(ids ...string) string {
	var keys []jwk.Key
	for _, id := range ids {
		keys = append(keys, jwk.Key{ID: id, Key: &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey})
	}
	return string(must(jwk.MarshalSet(keys)))
}

// server is an issuer without a network, so that it lives in a bubble of
// simulated time.
type server struct {
	mu      sync.Mutex
	pages   map[string]string // by URL; a missing one is 404
	down    bool
	delay   time.Duration
	fetches atomic.Int32
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.fetches.Add(1)
	s.mu.Lock()
	body, found := s.pages[r.URL.String()]
	down, delay := s.down, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	switch location, redirect := strings.CutPrefix(body, "-> "); {
	case down:
		return nil, errors.New("connection refused")
	case redirect:
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	case !found:
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = io.WriteString(w, body)
	}
	response := w.Result()
	response.Request = r
	return response, nil
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func newSource(t *testing.T, s *server, opts jwks.Options) *jwks.Source {
	t.Helper()
	opts.Client = &http.Client{Transport: s}
	source, err := jwks.New(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// Callers of the first fetch share it, and later ones are served from memory.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: time.Second}
		source := newSource(t, s, jwks.Options{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := source.Keys(t.Context(), "a"); err != nil {
					t.Errorf("Keys = %v", err)
				}
			})
		}
		wg.Wait()
		for range 50 {
			if _, err := source.Keys(t.Context(), "a"); err != nil {
				t.Errorf("Keys = %v", err)
			}
		}
		if got := s.fetches.Load(); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

// A flood of forged key ids causes one fetch in ten seconds, and a key that was
// rotated in during it is found within them.
func TestUnknownKeyIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{})
		first := must(source.Keys(t.Context(), "a"))
		time.Sleep(11 * time.Second)
		s.set(func() { s.pages[url] = keySet("b") })
		if second := must(source.Keys(t.Context(), "b")); second == first || s.fetches.Load() != 2 {
			t.Errorf("a rotated key: the same set %v, %d fetches, want another one after 2", second == first, s.fetches.Load())
		}
		start := s.fetches.Load()
		for i := range 1000 {
			if _, err := source.Keys(t.Context(), fmt.Sprint("forged", i)); err != nil {
				t.Fatalf("Keys = %v", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := s.fetches.Load() - start; got < 9 || got > 11 {
			t.Errorf("%d fetches in 100 seconds, want about 10", got)
		}
		// Whatever the flood, the next key comes within ten seconds.
		old := must(source.Keys(t.Context(), "forged"))
		s.set(func() { s.pages[url] = keySet("c") })
		time.Sleep(10 * time.Second)
		if must(source.Keys(t.Context(), "c")) == old {
			t.Error("the rotated key was not found within ten seconds")
		}
	})
}

// A key that left the set is out within one refresh, also when nobody called in
// between.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}}
		source := newSource(t, s, jwks.Options{Refresh: time.Minute})
		first := must(source.Keys(t.Context(), "a"))
		s.set(func() { s.pages[url] = keySet("b") })
		time.Sleep(50 * time.Second)
		if must(source.Keys(t.Context(), "a")) != first {
			t.Error("the caller waited for a background refresh")
		}
		synctest.Wait()
		second := must(source.Keys(t.Context(), "b"))
		if second == first || s.fetches.Load() != 2 {
			t.Errorf("after the background refresh: the same set %v, %d fetches", second == first, s.fetches.Load())
		}
		time.Sleep(61 * time.Second)
		if must(source.Keys(t.Context(), "b")) == second {
			t.Error("an old set was used without asking")
		}
	})
}

// While the issuer is down the last set is good for a day, and nobody waits for
// it; after that, and without any set, the answer is 503.
func TestIssuerDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, down: true}
		var told atomic.Int32
		source := newSource(t, s, jwks.Options{OnError: func(error) { told.Add(1) }})
		check := func(when string, ok bool) {
			t.Helper()
			_, err := source.Keys(t.Context(), "a")
			if (err == nil) != ok || err != nil && !errors.Is(err, apierror.Unavailable(0)) {
				t.Errorf("%s: Keys = %v, want ok %v, or 503", when, err, ok)
			}
		}
		check("never fetched", false)
		for range 100 {
			check("never fetched, again", false)
		}
		if got := s.fetches.Load(); got != 1 {
			t.Errorf("%d fetches of an issuer that is down, want 1 in ten seconds", got)
		}
		synctest.Wait()
		if told.Load() != 1 {
			t.Errorf("OnError was told %d times, want 1", told.Load())
		}
		time.Sleep(10 * time.Second)
		s.set(func() { s.down = false })
		check("up", true)

		s.set(func() { s.down, s.delay = true, time.Hour }) // hangs: only the timeout ends a fetch
		time.Sleep(time.Hour)
		check("an hour later, the first caller waits for the timeout", true)
		start := time.Now()
		for range 20 {
			check("hanging", true)
			time.Sleep(time.Second)
		}
		if waited := time.Since(start); waited > 21*time.Second {
			t.Errorf("20 calls in 20 seconds took %v", waited)
		}
		time.Sleep(22 * time.Hour)
		check("23 hours later", true)
		time.Sleep(2 * time.Hour)
		check("25 hours later", false)
		s.set(func() { s.down, s.delay = false, 0 })
		time.Sleep(30 * time.Second)
		check("up again", true)
		synctest.Wait()
	})
}

// A caller that leaves does not take the fetch with it.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{pages: map[string]string{url: keySet("a")}, delay: 5 * time.Second}
		source := newSource(t, s, jwks.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := source.Keys(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Keys = %v, want the caller's deadline", err)
		}
		if _, err := source.Keys(t.Context(), "a"); err != nil || s.fetches.Load() != 1 {
			t.Errorf("Keys = %v after %d fetches, want the first one's keys", err, s.fetches.Load())
		}
	})
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	const issuer = "https://issuer.example/realm"
	const document = issuer + "/.well-known/openid-configuration"
	good := keySet("a")
	tests := map[string]struct {
		pages map[string]string
		hosts []string
		ok    bool
	}{
		"its own host": {map[string]string{document: `{"issuer":"` + issuer + `","jwks_uri":"` + url + `","x":1}`, url: good}, nil, true},
		"a host that is named": {map[string]string{
			document: `{"issuer":"` + issuer + `","jwks_uri":"https://keys.example/k"}`, "https://keys.example/k": good,
		}, []string{"Keys.example"}, true},
		"a host that is not named": {map[string]string{
			document: `{"issuer":"` + issuer + `","jwks_uri":"https://keys.example/k"}`, "https://keys.example/k": good,
		}, nil, false},
		"another issuer":        {map[string]string{document: `{"issuer":"` + issuer + `/","jwks_uri":"` + url + `"}`, url: good}, nil, false},
		"keys without TLS":      {map[string]string{document: `{"issuer":"` + issuer + `","jwks_uri":"http://issuer.example/keys"}`}, nil, false},
		"no keys":               {map[string]string{document: `{"issuer":"` + issuer + `"}`}, nil, false},
		"a duplicate name":      {map[string]string{document: `{"issuer":"` + issuer + `","jwks_uri":"` + url + `","jwks_uri":"` + url + `"}`, url: good}, nil, false},
		"no document":           {nil, nil, false},
		"a document in HTML":    {map[string]string{document: `<html>`}, nil, false},
		"a redirect to another": {map[string]string{document: "-> https://evil.example/", "https://evil.example/": good}, nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := jwks.Discover(issuer, jwks.Options{Hosts: tt.hosts, Client: &http.Client{Transport: &server{pages: tt.pages}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := source.Keys(t.Context(), "a"); (err == nil) != tt.ok {
				t.Errorf("Keys = %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	weak := string(must(jwk.MarshalSet([]jwk.Key{{ID: "weak", Key: &must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey}})))
	good := keySet("a")
	tests := map[string]struct {
		pages   map[string]string
		ok      bool
		skipped int
	}{
		"a good set":             {map[string]string{url: good}, true, 0},
		"a redirect on the host": {map[string]string{url: "-> /other", "https://issuer.example/other": good}, true, 0},
		"a redirect elsewhere":   {map[string]string{url: "-> https://evil.example/keys", "https://evil.example/keys": good}, false, 1},
		"a redirect without TLS": {map[string]string{url: "-> http://issuer.example/keys", "http://issuer.example/keys": good}, false, 1},
		"redirects without end":  {map[string]string{url: "-> /keys"}, false, 1},
		"404":                    {nil, false, 1},
		"HTML":                   {map[string]string{url: "<html>"}, false, 1},
		"an empty set":           {map[string]string{url: `{"keys":[]}`}, false, 1},
		"a weak key alone":       {map[string]string{url: weak}, false, 2},
		"a weak key too":         {map[string]string{url: strings.TrimSuffix(weak, "]}") + "," + strings.TrimPrefix(good, `{"keys":[`)}, true, 1},
		"two keys of one id":     {map[string]string{url: strings.TrimSuffix(good, "]}") + "," + strings.TrimPrefix(good, `{"keys":[`)}, false, 1},
		"a secret among them":    {map[string]string{url: strings.TrimSuffix(good, "]}") + `,{"kty":"oct","k":"` + strings.Repeat("A", 43) + `"}]}`}, false, 1},
		"more than a megabyte":   {map[string]string{url: good + strings.Repeat(" ", 1<<20)}, false, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Int32
				source := newSource(t, &server{pages: tt.pages}, jwks.Options{OnError: func(error) { told.Add(1) }})
				if _, err := source.Keys(t.Context(), "a"); (err == nil) != tt.ok {
					t.Errorf("Keys = %v, want ok %v", err, tt.ok)
				}
				synctest.Wait()
				if got := int(told.Load()); got != tt.skipped {
					t.Errorf("OnError was told %d times, want %d", got, tt.skipped)
				}
			})
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "http://issuer.example/keys", "ftp://issuer.example/keys", "https://user:secret@issuer.example/keys",
		"https:///keys", "issuer.example/keys", "https://issuer.example/keys#x", "http://127.0.0.1.evil.example/keys", "http://[::2]/keys", ":",
		"http://localhost.evil.example/keys", "http://localhost@evil.example/keys", "http://evil.example/localhost", "http://localhost./keys",
		"http://0.0.0.0/keys", "http://127.1/keys", "http://2130706433/keys", "http://169.254.169.254/keys", "HTTP://issuer.example/keys", "file:///keys",
		"https:issuer.example/keys", "//issuer.example/keys",
	} {
		if _, err := jwks.New(address, jwks.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%q) = %v, want an error", address, err)
		}
	}
	for _, address := range []string{"https://issuer.example", "http://127.0.0.1:8080/keys", "http://[::1]/keys", "http://localhost/keys"} {
		if _, err := jwks.New(address, jwks.Options{}); err != nil {
			t.Errorf("New(%q) = %v", address, err)
		}
	}
	for _, issuer := range []string{"https://issuer.example?tenant=a", "https://issuer.example/?", "https://issuer.example/#", "http://issuer.example"} {
		if _, err := jwks.Discover(issuer, jwks.Options{}); err == nil {
			t.Errorf("Discover(%q) = nil error", issuer)
		}
	}
	for _, opts := range []jwks.Options{
		{Refresh: -1},
		{MaxStale: time.Second},
		{Timeout: -1},
		{Refresh: time.Second},
		{Hosts: []string{"https://keys.example"}},
		{Hosts: []string{"keys.example/keys"}},
		{Hosts: []string{"me@keys.example"}},
		{Hosts: []string{""}},
	} {
		if _, err := jwks.New(url, opts); err == nil {
			t.Errorf("New with %+v = nil error", opts)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	keys, err := jwks.ParseSet([]byte(keySet("a", "b")))
	if err != nil || len(keys) != 2 || keys[1].ID != "b" {
		t.Errorf("ParseSet = %v, %v", keys, err)
	}
	if key, err := jwks.ParseKey([]byte(`{"kty":"oct","kid":"s","k":"` + strings.Repeat("A", 43) + `"}`)); err != nil || key.ID != "s" {
		t.Errorf("ParseKey = %v, %v", key, err)
	}
	for _, text := range []string{``, `{}`, `{"kty":"oct","k":"AAAA"}`} {
		if _, err := jwks.ParseKey([]byte(text)); err == nil {
			t.Errorf("ParseKey(%s) = nil error", text)
		}
		if _, err := jwks.ParseSet([]byte(`{"keys":[` + text + `]}`)); err == nil {
			t.Errorf("ParseSet of %s = nil error", text)
		}
	}

	// Sets as issuers publish them have keys for encryption, too.
	encryption := `{"kty":"RSA","use":"enc","alg":"RSA-OAEP","kid":"e","e":"AQAB","n":"AQAB"}`
	keys, err = jwks.ParseSet([]byte(join(keySet("a"), encryption)))
	if err != nil || len(keys) != 1 || keys[0].ID != "a" {
		t.Errorf("ParseSet of a set with a key for encryption = %v, %v, want the other one", keys, err)
	}
	for _, text := range []string{encryption, `{"keys":[` + encryption + `]}`} {
		_, errKey := jwks.ParseKey([]byte(text))
		_, errSet := jwks.ParseSet([]byte(text))
		if errKey == nil || errSet == nil {
			t.Errorf("ParseKey(%s) = %v, ParseSet = %v, want errors", text, errKey, errSet)
		}
	}

	private := must(rsa.GenerateKey(rand.Reader, 2048))
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	pkix := block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&private.PublicKey)))
	pkcs1 := block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey))
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"PKIX":                     {pkix, 1},
		"PKCS #1":                  {pkcs1, 1},
		"two":                      {bytes.Join([][]byte{pkix, pkcs1}, []byte("text between\n")), 2},
		"text around":              {slices.Concat([]byte("Subject: x\n"), pkix, []byte("\nthe end")), 1},
		"Windows":                  {bytes.ReplaceAll(pkix, []byte("\n"), []byte("\r\n")), 1},
		"a second that is cut off": {slices.Concat(pkix, pkcs1[:len(pkcs1)/2]), 0},
		"a first that is broken":   {slices.Concat(bytes.Replace(pkcs1, []byte("\nMII"), []byte("\n!!!"), 1), pkix), 0},
		"a second that is private": {slices.Concat(pkix, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))), 0},
		"EC PARAMETERS before":     {slices.Concat(block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}), pkix), 0},
		"data behind a key":        {block("PUBLIC KEY", append(must(x509.MarshalPKIXPublicKey(&private.PublicKey)), 0)), 0},
		"a key for encryption":     {block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(must(ecdh.X25519().GenerateKey(rand.Reader)).PublicKey()))), 0},
		"a private key":            {block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(private))), 0},
		"nothing":                  {nil, 0},
		"text":                     {[]byte("ssh-rsa AAAA"), 0},
		"broken":                   {block("PUBLIC KEY", []byte("x")), 0},
		"broken, PKCS #1":          {block("RSA PUBLIC KEY", []byte("x")), 0},
		"no certificate":           {block("CERTIFICATE", []byte("x")), 0},
		"a weak key":               {block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey))), 0},
	} {
		keys, err := jwks.ParsePEM(tt.data)
		if len(keys) != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%s: ParsePEM = %d keys, %v, want %d", name, len(keys), err, tt.want)
		}
	}
}
