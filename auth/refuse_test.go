package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/auth"
)

// Each is a 401 with the contract's body and a challenge that says invalid_token,
// or invalid_request where that is given.
func TestMustRefuseTokens(t *testing.T) {
	t.Parallel()
	hs := object{"alg": "HS256"}
	now := time.Now().Unix()
	good := goodToken()
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	der := must(x509.MarshalPKIXPublicKey(&rsaKey().PublicKey))
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	none := func(alg string) string {
		return encode([]byte(text(object{"alg": alg}))) + "." + encode([]byte(text(goodClaims()))) + "."
	}
	claims := func(members ...any) string { return hs256(hs, with(goodClaims(), members...)) }
	inHeader := func(members ...any) string { return hs256(with(object{"alg": "HS256"}, members...), goodClaims()) }
	raw := func(claims string) string { return hs256(hs, claims) }
	list := text(goodClaims())
	embedded := object{"kty": "oct", "k": encode(hmacKey)}

	tests := map[string]struct {
		token string
		want  error // what the cause wraps; nil for any
	}{
		"alg none":                             {none("none"), jwt.ErrTokenMalformed},
		"alg none with a dot too few":          {strings.TrimSuffix(none("none"), "."), jwt.ErrTokenMalformed},
		"alg None with a signature":            {none("None") + signature, jwt.ErrTokenSignatureInvalid},
		"alg NONE with a signature":            {none("NONE") + signature, jwt.ErrTokenSignatureInvalid},
		"alg nOnE with a signature":            {none("nOnE") + signature, jwt.ErrTokenSignatureInvalid},
		"an empty alg":                         {inHeader("alg", ""), jwt.ErrTokenSignatureInvalid},
		"no alg":                               {hs256(object{}, goodClaims()), jwt.ErrTokenSignatureInvalid},
		"alg that is no string":                {inHeader("alg", 1), jwt.ErrTokenMalformed},
		"alg null":                             {inHeader("alg", nil), jwt.ErrTokenMalformed},
		"alg in another case":                  {inHeader("alg", "hs256"), jwt.ErrTokenSignatureInvalid},
		"an algorithm the issuer has not":      {forge(jwt.SigningMethodHS512, hmacKey, object{"alg": "HS512"}, goodClaims()), jwt.ErrTokenSignatureInvalid},
		"a signature of another algorithm":     {forge(jwt.SigningMethodHS512, hmacKey, hs, goodClaims()), jwt.ErrTokenSignatureInvalid},
		"a bad signature":                      {header + "." + payload + "." + encode(make([]byte, 32)), jwt.ErrTokenSignatureInvalid},
		"a signature cut short":                {header + "." + payload + "." + signature[:20], jwt.ErrTokenSignatureInvalid},
		"no signature":                         {header + "." + payload + ".", jwt.ErrTokenMalformed},
		"crit":                                 {inHeader("crit", []string{"exp"}, "exp", 1), jwt.ErrTokenUnverifiable},
		"an empty crit":                        {inHeader("crit", []string{}), jwt.ErrTokenUnverifiable},
		"crit null":                            {inHeader("crit", nil), jwt.ErrTokenUnverifiable},
		"b64 false":                            {inHeader("b64", false), jwt.ErrTokenUnverifiable},
		"b64 false and critical":               {inHeader("b64", false, "crit", []string{"b64"}), jwt.ErrTokenUnverifiable},
		"zip":                                  {inHeader("zip", "DEF"), jwt.ErrTokenUnverifiable},
		"jwk":                                  {inHeader("jwk", embedded), jwt.ErrTokenUnverifiable},
		"jku":                                  {inHeader("jku", "https://evil.example/keys"), jwt.ErrTokenUnverifiable},
		"x5u":                                  {inHeader("x5u", "https://evil.example/cert"), jwt.ErrTokenUnverifiable},
		"x5c":                                  {inHeader("x5c", []string{base64.StdEncoding.EncodeToString(der)}), jwt.ErrTokenUnverifiable},
		"a kid that is a number":               {inHeader("kid", 1), jwt.ErrTokenMalformed},
		"a kid that is an object":              {inHeader("kid", object{}), jwt.ErrTokenMalformed},
		"a kid that is null":                   {inHeader("kid", nil), jwt.ErrTokenMalformed},
		"a typ that is no string":              {inHeader("typ", 1), jwt.ErrTokenMalformed},
		"typ logout+jwt":                       {inHeader("typ", "logout+jwt"), jwt.ErrTokenUnverifiable},
		"typ application/secevent+jwt":         {inHeader("typ", "application/secevent+jwt"), jwt.ErrTokenUnverifiable},
		"typ JOSE":                             {inHeader("typ", "JOSE"), jwt.ErrTokenUnverifiable},
		"typ dpop+jwt":                         {inHeader("typ", "dpop+jwt"), jwt.ErrTokenUnverifiable},
		"an ID token":                          {claims("at_hash", "x"), jwt.ErrTokenInvalidClaims},
		"an ID token by its claim typ":         {claims("typ", "ID"), jwt.ErrTokenInvalidClaims},
		"a refresh token by its claim typ":     {claims("typ", "Refresh"), jwt.ErrTokenInvalidClaims},
		"a logout token by its events":         {claims("events", object{}), jwt.ErrTokenInvalidClaims},
		"a name in another case in the header": {inHeader("ALG", "HS256"), jwt.ErrTokenMalformed},
		"Crit in another case":                 {inHeader("Crit", []string{"x"}), jwt.ErrTokenMalformed},
		"kid with the Kelvin sign":             {inHeader("\u212Aid", "x"), jwt.ErrTokenMalformed},
		"a duplicate name in the header":       {hs256(`{"alg":"HS256","alg":"HS256"}`, goodClaims()), jwt.ErrTokenMalformed},
		"a duplicate name by an escape":        {hs256(`{"alg":"HS256","\u0061lg":"HS256"}`, goodClaims()), jwt.ErrTokenMalformed},
		"a header that is an array":            {hs256(`["HS256"]`, goodClaims()), jwt.ErrTokenMalformed},
		"a header that is null":                {hs256(`null`, goodClaims()), jwt.ErrTokenMalformed},
		"two headers":                          {hs256(`{"alg":"HS256"}{}`, goodClaims()), jwt.ErrTokenMalformed},
		"a header that is not UTF-8":           {hs256("{\"alg\":\"HS256\",\"x\":\"\xff\"}", goodClaims()), jwt.ErrTokenMalformed},
		"a header with a byte order mark":      {hs256("\ufeff"+`{"alg":"HS256"}`, goodClaims()), jwt.ErrTokenMalformed},

		"cnf of DPoP":       {claims("cnf", object{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), jwt.ErrTokenInvalidClaims},
		"cnf of mTLS":       {claims("cnf", object{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}), jwt.ErrTokenInvalidClaims},
		"cnf null":          {claims("cnf", nil), jwt.ErrTokenInvalidClaims},
		"cnf malformed":     {claims("cnf", "x"), jwt.ErrTokenInvalidClaims},
		"no exp":            {hs256(hs, without(goodClaims(), "exp")), jwt.ErrTokenRequiredClaimMissing},
		"exp null":          {claims("exp", nil), jwt.ErrTokenInvalidClaims},
		"exp as a string":   {claims("exp", "9999999999"), jwt.ErrTokenInvalidClaims},
		"exp zero":          {claims("exp", 0), jwt.ErrTokenInvalidClaims},
		"exp negative":      {claims("exp", -1), jwt.ErrTokenInvalidClaims},
		"exp true":          {claims("exp", true), jwt.ErrTokenInvalidClaims},
		"exp an array":      {claims("exp", []int{1}), jwt.ErrTokenInvalidClaims},
		"exp in the past":   {claims("exp", now-1), jwt.ErrTokenExpired},
		"exp now":           {claims("exp", now), jwt.ErrTokenExpired},
		"exp absurd":        {raw(strings.Replace(list, `"exp":`, `"exp":1e300,"x":`, 1)), jwt.ErrTokenInvalidClaims},
		"exp beyond int64":  {raw(strings.Replace(list, `"exp":`, `"exp":99999999999999999999,"x":`, 1)), jwt.ErrTokenInvalidClaims},
		"exp in year 10000": {claims("exp", 253402300800), jwt.ErrTokenInvalidClaims},
		"exp infinite":      {raw(strings.Replace(list, `"exp":`, `"exp":1e999,"x":`, 1)), jwt.ErrTokenInvalidClaims},
		"exp hexadecimal":   {raw(strings.Replace(list, `"exp":`, `"exp":0x7fffffff,"x":`, 1)), jwt.ErrTokenInvalidClaims},
		"nbf in the future": {claims("nbf", now+3600), jwt.ErrTokenNotValidYet},
		"nbf as a string":   {claims("nbf", "1"), jwt.ErrTokenInvalidClaims},
		"nbf negative":      {claims("nbf", -1), jwt.ErrTokenInvalidClaims},
		"iat in the future": {claims("iat", now+3600), jwt.ErrTokenUsedBeforeIssued},
		"iat null":          {claims("iat", nil), jwt.ErrTokenInvalidClaims},
		"no aud":            {hs256(hs, without(goodClaims(), "aud")), jwt.ErrTokenInvalidAudience},
		"another aud":       {claims("aud", "https://other.example"), jwt.ErrTokenInvalidAudience},
		"an empty aud":      {claims("aud", ""), jwt.ErrTokenInvalidAudience},
		"aud of nobody":     {claims("aud", []string{}), jwt.ErrTokenInvalidAudience},
		"aud null":          {claims("aud", nil), jwt.ErrTokenInvalidAudience},
		"aud with a number": {claims("aud", []any{audience, 1}), jwt.ErrTokenInvalidAudience},
		"aud an object":     {claims("aud", object{audience: 1}), jwt.ErrTokenInvalidAudience},
		"aud nested":        {claims("aud", [][]string{{audience}}), jwt.ErrTokenInvalidAudience},
		"aud with a slash":  {claims("aud", audience+"/"), jwt.ErrTokenInvalidAudience},
		"no iss":            {hs256(hs, without(goodClaims(), "iss")), jwt.ErrTokenInvalidIssuer},
		"another iss":       {claims("iss", "https://evil.example"), jwt.ErrTokenInvalidIssuer},
		"iss with a slash":  {claims("iss", issuerURL+"/"), jwt.ErrTokenInvalidIssuer},
		"iss in upper case": {claims("iss", strings.ToUpper(issuerURL)), jwt.ErrTokenInvalidIssuer},
		"iss an array":      {claims("iss", []string{issuerURL}), jwt.ErrTokenInvalidClaims},
		"no sub":            {hs256(hs, without(goodClaims(), "sub")), jwt.ErrTokenRequiredClaimMissing},
		"an empty sub":      {claims("sub", ""), jwt.ErrTokenRequiredClaimMissing},
		"sub a number":      {claims("sub", 1), jwt.ErrTokenInvalidClaims},
		"jti a number":      {claims("jti", 1), jwt.ErrTokenInvalidClaims},
		"scope a number":    {claims("scope", 1), jwt.ErrTokenInvalidClaims},
		"org_unit null":     {claims("org_unit", nil), jwt.ErrTokenInvalidClaims},
		"EXP beside exp":    {claims("EXP", now+3600), jwt.ErrTokenInvalidClaims},
		"EXP without exp":   {hs256(hs, with(without(goodClaims(), "exp"), "EXP", now+3600)), jwt.ErrTokenInvalidClaims},
		"AUD":               {claims("AUD", audience), jwt.ErrTokenInvalidClaims},
		"ISS with a long s": {claims("i\u017fs", issuerURL), jwt.ErrTokenInvalidClaims},

		"claims that are an array":      {raw(`[` + list + `]`), jwt.ErrTokenMalformed},
		"claims that are a string":      {raw(`"x"`), jwt.ErrTokenMalformed},
		"claims that are null":          {raw(`null`), jwt.ErrTokenMalformed},
		"claims that are two objects":   {raw(list + list), jwt.ErrTokenMalformed},
		"claims with trailing bytes":    {raw(list + "\x00"), jwt.ErrTokenMalformed},
		"claims with a trailing comma":  {raw(strings.TrimSuffix(list, "}") + ",}"), jwt.ErrTokenMalformed},
		"no claims":                     {raw(``), jwt.ErrTokenMalformed},
		"a duplicate name":              {raw(strings.TrimSuffix(list, "}") + `,"sub":"admin"}`), jwt.ErrTokenMalformed},
		"a duplicate name deep inside":  {raw(strings.TrimSuffix(list, "}") + `,"x":[{"a":1,"a":2}]}`), jwt.ErrTokenMalformed},
		"a duplicate among many names":  {raw(strings.TrimSuffix(list, "}") + `,` + manyNames() + `,"sub":"admin"}`), jwt.ErrTokenMalformed},
		"claims that are not UTF-8":     {raw(strings.TrimSuffix(list, "}") + ",\"x\":\"\xc0\xaf\"}"), jwt.ErrTokenMalformed},
		"half of a surrogate pair":      {raw(strings.TrimSuffix(list, "}") + `,"x":"\ud800"}`), jwt.ErrTokenMalformed},
		"claims nested without end":     {raw(strings.TrimSuffix(list, "}") + `,"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`), jwt.ErrTokenMalformed},
		"padding":                       {header + "=." + payload + "." + signature, jwt.ErrTokenMalformed},
		"a padded signature":            {good + "=", jwt.ErrTokenMalformed},
		"base64 of the other alphabet":  {raw(list)[:10] + "+" + raw(list)[11:], jwt.ErrTokenMalformed},
		"base64 that is not canonical":  {nonCanonical(good), jwt.ErrTokenMalformed},
		"a line end inside":             {forgeText(jwt.SigningMethodHS256, hmacKey, header, "\n"+payload), jwt.ErrTokenMalformed},
		"a space inside":                {header + ". " + payload + "." + signature, jwt.ErrTokenSignatureInvalid},
		"a JSON serialization":          {`{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`, jwt.ErrTokenMalformed},
		"a JWE":                         {strings.Repeat(header+".", 4) + header, jwt.ErrTokenMalformed},
		"two parts":                     {header + "." + payload, jwt.ErrTokenMalformed},
		"four parts":                    {good + "." + signature, jwt.ErrTokenMalformed},
		"one part":                      {header, jwt.ErrTokenMalformed},
		"dots":                          {strings.Repeat(".", 8000), jwt.ErrTokenMalformed},
		"nothing":                       {"", jwt.ErrTokenMalformed},
		"a token above the size limit":  {strings.Repeat("a", 8193), jwt.ErrTokenMalformed},
		"the RSA key as a secret (PEM)": {forge(jwt.SigningMethodHS256, pemText, hs, goodClaims()), jwt.ErrTokenSignatureInvalid},
		"the RSA key as a secret (DER)": {forge(jwt.SigningMethodHS256, der, hs, goodClaims()), jwt.ErrTokenSignatureInvalid},
	}
	asymmetric := auth.Issuer{
		URL: "https://rsa.example", Audiences: []string{audience}, Algorithms: []string{"RS256"},
		Keys: []auth.Key{{ID: "r", Key: &rsaKey().PublicKey}},
	}
	setups := map[string]*auth.JWT{
		"one issuer":  newJWT(t, auth.JWTOptions{}),
		"two issuers": newJWT(t, auth.JWTOptions{}, asymmetric, hmacIssuer()),
		"no cache":    newJWT(t, auth.JWTOptions{CacheSize: -1}),
	}
	for setup, j := range setups {
		if _, err := j.Authenticate(request("Bearer " + good)); err != nil {
			t.Fatalf("%s: the good token: %v", setup, err)
		}
		h := auth.Require(j)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let in") }))
		for name, tt := range tests {
			t.Run(setup+", "+name, func(t *testing.T) {
				t.Parallel()
				w := serve(h, request("Bearer "+tt.token))
				if diff := cmp.Diff(`{"error":"unauthorized","message":"Missing or invalid credentials"}`, w.Body.String()); diff != "" || w.Code != 401 {
					t.Errorf("status = %d, body mismatch (-want +got):\n%s", w.Code, diff)
				}
				want := []string{`Bearer realm="api", error="invalid_token"`}
				if diff := cmp.Diff(want, w.Header()["Www-Authenticate"]); diff != "" {
					t.Errorf("challenge mismatch (-want +got):\n%s", diff)
				}
				_, err := j.Authenticate(request("Bearer " + tt.token))
				if err == nil || errors.Is(err, auth.ErrNoCredentials) || len(err.Error()) > 200 {
					t.Errorf("cause = %v", err)
				}
				// With several issuers the claims are looked at first.
				if setup != "two issuers" && !errors.Is(err, tt.want) {
					t.Errorf("cause = %v, want one that wraps %v", err, tt.want)
				}
			})
		}
	}
}

func manyNames() string {
	var b strings.Builder
	for i := range 40 {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`"n` + strings.Repeat("x", i) + `":0`)
	}
	return b.String()
}

// nonCanonical changes the bits that the last character of the signature has to
// spare.
func nonCanonical(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last|1:last|1+1]
}

// The algorithm of an RSA issuer cannot be turned into HMAC with the public key
// as the secret.
func TestRSAToHMACConfusion(t *testing.T) {
	t.Parallel()
	public := &rsaKey().PublicKey
	der := must(x509.MarshalPKIXPublicKey(public))
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	j := newJWT(t, auth.JWTOptions{}, auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"RS256"}, Keys: []auth.Key{{ID: "r", Key: public}},
	})
	if _, err := j.Authenticate(request("Bearer " + forge(jwt.SigningMethodRS256, rsaKey(), object{"alg": "RS256", "kid": "r"}, goodClaims()))); err != nil {
		t.Fatalf("the honest token: %v", err)
	}
	for name, secret := range map[string][]byte{
		"DER":        der,
		"PKCS #1":    pkcs1,
		"PEM":        pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PEM, no \n": bytes.TrimSpace(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"modulus":    public.N.Bytes(),
	} {
		token := forge(jwt.SigningMethodHS256, secret, object{"alg": "HS256", "kid": "r"}, goodClaims())
		if _, err := j.Authenticate(request("Bearer " + token)); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			t.Errorf("HS256 under %s = %v, want a refusal", name, err)
		}
	}
	// PS256 is not RS256, though the key is the same.
	token := forge(jwt.SigningMethodPS256, rsaKey(), object{"alg": "PS256", "kid": "r"}, goodClaims())
	if _, err := j.Authenticate(request("Bearer " + token)); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		t.Errorf("PS256 = %v, want a refusal", err)
	}
}

func TestMustRefuseAtConstruction(t *testing.T) {
	t.Parallel()
	change := func(f func(*auth.Issuer)) []auth.Issuer {
		issuer := hmacIssuer()
		f(&issuer)
		return []auth.Issuer{issuer}
	}
	keys := func(algorithm string, keys ...auth.Key) []auth.Issuer {
		return change(func(i *auth.Issuer) { i.Algorithms, i.Keys = []string{algorithm}, keys })
	}
	tests := map[string]struct {
		opts    auth.JWTOptions
		issuers []auth.Issuer
	}{
		"no issuer":                        {},
		"no URL":                           {issuers: change(func(i *auth.Issuer) { i.URL = "" })},
		"no audience":                      {issuers: change(func(i *auth.Issuer) { i.Audiences = nil })},
		"an empty audience":                {issuers: change(func(i *auth.Issuer) { i.Audiences = []string{""} })},
		"no algorithm":                     {issuers: change(func(i *auth.Issuer) { i.Algorithms = nil })},
		"the algorithm none":               {issuers: keys("none", auth.Key{Key: hmacKey})},
		"no key":                           {issuers: keys("HS256")},
		"keys and a source":                {issuers: change(func(i *auth.Issuer) { i.KeySource = noKeys })},
		"an issuer twice":                  {issuers: []auth.Issuer{hmacIssuer(), hmacIssuer()}},
		"an HMAC key shorter than SHA-256": {issuers: keys("HS256", auth.Key{Key: hmacKey[:31]})},
		"an HMAC key shorter than SHA-384": {issuers: keys("HS384", auth.Key{Key: hmacKey})},
		"an HMAC key shorter than SHA-512": {issuers: keys("HS512", auth.Key{Key: make([]byte, 63), Algorithm: "HS512"})},
		"an RSA key for HS256":             {issuers: keys("HS256", auth.Key{Key: &rsaKey().PublicKey})},
		"a secret for RS256":               {issuers: keys("RS256", auth.Key{Key: hmacKey})},
		"a curve for another algorithm":    {issuers: keys("ES384", auth.Key{Key: &ecKey().PublicKey})},
		"a curve for nothing":              {issuers: keys("ES256", auth.Key{Key: &must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).PublicKey})},
		"a private key":                    {issuers: keys("RS256", auth.Key{Key: rsaKey()})},
		"a nil key":                        {issuers: keys("ES256", auth.Key{Key: (*ecdsa.PublicKey)(nil)})},
		"an algorithm that no key serves":  {issuers: change(func(i *auth.Issuer) { i.Algorithms = append(i.Algorithms, "HS512") })},
		"a key that serves no algorithm":   {issuers: keys("ES256", auth.Key{ID: "e", Key: &ecKey().PublicKey}, auth.Key{ID: "r", Key: &rsaKey().PublicKey})},
		"two keys with one id":             {issuers: keys("HS256", auth.Key{ID: "a", Key: hmacKey}, auth.Key{ID: "a", Key: make([]byte, 32)})},
		"secrets and public keys in one list": {issuers: change(func(i *auth.Issuer) {
			i.Algorithms = []string{"HS256", "ES256"}
			i.Keys = append(i.Keys, auth.Key{Key: &ecKey().PublicKey})
		})},
		"a realm that breaks the header": {opts: auth.JWTOptions{Realm: "a\"b"}, issuers: []auth.Issuer{hmacIssuer()}},
		"a negative size":                {opts: auth.JWTOptions{MaxSize: -1}, issuers: []auth.Issuer{hmacIssuer()}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := auth.NewJWT(tt.opts, tt.issuers...); err == nil || !strings.HasPrefix(err.Error(), "auth: ") {
				t.Errorf("NewJWT = %v, want an error of its own", err)
			}
		})
	}
}

// Many a decoder passes over line ends.
func TestLineEndsAreRefused(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	for size := range 8 { // of the payload, so that every remainder comes up
		payload := encode([]byte(text(with(goodClaims(), "x", strings.Repeat("x", size)))))
		header := encode([]byte(`{"alg":"HS256"` + strings.Repeat(" ", size) + `}`))
		for n := range 9 {
			ends := strings.Repeat("\n", n/2) + strings.Repeat("\r", n-n/2)
			for where, token := range map[string]string{
				"header":    forgeText(jwt.SigningMethodHS256, hmacKey, ends+header, payload),
				"payload":   forgeText(jwt.SigningMethodHS256, hmacKey, header, payload[:20]+ends+payload[20:]),
				"signature": forgeText(jwt.SigningMethodHS256, hmacKey, header, payload) + ends,
			} {
				_, err := j.Authenticate(request("Bearer " + token))
				if (err == nil) != (n == 0) || n > 0 && !errors.Is(err, jwt.ErrTokenMalformed) {
					t.Errorf("%d line ends in the %s (%d): error %v", n, where, size, err)
				}
			}
		}
	}
}

func TestMoreTokensAreRefused(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	hs := object{"alg": "HS256"}
	list := text(goodClaims())
	for name, token := range map[string]string{
		"enc":                       hs256(object{"alg": "HS256", "enc": "A128GCM"}, goodClaims()),
		"c_hash":                    hs256(hs, with(goodClaims(), "c_hash", "x")),
		"claim typ Offline":         hs256(hs, with(goodClaims(), "typ", "Offline")),
		"claim typ Logout":          hs256(hs, with(goodClaims(), "typ", "Logout")),
		"exp 2.6e11":                hs256(hs, strings.Replace(list, `"exp":`, `"exp":2.6e11,"x":`, 1)),
		"exp -0":                    hs256(hs, strings.Replace(list, `"exp":`, `"exp":-0,"x":`, 1)),
		"exp 0.0":                   hs256(hs, strings.Replace(list, `"exp":`, `"exp":0.0,"x":`, 1)),
		"objects nested":            hs256(hs, strings.TrimSuffix(list, "}")+`,"x":`+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)+"}"),
		"a carriage return":         forgeText(jwt.SigningMethodHS256, hmacKey, encode([]byte(text(hs))), "\r"+encode([]byte(list))),
		"a pair of two high halves": hs256(hs, strings.TrimSuffix(list, "}")+`,"x":"\ud800\ud800"}`),
		"aud with a number, first":  hs256(hs, with(goodClaims(), "aud", []any{1, audience})),
	} {
		if _, err := j.Authenticate(request("Bearer " + token)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// A signed token above the limit: it is the length that is refused.
func TestSignedLongToken(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	if _, err := j.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "x", strings.Repeat("x", 6000))))); err == nil {
		t.Error("a token above 8 KiB was accepted")
	}
	if _, err := j.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "x", strings.Repeat("x", 5000))))); err != nil {
		t.Errorf("a token below it = %v", err)
	}
}
