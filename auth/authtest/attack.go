package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
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
		"fields: two":                              {good, good},
		"fields: an empty one":                     {""},
		"fields: no token":                         {"Bearer"},
		"fields: two in one":                       {good + ", " + good},
		"fields: two schemes":                      {"Digest x", good},
		"fields: Basic and a token":                {basic("authtest:secret"), good},
		"fields: a tab":                            {"Bearer\t" + strings.TrimPrefix(good, "Bearer ")},
		"fields: a form":                           {"Bearer access_token=" + strings.TrimPrefix(good, "Bearer ")},
		"fields: text behind the token":            {good + " x"},
		"basic: an empty secret":                   {basic("authtest:")},
		"basic: a control character in the secret": {basic("authtest:sec\x00ret")},
		"basic: a line end":                        {basic("authtest:secret\n")},
		"basic: no padding":                        {"Basic YXV0aHRlc3Q6c2VjcmV0IQ"},
		"fields: an unknown scheme":                {"Bearers " + strings.TrimPrefix(good, "Bearer ")},
		"basic: no colon":                          {basic("authtest")},
		"basic: an empty id":                       {basic(":secret")},
		"basic: nobody":                            {basic("authtest-nobody:secret")},
		"basic: a control character":               {basic("authtest\x00:secret")},
		"basic: not UTF-8":                         {basic("authtest:\xff")},
		"basic: not base64":                        {"Basic !!!!"},
		"basic: a token in base64":                 {basic(good)},
		"basic: a token as the secret":             {basic("authtest:" + strings.TrimPrefix(good, "Bearer "))},
		"basic: nothing":                           {"Basic "},
		"basic: something very long":               {basic("authtest:" + strings.Repeat("x", 100_000))},
		"fields: a token in the scheme":            {strings.TrimPrefix(good, "Bearer ")},
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
	i.mu.Lock()
	goodPoint, _ := i.key.PublicKey.Bytes()
	signer := i.key
	i.mu.Unlock()
	embeddedGood := map[string]any{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(goodPoint[1:33]), "y": base64.RawURLEncoding.EncodeToString(goodPoint[33:]),
	}
	signAs := func(header, payload string) string { // parts as they are
		return signWith(jwt.SigningMethodES256, signer, header, payload)
	}
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
		"no alg":                            i.sign(`{"typ":"at+jwt"}`, i.claims("authtest")),
		"alg null":                          header("alg", nil),
		"alg in lower case":                 header("alg", "es256"),
		"alg of another curve":              header("alg", "ES384"),
		"alg of another kind of key":        header("alg", "EdDSA"),
		"a header with trailing bytes":      i.sign(encodeText(i.header())+"{}", i.claims("authtest")),
		"a header that is not UTF-8":        i.sign("{\"alg\":\"ES256\",\"x\":\"\xff\"}", i.claims("authtest")),
		"alg twice, once escaped":           i.sign(`{"alg":"ES256","\u0061lg":"ES256"}`, i.claims("authtest")),
		"crit null":                         header("crit", nil),
		"crit in another case":              header("Crit", []string{"x"}),
		"b64 false without crit":            header("b64", false),
		"zip":                               header("zip", "DEF"),
		"enc":                               header("enc", "A128GCM"),
		"x5c under a good signature":        header("x5c", []string{base64.StdEncoding.EncodeToString(der)}),
		"a kid that is null":                header("kid", nil),
		"a kid that is a path":              strange("kid", "../../../../dev/null"),
		"a typ that is a number":            header("typ", 1),
		"typ secevent+jwt":                  header("typ", "application/secevent+jwt"),
		"the JWK as a secret":               confused([]byte(encodeText(embeddedGood))),
		"the point as a secret":             confused(goodPoint),

		"bound by DPoP":              claims("cnf", map[string]any{"jkt": thumbprint}),
		"bound by mTLS":              claims("cnf", map[string]any{"x5t#S256": thumbprint}),
		"bound, malformed":           claims("cnf", "x"),
		"no exp":                     without("exp"),
		"exp in the past":            claims("exp", now-7*24*3600),
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
		"bound, null":                claims("cnf", nil),
		"an ID token (at_hash)":      claims("at_hash", "x"),
		"an ID token (c_hash)":       claims("c_hash", "x"),
		"a logout token by events":   claims("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
		"exp true":                   claims("exp", true),
		"exp beyond 64 bits":         text(func(c string) string { return strings.Replace(c, `"exp":`, `"exp":99999999999999999999,"x":`, 1) }),
		"exp infinite":               text(func(c string) string { return strings.Replace(c, `"exp":`, `"exp":1e999,"x":`, 1) }),
		"exp in the year 10000":      claims("exp", 253402300800),
		"EXP in place of exp":        text(func(c string) string { return strings.Replace(c, `"exp"`, `"EXP"`, 1) }),
		"exp twice":                  added(fmt.Sprintf(`,"exp":%d`, now+7200)),
		"exp twice, once escaped":    added(fmt.Sprintf(`,"\u0065xp":%d`, now+7200)),
		"nbf as a string":            claims("nbf", "1"),
		"iat null":                   claims("iat", nil),
		"aud with a number":          claims("aud", []any{i.Audience, 1}),
		"aud nested":                 claims("aud", [][]string{{i.Audience}}),
		"aud an object":              claims("aud", map[string]any{i.Audience: true}),
		"iss an array":               claims("iss", []string{i.URL}),
		"iss in upper case":          claims("iss", strings.ToUpper(i.URL)),
		"no sub":                     without("sub"),
		"an empty sub":               claims("sub", ""),
		"sub a number":               claims("sub", 1),
		"iss with a long s":          claims("i\u017fs", i.URL),
		"a name twice deep inside":   added(`,"x":[{"a":1,"a":2}]`),
		"half of a surrogate pair":   added(`,"x":"\ud800"`),
		"arrays without end":         added(`,"x":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500)),
		"objects without end":        added(`,"x":` + strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)),
		"claims that are a string":   i.sign(i.header(), `"authtest"`),
		"no claims":                  i.sign(i.header(), ""),
		"claims after a BOM":         text(func(c string) string { return "\ufeff" + c }),
		"a good token of 100 KB":     claims("x", strings.Repeat("x", 75_000)),

		"a changed payload":                parts[0] + "." + encode(with(i.claims("admin"), "x", 1)) + "." + parts[2],
		"a signature of zeros":             parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"a signature too long":             parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(der[:70]),
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"padding":                          good + "==",
		"padding in the header":            parts[0] + "=." + parts[1] + "." + parts[2],
		"the other alphabet":               parts[0] + "." + parts[1][:8] + "+/" + parts[1][10:] + "." + parts[2],
		"a line end in the payload":        signAs(parts[0], "\n"+parts[1]),
		"a line end at the end":            good + "\n",
		"a space inside":                   parts[0] + ". " + parts[1] + "." + parts[2],
		"a signature in ASN.1":             parts[0] + "." + parts[1] + "." + asn1Signature(parts[2]),
		"the payload alone is signed":      parts[0] + ".." + parts[2],
		"the general JSON serialization":   `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
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

func encodeText(v any) string {
	data, _ := json.Marshal(v) // of maps of strings
	return string(data)
}

// asn1Signature returns the two numbers of a signature as X.509 has them.
func asn1Signature(part string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(part)
	der, _ := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	return base64.RawURLEncoding.EncodeToString(der)
}
