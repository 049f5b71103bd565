package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/auth/jwks"
)

// TestKeysOfAFile takes the algorithms that the keys serve, and no others.
func TestKeysOfAFile(t *testing.T) {
	t.Parallel()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"RSA": pemOf(t, &r.PublicKey), "Ed25519": pemOf(t, ed)}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		texts[curve.Params().Name] = pemOf(t, &k.PublicKey)
	}
	const jwk = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"%s}`
	tests := map[string]struct{ text, want string }{
		"RSA":                {texts["RSA"], "RS256 RS384 RS512 PS256 PS384 PS512"},
		"P-256":              {texts["P-256"], "ES256"},
		"P-384":              {texts["P-384"], "ES384"},
		"P-521":              {texts["P-521"], "ES512"},
		"Ed25519":            {texts["Ed25519"], "EdDSA"},
		"several":            {texts["Ed25519"] + texts["P-521"] + texts["P-256"] + texts["P-256"], "ES256 ES512 EdDSA"},
		"one that names its": {fmt.Sprintf(jwk, `,"alg":"EdDSA"`), "EdDSA"},
		"one that does not":  {fmt.Sprintf(`{"keys":[`+jwk+`]}`, ""), "EdDSA"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config{issuer: "https://login.example.com", audience: "api", jwks: file(t, "keys", tt.text)}
			trust, err := trustForeign(c, jwks.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(trust.Algorithms, " "); got != tt.want {
				t.Errorf("algorithms %s, want %s", got, tt.want)
			}
			if trust.SubjectPrefix != "login.example.com|" {
				t.Errorf("SubjectPrefix %q, want login.example.com|", trust.SubjectPrefix)
			}
			newHandler(t, c, nil) // auth.NewJWT takes them
		})
	}
}

// TestBadKeyFiles end the start with one line and the exit status 1, before the
// database is touched.
func TestBadKeyFiles(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	const hunter = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI" // hunter2 and again
	tests := map[string]struct{ file, want string }{
		"missing":           {filepath.Join(t.TempDir(), "keys.json"), "no such file"},
		"a folder":          {t.TempDir(), "directory"},
		"empty":             {file(t, "keys.json", ""), "neither a JWK Set nor a JWK nor PEM"},
		"something else":    {file(t, "keys.json", "[]"), "neither a JWK Set nor a JWK nor PEM"},
		"broken JSON":       {file(t, "keys.json", `{"keys":[`), "keys.json"},
		"an empty set":      {file(t, "keys.json", `{"keys":[]}`), "no key"},
		"no set of keys":    {file(t, "keys.json", `{"keys":null}`), "keys"},
		"a secret":          {file(t, "keys.json", `{"kty":"oct","kid":"a","k":"`+hunter+`"}`), `"a" is a secret`},
		"a set of secrets":  {file(t, "keys.json", `{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"`+hunter+`"}]}`), `"a" is a secret`},
		"a private key":     {file(t, "keys.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), "PRIVATE KEY"},
		"a weak key":        {file(t, "keys.pem", pemOf(t, &weak.PublicKey)), "2048"},
		"a discovery page":  {file(t, "keys.json", `{"issuer":"https://login.example.com","jwks_uri":"https://login.example.com/keys"}`), "keys.json"},
		"a broken PEM text": {file(t, "keys.pem", "-----BEGIN PUBLIC KEY-----\n"), "PEM"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFailure(t, []string{"-issuer", "https://login.example.com", "-audience", "api", "-jwks", tt.file}, "-jwks: ", tt.want)
		})
	}
}

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
