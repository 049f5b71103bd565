package jwk_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth/internal/jwk"
)

const (
	rfc7638 = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
	rfc8037 = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

func TestThumbprint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ key, want string }{
		"RFC 7638, section 3.1":  {rfc7638, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"RFC 8037, appendix A.3": {rfc8037, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := jwk.Parse([]byte(tt.key))
			if err != nil {
				t.Fatal(err)
			}
			got, err := jwk.Thumbprint(k.Key)
			if err != nil || got != tt.want {
				t.Errorf("Thumbprint = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var keys []jwk.Key
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, jwk.Key{ID: curve.Params().Name, Key: &k.PublicKey})
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, jwk.Key{ID: "r", Algorithm: "RS256", Key: &r.PublicKey}, jwk.Key{ID: "ed", Key: ed})
	data, err := jwk.MarshalSet(keys)
	if err != nil {
		t.Fatal(err)
	}
	got, skipped, err := jwk.ParseSet(data)
	if err != nil || len(skipped) > 0 {
		t.Fatalf("ParseSet = %v, %v", skipped, err)
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("keys mismatch (-want +got):\n%s", diff)
	}
	if _, err := jwk.MarshalSet([]jwk.Key{{Key: []byte("secret")}}); err == nil {
		t.Error("MarshalSet of a secret = nil error")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"not JSON":                     `{`,
		"an array":                     `[]`,
		"null":                         `null`,
		"no type":                      `{}`,
		"a type in another case":       `{"KTY":"oct","k":"AAAA"}`,
		"a duplicate name":             `{"kty":"oct","k":"AAAA","k":"AAAB"}`,
		"a kid that is no string":      `{"kty":"oct","k":"AAAA","kid":1}`,
		"a kid that is null":           `{"kty":"oct","k":"AAAA","kid":null}`,
		"a key for encryption":         `{"kty":"oct","k":"AAAA","use":"enc"}`,
		"a key that does not verify":   `{"kty":"oct","k":"AAAA","key_ops":["sign"]}`,
		"a private key":                `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		"key_ops that is a string":     `{"kty":"oct","k":"AAAA","key_ops":"verify"}`,
		"key_ops that is null":         `{"kty":"oct","k":"AAAA","key_ops":null}`,
		"no key_ops":                   `{"kty":"oct","k":"AAAA","key_ops":[]}`,
		"a use that is null":           `{"kty":"oct","k":"AAAA","use":null}`,
		"base64 of the other alphabet": `{"kty":"oct","k":"++//"}`,
		"bits that are left over":      `{"kty":"oct","k":"AAB"}`,
		"a line end":                   `{"kty":"oct","k":"AA\nAA"}`,
		"data behind":                  `{"kty":"oct","k":"AAAA"}{}`,
		"invalid UTF-8":                "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"\xff\"}",
		"padding":                      `{"kty":"oct","k":"AAA="}`,
		"an exponent of eight bytes":   `{"kty":"RSA","n":"AQAB","e":"AQAAAAAAAAE"}`,
		"an exponent of zero":          `{"kty":"RSA","n":"AQAB","e":"AA"}`,
		"an even exponent":             `{"kty":"RSA","n":"AQAB","e":"BA"}`,
		"a modulus of zero":            `{"kty":"RSA","n":"AA","e":"AQAB"}`,
		"a point that is not on it":    `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		"a short coordinate":           `{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`,
		"a curve nobody signs with":    `{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"a short Ed25519 key":          `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`,
		"a curve that is not allowed":  `{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if k, err := jwk.Parse([]byte(text)); err == nil {
				t.Errorf("Parse(%s) = %v, want an error", text, k)
			}
		})
	}
}

// Each of the members that only a private key has gives it away.
func TestPrivateMembers(t *testing.T) {
	t.Parallel()
	public := strings.TrimSuffix(rfc7638, "}")
	if _, err := jwk.Parse([]byte(public + `,"x5t":"AQ"}`)); err != nil {
		t.Errorf("Parse of the public key = %v", err)
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, err := jwk.Parse([]byte(public + `,"` + name + `":"AQ"}`)); err == nil {
			t.Errorf("Parse of a key with %s = nil error", name)
		}
	}
}

// A key for another use is told apart from one that is broken.
func TestErrUse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		members string
		want    error
	}{
		"for encryption":              {`"use":"enc"`, jwk.ErrUse},
		"for signing":                 {`"key_ops":["sign"]`, jwk.ErrUse},
		"for verifying and more":      {`"key_ops":["sign","verify"]`, nil},
		"for signatures":              {`"use":"sig"`, nil},
		"for signatures, but no more": {`"use":"sig","key_ops":["encrypt"]`, jwk.ErrUse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jwk.Parse([]byte(`{"kty":"oct","k":"AAAA",` + tt.members + `}`))
			if !errors.Is(err, tt.want) {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := jwk.Parse([]byte(`{"kty":"oct"}`)); errors.Is(err, jwk.ErrUse) {
		t.Errorf("Parse of a broken key = %v", err)
	}
}

// More keys than any issuer has are refused before they are looked at.
func TestParseSetLimit(t *testing.T) {
	t.Parallel()
	set := func(n int) []byte {
		return []byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(rfc8037+",", n), ",") + `]}`)
	}
	if keys, _, err := jwk.ParseSet(set(256)); err != nil || len(keys) != 256 {
		t.Errorf("ParseSet of 256 keys = %d keys, %v", len(keys), err)
	}
	if keys, skipped, err := jwk.ParseSet(set(257)); err == nil || keys != nil || skipped != nil {
		t.Errorf("ParseSet of 257 keys = %d keys, %v, want an error alone", len(keys), err)
	}
}

// RFC 7517, section 5: keys that are not understood do not spoil the set.
func TestParseSetSkips(t *testing.T) {
	t.Parallel()
	keys, skipped, err := jwk.ParseSet([]byte(`{"keys":[{"kty":"new"},` + rfc8037 + `,{"kty":"oct","use":"enc","k":"AAAA"}],"more":1}`))
	if err != nil || len(keys) != 1 || len(skipped) != 2 {
		t.Errorf("ParseSet = %v, %v, %v, want one key and two skipped", keys, skipped, err)
	}
	for _, text := range []string{`{}`, `{"keys":null}`, `{"keys":{}}`, `[]`, `{"keys":[1]}`, `{"keys":[null]}`, `{"KEYS":[]}`, `{"keys":[],"keys":[]}`} {
		if _, _, err := jwk.ParseSet([]byte(text)); err == nil {
			t.Errorf("ParseSet(%s) = nil error", text)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(`{"keys":[` + rfc7638 + `,` + rfc8037 + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AA"},{"kty":"RSA","n":"AA","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, skipped, err := jwk.ParseSet(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("ParseSet(%q) took what is not JSON", data)
		}
		var public []jwk.Key
		for _, k := range keys {
			if _, secret := k.Key.([]byte); !secret {
				public = append(public, k)
			}
		}
		// What was read is written so that it reads the same.
		text, err := jwk.MarshalSet(public)
		if err != nil {
			t.Fatalf("MarshalSet of what ParseSet(%q) gave: %v (skipped %v)", data, err, skipped)
		}
		again, _, err := jwk.ParseSet(text)
		if diff := cmp.Diff(public, again); err != nil || diff != "" {
			t.Fatalf("ParseSet(MarshalSet(%q)) = %v, mismatch (-want +got):\n%s", data, err, diff)
		}
		// So does its thumbprint.
		for i, k := range public {
			want, err := jwk.Thumbprint(k.Key)
			got, errAgain := jwk.Thumbprint(again[i].Key)
			if err != nil || errAgain != nil || got != want || len(got) != 43 {
				t.Fatalf("Thumbprint of key %d of %q = %q, %v and then %q, %v", i, data, want, err, got, errAgain)
			}
		}
	})
}

func BenchmarkParseSet(b *testing.B) {
	set := []byte(`{"keys":[` + rfc7638 + `,` + rfc8037 + `]}`)
	b.ReportAllocs()
	for b.Loop() {
		if keys, _, err := jwk.ParseSet(set); err != nil || len(keys) != 2 {
			b.Fatal(keys, err)
		}
	}
}
