package jwks_test

import (
	"net/http"
	"testing"

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
