package jwks_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth/internal/jwk"
	"github.com/tenetkit/tenet/auth/jwks"
)

// join returns a JWK Set of the members of others, each a set or a single key.
func join(sets ...string) string {
	var all []json.RawMessage
	for _, text := range sets {
		if !strings.HasPrefix(text, `{"keys":`) {
			all = append(all, json.RawMessage(text))
			continue
		}
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			panic(err)
		}
		all = append(all, set.Keys...)
	}
	return string(must(json.Marshal(map[string]any{"keys": all})))
}

// What a set at a URL may hold beside a good key, which is then served all the
// same, and what spoils the whole set.
func TestFetchedSets(t *testing.T) {
	t.Parallel()
	b64 := base64.RawURLEncoding.EncodeToString
	private := must(rsa.GenerateKey(rand.Reader, 2048))
	publicRSA := fmt.Sprintf(`"kty":"RSA","kid":"p","e":"AQAB","n":%q`, b64(private.N.Bytes()))
	huge := fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":%q}`, b64(new(big.Int).SetBit(big.NewInt(1), 16384, 1).Bytes()))
	off := `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"}`
	secret := `{"kty":"oct","k":"` + strings.Repeat("A", 43) + `"}`
	tests := map[string]struct {
		beside string
		ok     bool
		told   int
	}{
		"a secret":                           {secret, false, 1},
		"a secret that is too short":         {`{"kty":"oct","k":"AAAA"}`, false, 1},
		"a private key":                      {fmt.Sprintf(`{%s,"d":%q}`, publicRSA, b64(private.D.Bytes())), true, 1},
		"the factors of a key alone":         {fmt.Sprintf(`{%s,"p":%q,"q":%q}`, publicRSA, b64(private.Primes[0].Bytes()), b64(private.Primes[1].Bytes())), true, 1},
		"an RSA key of more than 16384 bits": {huge, true, 1},
		"an RSA exponent of eight bytes":     {fmt.Sprintf(`{"kty":"RSA","e":"AQAAAAAAAAE","n":%q}`, b64(private.N.Bytes())), true, 1},
		"a point off the curve":              {off, true, 1},
		"a coordinate of 31 bytes":           {`{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 31)) + `","y":"` + b64(make([]byte, 32)) + `"}`, true, 1},
		"an Ed25519 key of 33 bytes":         {`{"kty":"OKP","crv":"Ed25519","x":"` + b64(make([]byte, 33)) + `"}`, true, 1},
		"an Ed448 key":                       {`{"kty":"OKP","crv":"Ed448","x":"` + b64(make([]byte, 57)) + `"}`, true, 1},
		"an algorithm that is not the key's": {`{"kty":"EC","alg":"RS256",` + strings.TrimPrefix(strings.Replace(off, "5a1", "5a0", 1), `{"kty":"EC",`), true, 1},
		"a key for encryption":               {fmt.Sprintf(`{%s,"use":"enc"}`, publicRSA), true, 0},
		"a key for encryption under its id":  {fmt.Sprintf(`{"kty":"RSA","kid":"a","use":"enc","e":"AQAB","n":%q}`, b64(private.N.Bytes())), true, 0},
		"a key for deriving others":          {fmt.Sprintf(`{%s,"key_ops":["deriveKey"]}`, publicRSA), true, 0},
		"a key for any use of a strange kind": {
			`{"kty":"AKP","alg":"ML-DSA-44"}`, true, 1,
		},
		"another key under its id": {keySet("a"), false, 1},
		"an id that is a number":   {fmt.Sprintf(`{"kid":1,"kty":"RSA","e":"AQAB","n":%q}`, b64(private.N.Bytes())), true, 1},
		"no object":                {`[]`, false, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Int32
				good := keySet("a")
				s := &server{pages: map[string]string{url: good}}
				source := newSource(t, s, jwks.Options{OnError: func(error) { told.Add(1) }})
				first, _ := took(t, source, "a")
				s.set(func() { s.pages[url] = join(good, tt.beside) })
				// A set that is refused leaves the last one in its place.
				second, _ := took(t, source, "other")
				if (second != first) != tt.ok {
					t.Errorf("a new set = %v, want %v", second != first, tt.ok)
				}
				synctest.Wait()
				if got := int(told.Load()); got != tt.told {
					t.Errorf("OnError was told %d times, want %d", got, tt.told)
				}
			})
		})
	}
}

// A URL that shows secrets is one that everybody reads.
func TestSecretsAreNotFetched(t *testing.T) {
	t.Parallel()
	set := `{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"` + strings.Repeat("A", 43) + `"}]}`
	source := newSource(t, &server{pages: map[string]string{url: set}}, jwks.Options{})
	if got, err := source.Keys(t.Context(), "a"); !errors.Is(err, apierror.Unavailable(0)) {
		t.Errorf("Keys = %v, %v, want 503", got, err)
	}
	if _, err := jwks.ParseSet([]byte(set)); err != nil {
		t.Errorf("ParseSet = %v, though a file may hold them", err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	hop := func(n int) string { return fmt.Sprint("https://issuer.example/", n) }
	tests := map[string]struct {
		pages map[string]string // without the last, which has the keys
		last  string
		ok    bool
	}{
		"three":                   {map[string]string{url: "-> /1", hop(1): "-> /2", hop(2): "-> /3"}, hop(3), true},
		"four":                    {map[string]string{url: "-> /1", hop(1): "-> /2", hop(2): "-> /3", hop(3): "-> /4"}, hop(4), false},
		"a named host":            {map[string]string{url: "-> https://keys.example:8443/"}, "https://keys.example:8443/", true},
		"another port of it":      {map[string]string{url: "-> https://keys.example/"}, "https://keys.example/", false},
		"a named host, and on":    {map[string]string{url: "-> https://keys.example:8443/", "https://keys.example:8443/": "-> https://evil.example/"}, "https://evil.example/", false},
		"another port":            {map[string]string{url: "-> https://issuer.example:8443/keys"}, "https://issuer.example:8443/keys", false},
		"without TLS":             {map[string]string{url: "-> http://issuer.example/keys"}, "http://issuer.example/keys", false},
		"a user":                  {map[string]string{url: "-> https://me@issuer.example/other"}, "https://me@issuer.example/other", false},
		"the metadata of a cloud": {map[string]string{url: "-> http://169.254.169.254/latest/meta-data"}, "http://169.254.169.254/latest/meta-data", false},
		"link-local":              {map[string]string{url: "-> https://[fe80::1]/"}, "https://[fe80::1]/", false},
		"loopback":                {map[string]string{url: "-> http://127.0.0.1:9200/"}, "http://127.0.0.1:9200/", false},
		"a subdomain":             {map[string]string{url: "-> https://a.issuer.example/"}, "https://a.issuer.example/", false},
		"the host as a prefix":    {map[string]string{url: "-> https://issuer.example.evil.example/"}, "https://issuer.example.evil.example/", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{pages: tt.pages}
			s.pages[tt.last] = keySet("a")
			source := newSource(t, s, jwks.Options{Hosts: []string{"keys.example:8443"}})
			if _, err := source.Keys(t.Context(), "a"); (err == nil) != tt.ok {
				t.Errorf("Keys = %v, want ok %v", err, tt.ok)
			}
			want := len(tt.pages)
			if !tt.ok {
				want-- // the last was not asked
			}
			if got := int(s.fetches.Load()); got != want {
				t.Errorf("%d requests, want %d", got, want)
			}
		})
	}
}

// Where the metadata of an issuer is looked for: OpenID Connect Discovery, section
// 4.1, then RFC 8414, section 3.1.
func TestDiscoverPaths(t *testing.T) {
	t.Parallel()
	good := keySet("a")
	document := func(issuer string) string { return `{"issuer":"` + issuer + `","jwks_uri":"` + url + `"}` }
	const host = "https://issuer.example"
	tests := map[string]struct {
		issuer, at, document string
		ok                   bool
	}{
		"no path":                        {host, "/.well-known/openid-configuration", document(host), true},
		"a slash":                        {host + "/", "/.well-known/openid-configuration", document(host + "/"), true},
		"a slash that is missing":        {host + "/", "/.well-known/openid-configuration", document(host), false},
		"a slash too many":               {host, "/.well-known/openid-configuration", document(host + "/"), false},
		"a path":                         {host + "/a", "/a/.well-known/openid-configuration", document(host + "/a"), true},
		"a path and a slash":             {host + "/a/", "/a/.well-known/openid-configuration", document(host + "/a/"), true},
		"RFC 8414, no path":              {host, "/.well-known/oauth-authorization-server", document(host), true},
		"RFC 8414, a path":               {host + "/a/b", "/.well-known/oauth-authorization-server/a/b", document(host + "/a/b"), true},
		"RFC 8414, a path and a slash":   {host + "/a/", "/.well-known/oauth-authorization-server/a", document(host + "/a/"), true},
		"RFC 8414, another issuer":       {host + "/a", "/.well-known/oauth-authorization-server/a", document(host), false},
		"RFC 8414 behind the path":       {host + "/a", "/a/.well-known/oauth-authorization-server", document(host + "/a"), false},
		"an issuer in another case":      {host, "/.well-known/openid-configuration", document("https://Issuer.example"), false},
		"an issuer that is an array":     {host, "/.well-known/openid-configuration", `{"issuer":["` + host + `"],"jwks_uri":"` + url + `"}`, false},
		"an issuer that is null":         {host, "/.well-known/openid-configuration", `{"issuer":null,"jwks_uri":"` + url + `"}`, false},
		"names in another case":          {host, "/.well-known/openid-configuration", `{"Issuer":"` + host + `","jwks_uri":"` + url + `"}`, false},
		"keys at a user's URL":           {host, "/.well-known/openid-configuration", `{"issuer":"` + host + `","jwks_uri":"https://me@issuer.example/keys"}`, false},
		"keys at a relative URL":         {host, "/.well-known/openid-configuration", `{"issuer":"` + host + `","jwks_uri":"/keys"}`, false},
		"keys in a file":                 {host, "/.well-known/openid-configuration", `{"issuer":"` + host + `","jwks_uri":"file:///etc/passwd"}`, false},
		"keys at the cloud's metadata":   {host, "/.well-known/openid-configuration", `{"issuer":"` + host + `","jwks_uri":"http://169.254.169.254/"}`, false},
		"a document that is an array":    {host, "/.well-known/openid-configuration", `[` + document(host) + `]`, false},
		"a document with data behind it": {host, "/.well-known/openid-configuration", document(host) + `{}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{pages: map[string]string{host + tt.at: tt.document, url: good}}
			source, err := jwks.Discover(tt.issuer, jwks.Options{Client: &http.Client{Transport: s}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := source.Keys(t.Context(), "a"); (err == nil) != tt.ok {
				t.Errorf("Keys = %v, want ok %v", err, tt.ok)
			}
		})
	}
}

// Only an answer that there is nothing leads to the other place.
func TestDiscoverStaysWhereItFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{down: true}
		source := must(jwks.Discover("https://issuer.example", jwks.Options{Client: &http.Client{Transport: s}}))
		if _, err := source.Keys(t.Context(), "a"); err == nil || s.fetches.Load() != 1 {
			t.Errorf("Keys = %v after %d requests, want an error after 1", err, s.fetches.Load())
		}
	})
}

// slowBody drips: a byte a second, without end.
type slowBody struct{ r *http.Request }

func (b slowBody) Read(p []byte) (int, error) {
	select {
	case <-b.r.Context().Done():
		return 0, b.r.Context().Err()
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	}
}

func (b slowBody) Close() error { return nil }

// Timeout bounds all of a fetch: redirects and bodies that drip, too.
func TestTimeoutBoundsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if r.URL.Path == "/keys" {
				return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/other"}}, Body: http.NoBody, Request: r}, nil
			}
			return &http.Response{StatusCode: 200, Body: slowBody{r}, Request: r}, nil
		})
		source := must(jwks.New(url, jwks.Options{Client: &http.Client{Transport: transport}, Timeout: 5 * time.Second}))
		start := time.Now()
		_, err := source.Keys(t.Context(), "a")
		if waited := time.Since(start); !errors.Is(err, apierror.Unavailable(0)) || waited != 5*time.Second {
			t.Errorf("Keys = %v after %v, want 503 after 5s", err, waited)
		}
	})
}

// longBody has 64 MiB and counts what is read of it.
type longBody struct{ left, read int }

func (b *longBody) Read(p []byte) (int, error) {
	n := min(len(p), b.left)
	if n == 0 {
		return 0, io.EOF
	}
	b.left, b.read = b.left-n, b.read+n
	return copy(p, bytes.Repeat([]byte(" "), n)), nil
}

func (b *longBody) Close() error { return nil }

// Only a 200 is an answer, and of a long one no more than the limit is read.
func TestAnswers(t *testing.T) {
	t.Parallel()
	good := keySet("a")
	for status, ok := range map[int]bool{200: true, 201: false, 203: false, 206: false, 302: false, 304: false, 401: false, 500: false} {
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(good)), Request: r}, nil
		})
		source := must(jwks.New(url, jwks.Options{Client: &http.Client{Transport: transport}}))
		if _, err := source.Keys(t.Context(), "a"); (err == nil) != ok {
			t.Errorf("Keys by an answer %d = %v, want ok %v", status, err, ok)
		}
	}
	body := &longBody{left: 64 << 20}
	source := must(jwks.New(url, jwks.Options{Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: body, Request: r}, nil
	})}}))
	if _, err := source.Keys(t.Context(), "a"); err == nil || body.read > 1<<20+1 {
		t.Errorf("Keys by a body of 64 MiB = %v after %d bytes", err, body.read)
	}
}

// Over a real connection: the limit counts what a body unpacks to, no cookie comes
// back, and caches on the way are passed by.
func TestOnTheWire(t *testing.T) {
	t.Parallel()
	good := keySet("a")
	var seen []http.Header
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		http.SetCookie(w, &http.Cookie{Name: "tracked", Value: "1"})
		_, _ = io.WriteString(w, good)
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, good)
		spaces := []byte(strings.Repeat(" ", 1<<20))
		for range 64 { // in 64 KiB
			if _, err := z.Write(spaces); err != nil {
				return
			}
		}
		_ = z.Close()
	})
	mux.HandleFunc("/zipped", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, good)
		_ = z.Close()
	})
	issuer := httptest.NewServer(mux)
	t.Cleanup(issuer.Close)

	source := must(jwks.New(issuer.URL+"/keys", jwks.Options{}))
	must(source.Keys(t.Context(), "a"))
	must(source.Keys(t.Context(), "b"))
	if len(seen) != 2 {
		t.Fatalf("%d requests, want 2", len(seen))
	}
	want := http.Header{"Accept": {"application/json"}, "Cache-Control": {"no-cache"}, "Accept-Encoding": {"gzip"}}
	seen[1].Del("User-Agent")
	if diff := cmp.Diff(want, seen[1]); diff != "" {
		t.Errorf("header of the second request (-want +got):\n%s", diff)
	}
	must(must(jwks.New(issuer.URL+"/zipped", jwks.Options{})).Keys(t.Context(), "a"))
	_, err := must(jwks.New(issuer.URL+"/bomb", jwks.Options{})).Keys(t.Context(), "a")
	if err == nil || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "more than 1048576 bytes") {
		t.Errorf("Keys of 64 MiB in 64 KiB = %v: %v", err, errors.Unwrap(err))
	}
}

// A set of a megabyte costs what a few hundred signatures do, and OnError is not
// told thousands of times.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	some := func(n int, key string) string {
		return `{"keys":[` + strings.TrimSuffix(strings.Repeat(key+",", n), ",") + `]}`
	}
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	named := make([]jwk.Key, 200)
	for i := range named {
		named[i] = jwk.Key{ID: fmt.Sprint(i), Key: ed}
	}
	ec := must(jwk.MarshalSet([]jwk.Key{{Key: &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey}}))
	one := strings.TrimSuffix(strings.TrimPrefix(string(ec), `{"keys":[`), "]}")
	tests := map[string]struct {
		set string
		ok  bool
	}{
		"200 keys":              {string(must(jwk.MarshalSet(named))), true},
		"350,000 empty objects": {some(349_000, "{}"), false},
		"5,000 points":          {some(5_000, one), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Int32
				source := newSource(t, &server{pages: map[string]string{url: tt.set}}, jwks.Options{OnError: func(error) { told.Add(1) }})
				if _, err := source.Keys(t.Context(), "0"); (err == nil) != tt.ok {
					t.Errorf("Keys = %v, want ok %v", err, tt.ok)
				}
				synctest.Wait()
				if told.Load() > 1 {
					t.Errorf("OnError was told %d times", told.Load())
				}
			})
		})
	}
}
