package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/auth/internal/jws"
	"github.com/tenetkit/tenet/auth/internal/scan"
)

// Why a token is refused. All of them are made once: a flood of bad tokens
// allocates no errors.
var (
	errTooLong      = fmt.Errorf("auth: %w: it is longer than allowed", jwt.ErrTokenMalformed)
	errParts        = fmt.Errorf("auth: %w: it has not three parts", jwt.ErrTokenMalformed)
	errBase64       = fmt.Errorf("auth: %w: a part is not canonical base64url", jwt.ErrTokenMalformed)
	errHeaderJSON   = fmt.Errorf("auth: %w: the header is not one strict JSON object", jwt.ErrTokenMalformed)
	errHeaderType   = fmt.Errorf("auth: %w: alg, kid or typ is no string", jwt.ErrTokenMalformed)
	errHeaderName   = fmt.Errorf("auth: %w: the header has a registered name in another case", jwt.ErrTokenMalformed)
	errHeaderMember = fmt.Errorf("auth: %w: the header has crit, b64, zip, enc or a key of its own", jwt.ErrTokenUnverifiable)
	errTyp          = fmt.Errorf("auth: %w: the type is not that of an access token", jwt.ErrTokenUnverifiable)
	errAlgorithm    = fmt.Errorf("auth: %w: the algorithm is not one of the issuer's", jwt.ErrTokenSignatureInvalid)
	errSignature    = fmt.Errorf("auth: %w", jwt.ErrTokenSignatureInvalid)
	errRevoked      = errors.New("auth: token is revoked")
)

// scratch is the working memory of one check.
type scratch struct {
	token   []byte
	decoded []byte
	room    digest

	part   string // of the last token, which read
	header header
}

// decode returns the bytes of one part of the token, until the next call.
func (s *scratch) decode(part []byte) ([]byte, error) {
	if size := decodedLen(len(part)); cap(s.decoded) < size {
		s.decoded = make([]byte, 2*size)
	}
	n, ok := decodeBase64(s.decoded[:cap(s.decoded)], part)
	if !ok {
		return nil, errBase64
	}
	return s.decoded[:n], nil
}

// compact is a token cut into its parts.
type compact struct {
	header, payload, signature []byte
	signed                     []byte // header and payload with the dot between
}

// split cuts the token at its two dots; those beyond cost nothing.
func split(b []byte) (c compact, err error) {
	first := bytes.IndexByte(b, '.')
	if first < 0 {
		return c, errParts
	}
	second := bytes.IndexByte(b[first+1:], '.')
	if second < 0 {
		return c, errParts
	}
	second += first + 1
	c.header, c.payload, c.signature = b[:first], b[first+1:second], b[second+1:]
	if bytes.IndexByte(c.signature, '.') >= 0 || len(c.header) == 0 || len(c.signature) == 0 {
		return c, errParts
	}
	c.signed = b[:second]
	return c, nil
}

// verify checks the token that s has, from the outside in: form, header,
// signature, claims. Only where there are several issuers are the claims read
// before the signature, to know whose keys to take.
func (j *JWT) verify(ctx context.Context, s *scratch) (*verifiedToken, error) {
	c, h, err := s.open()
	if err != nil {
		return nil, err
	}
	t := j.issuers[0]
	var claims claims
	if len(j.issuers) > 1 {
		if err = s.claims(c, &claims); err != nil {
			return nil, err
		}
		if t = j.issuer(claims.issuer); t == nil {
			return nil, errIssuer
		}
	}
	set, key, err := s.signed(ctx, t, c, h)
	if err != nil {
		return nil, err
	}
	if len(j.issuers) == 1 {
		if err = s.claims(c, &claims); err != nil {
			return nil, err
		}
	}
	v := &verifiedToken{issuer: t, header: h, set: set, key: key}
	if err := claims.check(&v.principal, t, time.Now(), j.grace, j.leeway); err != nil {
		return nil, err
	}
	return v, nil
}

// open cuts the token and reads its header, which as a rule is that of the token
// before.
func (s *scratch) open() (compact, header, error) {
	c, err := split(s.token)
	if err != nil {
		return c, header{}, err
	}
	if s.part == string(c.header) {
		return c, s.header, nil
	}
	decoded, err := s.decode(c.header)
	if err != nil {
		return c, header{}, err
	}
	h, err := parseHeader(string(decoded))
	if err == nil {
		s.part, s.header = string(c.header), h
	}
	return c, h, err
}

// signed returns the key of the issuer that signed the token, and the set that it
// is in.
func (s *scratch) signed(ctx context.Context, t *trusted, c compact, h header) (*KeySet, *jws.Verifier, error) {
	if t.AccessTokenOnly && h.typ != typeAccessToken {
		return nil, nil, errTyp
	}
	a := t.allowed(h.alg)
	if a == nil {
		return nil, nil, errAlgorithm
	}
	set, err := t.set(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	signature, err := s.decode(c.signature)
	if err != nil {
		return nil, nil, err
	}
	key := set.set.Find(a, h.kid, c.signed, signature)
	if key == nil {
		return nil, nil, errSignature
	}
	return set, key, nil
}

func (s *scratch) claims(c compact, into *claims) error {
	decoded, err := s.decode(c.payload)
	if err != nil {
		return err
	}
	return into.parse(string(decoded))
}

// header is the JOSE header of a token.
type header struct {
	alg, kid string
	typ      string // in lower case and short, or empty
}

const (
	typeJWT         = "jwt"
	typeAccessToken = "at+jwt"
)

// registeredHeaders are the names that must not come in another case: some
// reader along the way may take them for the registered ones.
var registeredHeaders = [...]string{
	"alg", "kid", "typ", "cty", "crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256",
}

func parseHeader(text string) (h header, err error) {
	err = scan.Object(text, func(name, value string) error {
		ok := true
		switch name {
		case "alg":
			h.alg, ok = scan.String(value)
		case "kid":
			h.kid, ok = scan.String(value)
		case "typ":
			var typ string
			if typ, ok = scan.String(value); ok {
				h.typ, ok = shortType(typ)
				if !ok {
					return errTyp
				}
			}
		case "crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c":
			return errHeaderMember
		case "cty", "x5t", "x5t#S256":
		default:
			if otherCase(name, registeredHeaders[:]) {
				return errHeaderName
			}
		}
		if !ok {
			return errHeaderType
		}
		return nil
	})
	if errors.Is(err, scan.ErrForm) {
		return header{}, errHeaderJSON
	}
	return h, err
}

// shortType returns the media type of a token in lower case, without the prefix
// that RFC 7515 lets be left out, and false for a logout token or another kind.
func shortType(typ string) (short string, ok bool) {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	switch {
	case typ == "JWT" || strings.EqualFold(typ, typeJWT):
		return typeJWT, true
	case typ == typeAccessToken || strings.EqualFold(typ, typeAccessToken):
		return typeAccessToken, true
	}
	return "", false
}

// otherCase reports whether name is a registered one but for the case, as
// encoding/json compares names.
func otherCase(name string, registered []string) bool {
	for _, r := range registered {
		// Fold equality allows the few letters of three bytes that fold to one.
		if len(name) >= len(r) && len(name) <= 3*len(r) && strings.EqualFold(name, r) {
			return true
		}
	}
	return false
}
