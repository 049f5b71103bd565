package paginate

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/tenetkit/tenet/internal/jsonenc"
	"github.com/tenetkit/tenet/internal/pagequery"
)

// NoTotal is the Total of a list that is not counted: the body has no total, the
// Link field no last, and next wherever the page is full.
const NoTotal = -1

// A Page is one page of a list, as the caller gets it.
type Page[T any] struct {
	Data  []T // the rows; nil is sent as []
	Total int // rows of the whole list, or NoTotal
	Page  int
	Limit int

	// Capped says that there may be more rows than Total. The body then has
	// "total_capped":true.
	Capped bool

	// Key is the name of the member that holds the rows. If empty, data.
	Key string
}

// NewPage returns the page with the rows that answer req. The total is the
// number of rows of the whole list, or [NoTotal].
func NewPage[T any](req Request, data []T, total int) Page[T] {
	return Page[T]{Data: data, Total: total, Page: req.Page, Limit: req.Limit}
}

// Cap returns the page with a Total of at most most, and says so in the body
// where the list is longer. Counting may then stop at most+1 rows.
func (p Page[T]) Cap(most int) Page[T] {
	if p.Total > most {
		p.Total, p.Capped = most, true
	}
	return p
}

// MarshalJSON returns the envelope:
//
//	{"data":[...],"total":150,"page":1,"limit":25}
func (p Page[T]) MarshalJSON() ([]byte, error) {
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := p.append(*buf)
	*buf = body
	if err != nil {
		return nil, err
	}
	return bytes.Clone(body), nil
}

func (p Page[T]) append(b []byte) ([]byte, error) {
	b, err := pagequery.AppendRows(b, p.Key, p.Data, nil)
	if err != nil {
		return b, err
	}
	b = pagequery.AppendTotal(b, p.Total, p.Capped)
	b = pagequery.AppendInt(b, "page", p.Page)
	b = pagequery.AppendInt(b, "limit", p.Limit)
	return append(b, '}'), nil
}

// Write answers 200 with p and its Link field. The rows are encoded before
// anything is sent: where Write returns an error, nothing has been, and the error
// is to be answered like any other. Links that the handler has set before stay,
// and so does a Content-Type.
func Write[T any](w http.ResponseWriter, r *http.Request, p Page[T]) error {
	buf := jsonenc.Buffer()
	defer jsonenc.Release(buf)
	body, err := p.append(*buf)
	*buf = body
	if err != nil {
		return err
	}
	var store [512]byte
	pagequery.Write(w, r, body, p.appendLink(store[:0], r.URL))
	return nil
}

func (p Page[T]) appendLink(b []byte, u *url.URL) []byte {
	if p.Total >= 0 && !p.Capped {
		return pagequery.AppendLink(b, u, p.Page, p.Limit, int64(p.Total))
	}
	more := len(p.Data) >= p.Limit || int64(p.Page)*int64(p.Limit) < int64(p.Total)
	return pagequery.AppendLinkOpen(b, u, p.Page, p.Limit, more)
}
