package issuer_test

import (
	"net/http/httptest"
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
