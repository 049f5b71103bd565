package bench

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/auth"
)

const (
	issuerURL = "https://api.example.com"
	audience  = "leads"
	keyID     = "2026-01"
)

// tokenAlgorithms are those that the scenarios go through.
var tokenAlgorithms = []string{"HS256", "RS256", "ES256", "EdDSA"}

// claims are what a service asks of a token besides the registered ones.
type claims struct {
	jwt.RegisteredClaims
	Scope   string `json:"scope"`
	OrgUnit string `json:"org_unit,omitempty"`
}

// signers are the keys of the algorithms, made when the first is asked for.
var signers = sync.OnceValue(func() map[string]any {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return map[string]any{"HS256": secret, "RS256": rsaKey, "ES256": ecKey, "EdDSA": edKey}
})

// trusting is what a service knows of the issuer of these benchmarks.
func trusting(alg string) trust {
	key := signers()[alg]
	if signer, asymmetric := key.(crypto.Signer); asymmetric {
		key = signer.Public()
	}
	return trust{issuer: issuerURL, audience: audience, alg: alg, kid: keyID, key: key}
}

// token returns one of the algorithm HS256.
func token(b *testing.B, subject string) string {
	b.Helper()
	return signed(b, "HS256", subject)
}

func signed(b *testing.B, alg, subject string) string {
	b.Helper()
	now := time.Now()
	t := jwt.NewWithClaims(jwt.GetSigningMethod(alg), claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuerURL, Subject: subject, Audience: jwt.ClaimStrings{audience}, ID: "9f86d081884c7d65",
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		},
		Scope: "leads:read leads:write",
	})
	t.Header["kid"] = keyID
	text, err := t.SignedString(signers()[alg])
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// bearer returns Tenet's check of HS256 tokens.
func bearer(b *testing.B, opts auth.JWTOptions) *auth.JWT {
	b.Helper()
	j, err := auth.NewJWT(opts, trusting("HS256").tenet())
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// bearers are Tenet and its peers in front of ok, each for tokens of the algorithm.
func bearers(b *testing.B, alg string, opts auth.JWTOptions) []contender {
	b.Helper()
	wired := slices.Insert(strictPeers(), 0, tenetPeer(opts))
	var list []contender
	for _, p := range wired {
		if p.asymmetric && alg == "HS256" {
			continue
		}
		h, err := p.wrap(trusting(alg), ok)
		if err != nil {
			b.Fatalf("%s: %v", p.name, err)
		}
		name := p.name
		if p.text {
			name += " (text)"
		}
		list = append(list, contender{name, h})
	}
	return list
}

// raw verifies the signature of the token by the standard library and does nothing
// else: the signed bytes and the signature are cut, decoded and at hand.
func raw(b *testing.B, alg, token string) contender {
	b.Helper()
	dot := strings.LastIndexByte(token, '.')
	text := []byte(token[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	var verify func() bool
	switch key := trusting(alg).key.(type) {
	case []byte:
		verify = func() bool {
			mac := hmac.New(sha256.New, key)
			mac.Write(text)
			return hmac.Equal(mac.Sum(nil), signature)
		}
	case *rsa.PublicKey:
		verify = func() bool {
			digest := sha256.Sum256(text)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
		}
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{
			new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]),
		})
		if err != nil {
			b.Fatal(err)
		}
		verify = func() bool {
			digest := sha256.Sum256(text)
			return ecdsa.VerifyASN1(key, digest[:], der)
		}
	case ed25519.PublicKey:
		verify = func() bool { return ed25519.Verify(key, text, signature) }
	}
	return contender{"raw signature (checks nothing else)", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !verify() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		ok(w, r)
	})}
}

// copied is what knowing the caller costs at least: a context value and the copy of
// the request that carries it.
func copied() contender {
	caller := &claims{}
	return contender{"copy of the request (checks nothing)", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, caller)))
	})}
}

// BenchmarkTokenUnseen remembers no token.
func BenchmarkTokenUnseen(b *testing.B) {
	for _, alg := range tokenAlgorithms {
		b.Run(alg, func(b *testing.B) {
			text := signed(b, alg, "demo-emea")
			contenders := append(bearers(b, alg, auth.JWTOptions{CacheSize: -1}), raw(b, alg, text))
			compete(b, request("GET", "/leads", "Authorization", "Bearer "+text), http.StatusOK, contenders...)
		})
	}
}

// BenchmarkTokenSeen is a client that uses its token again. The last of its lines
// is golang-jwt on the cheapest algorithm, whatever that of the others.
func BenchmarkTokenSeen(b *testing.B) {
	for _, alg := range tokenAlgorithms {
		b.Run(alg, func(b *testing.B) {
			r := request("GET", "/leads", "Authorization", "Bearer "+signed(b, alg, "demo-emea"))
			compete(b, r, http.StatusOK, append(bearers(b, alg, auth.JWTOptions{}), copied())...)
			if alg != "HS256" {
				h, err := golangJWT("golang-jwt", allGolangJWT).wrap(trusting("HS256"), ok)
				if err != nil {
					b.Fatal(err)
				}
				r := request("GET", "/leads", "Authorization", "Bearer "+token(b, "demo-emea"))
				compete(b, r, http.StatusOK, contender{"golang-jwt on HS256 (text)", h})
			}
		})
	}
}

// BenchmarkTokenForged is a token whose signature is another's, before the service
// has seen a good one and after.
func BenchmarkTokenForged(b *testing.B) {
	good, other := token(b, "demo-emea"), token(b, "demo-admin")
	r := request("GET", "/leads", "Authorization", "Bearer "+good[:strings.LastIndexByte(good, '.')]+other[strings.LastIndexByte(other, '.'):])
	contenders := bearers(b, "HS256", auth.JWTOptions{})
	after := contender{"tenet, after a good token", auth.Require(bearer(b, auth.JWTOptions{}))(ok)}
	after.handler.ServeHTTP(newSink(), request("GET", "/leads", "Authorization", "Bearer "+good))
	compete(b, r, http.StatusUnauthorized, slices.Insert(contenders, 1, after)...)
}

// BenchmarkTokenDots, BenchmarkTokenGarbage and BenchmarkTokenNames are fields of 880
// KB that are no good token: dots, base64url of nothing, and a header with tens of
// thousands of names. A server of net/http takes 1 MB of header as it comes.
func BenchmarkTokenDots(b *testing.B) { refused(b, "Bearer "+strings.Repeat(".", long)) }

func BenchmarkTokenGarbage(b *testing.B) {
	part := strings.Repeat("eyJhbGciOiJIUzI1NiJ9", long/60)
	refused(b, "Bearer "+part+"."+part+"."+part)
}

func BenchmarkTokenNames(b *testing.B) {
	var header strings.Builder
	header.WriteString(`{"alg":"HS256"`)
	for i := 0; header.Len() < long/4*3; i++ {
		fmt.Fprintf(&header, `,"%d":0`, i)
	}
	header.WriteString("}")
	refused(b, "Bearer "+base64.RawURLEncoding.EncodeToString([]byte(header.String()))+".e30.AAAA")
}

const long = 880_000

func refused(b *testing.B, field string) {
	b.Helper()
	compete(b, request("GET", "/leads", "Authorization", field), http.StatusUnauthorized, bearers(b, "HS256", auth.JWTOptions{})...)
}

// BenchmarkNoCredentials is a request without any.
func BenchmarkNoCredentials(b *testing.B) {
	compete(b, request("GET", "/leads"), http.StatusUnauthorized, bearers(b, "HS256", auth.JWTOptions{})...)
}
