package paginate

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

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
func (p Page[T]) MarshalJSON() ([]byte, error) { return p.append(nil) }

func (p Page[T]) append(b []byte) ([]byte, error) {
	key := `"data":`
	switch p.Key {
	case "", "data":
	case "total", "total_capped", "page", "limit":
		return nil, errors.New("paginate: Page: the key " + p.Key + " is a member of its own")
	default:
		name, err := json.Marshal(p.Key)
		if err != nil {
			return nil, err
		}
		key = string(name) + ":"
	}
	b = append(b, '{')
	b = append(b, key...)
	data := p.Data
	if data == nil {
		data = []T{}
	}
	rows, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	b = append(b, rows...)
	if p.Total >= 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendInt(b, int64(p.Total), 10)
		if p.Capped {
			b = append(b, `,"total_capped":true`...)
		}
	}
	b = append(b, `,"page":`...)
	b = strconv.AppendInt(b, int64(p.Page), 10)
	b = append(b, `,"limit":`...)
	b = strconv.AppendInt(b, int64(p.Limit), 10)
	return append(b, '}'), nil
}

// Write answers with p and its Link field. The rows are encoded before anything
// is sent: where Write returns an error, nothing has been, and the error is to be
// answered like any other. Links that the handler has set before stay.
func Write[T any](w http.ResponseWriter, r *http.Request, p Page[T]) error {
	body, err := p.append(nil)
	if err != nil {
		return err
	}
	h := w.Header()
	if link := p.link(r); link != "" {
		h["Link"] = append(h["Link"], link)
	}
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A failed write means that the client has left; nobody is there to tell.
		_, _ = w.Write(body)
	}
	return nil
}

// contentType is shared by all answers: assigning it allocates nothing.
var contentType = []string{"application/json; charset=utf-8"}

func (p Page[T]) link(r *http.Request) string {
	if p.Total >= 0 && !p.Capped {
		return pagequery.Link(r.URL, p.Page, p.Limit, int64(p.Total))
	}
	more := len(p.Data) >= p.Limit || int64(p.Page)*int64(p.Limit) < int64(p.Total)
	return pagequery.LinkOpen(r.URL, p.Page, p.Limit, more)
}
