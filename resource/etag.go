package resource

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/tenetkit/tenet/apierror"
)

// appendTag appends the strong entity tag of a body. It is a cryptographic hash,
// since whoever can write rows could otherwise make two that look the same.
func appendTag(b, body []byte) []byte {
	sum := sha256.Sum256(body)
	b = append(b, '"')
	b = base64.RawURLEncoding.AppendEncode(b, sum[:16])
	return append(b, '"')
}

var errPrecondition = apierror.New(http.StatusPreconditionFailed, "")

// preconditions are If-Match and If-None-Match of a request (RFC 9110, section
// 13). A nil list means that the field is absent.
type preconditions struct {
	match, noneMatch []string
}

func preconditionsOf(r *http.Request) (preconditions, error) {
	var p preconditions
	var err error
	if values := r.Header["If-Match"]; values != nil {
		if p.match, err = parseTags("If-Match", values); err != nil {
			return p, err
		}
	}
	if values := r.Header["If-None-Match"]; values != nil {
		if p.noneMatch, err = parseTags("If-None-Match", values); err != nil {
			return p, err
		}
	}
	return p, nil
}

// parseTags reads a list of entity tags, or *.
func parseTags(field string, values []string) ([]string, error) {
	rest := strings.TrimSpace(strings.Join(values, ","))
	if rest == "*" {
		return []string{"*"}, nil
	}
	tags := []string{}
	for rest != "" {
		if rest[0] == ',' || rest[0] == ' ' || rest[0] == '\t' {
			rest = rest[1:]
			continue
		}
		start := 0
		if strings.HasPrefix(rest, "W/") {
			start = 2
		}
		if len(rest) <= start || rest[start] != '"' {
			return nil, badTag(field)
		}
		end := strings.IndexByte(rest[start+1:], '"')
		if end < 0 {
			return nil, badTag(field)
		}
		end += start + 2
		if end < len(rest) && strings.IndexByte(", \t", rest[end]) < 0 {
			return nil, badTag(field)
		}
		tags = append(tags, rest[:end])
		rest = rest[end:]
	}
	if len(tags) == 0 {
		return nil, badTag(field)
	}
	return tags, nil
}

func badTag(field string) error {
	return apierror.BadRequest(field, "etag", field+" must be * or a list of entity tags in double quotes")
}

func (p preconditions) absent() bool { return p.match == nil && p.noneMatch == nil }

// failed reports whether If-Match does not hold for the current tag. It compares
// strongly: a weak tag never matches.
func (p preconditions) failed(tag string) bool {
	if p.match == nil {
		return false
	}
	for _, t := range p.match {
		if t == tag || t == "*" {
			return false
		}
	}
	return true
}

// known reports whether If-None-Match names the current tag.
func (p preconditions) known(tag string) bool {
	for _, t := range p.noneMatch {
		if t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
