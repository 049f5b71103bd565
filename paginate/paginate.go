// Package paginate reads page and limit from a query and answers with one page
// of a list:
//
//	{"data":[...],"total":150,"page":1,"limit":25}
//
// together with a Link field ([RFC 8288]) that leads to the first, previous,
// next and last page:
//
//	Link: <?page=1&limit=25>; rel="first", <?page=2&limit=25>; rel="next", ...
//
// The smallest use, in a handler of [apierror.Handler]:
//
//	req, err := paginate.Options{}.ParseRequest(r)
//	if err != nil {
//		return err
//	}
//	rows, total := list(req.Limit, req.Offset())
//	return paginate.Write(w, r, paginate.NewPage(req, rows, total))
//
// # What is refused
//
// Numbers are decimal digits alone, without sign or leading zero. A value that
// is empty, repeated, not a number or out of bounds is a 400 that names the
// parameter and says in details.code what is wrong: integer, min, max or
// duplicate. A query that does not decode is one with the code encoding. A page
// past the end is no error: it has no rows, and the true total. Parameters other
// than page and limit are not looked at.
//
// # Deep pages
//
// A database counts its way through every row that an offset skips. The offset
// is therefore bounded; lists that are read to the end are better served by the
// cursors of package keyset, whose cost does not grow with depth. Counting costs
// too: [Page.Cap] and [NoTotal] are for lists whose exact total nobody needs.
//
// Everything here is safe for concurrent use.
//
// [RFC 8288]: https://www.rfc-editor.org/rfc/rfc8288
package paginate

import (
	"net/http"
	"net/url"

	"github.com/tenetkit/tenet/internal/pagequery"
)

// Options sets the bounds for [Options.Parse]. The zero value is the API
// contract: 25 rows by default, 100 at most.
type Options struct {
	// DefaultLimit is the limit of a query that names none. If zero, 25. It
	// is lowered to MaxLimit where it is above.
	DefaultLimit int

	// MaxLimit is the highest limit that a caller may ask for. If zero, 100.
	MaxLimit int

	// Clamp lowers a limit above MaxLimit to it. By default such a limit is
	// refused, because a client that asked for 500 rows and got 100 may take
	// them for all.
	Clamp bool

	// MaxOffset is how many rows a page may skip; a page further out is
	// refused. If zero, 25,000,000, which admits page 999,999 at a limit of
	// 25. If negative, there is no bound but that of page itself,
	// 2,147,483,647. The Link of a list with more rows than that may still
	// name such a page as its next or last.
	MaxOffset int64
}

// A Request is the page that a caller asked for. Both numbers are at least 1
// when it comes from [Options.Parse].
type Request struct {
	Page  int
	Limit int
}

// Parse reads page and limit from a decoded query. The error, if any, is an
// [*apierror.Error] with status 400.
func (o Options) Parse(q url.Values) (Request, error) {
	return request(o.bounds().ParseValues(q))
}

// ParseQuery is [Options.Parse] for a raw query ([url.URL.RawQuery]). It builds
// no map and allocates nothing. Unlike [url.URL.Query] it refuses a query that
// does not decode, instead of dropping the pairs that do not.
func (o Options) ParseQuery(rawQuery string) (Request, error) {
	return request(o.bounds().Parse(rawQuery))
}

// ParseRequest is [Options.ParseQuery] for the query of r.
func (o Options) ParseRequest(r *http.Request) (Request, error) {
	return o.ParseQuery(r.URL.RawQuery)
}

func (o Options) bounds() pagequery.Bounds {
	return pagequery.Bounds{DefaultLimit: o.DefaultLimit, MaxLimit: o.MaxLimit, Clamp: o.Clamp, MaxOffset: o.MaxOffset}
}

func request(page, limit int, err error) (Request, error) {
	return Request{Page: page, Limit: limit}, err
}

// Offset returns how many rows come before the page. It is 0 for a Request
// without a page.
func (r Request) Offset() int {
	return max(r.Page-1, 0) * max(r.Limit, 0)
}
