package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tenetkit/tenet/auth"
)

// Whatever the field holds, only the credentials that exist let anybody in.
func FuzzAuthorization(f *testing.F) {
	basic := newBasic(f, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: sha256Hash()}}})
	tokens := newJWT(f, auth.JWTOptions{})
	h := auth.Require(basic, tokens)(whoami)
	for _, s := range []string{
		"", "Basic", "Basic ", "Bearer", "Bearer a.b.c", "basic  dXNlcjpwYXNz", "Basic dXNlcg==", "Bearer ..", "Digest x",
		basicField("bob", "open sesame"), basicField("bob", ""), basicField("", "x"), "Bearer " + goodToken(),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		w := serve(h, request(field))
		switch w.Code {
		case 200:
			scheme, rest, _ := strings.Cut(field, " ")
			rest = strings.TrimLeft(rest, " ")
			if strings.EqualFold(scheme, "Basic") {
				text, err := base64.StdEncoding.DecodeString(rest)
				if err != nil || string(text) != "bob:open sesame" {
					t.Fatalf("%q was let in", field)
				}
			} else if w.Body.String() != "alice" || !strings.EqualFold(scheme, "Bearer") {
				t.Fatalf("%q was let in as %s", field, w.Body)
			}
		case 401:
			if w.Body.String() != unauthorized || len(w.Header()["Www-Authenticate"]) != 2 {
				t.Fatalf("%q = %v %s", field, w.Header(), w.Body)
			}
		default:
			t.Fatalf("%q = %d", field, w.Code)
		}
	})
}

// A token that is accepted is one that golang-jwt accepts too, with the same
// subject; the reverse does not hold.
func FuzzCompactToken(f *testing.F) {
	j := newJWT(f, auth.JWTOptions{CacheSize: -1})
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuerURL), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	for _, s := range []string{"", "..", "a.b.c", goodToken(), goodToken() + "=", strings.Repeat(".", 100)} {
		f.Add(s)
	}
	f.Add(hs256(object{"alg": "HS256", "crit": []string{"x"}}, goodClaims()))
	var file wycheproof
	readVectors(f, "json_web_signature_test.json", &file)
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			f.Add(c.JWS)
		}
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := j.Authenticate(request("Bearer " + token))
		if err != nil {
			return
		}
		claims := jwt.RegisteredClaims{}
		if _, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return hmacKey, nil }); err != nil || claims.Subject != p.Subject {
			t.Fatalf("%q gives %+v, and golang-jwt says %v", token, p, err)
		}
	})
}

// The header and the claims are fuzzed under a good signature: what is accepted
// reads the same with encoding/json.
func FuzzClaims(f *testing.F) {
	j := newJWT(f, auth.JWTOptions{CacheSize: -1})
	f.Add(`{"alg":"HS256"}`, text(goodClaims()))
	f.Add(`{"alg":"HS256","typ":"at+jwt","kid":"a"}`, text(with(goodClaims(), "scope", "a b", "roles", []string{"x"}, "nbf", 1.5)))
	f.Add(`{"alg":"HS256","crit":[]}`, text(with(goodClaims(), "cnf", 1)))
	f.Add(`{"alg":"HS256","alg":"none"}`, `{"exp":1e400}`)
	f.Add("{\"alg\":\"HS256\",\"\u212aid\":\"x\"}", `{"sub":"\ud83d\ude00","SUB":""}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		p, err := j.Authenticate(request("Bearer " + hs256(header, claims)))
		if err != nil {
			return
		}
		var h map[string]any
		var c struct {
			Iss, Sub, Jti string
			Exp           float64
			Nbf, Iat      float64
			Aud           any
			Cnf           any
		}
		if err := json.Unmarshal([]byte(header), &h); err != nil {
			t.Fatalf("header %q: %v", header, err)
		}
		if err := json.Unmarshal([]byte(claims), &c); err != nil {
			t.Fatalf("claims %q: %v", claims, err)
		}
		if h["alg"] != "HS256" || h["crit"] != nil || c.Cnf != nil || c.Aud == nil || c.Exp <= 0 {
			t.Errorf("accepted: header %q, claims %q", header, claims)
		}
		if c.Iss != p.Issuer || c.Sub != p.Subject || c.Jti != p.TokenID || p.Subject == "" || float64(p.Expires.Unix()) > c.Exp || float64(p.Expires.Unix()) < c.Exp-1 {
			t.Errorf("%+v from %q, where encoding/json reads %+v", p, claims, c)
		}
	})
}

// What is decoded is what encoding/base64 decodes where it is strict, save that line
// ends are refused.
func FuzzDecodeBase64(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AAAAA", "AA==", "A\nAA", "\r", "-_-_", "+/+/", "AAAAAAAA\xff", "eyJhbGciOiJIUzI1NiJ9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := auth.DecodeBase64(text)
		want, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if (ok != (err == nil && !strings.ContainsAny(text, "\r\n"))) || ok && got != string(want) {
			t.Errorf("DecodeBase64(%q) = %q, %v, where encoding/base64 gives %q, %v", text, got, ok, want, err)
		}
	})
}
