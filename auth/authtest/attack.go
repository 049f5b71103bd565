package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Attack sends GET / to the handler with each of a list of hostile credentials:
// forged, malformed, expired and misdirected tokens, and broken Basic fields. Each
// has to be answered with 401 and a challenge, and what tokens name must not be
// fetched. A good token of the issuer has to get through, or the test proves
// nothing; what it is answered is of no interest, as long as it is neither 401 nor
// 404. Wrap a handler that does not serve / so that it does.
//
// Each kind is a subtest.
func Attack(t *testing.T, h http.Handler, iss *Issuer) {
	t.Helper()
	if err := baseline(h, iss); err != nil {
		t.Fatalf("authtest: Attack: %v", err)
	}
	list := attacks(iss)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		t.Run(name, func(t *testing.T) {
			if err := try(h, list[name]); err != nil {
				t.Error(err)
			}
		})
	}
	if n := iss.fetched.Load(); n > 0 {
		t.Errorf("the service fetched %d times what a token named", n)
	}
}

func baseline(h http.Handler, iss *Issuer) error {
	status := send(h, []string{"Bearer " + iss.Token("authtest")}).Code
	if status == http.StatusUnauthorized || status == http.StatusNotFound {
		return fmt.Errorf("a good token is answered with %d", status)
	}
	return nil
}

func try(h http.Handler, fields []string) error {
	w := send(h, fields)
	if w.Code != http.StatusUnauthorized {
		return fmt.Errorf("%.100q is answered with %d, want 401", fields, w.Code)
	}
	if len(w.Header()["Www-Authenticate"]) == 0 {
		return fmt.Errorf("%.100q is answered without WWW-Authenticate", fields)
	}
	return nil
}

func send(h http.Handler, fields []string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if len(fields) > 0 {
		r.Header["Authorization"] = fields
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// attacks returns the Authorization fields of each kind.
func attacks(i *Issuer) map[string][]string {
	list := map[string][]string{"no credentials": nil}
	for name, token := range i.hostileTokens() {
		list["token: "+name] = []string{"Bearer " + token}
	}
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	good := "Bearer " + i.Token("authtest")
	maps.Copy(list, map[string][]string{
		"fields: two":                   {good, good},
		"fields: an empty one":          {""},
		"fields: no token":              {"Bearer"},
		"fields: two in one":            {good + ", " + good},
		"fields: an unknown scheme":     {"Bearers " + strings.TrimPrefix(good, "Bearer ")},
		"basic: no colon":               {basic("authtest")},
		"basic: an empty id":            {basic(":secret")},
		"basic: nobody":                 {basic("authtest-nobody:secret")},
		"basic: a control character":    {basic("authtest\x00:secret")},
		"basic: not UTF-8":              {basic("authtest:\xff")},
		"basic: not base64":             {"Basic !!!!"},
		"basic: a token in base64":      {basic(good)},
		"basic: a token as the secret":  {basic("authtest:" + strings.TrimPrefix(good, "Bearer "))},
		"basic: nothing":                {"Basic "},
		"basic: something very long":    {basic("authtest:" + strings.Repeat("x", 100_000))},
		"fields: a token in the scheme": {strings.TrimPrefix(good, "Bearer ")},
	})
	return list
}

// hostileTokens returns tokens that must be refused, by what is wrong with them.
func (i *Issuer) hostileTokens() map[string]string {
	now := time.Now().Unix()
	header := func(members ...any) string { return i.sign(with(i.header(), members...), i.claims("authtest")) }
	claims := func(members ...any) string { return i.sign(i.header(), with(i.claims("authtest"), members...)) }
	without := func(name string) string {
		c := i.claims("authtest")
		delete(c, name)
		return i.sign(i.header(), c)
	}
	text := func(change func(claims string) string) string {
		decoded, _ := base64.RawURLEncoding.DecodeString(encode(i.claims("authtest")))
		return i.sign(i.header(), change(string(decoded)))
	}
	added := func(members string) string {
		return text(func(c string) string { return strings.TrimSuffix(c, "}") + members + "}" })
	}
	good := i.Token("authtest")
	parts := strings.Split(good, ".")
	none := func(alg string) string {
		return encode(map[string]any{"alg": alg, "typ": "at+jwt"}) + "." + encode(i.claims("authtest")) + "."
	}
	i.mu.Lock()
	der, _ := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	i.mu.Unlock()
	confused := func(secret []byte) string {
		return signWith(jwt.SigningMethodHS256, secret, encode(with(i.header(), "alg", "HS256")), encode(i.claims("authtest")))
	}
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	strange := func(members ...any) string {
		return signWith(jwt.SigningMethodES256, stranger, encode(with(i.header(), members...)), encode(i.claims("authtest")))
	}
	point, _ := stranger.PublicKey.Bytes()
	embedded := map[string]any{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
	strangeDER, _ := x509.MarshalPKIXPublicKey(&stranger.PublicKey)
	evil := i.URL + "/evil"
	thumbprint := base64.RawURLEncoding.EncodeToString(sha256.New().Sum(nil))
	return map[string]string{
		"alg none":                          none("none"),
		"alg None":                          none("None"),
		"alg NONE":                          none("NONE"),
		"alg nOnE with a signature":         none("nOnE") + parts[2],
		"the public key as a secret (DER)":  confused(der),
		"the public key as a secret (PEM)":  confused(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"an empty secret":                   confused([]byte{}),
		"a stranger's key":                  strange(),
		"a stranger's key under another id": strange("kid", "authtest-unknown"),
		"a stranger's key in jwk":           strange("jwk", embedded),
		"a stranger's key at jku":           strange("jku", evil),
		"a stranger's key at x5u":           strange("x5u", evil),
		"a stranger's key in x5c":           strange("x5c", []string{base64.StdEncoding.EncodeToString(strangeDER)}),
		"jwk under a good signature":        header("jwk", embedded),
		"jku under a good signature":        header("jku", evil),
		"x5u under a good signature":        header("x5u", evil),
		"crit":                              header("crit", []string{"exp"}),
		"crit of a name that is not there":  header("crit", []string{"authtest"}),
		"an empty crit":                     header("crit", []string{}),
		"b64 false":                         header("b64", false, "crit", []string{"b64"}),
		"a kid that is a number":            header("kid", 1),
		"a kid that is an object":           header("kid", map[string]any{}),
		"typ logout+jwt":                    header("typ", "logout+jwt"),
		"typ dpop+jwt":                      header("typ", "dpop+jwt"),
		"alg twice":                         i.sign(`{"alg":"ES256","alg":"ES256"}`, i.claims("authtest")),
		"alg in another case beside it":     header("ALG", "none"),
		"a header that is an array":         i.sign(`["ES256"]`, i.claims("authtest")),

		"bound by DPoP":              claims("cnf", map[string]any{"jkt": thumbprint}),
		"bound by mTLS":              claims("cnf", map[string]any{"x5t#S256": thumbprint}),
		"bound, malformed":           claims("cnf", "x"),
		"no exp":                     without("exp"),
		"exp in the past":            claims("exp", now-120),
		"exp null":                   claims("exp", nil),
		"exp as a string":            claims("exp", fmt.Sprint(now+3600)),
		"exp zero":                   claims("exp", 0),
		"exp negative":               claims("exp", -1),
		"exp absurd":                 text(func(c string) string { return strings.Replace(c, `"exp":`, `"exp":1e300,"x":`, 1) }),
		"nbf in the future":          claims("nbf", now+3600),
		"iat in the future":          claims("iat", now+3600),
		"no aud":                     without("aud"),
		"another aud":                claims("aud", "https://other.test"),
		"an empty aud":               claims("aud", ""),
		"aud of nobody":              claims("aud", []string{}),
		"aud with a slash":           claims("aud", i.Audience+"/"),
		"no iss":                     without("iss"),
		"another iss":                claims("iss", "https://evil.test"),
		"iss with a slash":           claims("iss", i.URL+"/"),
		"EXP beside an exp long ago": claims("exp", now-3600, "EXP", now+3600),
		"AUD in place of aud":        text(func(c string) string { return strings.Replace(c, `"aud"`, `"AUD"`, 1) }),
		"sub twice":                  added(`,"sub":"admin"`),
		"invalid UTF-8":              added(",\"x\":\"\xff\""),
		"claims that are an array":   text(func(c string) string { return "[" + c + "]" }),
		"claims that are null":       i.sign(i.header(), "null"),
		"claims with trailing bytes": text(func(c string) string { return c + "{}" }),

		"a changed payload":                parts[0] + "." + encode(with(i.claims("admin"), "x", 1)) + "." + parts[2],
		"a signature of zeros":             parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"a signature too long":             parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(der[:70]),
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"padding":                          good + "==",
		"a character that is not base64":   parts[0] + ".*" + parts[1] + "." + parts[2],
		"trailing base64 bits":             trailingBits(good),
		"two parts":                        parts[0] + "." + parts[1],
		"four parts":                       good + "." + parts[2],
		"five parts":                       good + "." + parts[2] + "." + parts[2],
		"thousands of dots":                strings.Repeat(".", 8000),
		"a megabyte":                       strings.Repeat("a", 1<<20),
		"the JSON serialization":           `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"a token of another kind (opaque)": "authtest_0123456789abcdef",
	}
}

func with(o map[string]any, members ...any) map[string]any {
	for i := 0; i < len(members); i += 2 {
		o[members[i].(string)] = members[i+1]
	}
	return o
}

// trailingBits sets the bits that the last character has to spare.
func trailingBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1]) | 1
	return token[:len(token)-1] + alphabet[last:last+1]
}
