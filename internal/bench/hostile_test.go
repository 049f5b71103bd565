package bench

import (
	"crypto"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/authtest"
)

var hostile = flag.Bool("hostile", false, "let the peers fail TestHostile, for ./hostile")

// TestHostile shows every peer the list of authtest.Attack. A subtest that fails is
// a credential that the peer has let in.
func TestHostile(t *testing.T) {
	if !*hostile {
		t.Skip("run it with: go run ./hostile")
	}
	showHostile(t, tenetPeer(auth.JWTOptions{}))
	for _, p := range lenientPeers() {
		p.name += ", as documented"
		showHostile(t, p)
	}
	for _, p := range strictPeers() {
		p.name += ", all options"
		showHostile(t, p)
	}
}

func showHostile(t *testing.T, p peer) {
	t.Run(p.name, func(t *testing.T) {
		iss := authtest.NewIssuer(t)
		h, err := p.wrap(trustOf(t, iss), ok)
		if err != nil {
			t.Fatal(err)
		}
		authtest.Attack(t, letInOrNot(h), iss)
	})
}

// trustOf reads the issuer's key from where it publishes it.
func trustOf(t *testing.T, iss *authtest.Issuer) trust {
	t.Helper()
	response, err := http.Get(iss.URL + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("the issuer has %d keys, want 1: %v", len(set.Keys), err)
	}
	parsed, err := jwk.ParseKey(set.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	var key crypto.PublicKey
	if err := jwk.Export(parsed, &key); err != nil {
		t.Fatal(err)
	}
	kid, _ := parsed.KeyID()
	return trust{issuer: iss.URL, audience: iss.Audience, alg: "ES256", kid: kid, key: key}
}

// letInOrNot answers 200 if h lets the request in and otherwise the 401 that Attack
// wants to see: whether a peer finds the right status and a challenge for what it
// refuses is another question. A panic counts as refused.
func letInOrNot(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		func() {
			defer func() {
				if recover() != nil {
					rec = httptest.NewRecorder()
					rec.Code = http.StatusInternalServerError
				}
			}()
			h.ServeHTTP(rec, r)
		}()
		if rec.Code == http.StatusOK {
			w.WriteHeader(http.StatusOK)
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	})
}
