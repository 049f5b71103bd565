package jwks_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/jwks"
)

func BenchmarkKeys(b *testing.B) {
	source := must(jwks.New(url, jwks.Options{Client: &http.Client{Transport: &server{pages: map[string]string{url: keySet("a")}}}}))
	must(source.Keys(b.Context(), "a"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := source.Keys(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// Keys that are read are ones that NewKeySet takes.
func FuzzParsePEM(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := jwks.ParsePEM(data)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("ParsePEM(%q) = %v, %v", data, keys, err)
		}
		for _, k := range keys {
			if _, err := auth.NewKeySet(k); err != nil {
				t.Fatalf("ParsePEM(%q) gives a key that is refused: %v", data, err)
			}
		}
	})
}

// Whatever a discovery document says, nothing is asked but its issuer, over TLS, and
// what comes of it are keys or a 503.
func FuzzDiscover(f *testing.F) {
	const issuer = "https://issuer.example"
	f.Add([]byte(`{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example@evil.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example\\@evil.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example/","jwks_uri":"http://issuer.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example","jwks_uri":"//evil.example"}`))
	good := keySet("a")
	f.Fuzz(func(t *testing.T, document []byte) {
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "https" || r.URL.Host != "issuer.example" || r.Host != "issuer.example" || r.Header.Get("Authorization") != "" {
				t.Errorf("%q led to %s", document, r.URL)
			}
			body := good
			if r.URL.Path == "/.well-known/openid-configuration" {
				body = string(document)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		source := must(jwks.Discover(issuer, jwks.Options{Client: &http.Client{Transport: transport}}))
		set, err := source.Keys(t.Context(), "a")
		if (set == nil) == (err == nil) || err != nil && !errors.Is(err, apierror.Unavailable(0)) {
			t.Errorf("Keys by %q = %v, %v", document, set, err)
		}
	})
}
