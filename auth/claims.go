package auth

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tenetkit/tenet/auth/internal/scan"
)

var (
	errClaimsJSON = fmt.Errorf("auth: %w: the claims are not one strict JSON object", jwt.ErrTokenMalformed)
	errClaimName  = fmt.Errorf("auth: %w: a registered name is in another case", jwt.ErrTokenInvalidClaims)
	errClaimType  = fmt.Errorf("auth: %w: a registered claim has the wrong type", jwt.ErrTokenInvalidClaims)
	errBound      = fmt.Errorf("auth: %w: the token is bound to a key (cnf) whose possession is not proved", jwt.ErrTokenInvalidClaims)
	errKind       = fmt.Errorf("auth: %w: it is an ID, refresh or logout token", jwt.ErrTokenInvalidClaims)
	errIssuer     = fmt.Errorf("auth: %w", jwt.ErrTokenInvalidIssuer)
	errAudience   = fmt.Errorf("auth: %w", jwt.ErrTokenInvalidAudience)
	errSubject    = fmt.Errorf("auth: %w: sub", jwt.ErrTokenRequiredClaimMissing)
	errNoExpiry   = fmt.Errorf("auth: %w: exp", jwt.ErrTokenRequiredClaimMissing)
	errExpired    = fmt.Errorf("auth: %w", jwt.ErrTokenExpired)
	errNotYet     = fmt.Errorf("auth: %w", jwt.ErrTokenNotValidYet)
	errIssued     = fmt.Errorf("auth: %w", jwt.ErrTokenUsedBeforeIssued)
)

// claims are those of a token that this package knows. What is text is the JSON
// of a value, whose type is looked at later; empty if it is absent.
type claims struct {
	raw                      string
	issuer, subject, tokenID string
	clientID, azp, unit      string
	expires, notBefore       time.Time
	issued                   time.Time
	audience                 string // text
	scope, scp, roles        string // text
}

var registeredClaims = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "scope", "scp", "roles", "client_id", "azp", "org_unit",
}

// parse reads the text into c, which is of no use if it fails.
func (c *claims) parse(text string) error {
	c.raw = text
	err := scan.Object(text, func(name, value string) error {
		ok := true
		switch name {
		case "iss":
			c.issuer, ok = scan.String(value)
		case "sub":
			c.subject, ok = scan.String(value)
		case "jti":
			c.tokenID, ok = scan.String(value)
		case "client_id":
			c.clientID, ok = scan.String(value)
		case "azp":
			c.azp, ok = scan.String(value)
		case "org_unit":
			c.unit, ok = scan.String(value)
		case "exp":
			c.expires, ok = numericDate(value)
			ok = ok && c.expires.Unix() > 0
		case "nbf":
			c.notBefore, ok = numericDate(value)
		case "iat":
			c.issued, ok = numericDate(value)
		case "aud":
			c.audience = value
		case "scope":
			c.scope = value
		case "scp":
			c.scp = value
		case "roles":
			c.roles = value
		case "cnf":
			return errBound
		case "at_hash", "c_hash", "events":
			// An ID token (OpenID Connect Core, section 3.1.3.6) or a security
			// event such as a logout (RFC 8417).
			return errKind
		case "typ":
			// Not registered, but this is how a widespread issuer tells its own.
			switch kind, _ := scan.String(value); kind {
			case "ID", "Refresh", "Offline", "Logout":
				return errKind
			}
		default:
			if otherCase(name, registeredClaims[:]) {
				return errClaimName
			}
		}
		if !ok {
			return errClaimType
		}
		return nil
	})
	if errors.Is(err, scan.ErrForm) {
		return errClaimsJSON
	}
	return err
}

// check checks the claims against the issuer and the time, and fills in p, which
// is the zero one.
func (c *claims) check(p *Principal, t *trusted, now time.Time, grace, leeway time.Duration) error {
	switch {
	case c.issuer != t.URL:
		return errIssuer
	case !c.meant(t.Audiences):
		return errAudience
	case c.expires.IsZero():
		return errNoExpiry
	case !now.Before(c.expires.Add(grace)):
		return errExpired
	case c.notBefore.After(now.Add(leeway)):
		return errNotYet
	case c.issued.After(now.Add(leeway)):
		return errIssued
	case c.subject == "":
		return errSubject
	}
	p.Scheme, p.Subject, p.ClientID, p.Issuer, p.TokenID = schemeBearer, c.subject, c.clientID, c.issuer, c.tokenID
	p.Unit, p.Issued, p.Expires, p.claims = c.unit, c.issued, c.expires, rawClaims(c.raw)
	if t.SubjectPrefix != "" {
		p.Subject = t.SubjectPrefix + c.subject
	}
	if p.ClientID == "" {
		p.ClientID = c.azp
	}
	var ok bool
	switch {
	case c.scope != "":
		p.Scopes, ok = words(c.scope)
	case c.scp != "":
		p.Scopes, ok = words(c.scp)
	default:
		ok = true
	}
	if !ok {
		return errClaimType
	}
	// Roles are not standard: a shape that is not known gives none.
	if roles, ok := list(c.roles); ok {
		p.Roles = slices.Clip(roles)
	}
	p.Scopes = slices.Clip(p.Scopes) // what one request appends is not another's
	return nil
}

// meant reports whether aud, a string or an array of strings, names one of the
// audiences.
func (c *claims) meant(audiences []string) bool {
	if v, ok := scan.String(c.audience); ok {
		return slices.Contains(audiences, v)
	}
	values, ok := scan.Strings(c.audience)
	return ok && slices.ContainsFunc(values, func(v string) bool { return slices.Contains(audiences, v) })
}

// words returns the OAuth scopes of a string with spaces between (RFC 8693,
// section 4.2) or of an array of strings, as some issuers have it.
func words(text string) ([]string, bool) {
	if v, ok := scan.String(text); ok {
		return spaced(v), true
	}
	return scan.Strings(text)
}

// spaced returns what stands between the spaces, and other white space in one with
// it.
func spaced(text string) []string {
	list := make([]string, 0, strings.Count(text, " ")+1)
	for text != "" {
		word, rest, _ := strings.Cut(text, " ")
		if word != "" {
			list = append(list, word)
		}
		text = rest
	}
	return list
}

// list returns the strings of an array, or a string by itself.
func list(text string) ([]string, bool) {
	if v, ok := scan.String(text); ok {
		return []string{v}, true
	}
	return scan.Strings(text)
}

// maxNumericDate is the end of the year 9999.
const maxNumericDate = 253402300799

// numericDate returns the time of the text of a JSON number: seconds since 1970,
// perhaps with a fraction, not negative and not absurd.
func numericDate(text string) (time.Time, bool) {
	if len(text) == 0 || text[0] < '0' || text[0] > '9' {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return time.Unix(seconds, 0), seconds <= maxNumericDate
	}
	if errors.Is(err, strconv.ErrRange) {
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f > maxNumericDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}
