package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/issuer"
)

// A stored scope with a space in it must not become two in a token.
func TestTokenLeavesOutMalformedScopes(t *testing.T) {
	t.Parallel()
	i, err := issuer.New(issuer.Options{URL: "https://id", Audience: "api", Key: auth.Key{Key: []byte(secret)}})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := i.Token(auth.Principal{Subject: "bob", Scopes: []string{"read", "admin write", ""}})
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := auth.NewJWT(auth.JWTOptions{}, i.Trust())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	p, err := bearer.Authenticate(r)
	if diff := cmp.Diff([]string{"read"}, p.Scopes); err != nil || diff != "" {
		t.Errorf("Authenticate = %v, scopes mismatch (-want +got):\n%s", err, diff)
	}
}
