package idempotency

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// answer is what is kept of a response.
type answer struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"` // what the handler has set or changed
	Gone   []string    `json:"gone"`   // what it has removed
	Body   []byte      `json:"body"`
}

// recorder holds an answer back until it is kept: a client that has it can rely
// on getting it again. It cannot be unwrapped, since whoever flushed or hijacked
// the connection would send an answer that is not kept.
type recorder struct {
	w      http.ResponseWriter
	status int
	header http.Header // as it was when the status was written
	body   bytes.Buffer
}

func (rec *recorder) Header() http.Header { return rec.w.Header() }

func (rec *recorder) WriteHeader(status int) {
	if status < 200 {
		rec.w.WriteHeader(status) // informational ones are for now
		return
	}
	if rec.status == 0 {
		rec.status = status
		rec.header = rec.w.Header().Clone()
	}
}

func (rec *recorder) Write(b []byte) (int, error) {
	rec.WriteHeader(http.StatusOK)
	return rec.body.Write(b)
}

// patience is how long an answer waits for its store.
const patience = 5 * time.Second

// run serves the first request with a key.
func (k *keeper) run(w http.ResponseWriter, r *http.Request, next http.Handler, id string, lease time.Time) error {
	// The client may leave, and what it has started still ends, but not after
	// its claim: then another request may run under the key.
	ctx := context.WithoutCancel(r.Context())
	claimed, cancel := context.WithDeadline(ctx, lease)
	defer cancel()
	release := true
	defer func() {
		if release {
			within, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			k.report(ctx, k.store.Release(within, id, lease))
		}
	}()
	before := w.Header().Clone()
	rec := &recorder{w: w}
	next.ServeHTTP(rec, r.WithContext(claimed))
	rec.WriteHeader(http.StatusOK)

	if stays(rec.status) {
		// From here on the work is done. Where its answer cannot be kept, the
		// key stays blocked until the lease ends: freed, it would invite the
		// client to do it again.
		release = false
		data, err := json.Marshal(answerOf(rec, before))
		if err == nil {
			within, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			err = k.store.Finish(within, id, lease, data, time.Now().UTC().Add(k.opts.Keep).Truncate(time.Microsecond))
		}
		k.report(ctx, err)
	}
	send(w, rec.header, rec.status, rec.body.Bytes())
	return nil
}

// stays reports whether the same request would be answered in the same way for
// ever. Kept, a 403 would outlive the grant of the role, and a 406 the mistake in
// Accept, which a client mends without a thought of the key.
func stays(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotAcceptable,
		http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusTooManyRequests:
		return false
	}
	return status < 500
}

func (k *keeper) report(ctx context.Context, err error) {
	if err != nil {
		k.opts.Logger.LogAttrs(ctx, slog.LevelError, "an answer could not be kept", slog.String("cause", err.Error()))
	}
}

// answerOf compares the header with the one before, so that what middleware
// outside sets anew on each request (rate limits, request ids) is not kept.
func answerOf(rec *recorder, before http.Header) answer {
	a := answer{Status: rec.status, Header: http.Header{}, Body: rec.body.Bytes()}
	for name, values := range rec.header {
		if old, ok := before[name]; !ok || !slices.Equal(old, values) {
			a.Header[name] = values
		}
	}
	for name := range before {
		if _, ok := rec.header[name]; !ok {
			a.Gone = append(a.Gone, name)
		}
	}
	return a
}

// send writes an answer in one piece.
func send(w http.ResponseWriter, header http.Header, status int, body []byte) {
	h := w.Header()
	clear(h)
	maps.Copy(h, header)
	if status != http.StatusNoContent && len(h["Content-Length"]) == 0 {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	// A failed write means that the client has left; it can ask again.
	_, _ = w.Write(body)
}

// replay gives a kept answer again.
func replay(w http.ResponseWriter, data []byte) error {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("idempotency: a kept answer cannot be read: %w", err)
	}
	h := w.Header().Clone()
	if h == nil {
		h = http.Header{}
	}
	for _, name := range a.Gone {
		delete(h, name)
	}
	maps.Copy(h, a.Header)
	h["Idempotency-Replayed"] = []string{"true"}
	send(w, h, a.Status, a.Body)
	return nil
}
