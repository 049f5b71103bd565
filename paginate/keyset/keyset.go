// Package keyset pages through a list by cursors. A cursor says behind which row
// to go on, so that a page deep in the list costs what the first one does, and
// rows that come and go meanwhile make no other row appear twice or not at all:
//
//	{"data":[...],"limit":25,"next_cursor":"AQx3...","prev_cursor":"AWe1..."}
//
// together with a Link field ([RFC 8288]) of first, prev and next. A caller
// follows the links, or sends next_cursor back as the parameter cursor.
//
// The smallest use, in a handler of [apierror.Handler]:
//
//	req, err := pager.ParseRequest(r, order)
//	if err != nil {
//		return err
//	}
//	where, tail, args := req.SQL("postgres", 1)
//	rows, err := query("SELECT * FROM leads WHERE "+where+" "+tail, args)
//	if err != nil {
//		return err
//	}
//	page, err := keyset.NewPage(req, rows, func(l Lead) []any { return []any{l.CreatedAt, l.ID} })
//	if err != nil {
//		return err
//	}
//	return keyset.Write(w, r, page)
//
// # Choosing an order
//
// The sort keys have to tell any two rows apart: end with the primary key. They
// should not change while a row lives, or the row moves to another page. An index
// over the columns in their order and directions is what makes a page cheap.
//
// Columns are compared by the database, under its own collation unless
// [Column.Text] asks for the order of bytes. A collation that changes (an
// upgrade of the operating system may do that to PostgreSQL) shifts the pages of
// cursors under way.
//
// # What a cursor is
//
// It holds the sort keys of one row, encrypted and authenticated under a secret
// of the server (AES-256 in counter mode with a synthetic IV from HMAC-SHA-256),
// and bound to the order, and to whatever else the handler names: the filter, the
// digest of the caller's scope. A cursor that was forged, changed, cut, made for
// another list, that has expired or whose secret is gone gets one and the same
// 400, which tells nothing. It is no permission: the handler puts the scope into
// every query all the same.
//
// Everything here is safe for concurrent use.
//
// [RFC 8288]: https://www.rfc-editor.org/rfc/rfc8288
package keyset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/pagequery"
	"github.com/tenetkit/tenet/paginate"
)

// Options adjusts a [Pager]. The zero value is safe for production: 25 rows by
// default, 100 at most, cursors that live as long as their secret.
type Options struct {
	// MaxAge is how long a cursor may be used. If zero, as long as its secret
	// is one of the pager's.
	MaxAge time.Duration

	// Limits bounds the limit. Of its fields only those of the limit matter.
	Limits paginate.Options
}

// A Pager reads and makes cursors. It is immutable and safe for concurrent use.
type Pager struct {
	secrets []secret
	maxAge  time.Duration
	bounds  pagequery.Bounds
}

// New returns a Pager. Cursors are made under the first secret and accepted under
// each. All servers of an API share the secrets: give a new one to all of them
// behind the old one, then put it in front, and remove the old one when its
// cursors need no longer work.
//
// It fails if there is no secret, or one shorter than 32 bytes.
func New(secrets [][]byte, opts Options) (*Pager, error) {
	if len(secrets) == 0 {
		return nil, errors.New("keyset: New: a secret is required")
	}
	if opts.MaxAge < 0 {
		return nil, errors.New("keyset: New: MaxAge is negative")
	}
	p := &Pager{
		maxAge: opts.MaxAge,
		bounds: pagequery.Bounds{
			DefaultLimit: opts.Limits.DefaultLimit, MaxLimit: opts.Limits.MaxLimit, Clamp: opts.Limits.Clamp, MaxOffset: -1,
		},
	}
	for i, s := range secrets {
		if len(s) < 32 {
			return nil, fmt.Errorf("keyset: New: secret %d has %d bytes, 32 are required", i, len(s))
		}
		derived, err := newSecret(s)
		if err != nil {
			return nil, fmt.Errorf("keyset: New: secret %d: %w", i, err)
		}
		p.secrets = append(p.secrets, derived)
	}
	return p, nil
}

// A Column is one sort key.
type Column struct {
	// Name is the column, or an expression, as SQL writes it
	// (leads.created_at). It goes into the text as it is: never take it from
	// what a caller sent.
	Name string

	// Desc sorts from high to low.
	Desc bool

	// Nullable says that the column can be null. Nulls come last, whatever
	// the direction, unless NullsFirst is set.
	//
	// While nulls are still to come, or are being read with values behind
	// them, a page is found by reading the index from its start, and gets
	// slower with depth. Where that matters, name an expression that is never
	// null and has an index: coalesce(email, '').
	Nullable   bool
	NullsFirst bool

	// Text compares by bytes instead of the database's collation: COLLATE
	// "C" in PostgreSQL, BINARY in SQLite, utf8mb4_bin in MySQL (which
	// ignores blanks at the end, and demands the character set utf8mb4). An
	// index has to be of the same collation.
	Text bool
}

// A Request is the page that a caller asked for: the rows behind Values in the
// direction of the order, or against it.
//
// One that was put together by hand, from a position that came in another way,
// serves [Request.SQL] and [Select]; [NewPage] makes cursors and needs a Request
// of a [Pager].
type Request struct {
	Limit int // rows of the page; read one more, to know whether others follow

	// Order is what the rows are sorted by. The last column tells them apart.
	Order []Column

	// Values are the sort keys of the row to go on from, nil for the first
	// page: each a string, []byte, int64, float64, bool or time.Time in UTC,
	// or nil.
	Values []any

	// Back asks for the rows before Values, the nearest first.
	Back bool

	// Inclusive asks for a row with just these Values too.
	Inclusive bool

	pager   *Pager
	context []byte
}

// ParseRequest reads cursor and limit from the query of r, for a list in the given
// order. What else decides which rows are in the list (the filter, the digest of
// the scope) goes into bound; a cursor made under other values is refused.
//
// The error, if any, is an [*apierror.Error] with status 400, unless the order
// itself is at fault, which no caller is to blame for.
func (p *Pager) ParseRequest(r *http.Request, order []Column, bound ...string) (Request, error) {
	if err := check(order); err != nil {
		return Request{}, err
	}
	q, err := p.bounds.ParseCursor(r.URL.RawQuery)
	if err != nil {
		return Request{}, err
	}
	switch {
	case q.HasCursor && q.HasPage:
		return Request{}, apierror.BadRequest("cursor", "conflict", "cursor and page exclude each other")
	case q.HasPage && q.Page > 1:
		return Request{}, apierror.BadRequest("page", "max", "This list is read by cursors: follow next_cursor instead of counting pages")
	case q.HasCursor && q.Cursor == "":
		return Request{}, invalid()
	}
	return p.Parse(q.Cursor, q.Limit, order, bound...)
}

// Parse is [Pager.ParseRequest] for a handler that has read the query itself: it
// returns the page of so many rows from the cursor on, or the first one where the
// cursor is empty. The limit is taken as it is.
func (p *Pager) Parse(cursor string, limit int, order []Column, bound ...string) (Request, error) {
	if err := check(order); err != nil {
		return Request{}, err
	}
	req := Request{Limit: limit, Order: order, pager: p, context: contextOf(order, bound)}
	if cursor != "" && !req.open(cursor) {
		return Request{}, invalid()
	}
	return req, nil
}

// invalid returns the one answer for every cursor that is not accepted. To say
// more would tell a forger how far they have come.
func invalid() error {
	return apierror.BadRequest("cursor", "invalid", "cursor is not valid for this list, or no longer: start again without it")
}

func check(order []Column) error {
	if len(order) == 0 {
		return errors.New("keyset: ParseRequest: the order has no column")
	}
	for i, c := range order {
		same := func(other Column) bool { return other.Name == c.Name }
		if c.Name == "" || slices.ContainsFunc(order[:i], same) {
			return fmt.Errorf("keyset: ParseRequest: column %q has no name or occurs twice", c.Name)
		}
	}
	return nil
}

// contextOf writes down all that a cursor is bound to, with every length in front
// so that no two lists read the same.
func contextOf(order []Column, bound []string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(order)))
	for _, c := range order {
		b = binary.AppendUvarint(b, uint64(len(c.Name)))
		b = append(b, c.Name...)
		for _, flag := range [...]bool{c.Desc, c.Nullable, c.NullsFirst, c.Text} {
			b = append(b, bit(flag))
		}
	}
	for _, s := range bound {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}
