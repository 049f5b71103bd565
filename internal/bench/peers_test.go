package bench

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"
	jwxv2 "github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwx "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/tenetkit/tenet/auth"
)

// trust is what a service knows of the issuer of its tokens.
type trust struct {
	issuer, audience string
	alg, kid         string
	key              any // verifies: public, or the secret
}

func (t trust) tenet() auth.Issuer {
	return auth.Issuer{
		URL: t.issuer, Audiences: []string{t.audience}, Algorithms: []string{t.alg},
		Keys: []auth.Key{{ID: t.kid, Algorithm: t.alg, Key: t.key}},
	}
}

// A peer is a way to let in only the callers who have a token of the issuer.
type peer struct {
	name       string
	text       bool // whether it refuses with plain text and no challenge
	asymmetric bool // whether it serves public keys alone
	wrap       func(t trust, next http.Handler) (http.Handler, error)
}

func tenetPeer(opts auth.JWTOptions) peer {
	return peer{name: "tenet", wrap: func(t trust, next http.Handler) (http.Handler, error) {
		j, err := auth.NewJWT(opts, t.tenet())
		if err != nil {
			return nil, err
		}
		return auth.Require(j)(next), nil
	}}
}

// strictPeers are wired with all the options that they have against bad tokens.
func strictPeers() []peer {
	return []peer{
		golangJWT("golang-jwt", allGolangJWT),
		keyFunc("keyfunc+golang-jwt", allGolangJWT),
		jwtAuth("jwtauth", func(t trust) []jwxv2.ValidateOption {
			return []jwxv2.ValidateOption{jwxv2.WithIssuer(t.issuer), jwxv2.WithAudience(t.audience), jwxv2.WithRequiredClaim("exp")}
		}),
		auth0("auth0 v3"),
		lestrrat("jwx v3", func(t trust) []jwx.ParseOption {
			return []jwx.ParseOption{
				jwx.WithIssuer(t.issuer), jwx.WithAudience(t.audience), jwx.WithRequiredClaim("exp"),
				jwx.WithPedantic(true), jwx.WithStrictStringClaims(true),
			}
		}),
		goOIDC("go-oidc"),
	}
}

// lenientPeers are wired as the first example of their documentation has it. auth0
// and go-oidc know no laxer way than the strict one.
func lenientPeers() []peer {
	return []peer{
		golangJWT("golang-jwt", func(t trust) []jwt.ParserOption { return []jwt.ParserOption{jwt.WithValidMethods([]string{t.alg})} }),
		keyFunc("keyfunc+golang-jwt", func(trust) []jwt.ParserOption { return nil }),
		jwtAuth("jwtauth", func(trust) []jwxv2.ValidateOption { return nil }),
		lestrrat("jwx v3", func(trust) []jwx.ParseOption { return nil }),
	}
}

type claimsKey struct{}

// byHand is the middleware that people write around a parser of tokens.
func byHand(next http.Handler, parse func(ctx context.Context, token string) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		caller, err := parse(r.Context(), token)
		if err != nil {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, caller)))
	})
}

func golangJWT(name string, opts func(trust) []jwt.ParserOption) peer {
	return peer{name: name, text: true, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		return parsing(next, func(*jwt.Token) (any, error) { return t.key, nil }, opts(t)...), nil
	}}
}

// allGolangJWT are all options but WithNotBeforeRequired: few issuers set nbf.
func allGolangJWT(t trust) []jwt.ParserOption {
	return []jwt.ParserOption{
		jwt.WithValidMethods([]string{t.alg}), jwt.WithIssuer(t.issuer), jwt.WithAudience(t.audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
	}
}

func parsing(next http.Handler, keys jwt.Keyfunc, opts ...jwt.ParserOption) http.Handler {
	parser := jwt.NewParser(opts...)
	return byHand(next, func(_ context.Context, token string) (any, error) {
		var c claims
		_, err := parser.ParseWithClaims(token, &c, keys)
		return &c, err
	})
}

// keyFunc takes the key from a JWK Set.
func keyFunc(name string, opts func(trust) []jwt.ParserOption) peer {
	return peer{name: name, text: true, asymmetric: true, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		set, err := keySet(t)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(set)
		if err != nil {
			return nil, err
		}
		keys, err := keyfunc.NewJWKSetJSON(text)
		if err != nil {
			return nil, err
		}
		return parsing(next, keys.Keyfunc, opts(t)...), nil
	}}
}

func keySet(t trust) (jwk.Set, error) {
	key, err := jwk.Import(t.key)
	if err != nil {
		return nil, err
	}
	set := jwk.NewSet()
	for name, value := range map[string]any{jwk.KeyIDKey: t.kid, jwk.AlgorithmKey: t.alg} {
		if err := key.Set(name, value); err != nil {
			return nil, err
		}
	}
	return set, set.AddKey(key)
}

// jwtAuth is go-chi's pair of middlewares, over lestrrat's jwx v2.
func jwtAuth(name string, opts func(trust) []jwxv2.ValidateOption) peer {
	return peer{name: name, text: true, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		ja := jwtauth.New(t.alg, t.key, t.key, opts(t)...)
		return jwtauth.Verifier(ja)(jwtauth.Authenticator(ja)(next)), nil
	}}
}

func auth0(name string) peer {
	return peer{name: name, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		v, err := validator.New(
			validator.WithKeyFunc(func(context.Context) (any, error) { return t.key, nil }),
			validator.WithAlgorithm(validator.SignatureAlgorithm(t.alg)),
			validator.WithIssuer(t.issuer),
			validator.WithAudience(t.audience),
		)
		if err != nil {
			return nil, err
		}
		m, err := jwtmiddleware.New(jwtmiddleware.WithValidator(v))
		if err != nil {
			return nil, err
		}
		return m.CheckJWT(next), nil
	}}
}

func lestrrat(name string, opts func(trust) []jwx.ParseOption) peer {
	return peer{name: name, text: true, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		alg, found := jwa.LookupSignatureAlgorithm(t.alg)
		if !found {
			return nil, fmt.Errorf("no algorithm %s", t.alg)
		}
		options := append(opts(t), jwx.WithKey(alg, t.key))
		return byHand(next, func(_ context.Context, token string) (any, error) { return jwx.ParseString(token, options...) }), nil
	}}
}

// goOIDC is made for ID tokens, and used for others.
func goOIDC(name string) peer {
	return peer{name: name, text: true, asymmetric: true, wrap: func(t trust, next http.Handler) (http.Handler, error) {
		keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{t.key}}
		v := oidc.NewVerifier(t.issuer, keys, &oidc.Config{ClientID: t.audience, SupportedSigningAlgs: []string{t.alg}})
		return byHand(next, func(ctx context.Context, token string) (any, error) { return v.Verify(ctx, token) }), nil
	}}
}
