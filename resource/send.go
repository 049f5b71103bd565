package resource

import (
	"net/http"
	"net/url"
	"strconv"
)

// reply is an answer with a body. The bytes of body and link are the caller's
// again once it is sent.
type reply struct {
	status int
	body   []byte
	link   []byte
	path   string // of the resource; if not empty, Location names the row with the id
	id     string
}

// contentType is shared by all answers: assigning it allocates nothing.
var contentType = []string{"application/json; charset=utf-8"}

// send answers with a body and its tag, with 304 to a caller who has it, or
// returns the 412.
func send(w http.ResponseWriter, r *http.Request, pre preconditions, a reply) error {
	// One string holds what all fields say, one array their values.
	var store [640]byte
	text := append(store[:0], a.link...)
	text = appendTag(text, a.body)
	tag := len(text)
	text = strconv.AppendInt(text, int64(len(a.body)), 10)
	length := len(text)
	if a.path != "" {
		text = append(append(text, a.path...), '/')
		text = append(text, url.PathEscape(a.id)...)
	}
	all := string(text)
	values := &[4]string{all[:len(a.link)], all[len(a.link):tag], all[tag:length], all[length:]}

	if pre.failed(values[1]) {
		return errPrecondition
	}
	h := w.Header()
	h["Etag"] = values[1:2:2]
	if len(a.link) > 0 {
		if before := h["Link"]; len(before) > 0 {
			h["Link"] = append(before[:len(before):len(before)], values[0])
		} else {
			h["Link"] = values[0:1:1]
		}
	}
	if pre.known(values[1]) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.path != "" {
		h["Location"] = values[3:4:4]
	}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = contentType
	}
	h["Content-Length"] = values[2:3:3]
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		// A failed write means that the client has left; nobody is there to tell.
		_, _ = w.Write(a.body)
	}
	return nil
}
