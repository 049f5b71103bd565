package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth"
)

func noKeys(context.Context, string) (*auth.KeySet, error) { return nil, errors.New("no keys") }

func TestAccepts(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	hs := object{"alg": "HS256"}
	tests := map[string]struct {
		token string
		want  func(*auth.Principal) // changes to what the good token gives
	}{
		"the smallest":                    {goodToken(), nil},
		"typ JWT":                         {hs256(with(object{"alg": "HS256"}, "typ", "jwt"), goodClaims()), nil},
		"typ application/at+jwt":          {hs256(with(object{"alg": "HS256"}, "typ", "application/AT+jwt"), goodClaims()), nil},
		"a kid that no key has":           {hs256(with(object{"alg": "HS256"}, "kid", "x"), goodClaims()), nil},
		"names that nobody knows":         {hs256(with(object{"alg": "HS256"}, "x5t", "a", "foo", object{"a": 1}), with(goodClaims(), "foo", []any{1, nil, object{}})), nil},
		"aud in a list":                   {hs256(hs, with(goodClaims(), "aud", []string{"other", audience})), nil},
		"nbf and iat within the leeway":   {hs256(hs, with(goodClaims(), "nbf", now.Unix()+20, "iat", now.Unix()+20)), func(p *auth.Principal) { p.Issued = now.Add(20 * time.Second) }},
		"nbf zero":                        {hs256(hs, with(goodClaims(), "nbf", 0)), nil},
		"exp with a fraction":             {hs256(hs, with(goodClaims(), "exp", float64(now.Unix())+3600.5)), func(p *auth.Principal) { p.Expires = now.Add(3600*time.Second + 500*time.Millisecond) }},
		"exp with an exponent":            {hs256(hs, strings.Replace(text(goodClaims()), `"exp":`, `"exp":2.5e9,"x":`, 1)), func(p *auth.Principal) { p.Expires = time.Unix(2500000000, 0) }},
		"white space":                     {hs256(" {\n\"alg\" :\t\"HS256\" } ", " "+text(goodClaims())+"\r\n"), nil},
		"escapes":                         {hs256(hs, strings.Replace(text(goodClaims()), `"sub"`, `"\u0073ub"`, 1)), nil},
		"a subject with a pair":           {hs256(hs, strings.Replace(text(goodClaims()), `"alice"`, `"al\ud83d\ude00"`, 1)), func(p *auth.Principal) { p.Subject = "al😀" }},
		"scope as a string":               {hs256(hs, with(goodClaims(), "scope", "a b")), func(p *auth.Principal) { p.Scopes = []string{"a", "b"} }},
		"scope as a list":                 {hs256(hs, with(goodClaims(), "scope", []string{"a", "b"})), func(p *auth.Principal) { p.Scopes = []string{"a", "b"} }},
		"scp":                             {hs256(hs, with(goodClaims(), "scp", []string{"a"})), func(p *auth.Principal) { p.Scopes = []string{"a"} }},
		"roles":                           {hs256(hs, with(goodClaims(), "roles", []string{"editor"})), func(p *auth.Principal) { p.Roles = []string{"editor"} }},
		"a role by itself":                {hs256(hs, with(goodClaims(), "roles", "editor")), func(p *auth.Principal) { p.Roles = []string{"editor"} }},
		"roles of a shape that is odd":    {hs256(hs, with(goodClaims(), "roles", object{"x": 1})), nil},
		"client_id, jti, org_unit":        {hs256(hs, with(goodClaims(), "client_id", "app", "azp", "other", "jti", "7", "org_unit", "emea")), func(p *auth.Principal) { p.ClientID, p.TokenID, p.Unit = "app", "7", "emea" }},
		"azp where there is no client_id": {hs256(hs, with(goodClaims(), "azp", "app")), func(p *auth.Principal) { p.ClientID = "app" }},
		"Keycloak's claim typ":            {hs256(hs, with(goodClaims(), "typ", "Bearer")), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := auth.Principal{Scheme: "Bearer", Subject: "alice", Issuer: issuerURL, Expires: now.Add(time.Hour), Issued: now.Add(-time.Second)}
			if tt.want != nil {
				tt.want(&want)
			}
			j := newJWT(t, auth.JWTOptions{})
			for _, seen := range []string{"unseen", "seen"} {
				got, err := j.Authenticate(request("Bearer " + tt.token))
				if err != nil {
					t.Fatalf("%s: %v", seen, err)
				}
				near := cmpopts.EquateApproxTime(2 * time.Second)
				if name == "exp with a fraction" {
					near = cmpopts.EquateApproxTime(1500 * time.Millisecond)
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(auth.Principal{}), near); diff != "" {
					t.Errorf("%s: principal mismatch (-want +got):\n%s", seen, diff)
				}
			}
		})
	}
}

func TestAuthorizationField(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	good := goodToken()
	tests := map[string]struct {
		fields []string
		ok     bool
		want   error
	}{
		"usual":                             {fields: []string{"Bearer " + good}, ok: true},
		"lower case":                        {fields: []string{"bearer " + good}, ok: true},
		"upper case":                        {fields: []string{"BEARER " + good}, ok: true},
		"several spaces":                    {fields: []string{"Bearer    " + good}, ok: true},
		"no field":                          {want: auth.ErrNoCredentials},
		"another scheme":                    {fields: []string{"Digest x"}, want: auth.ErrNoCredentials},
		"a longer scheme":                   {fields: []string{"Bearers " + good}, want: auth.ErrNoCredentials},
		"a tab":                             {fields: []string{"Bearer\t" + good}, want: auth.ErrNoCredentials},
		"the scheme alone":                  {fields: []string{"Bearer"}},
		"two fields":                        {fields: []string{"Bearer " + good, "Bearer " + good}},
		"two fields, one of another scheme": {fields: []string{"Digest x", "Bearer " + good}},
		"two tokens in a list":              {fields: []string{"Bearer " + good + ", Bearer " + good}},
		"a token in the form":               {fields: []string{"Bearer access_token=" + good}},
		"trailing text":                     {fields: []string{"Bearer " + good + " x"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := j.Authenticate(request(tt.fields...))
			if (err == nil) != tt.ok || tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && errors.Is(err, auth.ErrNoCredentials) {
				t.Errorf("Authenticate = %v, want ok %v or %v", err, tt.ok, tt.want)
			}
		})
	}
	if got := j.Challenge(must2(j.Authenticate(request("Bearer a", "Bearer b")))); got != `Bearer realm="api", error="invalid_request"` {
		t.Errorf("challenge after two fields = %s", got)
	}
}

func must2(_ auth.Principal, err error) error { return err }

// Every algorithm of the list verifies what golang-jwt signs, and a token under
// one key does not pass under another.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	public := map[string]struct {
		private, public any
	}{
		"HS": {make64(), make64()}, "RS": {rsaKey(), &rsaKey().PublicKey}, "PS": {rsaKey(), &rsaKey().PublicKey},
		"Ed": {edKey(), edKey().Public()}, "ES": {ecKey(), &ecKey().PublicKey},
	}
	for _, name := range []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := public[name[:2]]
			j := newJWT(t, auth.JWTOptions{}, auth.Issuer{
				URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{name}, Keys: []auth.Key{{Key: k.public}},
			})
			token := forge(jwt.GetSigningMethod(name), k.private, object{"alg": name}, goodClaims())
			if _, err := j.Authenticate(request("Bearer " + token)); err != nil {
				t.Errorf("a good token: %v", err)
			}
			cut := strings.LastIndexByte(token, '.')
			for _, bad := range []string{token[:cut-1] + "A" + token[cut:], token[:cut+1] + "AAAA" + token[cut+5:], token + "AAAA"} {
				if _, err := j.Authenticate(request("Bearer " + bad)); err == nil {
					t.Errorf("a changed token was accepted: %s", bad)
				}
			}
		})
	}
}

func make64() []byte { return append(append([]byte(nil), hmacKey...), hmacKey...) }

// A kid chooses among the keys; keys without an id are tried for all.
func TestKeyID(t *testing.T) {
	t.Parallel()
	other := []byte("another secret of at least 32 bytes")
	issuer := hmacIssuer()
	issuer.Keys = []auth.Key{{ID: "a", Key: hmacKey}, {ID: "b", Key: other}}
	j := newJWT(t, auth.JWTOptions{}, issuer)
	for name, tt := range map[string]struct {
		header object
		ok     bool
	}{
		"its own id":    {object{"alg": "HS256", "kid": "a"}, true},
		"no id":         {object{"alg": "HS256"}, true},
		"another's id":  {object{"alg": "HS256", "kid": "b"}, false},
		"nobody's id":   {object{"alg": "HS256", "kid": "c"}, false},
		"a path":        {object{"alg": "HS256", "kid": "../../dev/null"}, false},
		"an SQL string": {object{"alg": "HS256", "kid": "' UNION SELECT 'a"}, false},
	} {
		if _, err := j.Authenticate(request("Bearer " + hs256(tt.header, goodClaims()))); (err == nil) != tt.ok {
			t.Errorf("%s = %v, want ok %v", name, err, tt.ok)
		}
	}
}

// The issuers of a list cannot speak for each other.
func TestIssuers(t *testing.T) {
	t.Parallel()
	other := []byte("another secret of at least 32 bytes")
	first, second := hmacIssuer(), hmacIssuer()
	second.URL, second.Keys = "https://partner.example", []auth.Key{{Key: other}}
	second.AccessTokenOnly, second.SubjectPrefix = true, "partner:"
	j := newJWT(t, auth.JWTOptions{}, first, second)
	partner := with(goodClaims(), "iss", second.URL)
	atJWT := object{"alg": "HS256", "typ": "at+jwt"}

	p, err := j.Authenticate(request("Bearer " + forge(jwt.SigningMethodHS256, other, atJWT, partner)))
	if err != nil || p.Subject != "partner:alice" || p.Issuer != second.URL {
		t.Errorf("the partner's token = %+v, %v", p, err)
	}
	for name, token := range map[string]string{
		"the partner's key for the first issuer":  forge(jwt.SigningMethodHS256, other, atJWT, goodClaims()),
		"the first key for the partner":           forge(jwt.SigningMethodHS256, hmacKey, atJWT, partner),
		"the partner's token without its own typ": forge(jwt.SigningMethodHS256, other, object{"alg": "HS256", "typ": "JWT"}, partner),
	} {
		if p, err := j.Authenticate(request("Bearer " + token)); err == nil {
			t.Errorf("%s was accepted: %+v", name, p)
		}
	}
}

// A remembered token ends with its exp, with its key and by revocation.
func TestSeenTokenEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := must(auth.NewKeySet(auth.Key{ID: "a", Key: hmacKey}))
		again := must(auth.NewKeySet(auth.Key{ID: "a", Key: hmacKey}))
		without := must(auth.NewKeySet(auth.Key{ID: "b", Key: []byte("another secret of at least 32 bytes")}))
		current := set
		var down error
		issuer := hmacIssuer()
		issuer.Keys = nil
		issuer.KeySource = func(context.Context, string) (*auth.KeySet, error) { return current, down }
		revoked := false
		var hits []bool
		j := newJWT(t, auth.JWTOptions{OnCache: func(hit bool) { hits = append(hits, hit) }, Revoked: func(_ context.Context, p auth.Principal) (bool, error) {
			if p.Subject != "alice" {
				t.Errorf("Revoked was asked about %+v", p)
			}
			return revoked, down
		}}, issuer)
		token := hs256(object{"alg": "HS256", "kid": "a"}, with(goodClaims(), "exp", time.Now().Add(time.Minute).Unix()))
		check := func(when string, want error) {
			t.Helper()
			_, err := j.Authenticate(request("Bearer " + token))
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s = %v, want %v", when, err, want)
			}
		}
		check("unseen", nil)
		check("seen", nil)
		current = again
		check("the key read anew", nil)
		current = without
		check("the key gone", jwt.ErrTokenSignatureInvalid)
		current = set
		check("the key back", nil)
		down = errors.New("down")
		check("the source down", apierror.Unavailable(0))
		down = nil
		revoked = true
		if _, err := j.Authenticate(request("Bearer " + token)); err == nil {
			t.Error("a revoked token was accepted")
		}
		revoked = false
		check("not revoked after all", nil)
		time.Sleep(time.Minute)
		check("expired", jwt.ErrTokenExpired)
		// Of the calls that were answered from keys: the first, the one without the key
		// and the last found nothing remembered.
		if diff := cmp.Diff([]bool{false, true, true, false, true, true, true, false}, hits); diff != "" {
			t.Errorf("cache hits mismatch (-want +got):\n%s", diff)
		}
	})
}

func TestLeeway(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	late := hs256(object{"alg": "HS256"}, with(goodClaims(), "exp", now-30))
	early := hs256(object{"alg": "HS256"}, with(goodClaims(), "nbf", now+20))
	tests := map[string]struct {
		leeway      time.Duration
		late, early bool
	}{
		"by default": {0, false, true},
		"a minute":   {time.Minute, true, true},
		"none":       {-1, false, false},
	}
	for name, tt := range tests {
		j := newJWT(t, auth.JWTOptions{Leeway: tt.leeway})
		for token, want := range map[string]bool{late: tt.late, early: tt.early} {
			for range 2 {
				if _, err := j.Authenticate(request("Bearer " + token)); (err == nil) != want {
					t.Errorf("%s: Authenticate = %v, want ok %v", name, err, want)
				}
			}
		}
	}
}

type ownClaims struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
}

func TestClaims(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	p, err := j.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "tenant", "acme"))))
	if err != nil {
		t.Fatal(err)
	}
	own, err := auth.Claims[ownClaims](p)
	if err != nil || own.Tenant != "acme" || own.Subject != "alice" || own.ExpiresAt == nil {
		t.Errorf("Claims = %+v, %v", own, err)
	}
	if _, err := auth.Claims[struct{ Tenant int }](p); err == nil {
		t.Error("Claims of the wrong type = nil error")
	}
	if m, err := auth.Claims[jwt.MapClaims](p); err != nil || m["tenant"] != "acme" {
		t.Errorf("Claims as a map = %v, %v", m, err)
	}
	if _, err := auth.Claims[ownClaims](auth.Principal{}); err == nil {
		t.Error("Claims of nobody = nil error")
	}
	fake := auth.Principal{}.WithClaims(ownClaims{Tenant: "fake"})
	if own, err := auth.Claims[ownClaims](fake); err != nil || own.Tenant != "fake" {
		t.Errorf("Claims after WithClaims = %+v, %v", own, err)
	}
	if _, err := auth.Claims[string](fake); err == nil {
		t.Error("Claims of another type = nil error")
	}
}

// The size limit comes before any decoding.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	token := goodToken()
	for size, ok := range map[int]bool{len(token): true, len(token) - 1: false} {
		j := newJWT(t, auth.JWTOptions{MaxSize: size})
		if _, err := j.Authenticate(request("Bearer " + token)); (err == nil) != ok {
			t.Errorf("MaxSize %d = %v, want ok %v", size, err, ok)
		}
	}
}

func TestKeySourceDownIs503(t *testing.T) {
	t.Parallel()
	issuer := hmacIssuer()
	issuer.Keys, issuer.KeySource = nil, noKeys
	h := auth.Require(newJWT(t, auth.JWTOptions{}, issuer))(http.NotFoundHandler())
	w := serve(h, request("Bearer "+goodToken()))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Www-Authenticate") != "" {
		t.Errorf("answer = %d %v, want 503 with Retry-After and no challenge", w.Code, w.Header())
	}
}

// A Keyfunc of golang-jwt is asked for every token, and what it no longer
// returns is good no longer.
func TestKeyfunc(t *testing.T) {
	t.Parallel()
	var answer any = jwt.VerificationKeySet{Keys: []jwt.VerificationKey{&ecKey().PublicKey, edKey().Public()}}
	var failure error
	issuer := auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"ES256", "EdDSA"},
		Keyfunc: func(token *jwt.Token) (any, error) {
			if token.Header["kid"] != "a" || token.Method.Alg() != token.Header["alg"] {
				t.Errorf("Keyfunc was asked about %+v", token)
			}
			return answer, failure
		},
	}
	j := newJWT(t, auth.JWTOptions{}, issuer)
	token := forge(jwt.SigningMethodES256, ecKey(), object{"alg": "ES256", "kid": "a"}, goodClaims())
	check := func(when string, want error) {
		t.Helper()
		for range 2 {
			if _, err := j.Authenticate(request("Bearer " + token)); !errors.Is(err, want) {
				t.Errorf("%s: Authenticate = %v, want %v", when, err, want)
			}
		}
	}
	check("two keys of which one does not fit the algorithm", nil)
	answer = &ecKey().PublicKey
	check("the key", nil)
	answer = jwt.VerificationKeySet{Keys: []jwt.VerificationKey{&ecKey().PublicKey}}
	check("the key in a set", nil)
	answer = &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey
	check("another key", jwt.ErrTokenSignatureInvalid)
	answer = hmacKey
	check("a secret", jwt.ErrTokenUnverifiable)
	answer = nil
	check("nothing", jwt.ErrTokenUnverifiable)
	failure = errors.New("no such key")
	check("an error", failure)
	failure, answer = nil, &ecKey().PublicKey
	check("the key again", nil)
}

// What one request appends to its principal's roles does not show in another's.
func TestAppendedRolesStayApart(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	field := "Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "roles", []string{"x", "y", "z"}, "scope", []string{"x", "y", "z"}))
	p, q := must(j.Authenticate(request(field))), must(j.Authenticate(request(field)))
	roles, scopes := append(p.Roles, "reader"), append(p.Scopes, "read")
	_, _ = append(q.Roles, "admin"), append(q.Scopes, "write")
	if roles[3] != "reader" || scopes[3] != "read" {
		t.Errorf("roles and scopes became %v, %v", roles, scopes)
	}
}

// Roles of a shape that is not known give none.
func TestOddRolesGiveNone(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	for _, roles := range []any{[]any{"admin", 1}, []any{"admin", nil}, []any{"admin", object{"unit": "emea"}}} {
		p := must(j.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "roles", roles)))))
		if len(p.Roles) > 0 {
			t.Errorf("%v gives %v", roles, p.Roles)
		}
	}
}

// OAuth scopes are parted by spaces alone (RFC 6749, section 3.3).
func TestScopesArePartedBySpaces(t *testing.T) {
	t.Parallel()
	j := newJWT(t, auth.JWTOptions{})
	for _, scope := range []string{"read\tadmin", "read\nadmin", "read\u00a0admin", "read\u2028admin", "read\u0085admin"} {
		p, err := j.Authenticate(request("Bearer " + hs256(object{"alg": "HS256"}, with(goodClaims(), "scope", scope))))
		if err == nil && len(p.Scopes) > 1 {
			t.Errorf("%q gives %q", scope, p.Scopes)
		}
	}
}

// The claims of a token as any are decoded like those as a map.
func TestClaimsAsAny(t *testing.T) {
	t.Parallel()
	p := must(newJWT(t, auth.JWTOptions{}).Authenticate(request("Bearer " + goodToken())))
	v, err := auth.Claims[any](p)
	if m, ok := v.(map[string]any); !ok || m["sub"] != "alice" || err != nil {
		t.Errorf("Claims[any] = %T %v, %v", v, v, err)
	}
}

// A secret that the Keyfunc's own buffer no longer holds is good no longer.
func TestKeyfuncBuffer(t *testing.T) {
	t.Parallel()
	buffer, fresh := append([]byte(nil), hmacKey...), []byte("another secret of 32 bytes, fine")
	issuer := hmacIssuer()
	issuer.Keys, issuer.Keyfunc = nil, func(*jwt.Token) (any, error) { return buffer, nil }
	j := newJWT(t, auth.JWTOptions{}, issuer)
	if _, err := j.Authenticate(request("Bearer " + goodToken())); err != nil {
		t.Fatal(err)
	}
	copy(buffer, fresh)
	if _, err := j.Authenticate(request("Bearer " + goodToken())); !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
		t.Errorf("a token of the old secret = %v", err)
	}
	if _, err := j.Authenticate(request("Bearer " + forge(jwt.SigningMethodHS256, fresh, object{"alg": "HS256"}, goodClaims()))); err != nil {
		t.Errorf("a token of the new one = %v", err)
	}
}

// Revocation is asked of a token that was never seen, too.
func TestRevokedAtFirstSight(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"cache": 0, "no cache": -1} {
		j := newJWT(t, auth.JWTOptions{CacheSize: size, Revoked: func(_ context.Context, p auth.Principal) (bool, error) { return p.Subject == "alice", nil }})
		for range 2 {
			if _, err := j.Authenticate(request("Bearer " + goodToken())); err == nil {
				t.Errorf("%s: a revoked token was accepted", name)
			}
		}
	}
}

// The keys of a source do not widen what the issuer signs with, and secrets and
// public keys do not mix there either.
func TestMixedAlgorithmsWithASource(t *testing.T) {
	t.Parallel()
	issuer := hmacIssuer()
	issuer.Keys, issuer.KeySource = nil, noKeys
	issuer.Algorithms = []string{"RS256", "HS256"}
	if _, err := auth.NewJWT(auth.JWTOptions{}, issuer); err == nil {
		t.Error("NewJWT with HS256 and RS256 = nil error")
	}
	issuer.KeySource, issuer.Keyfunc = nil, func(*jwt.Token) (any, error) { return nil, nil }
	if _, err := auth.NewJWT(auth.JWTOptions{}, issuer); err == nil {
		t.Error("NewJWT with HS256 and RS256 and a Keyfunc = nil error")
	}
	// A set with a public key does not verify HS256.
	set := must(auth.NewKeySet(auth.Key{Key: &rsaKey().PublicKey}))
	issuer = hmacIssuer()
	issuer.Keys, issuer.KeySource = nil, func(context.Context, string) (*auth.KeySet, error) { return set, nil }
	if _, err := newJWT(t, auth.JWTOptions{}, issuer).Authenticate(request("Bearer " + goodToken())); err == nil {
		t.Error("accepted")
	}
}
