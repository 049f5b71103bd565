package issuer_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// Every kind of key signs, and what it signs is accepted under the profile of
// RFC 9068.
func TestKeys(t *testing.T) {
	t.Parallel()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	tests := map[string]struct {
		key auth.Key
		alg string
	}{
		"secret":         {auth.Key{Key: []byte(secret)}, "HS256"},
		"RSA":            {auth.Key{Key: rsaKey}, "RS256"},
		"RSA, PS384":     {auth.Key{Key: rsaKey, Algorithm: "PS384"}, "PS384"},
		"P-256":          {auth.Key{Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}, "ES256"},
		"P-384":          {auth.Key{Key: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))}, "ES384"},
		"P-521":          {auth.Key{Key: must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))}, "ES512"},
		"Ed25519, named": {auth.Key{ID: "ed", Key: ed}, "EdDSA"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			iss := newIssuer(t, issuer.Options{Key: tt.key, TTL: time.Minute, Claims: func(p auth.Principal) (map[string]any, error) {
				return map[string]any{"tenant": "acme", "level": 1 << 53}, nil
			}})
			token, expires, err := iss.Token(auth.Principal{
				Subject: "alice", ClientID: "app", Scopes: []string{"a", "b"}, Roles: []string{"editor"}, Unit: "emea",
			})
			if err != nil {
				t.Fatal(err)
			}
			parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Header["alg"] != tt.alg || parsed.Header["typ"] != "at+jwt" {
				t.Errorf("header = %v, want %s", parsed.Header, tt.alg)
			}
			if kid, _ := parsed.Header["kid"].(string); (kid == "") != (name == "secret") {
				t.Errorf("kid = %q", kid)
			}
			p := authenticate(t, must(auth.NewJWT(auth.JWTOptions{}, iss.Trust())), token)
			if p.Subject != "alice" || p.ClientID != "app" || p.Unit != "emea" || len(p.Scopes) != 2 ||
				!p.Expires.Equal(expires) || p.TokenID == "" || len(p.Roles) != 1 {
				t.Errorf("principal = %+v", p)
			}
			own, err := auth.Claims[struct {
				Tenant string
				Level  int64
			}](p)
			if err != nil || own.Tenant != "acme" || own.Level != 1<<53 {
				t.Errorf("own claims = %+v, %v", own, err)
			}
		})
	}
}

// A key that no longer signs verifies until its last token has ended, and then
// leaves the set.
func TestRotate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := auth.Key{ID: "first", Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
		second := auth.Key{ID: "second", Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
		iss := newIssuer(t, issuer.Options{Key: first, TTL: time.Hour})
		tokens := must(auth.NewJWT(auth.JWTOptions{Leeway: 10 * time.Hour}, iss.Trust()))
		old, _, err := iss.Token(auth.Principal{Subject: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if err := iss.Rotate(first); err == nil {
			t.Error("Rotate to the key that signs = nil, want an error")
		}
		if err := iss.Rotate(second); err != nil {
			t.Fatal(err)
		}
		fresh, _, err := iss.Token(auth.Principal{Subject: "a"})
		if err != nil {
			t.Fatal(err)
		}
		authenticate(t, tokens, old)
		authenticate(t, tokens, fresh)
		if got := published(t, iss); !cmp.Equal(got, []string{"second", "first"}) {
			t.Errorf("published keys = %v, want second and first", got)
		}

		time.Sleep(2 * time.Hour)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+old)
		if _, err := tokens.Authenticate(r); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			t.Errorf("Authenticate with a token of the key that is gone = %v, want an invalid signature", err)
		}
		authenticate(t, tokens, fresh)
		if got := published(t, iss); !cmp.Equal(got, []string{"second"}) {
			t.Errorf("published keys = %v, want second", got)
		}
	})
}

func published(t *testing.T, iss *issuer.Issuer) (ids []string) {
	t.Helper()
	w := httptest.NewRecorder()
	iss.KeySetHandler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var set struct {
		Keys []struct{ Kid, Kty, Alg, Use string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatalf("key set %s: %v", w.Body, err)
	}
	for _, k := range set.Keys {
		if k.Use != "sig" || k.Kty == "" || k.Alg == "" {
			t.Errorf("published key = %+v", k)
		}
		ids = append(ids, k.Kid)
	}
	return ids
}

func TestKeySetHandler(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, issuer.Options{}) // a secret
	tests := map[string]struct {
		method, accept string
		status         int
		body           string
		header         http.Header
	}{
		"no secret is published": {"GET", "", 200, `{"keys":[]}`, http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "Content-Length": {"11"}, "Cache-Control": {"public, max-age=300"},
			"X-Content-Type-Options": {"nosniff"},
		}},
		"the type of a JWK Set alone": {"GET", "application/jwk-set+json", 200, `{"keys":[]}`, nil},
		"HEAD":                        {"HEAD", "", 200, "", http.Header{"Content-Length": {"11"}}},
		"POST":                        {"POST", "", 405, `{"error":"method_not_allowed","message":"Method not allowed on this resource"}`, http.Header{"Allow": {"GET, HEAD"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(tt.method, "/", nil)
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			iss.KeySetHandler().ServeHTTP(w, r)
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("answer = %d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
			}
			for name, want := range tt.header {
				if diff := cmp.Diff(want, w.Header()[name]); diff != "" {
					t.Errorf("header %s mismatch (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// accepts reports whether the tokens of a service let the token in.
func accepts(tokens *auth.JWT, token string) bool {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	_, err := tokens.Authenticate(r)
	return err == nil
}

// The next key is in the set before it signs, so that nobody who keeps the set for
// a while meets it unprepared, and the last one as long as its tokens.
func TestPublishThenRotate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ec := func(id string) auth.Key {
			return auth.Key{ID: id, Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
		}
		first, second, third := ec("first"), ec("second"), ec("third")
		iss := newIssuer(t, issuer.Options{Key: first})
		tokens := must(auth.NewJWT(auth.JWTOptions{}, iss.Trust()))
		token := func() string {
			token, _, err := iss.Token(auth.Principal{Subject: "a"})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		sets := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, published(t, iss)); diff != "" {
				t.Errorf("published keys mismatch (-want +got):\n%s", diff)
			}
		}
		// Another instance of the service signs with the key already.
		other := newIssuer(t, issuer.Options{Key: second})
		ahead, _, err := other.Token(auth.Principal{Subject: "a"})
		if err != nil || accepts(tokens, ahead) {
			t.Fatalf("a token of a key that is not published: %v", err)
		}
		public := second
		public.Key = &second.Key.(*ecdsa.PrivateKey).PublicKey
		if err := iss.Publish(public); err != nil {
			t.Fatal(err)
		}
		sets("first", "second")
		if !accepts(tokens, ahead) {
			t.Error("a token of a published key is refused")
		}
		time.Sleep(24 * time.Hour) // it stays until it is needed
		sets("first", "second")
		old := token()
		if err := iss.Rotate(second); err != nil {
			t.Fatal(err)
		}
		sets("second", "first")
		fresh := token()
		if !accepts(tokens, old) || !accepts(tokens, fresh) {
			t.Error("a token from before or after the rotation is refused")
		}

		// Back, because the second turns out to be a bad one.
		if err := iss.Rotate(first); err != nil {
			t.Fatal(err)
		}
		sets("first", "second")
		time.Sleep(30 * time.Minute)
		if err := iss.Rotate(third); err != nil {
			t.Fatal(err)
		}
		sets("third", "first", "second")
		time.Sleep(30*time.Minute + 59*time.Second) // a minute more than their tokens
		sets("third", "first", "second")
		time.Sleep(time.Second)
		sets("third", "first")
		if accepts(tokens, fresh) {
			t.Error("a token of a key that is gone is good")
		}

		fourth := ec("fourth")
		impostor := ec("first")
		for name, err := range map[string]error{
			"Publish of the key that signs":       iss.Publish(third),
			"Publish of another key under its id": iss.Publish(impostor),
			"Publish of a secret":                 iss.Publish(auth.Key{ID: "s", Key: []byte(secret)}),
			"Publish of nothing":                  iss.Publish(auth.Key{}),
			"Rotate to the key that signs":        iss.Rotate(third),
			"Rotate to another under its id":      iss.Rotate(impostor),
			"Rotate to a public key":              iss.Rotate(public),
		} {
			if err == nil {
				t.Errorf("%s = nil error", name)
			}
		}
		if err := iss.Publish(fourth); err != nil {
			t.Fatal(err)
		}
		if err := iss.Rotate(ec("fourth")); err == nil {
			t.Error("Rotate to another key than the one that was published under its id = nil error")
		}
		if err := iss.Rotate(auth.Key{ID: "fourth", Key: fourth.Key, Algorithm: "ES256"}); err != nil {
			t.Errorf("Rotate to the published key, its algorithm named = %v", err)
		}
		sets("fourth", "third", "first")
		// One key under another id is another for all who verify.
		if err := iss.Rotate(auth.Key{ID: "fifth", Key: first.Key}); err != nil {
			t.Errorf("Rotate to a key that is in the set, under another id = %v", err)
		}
		sets("fifth", "fourth", "third", "first")
	})
}

// Nor is a key under another algorithm the same: the tokens of the first would end.
func TestRotateToAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	iss := newIssuer(t, issuer.Options{Key: auth.Key{ID: "1", Key: key}})
	if err := iss.Publish(auth.Key{ID: "2", Key: key, Algorithm: "PS256"}); err != nil {
		t.Fatal(err)
	}
	if err := iss.Rotate(auth.Key{ID: "2", Key: key, Algorithm: "RS256"}); err == nil {
		t.Error("Rotate to the algorithm RS256 of a key published for PS256 = nil error")
	}
	if err := iss.Rotate(auth.Key{ID: "2", Key: key, Algorithm: "PS256"}); err != nil {
		t.Errorf("Rotate = %v", err)
	}
}

// Trust takes nothing but access tokens: whatever else the same key signs, such as
// sessions, is none.
func TestTrustWantsAccessTokens(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, issuer.Options{})
	tokens := must(auth.NewJWT(auth.JWTOptions{}, iss.Trust()))
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": url, "aud": url, "sub": "a", "exp": time.Now().Add(time.Hour).Unix()})
	for typ, want := range map[string]bool{"at+jwt": true, "JWT": false, "": false} {
		token.Header["typ"] = typ
		if typ == "" {
			delete(token.Header, "typ")
		}
		if got := accepts(tokens, must(token.SignedString([]byte(secret)))); got != want {
			t.Errorf("a token of the type %q is good: %v, want %v", typ, got, want)
		}
	}
}

// Secrets rotate in the same way, and are never shown.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	next := auth.Key{ID: "2", Key: []byte("another secret of at least 32 bytes")}
	iss := newIssuer(t, issuer.Options{})
	tokens := must(auth.NewJWT(auth.JWTOptions{}, iss.Trust()))
	old, _, _ := iss.Token(auth.Principal{Subject: "a"})
	if err := iss.Publish(next); err != nil {
		t.Fatal(err)
	}
	if err := iss.Rotate(next); err != nil {
		t.Fatal(err)
	}
	fresh, _, _ := iss.Token(auth.Principal{Subject: "a"})
	if !accepts(tokens, old) || !accepts(tokens, fresh) {
		t.Error("a token from before or after the rotation is refused")
	}
	if got := published(t, iss); got != nil {
		t.Errorf("published keys = %v, want none", got)
	}
	if err := iss.Rotate(auth.Key{Key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}); err == nil {
		t.Error("Rotate from a secret to a private key = nil error")
	}
}

// A private key that does not belong to its public half would sign tokens that
// nobody takes; New finds out.
func TestKeysThatDoNotSign(t *testing.T) {
	t.Parallel()
	a, b := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	mixed := *a
	mixed.PublicKey = b.PublicKey
	first, second := must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	edMixed := append(ed25519.PrivateKey{}, ed...)
	edMixed[40] ^= 1
	for name, key := range map[string]any{
		"EC, mixed up":                &mixed,
		"EC, without its number":      &ecdsa.PrivateKey{PublicKey: a.PublicKey},
		"RSA, mixed up":               &rsa.PrivateKey{PublicKey: second.PublicKey, D: first.D, Primes: first.Primes},
		"RSA, another exponent":       &rsa.PrivateKey{PublicKey: second.PublicKey, D: first.D},
		"RSA, without its numbers":    &rsa.PrivateKey{PublicKey: second.PublicKey},
		"Ed25519, mixed up":           edMixed,
		"a pointer to an Ed25519 key": &ed,
	} {
		if _, err := issuer.New(issuer.Options{URL: url, Audience: url, Key: auth.Key{Key: key}}); err == nil {
			t.Errorf("New with a key (%s) = nil error", name)
		}
	}
}

// What becomes of a caller's slices afterwards is of no matter.
func TestKeysAreCopied(t *testing.T) {
	t.Parallel()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]auth.Key{
		"a secret":       {Key: []byte("a secret of at least 32 bytes ...")},
		"an Ed25519 key": {Key: ed},
	} {
		iss := newIssuer(t, issuer.Options{Key: key})
		tokens := must(auth.NewJWT(auth.JWTOptions{}, iss.Trust()))
		old, _, _ := iss.Token(auth.Principal{Subject: "a"})
		switch k := key.Key.(type) {
		case []byte:
			clear(k)
		case ed25519.PrivateKey:
			clear(k)
		}
		fresh, _, err := iss.Token(auth.Principal{Subject: "a"})
		if err != nil || !accepts(tokens, old) || !accepts(tokens, fresh) {
			t.Errorf("%s that was cleared: %v, the old token is good: %v, a new one: %v", name, err, accepts(tokens, old), accepts(tokens, fresh))
		}
		next := auth.Key{ID: "next", Key: []byte("another secret of at least 32 bytes")}
		if name != "a secret" {
			_, next.Key, _ = ed25519.GenerateKey(rand.Reader)
		}
		if err := iss.Rotate(next); err != nil || !accepts(tokens, old) {
			t.Errorf("%s that was cleared: Rotate = %v, the old token is good: %v", name, err, accepts(tokens, old))
		}
	}
}
