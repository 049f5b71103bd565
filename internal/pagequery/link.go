package pagequery

import (
	"net/url"
	"strconv"
	"strings"
)

// maxLink is the longest Link field that is sent: proxies refuse answers whose
// header outgrows a buffer of 4 or 8 KiB.
const maxLink = 4096

// Link returns the Link field (RFC 8288) of one page of total rows: first, prev,
// next and last, each as far as there is one. The targets are relative, and keep
// the other parameters of u in their order and bytes, but for bytes that a URI
// cannot hold, which are escaped. Past the end, prev is the last page. It is
// empty where page or limit is below 1.
//
// Where the caller's parameters are so long that the field would exceed 4 KiB,
// first and last are left out, then prev, then next.
func Link(u *url.URL, page, limit int, total int64) string {
	// Usual sizes stay on the stack: the string is the one allocation.
	var store [512]byte
	return string(AppendLink(store[:0], u, page, limit, total))
}

// AppendLink appends [Link] to b.
func AppendLink(b []byte, u *url.URL, page, limit int, total int64) []byte {
	if page < 1 || limit < 1 {
		return b
	}
	last := int64(1)
	if total > 0 {
		last = min((total-1)/int64(limit)+1, MaxNumber)
	}
	return appendLink(b, u, page, limit, last, int64(page) < last)
}

// AppendLinkOpen appends the Link field for a list whose end is not known: it has
// no last, and next where more is true.
func AppendLinkOpen(b []byte, u *url.URL, page, limit int, more bool) []byte {
	if page < 1 || limit < 1 {
		return b
	}
	return appendLink(b, u, page, limit, 0, more && page < MaxNumber)
}

func appendLink(b []byte, u *url.URL, page, limit int, last int64, more bool) []byte {
	var store [4]Target
	targets := append(store[:0], Target{Rel: "first", Page: 1})
	if page > 1 {
		prev := int64(page) - 1
		if last > 0 {
			prev = min(prev, last)
		}
		targets = append(targets, Target{Rel: "prev", Page: prev})
	}
	if more {
		targets = append(targets, Target{Rel: "next", Page: int64(page) + 1})
	}
	if last > 0 {
		targets = append(targets, Target{Rel: "last", Page: last})
	}
	return AppendLinks(b, u, limit, targets, false)
}

// A Target is one entry of a Link field.
type Target struct {
	Rel    string // first, prev, next or last
	Page   int64  // if zero, the target names no page
	Cursor string // in characters that a query holds as they are; if empty, none
}

// AppendLinks appends the Link field for targets, which replace the caller's limit
// and the page, and the cursor where the list has cursors.
func AppendLinks(b []byte, u *url.URL, limit int, targets []Target, cursors bool) []byte {
	var store [512]byte
	kept := appendKept(store[:0], u.RawQuery, cursors)
	for _, rels := range [...]string{"first prev next last", "prev next", "next"} {
		size := 0
		for _, t := range targets {
			if strings.Contains(rels, t.Rel) {
				size += len(kept) + len(t.Cursor) + len(`, <?&page=2147483647&limit=2147483647>; rel="first"`)
			}
		}
		if size > maxLink {
			continue
		}
		start := len(b)
		for _, t := range targets {
			if strings.Contains(rels, t.Rel) {
				if len(b) > start {
					b = append(b, ", "...)
				}
				b = appendTarget(b, kept, limit, t)
			}
		}
		break
	}
	return b
}

func appendTarget(b, kept []byte, limit int, t Target) []byte {
	b = append(b, "<?"...)
	if len(kept) > 0 {
		b = append(b, kept...)
		b = append(b, '&')
	}
	if t.Cursor != "" {
		b = append(b, "cursor="...)
		b = append(b, t.Cursor...)
		b = append(b, '&')
	}
	if t.Page > 0 {
		b = append(b, "page="...)
		b = strconv.AppendInt(b, t.Page, 10)
		b = append(b, '&')
	}
	b = append(b, "limit="...)
	b = strconv.AppendInt(b, int64(limit), 10)
	b = append(b, `>; rel="`...)
	b = append(b, t.Rel...)
	return append(b, '"')
}

// appendKept appends the pairs of a raw query that the targets do not replace.
func appendKept(b []byte, rawQuery string, cursors bool) []byte {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		if valid(name) && (equal(name, "page") || equal(name, "limit") || cursors && equal(name, "cursor")) {
			continue
		}
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = appendQuery(b, pair)
		if len(b) > maxLink {
			break // too long for any link
		}
	}
	return b
}

// appendQuery escapes what would end the target, the field or the query early,
// and what a header cannot carry. A server may have let any of it in.
func appendQuery(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, c == '<', c == '>', c == '"', c == '#', c == '\\', c == '^', c == '`', c >= '{' && c <= '}':
			b = append(b, '%', hex[c>>4], hex[c&0xF])
		default:
			b = append(b, c)
		}
	}
	return b
}
