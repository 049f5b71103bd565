package issuer_test

import (
	"net/http/httptest"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

func BenchmarkTokenHandler(b *testing.B) {
	secret, hash := auth.GenerateSecret()
	basic := must(auth.NewBasic(must(auth.Clients(auth.Client{ID: "reports", Secrets: []auth.Secret{{Hash: hash}}})), auth.BasicOptions{}))
	iss := must(issuer.New(issuer.Options{URL: url, Audience: url, Key: auth.Key{Key: []byte("a secret of at least 32 bytes ...")}, Basic: basic}))
	h := iss.TokenHandler()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("reports", secret)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// Whatever the form holds, the answer is a token or an error of RFC 6749.
func FuzzTokenForm(f *testing.F) {
	secret, hash := auth.GenerateSecret()
	basic := must(auth.NewBasic(must(auth.Clients(auth.Client{ID: "reports", Secrets: []auth.Secret{{Hash: hash}}, Scopes: []string{"read"}})), auth.BasicOptions{}))
	iss := must(issuer.New(issuer.Options{URL: url, Audience: url, Key: auth.Key{Key: []byte("a secret of at least 32 bytes ...")}, Basic: basic}))
	h := iss.TokenHandler()
	f.Add("application/x-www-form-urlencoded", "grant_type=client_credentials&scope=read")
	f.Add("application/x-www-form-urlencoded;charset=utf-8", "grant_type=client_credentials&grant_type=password&scope=%22")
	f.Add("application/json", "{}")
	f.Add("", "&&=;%zz")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		r.SetBasicAuth("reports", secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answer := w.Body.String()
		switch w.Code {
		case 200:
			if !strings.Contains(body, "client_credentials") && !strings.Contains(body, "%") || !strings.Contains(answer, `"token_type":"Bearer"`) {
				t.Errorf("%q = 200 %s", body, answer)
			}
		case 400:
			if !strings.Contains(answer, `"error_description":`) || !strings.Contains(answer, `"message":`) {
				t.Errorf("%q = 400 %s", body, answer)
			}
		case 413, 415:
		default:
			t.Errorf("%q, %q = %d %s", contentType, body, w.Code, answer)
		}
	})
}

// Whatever comes as credentials, a token is given for those of the client alone, as
// they stand or encoded as in a form.
func FuzzCredentials(f *testing.F) {
	const id, plain = "app@example", "50% + a: b"
	clients := must(auth.Clients(auth.Client{ID: id, Secrets: []auth.Secret{{Hash: "$sha256$" + sha256Of(plain)}}}))
	basic := must(auth.NewBasic(clients, auth.BasicOptions{MaxFailures: -1}))
	h := must(issuer.New(issuer.Options{URL: url, Audience: url, Key: auth.Key{Key: []byte(secret)}, Basic: basic})).TokenHandler()
	f.Add(id, plain)
	f.Add("app%40example", "50%25+%2B+a%3A+b")
	f.Add("app%40example", plain)
	f.Add("app%2540example", "50%2525")
	f.Add("app%40example%3A50", "%25+%2B+a%3A+b")
	f.Fuzz(func(t *testing.T, user, password string) {
		// Basic itself ends the id at the first colon.
		sentID, sentSecret, _ := strings.Cut(user+":"+password, ":")
		decodedID, errID := neturl.QueryUnescape(sentID)
		decodedSecret, errSecret := neturl.QueryUnescape(sentSecret)
		want := 401
		if sentID == id && sentSecret == plain || errID == nil && errSecret == nil && decodedID == id && decodedSecret == plain {
			want = 200
		}
		if w := ask(h, user, password, grant); w.Code != want {
			t.Errorf("%q, %q = %d %s, want %d", user, password, w.Code, w.Body, want)
		}
	})
}
