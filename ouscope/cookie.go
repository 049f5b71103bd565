package ouscope

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync"
)

// cookies keeps choices in a signed cookie. Its value is the unit, the first 16
// bytes of a hash of organization and subject, and a MAC of all of these. The
// hash tells the cookie of another user of the same browser, which counts
// nothing, from one that was tampered with or whose key is gone, after which
// nothing may go on in another unit.
type cookies struct {
	name     string
	insecure bool
	uses     func(*http.Request) bool
	macs     []*sync.Pool // of *mac, one for each key; the first signs
}

// A mac is a keyed hash with the room that it works in.
type mac struct {
	hash.Hash
	text [maxCookie]byte
	out  [sha256.Size]byte
}

const (
	cookieVersion = "1"
	ownerSize     = 16
	maxCookie     = 512 // bytes of a value; ours have at most 240
)

var encoding = base64.RawURLEncoding.Strict()

// newCookies returns nil where no keys are given.
func newCookies(o Options) (*cookies, error) {
	if len(o.CookieKeys) == 0 {
		if o.CookieName != "" || o.CookieHost || o.CookieInsecure || o.CookieFor != nil {
			return nil, errors.New("a cookie needs CookieKeys")
		}
		return nil, nil
	}
	c := &cookies{name: o.CookieName, insecure: o.CookieInsecure, uses: o.CookieFor}
	if c.name == "" {
		c.name = "activeOu"
	}
	if o.CookieHost {
		if c.insecure {
			return nil, errors.New("CookieHost and CookieInsecure exclude each other")
		}
		c.name = "__Host-" + c.name
	}
	if err := (&http.Cookie{Name: c.name, Value: "x"}).Valid(); err != nil {
		return nil, fmt.Errorf("cookie name: %w", err)
	}
	if c.uses == nil {
		c.uses = func(r *http.Request) bool { return len(r.Header["Authorization"]) == 0 }
	}
	for i, key := range o.CookieKeys {
		if len(key) < sha256.Size {
			return nil, fmt.Errorf("cookie key %d has %d bytes, want %d or more", i, len(key), sha256.Size)
		}
		own := append([]byte(nil), key...)
		c.macs = append(c.macs, &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, own)} }})
	}
	return c, nil
}

// set makes the answer carry the choice, or take it back if unit is empty.
func (c *cookies) set(w http.ResponseWriter, organization, subject, unit string) {
	cookie := &http.Cookie{Name: c.name, Path: "/", HttpOnly: true, Secure: !c.insecure, SameSite: http.SameSiteLaxMode}
	if unit == "" {
		cookie.MaxAge = -1
	} else {
		cookie.Value = c.seal(organization, subject, unit)
	}
	http.SetCookie(w, cookie)
}

func (c *cookies) seal(organization, subject, unit string) string {
	value := make([]byte, 0, 256)
	value = append(value, cookieVersion+"."...)
	value = encoding.AppendEncode(value, []byte(unit))
	owner := ownerOf(organization, subject)
	value = encoding.AppendEncode(append(value, '.'), owner[:])
	sum := sumOf(c.macs[0], string(value))
	return string(encoding.AppendEncode(append(value, '.'), sum[:]))
}

// choice returns the unit that the request's cookie names. It reports false
// where there is no cookie of this subject, and true with no unit where there is
// one that cannot be trusted.
func (c *cookies) choice(r *http.Request, organization, subject string) (unit string, ok bool) {
	value, found := cookieValue(r.Header["Cookie"], c.name)
	if !found {
		return "", false
	}
	unit, owner, genuine := c.open(value)
	if !genuine {
		return "", true
	}
	if owner != ownerOf(organization, subject) {
		return "", false
	}
	return unit, true
}

// open checks the MAC before anything else is made of the value.
func (c *cookies) open(value string) (unit string, owner [ownerSize]byte, ok bool) {
	dot := strings.LastIndexByte(value, '.')
	if len(value) > maxCookie || dot < 0 {
		return "", owner, false
	}
	signed := value[:dot]
	var sent [sha256.Size]byte
	if !decode(sent[:], value[dot+1:]) || !c.genuine(signed, sent) {
		return "", owner, false
	}
	version, rest, _ := strings.Cut(signed, ".")
	name, tag, _ := strings.Cut(rest, ".")
	var id [maxID]byte
	size := encoding.DecodedLen(len(name))
	if version != cookieVersion || size > maxID || !decode(id[:size], name) || !decode(owner[:], tag) {
		return "", owner, false
	}
	return string(id[:size]), owner, true
}

func (c *cookies) genuine(signed string, sent [sha256.Size]byte) bool {
	for _, key := range c.macs {
		if want := sumOf(key, signed); hmac.Equal(sent[:], want[:]) {
			return true
		}
	}
	return false
}

// sumOf returns the MAC of text, which has at most maxCookie bytes.
func sumOf(key *sync.Pool, text string) [sha256.Size]byte {
	m := key.Get().(*mac)
	defer key.Put(m)
	m.Reset()
	m.Write(m.text[:copy(m.text[:], text)])
	m.Sum(m.out[:0])
	return m.out
}

// decode fills dst from text and reports whether it fits exactly.
func decode(dst []byte, text string) bool {
	if encoding.DecodedLen(len(text)) != len(dst) {
		return false
	}
	var b [maxCookie]byte
	n, err := encoding.Decode(dst, b[:copy(b[:], text)])
	return err == nil && n == len(dst)
}

func ownerOf(organization, subject string) (owner [ownerSize]byte) {
	var space [256]byte
	b := binary.BigEndian.AppendUint64(space[:0], uint64(len(organization)))
	b = append(b, organization...)
	b = append(b, subject...)
	sum := sha256.Sum256(b)
	copy(owner[:], sum[:])
	return owner
}

// cookieValue returns the value of the cookie. Two of one name, as another site
// of the domain could set, leave neither: the value is then empty.
func cookieValue(fields []string, name string) (value string, found bool) {
	for _, field := range fields {
		for pair := range strings.SplitSeq(field, ";") {
			n, v, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if n != name {
				continue
			}
			if found {
				return "", true
			}
			value, found = v, true
		}
	}
	return value, found
}
