// Package pagequery reads page and limit from a query and writes the Link field
// (RFC 8288) that leads through the pages. Package paginate shows it to users;
// other packages with a list of their own use it directly.
//
// Reading builds no map and allocates nothing unless the answer is an error.
package pagequery

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/tenetkit/tenet/apierror"
)

const (
	// MaxNumber is the highest page and the highest limit that can be read.
	MaxNumber = math.MaxInt32

	// DefaultLimit and MaxLimit are the contract's bounds.
	DefaultLimit = 25
	MaxLimit     = 100

	// MaxOffset is how many rows may be skipped by default. It admits page
	// 999,999 at a limit of 25.
	MaxOffset = 25_000_000

	// maxPairs is where url.ParseQuery gives up.
	maxPairs = 10_000
)

// Bounds says what Parse accepts. The zero value is the contract.
type Bounds struct {
	DefaultLimit int   // if zero, 25; never above MaxLimit
	MaxLimit     int   // if zero, 100
	Clamp        bool  // lower a limit above MaxLimit instead of refusing it
	MaxOffset    int64 // if zero, 25,000,000; if negative, none
}

func (b Bounds) withDefaults() Bounds {
	if b.MaxLimit <= 0 {
		b.MaxLimit = MaxLimit
	}
	b.MaxLimit = min(b.MaxLimit, MaxNumber)
	if b.DefaultLimit <= 0 {
		b.DefaultLimit = DefaultLimit
	}
	b.DefaultLimit = min(b.DefaultLimit, b.MaxLimit)
	switch {
	case b.MaxOffset < 0:
		b.MaxOffset = math.MaxInt64
	case b.MaxOffset == 0:
		b.MaxOffset = MaxOffset
	}
	// An offset has to fit an int, which is small on some machines.
	b.MaxOffset = min(b.MaxOffset, math.MaxInt)
	return b
}

// Parse reads page and limit from a raw query under the contract's rules. See
// [Bounds.Parse].
func Parse(rawQuery string, defaultLimit, maxLimit int, clamp bool) (page, limit int, err error) {
	return Bounds{DefaultLimit: defaultLimit, MaxLimit: maxLimit, Clamp: clamp}.Parse(rawQuery)
}

// Parse reads page and limit from a raw query. The error, if any, is the 400 of
// an [*apierror.Error] that names the field and the code: encoding for a query
// that does not decode, duplicate, integer, min or max.
func (b Bounds) Parse(rawQuery string) (page, limit int, err error) {
	var p, l param
	if err := scan(rawQuery, func(name, value string) {
		switch {
		case equal(name, "page"):
			p.add(value)
		case equal(name, "limit"):
			l.add(value)
		}
	}); err != nil {
		return 0, 0, err
	}
	p.escaped, l.escaped = true, true
	return b.decide(p, l)
}

// A CursorQuery is what a query says to a list that is read by cursors.
type CursorQuery struct {
	Cursor    string // decoded
	HasCursor bool
	Page      int
	HasPage   bool
	Limit     int
}

// ParseCursor reads cursor, page and limit. What becomes of a page beside a
// cursor is the caller's decision.
func (b Bounds) ParseCursor(rawQuery string) (CursorQuery, error) {
	var c, p, l param
	if err := scan(rawQuery, func(name, value string) {
		switch {
		case equal(name, "cursor"):
			c.add(value)
		case equal(name, "page"):
			p.add(value)
		case equal(name, "limit"):
			l.add(value)
		}
	}); err != nil {
		return CursorQuery{}, err
	}
	p.escaped, l.escaped = true, true
	page, limit, err := b.decide(p, l)
	if err != nil {
		return CursorQuery{}, err
	}
	if c.count > 1 {
		return CursorQuery{}, apierror.BadRequest("cursor", "duplicate", "cursor must be given only once")
	}
	cursor, _ := url.QueryUnescape(c.value)
	return CursorQuery{Cursor: cursor, HasCursor: c.count > 0, Page: page, HasPage: p.count > 0, Limit: limit}, nil
}

// ParseValues is [Bounds.Parse] for a query that has been decoded already.
func (b Bounds) ParseValues(q url.Values) (page, limit int, err error) {
	var p, l param
	for _, value := range q["page"] {
		p.add(value)
	}
	for _, value := range q["limit"] {
		l.add(value)
	}
	return b.decide(p, l)
}

// param is what a query says of one parameter.
type param struct {
	value   string
	count   int
	escaped bool // value is still as it came
}

func (p *param) add(value string) {
	if p.count == 0 {
		p.value = value
	}
	p.count++
}

func (b Bounds) decide(p, l param) (page, limit int, err error) {
	b = b.withDefaults()
	if page, err = p.number("page", 1, MaxNumber, MaxNumber); err != nil {
		return 0, 0, err
	}
	most := b.MaxLimit
	if b.Clamp {
		most = MaxNumber
	}
	if limit, err = l.number("limit", b.DefaultLimit, most, b.MaxLimit); err != nil {
		return 0, 0, err
	}
	limit = min(limit, b.MaxLimit)
	// Both factors are below 1<<31, so the product fits an int64.
	if int64(page-1)*int64(limit) > b.MaxOffset {
		last := strconv.FormatInt(b.MaxOffset/int64(limit)+1, 10)
		return 0, 0, apierror.BadRequest("page", "max",
			"page must be at most "+last+" with a limit of "+strconv.Itoa(limit))
	}
	return page, limit, nil
}

// number reads p, or returns fallback where it is absent. Values above most are
// refused; advised is the bound that a message names.
func (p param) number(name string, fallback, most, advised int) (int, error) {
	switch {
	case p.count == 0:
		return fallback, nil
	case p.count > 1:
		return 0, apierror.BadRequest(name, "duplicate", name+" must be given only once")
	}
	n, ok := digits(p.value, p.escaped)
	switch {
	case !ok:
		return 0, apierror.BadRequest(name, "integer",
			name+" must be a whole number from 1 to "+strconv.Itoa(advised)+", written in digits alone")
	case n < 1:
		return 0, apierror.BadRequest(name, "min", name+" must be at least 1")
	case n > int64(most):
		return 0, apierror.BadRequest(name, "max", name+" must be at most "+strconv.Itoa(most))
	}
	return int(n), nil
}

// digits reads decimal digits without a leading zero. What is above MaxNumber
// comes back as some number above it, however long it is.
func digits(s string, escaped bool) (n int64, ok bool) {
	count := 0
	for len(s) > 0 {
		var c byte
		if c, s = next(s, escaped); c < '0' || c > '9' {
			return 0, false
		}
		if count > 0 && n == 0 {
			return 0, false // a zero leads
		}
		count++
		n = min(n*10+int64(c-'0'), MaxNumber+1)
	}
	return n, count > 0
}

// equal reports whether the raw name is want once decoded.
func equal(raw, want string) bool {
	if raw == want {
		return true
	}
	for i := range len(want) {
		if raw == "" {
			return false
		}
		var c byte
		if c, raw = next(raw, true); c != want[i] {
			return false
		}
	}
	return raw == ""
}

// next splits the first byte off s, decoded where s is escaped. The escapes have
// been found valid before.
func next(s string, escaped bool) (c byte, rest string) {
	if escaped {
		switch s[0] {
		case '+':
			return ' ', s[1:]
		case '%':
			return unhex(s[1])<<4 | unhex(s[2]), s[3:]
		}
	}
	return s[0], s[1:]
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// scan calls yield with the raw name and value of every pair that is not empty.
// It fails where url.ParseQuery would.
func scan(rawQuery string, yield func(name, value string)) error {
	if len(rawQuery) >= maxPairs && strings.Count(rawQuery, "&")+1 > maxPairs {
		return apierror.BadRequest("query", "encoding", "The query has too many parameters")
	}
	for rawQuery != "" {
		var pair string
		pair, rawQuery, _ = strings.Cut(rawQuery, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if !valid(name) || !valid(value) {
			return encodingError(name)
		}
		yield(name, value)
	}
	return nil
}

// valid reports whether s decodes.
func valid(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return false
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// encodingError names the parameter where its name can be read and is of a size
// to send back.
func encodingError(rawName string) error {
	field := "query"
	if rawName != "" && len(rawName) <= 64 && valid(rawName) {
		field, _ = url.QueryUnescape(rawName)
	}
	return apierror.BadRequest(field, "encoding",
		field+" does not decode: write % as %25 and ; as %3B")
}
