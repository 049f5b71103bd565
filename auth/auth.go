// Package auth finds out who calls an HTTP API: by HTTP Basic against a list of
// clients with hashed secrets, by signed bearer tokens (JWT), or by a scheme of
// your own, all behind one middleware.
//
//	basic, err := auth.NewBasic(clients, auth.BasicOptions{})
//	tokens, err := auth.NewJWT(auth.JWTOptions{}, auth.Issuer{
//		URL:        "https://login.example.com",
//		Audiences:  []string{"https://api.example.com"},
//		Algorithms: []string{"RS256"},
//		Keys:       []auth.Key{{ID: "2026-01", Key: publicKey}},
//	})
//	mux.Handle("/leads", auth.Require(basic, tokens)(leads))
//
// A handler behind [Require] asks [FromContext] for the [Principal]; middleware
// that only needs a name for the caller takes [Subject].
//
// # What a refused caller hears
//
// A 401 with the body of every other 401 and one WWW-Authenticate field for
// each scheme on offer:
//
//	WWW-Authenticate: Basic realm="api", charset="UTF-8"
//	WWW-Authenticate: Bearer realm="api", error="invalid_token"
//	{"error":"unauthorized","message":"Missing or invalid credentials"}
//
// Why the credentials were refused is told to [Options.Audit] and to the log of
// [apierror.Recover], never to the caller. [RequireScope] and its kin answer 403.
// A browser's preflight (CORS) carries no credentials: answer it in front of Require.
//
// # Which tokens are refused
//
// The compact form is read by a strict reader of this package, because parsers
// made for any use let through what RFC 7515, 7519 and 8725 say must be refused:
// critical headers, keys that the token brings along, duplicate names and names
// in another case, padding, tokens bound to a key whose possession nobody proved,
// ID tokens. The algorithm is one that the configuration and the key allow, never
// one that only the token names. Where there is one issuer the signature is
// checked before a claim is looked at; where there are several, the iss claim
// tells whose keys to take, and nothing else is believed before that.
//
// golang-jwt/v5 supplies the errors that the reasons wrap, the claim types for
// [Claims], a source of keys ([Issuer.Keyfunc]), and in package auth/issuer the
// signing methods.
//
// # Subpackages
//
// auth/issuer issues tokens and publishes their keys, auth/jwks finds the keys of
// other issuers, auth/opaque checks tokens that are looked up, auth/sqlstore keeps
// clients in a database, auth/authtest tests services that this package guards.
//
// # What it costs
//
// Credentials that were verified a moment ago are remembered in bounded memory
// under a keyed hash, so a slow secret hash or an RSA signature is paid once.
// Nothing is remembered of credentials that failed. What can be withdrawn is
// asked again on every request: the client, its secrets, the key of the token,
// its expiry and [JWTOptions.Revoked].
//
// # Concurrency
//
// Everything in this package is safe for concurrent use once it is made.
package auth
