package pagequery

import (
	"net/http"
	"strconv"
)

// contentType is shared by all answers: assigning it allocates nothing.
var contentType = []string{"application/json; charset=utf-8"}

// Write answers 200 with a body of JSON and a Link field, which is left out where
// it is empty. A Content-Type and links that were set before stay.
func Write(w http.ResponseWriter, r *http.Request, body, link []byte) {
	h := w.Header()
	// One string holds what both fields say, one array both values.
	text := string(strconv.AppendInt(link, int64(len(body)), 10))
	values := &[2]string{text[len(link):], text[:len(link)]}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = contentType
	}
	h["Content-Length"] = values[0:1:1]
	switch before := h["Link"]; {
	case len(link) == 0:
	case len(before) == 0:
		h["Link"] = values[1:2:2]
	default:
		h["Link"] = append(before[:len(before):len(before)], values[1])
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A failed write means that the client has left; nobody is there to tell.
		_, _ = w.Write(body)
	}
}
