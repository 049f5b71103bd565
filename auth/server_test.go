package auth_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// On the wire: a client gets a token for its secret, calls with either, and hears
// one WWW-Authenticate field per scheme otherwise.
func TestServer(t *testing.T) {
	t.Parallel()
	secret, hash := auth.GenerateSecret()
	basic := newBasic(t, auth.BasicOptions{}, auth.Client{ID: "bob", Secrets: []auth.Secret{{Hash: hash}}, Scopes: []string{"read"}})
	iss := must(issuer.New(issuer.Options{URL: issuerURL, Audience: audience, Key: auth.Key{Key: ecKey()}, Basic: basic}))
	tokens := newJWT(t, auth.JWTOptions{}, iss.Trust())
	mux := http.NewServeMux()
	mux.Handle("/oauth/token", iss.TokenHandler())
	mux.Handle("/keys", iss.KeySetHandler())
	mux.Handle("/leads", auth.Require(basic, tokens)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprint(w, p.Scheme, " ", p.Subject)
	})))
	server := httptest.NewServer(apierror.Recover(apierror.Options{})(apierror.Mux(mux)))
	defer server.Close()

	send := func(method, path, body string, set func(*http.Request)) (*http.Response, string) {
		t.Helper()
		r := must(http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body)))
		set(r)
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response, string(must(io.ReadAll(response.Body)))
	}

	form := url.Values{"grant_type": {"client_credentials"}}
	response, body := send("POST", "/oauth/token", form.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("bob", secret)
	})
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != 200 {
		t.Fatalf("token endpoint = %d %s", response.StatusCode, body)
	}
	for want, set := range map[string]func(*http.Request){
		"Basic bob":  func(r *http.Request) { r.SetBasicAuth("bob", secret) },
		"Bearer bob": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+answer.AccessToken) },
	} {
		if response, body := send("GET", "/leads", "", set); response.StatusCode != 200 || body != want {
			t.Errorf("GET = %d %s, want %s", response.StatusCode, body, want)
		}
	}
	response, body = send("GET", "/leads", "", func(*http.Request) {})
	want := []string{`Basic realm="api", charset="UTF-8"`, `Bearer realm="api"`}
	if diff := cmp.Diff(want, response.Header["Www-Authenticate"]); diff != "" || response.StatusCode != 401 || body != unauthorized {
		t.Errorf("GET without credentials = %d %s; challenges (-want +got):\n%s", response.StatusCode, body, diff)
	}
	response, body = send("HEAD", "/leads", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") })
	if response.StatusCode != 401 || body != "" || response.ContentLength != int64(len(unauthorized)) {
		t.Errorf("HEAD with a bad token = %d %q, length %d", response.StatusCode, body, response.ContentLength)
	}
	if response, body := send("GET", "/keys", "", func(*http.Request) {}); response.StatusCode != 200 || !strings.Contains(body, `"crv":"P-256"`) || strings.Contains(body, `"d"`) {
		t.Errorf("GET /keys = %d %s", response.StatusCode, body)
	}
}
