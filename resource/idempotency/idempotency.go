// Package idempotency lets a client send a POST again without doing it twice. A
// request that carries
//
//	Idempotency-Key: 5f0c2b1e-8a37-4b8e-9d0c-2f6a1c3e7b55
//
// is run once; the same request under the same key gets the first answer again,
// with Idempotency-Replayed: true. It is plain middleware for any handler:
//
//	unit := func(r *http.Request) string { return ouscope.FromContext(r.Context()).Active() }
//	once, err := idempotency.New(auth.Subject, unit, idempotency.NewMemory(0), idempotency.Options{})
//	mux.Handle("POST /payments", scoped(once(payments)))
//
// It belongs inside authentication, rate limit and scope, so that those are asked
// each time, and directly around the handler.
//
// # What is refused
//
//   - 422 idempotency_key_reused: the key came with another request, told by
//     method, path, query, content type and body;
//   - 409 in_flight with Retry-After: the first request is still running;
//   - 400: a key that is empty, longer than 255 bytes, repeated, or not made of
//     visible ASCII characters, and, with [Options.Require], none at all.
//
// Keys belong to the caller and the unit: nobody meets the key of another, and
// who works in several units never gets the answer of one in another. A service
// without units says so by [Unscoped].
//
// # What is kept
//
// [NewMemory] keeps keys in one process, until it ends; package
// resource/idempotency/sqlstore keeps them in SQLite or PostgreSQL, for all
// processes.
//
// Answers below 500 are kept for [Options.Keep], except those that are about the
// moment, or about what a request is not told by: 401 and 403 (the caller's rights),
// 406 (Accept), 412 and 428 (If-Match), and 429. The key is free again then, as it is
// after a 5xx or a panic: the client was told to retry, and only the handler knows
// what it has done by then. A handler that must not run twice even so has to make
// its own work atomic.
//
// A request with a key goes on where its client leaves: its context ends with the
// claim ([Options.Lease]) and not with the connection, so that the client that
// timed out and asks again gets the answer.
//
// Everything here is safe for concurrent use.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

const header = "Idempotency-Key"

// Options adjusts the middleware. The zero value is safe for production.
type Options struct {
	// Keep is how long an answer is given again. If zero, 24 hours.
	Keep time.Duration

	// Lease is how long a request that never ended blocks its key, because
	// its process died. The context of a request ends then, so it has to be
	// longer than any request takes. If zero, a minute.
	Lease time.Duration

	// MaxBody is the largest body that is compared; a larger one is a 413. If
	// zero, 1 MiB.
	MaxBody int64

	// Require refuses a POST without a key (400). By default it passes.
	Require bool

	// Logger is told of answers that could not be kept. If nil, nothing is
	// logged.
	Logger *slog.Logger
}

// A Store keeps keys. Its methods are called concurrently, by several processes
// where the store is shared. Package resource/idempotency/idempotencytest tests
// one of your own. An id and a request are any 32 bytes.
type Store interface {
	// Begin claims the id for a request until the lease ends, in one atomic
	// step. Where the id is taken, it claims nothing and returns the record;
	// claims whose lease is over and answers that are too old do not count.
	// The request is a digest; the lease is in UTC and microseconds.
	Begin(ctx context.Context, id, request string, lease time.Time) (taken *Record, err error)

	// Finish keeps the answer under the id until the time, if the claim with
	// that lease still stands.
	Finish(ctx context.Context, id string, lease time.Time, answer []byte, until time.Time) error

	// Release frees the id, if the claim with that lease still stands.
	Release(ctx context.Context, id string, lease time.Time) error
}

// A Record is what a [Store] knows of an id.
type Record struct {
	Request string // the digest that the id was claimed with
	Answer  []byte // nil while the request is running
}

type keeper struct {
	subject func(*http.Request) (string, bool)
	unit    func(*http.Request) string
	store   Store
	opts    Options
}

// Unscoped is the unit of every request to a service that has no organizational
// units: keys belong to the caller alone. Where there are units, it lets an answer
// out of one of them into another.
func Unscoped(*http.Request) string { return "" }

// New returns the middleware. The subject is auth.Subject or a func like it;
// callers without one share their keys. The unit func returns the unit that the
// request works in, such as ouscope.FromContext(r.Context()).Active(), or is
// [Unscoped]. Requests other than POST pass. New fails if subject, unit or store
// is nil or an option is negative.
func New(subject func(*http.Request) (string, bool), unit func(*http.Request) string, store Store, opts Options) (func(http.Handler) http.Handler, error) {
	if subject == nil || unit == nil || store == nil {
		return nil, errors.New("idempotency: New: subject, unit and store are required")
	}
	if opts.Keep < 0 || opts.Lease < 0 || opts.MaxBody < 0 {
		return nil, errors.New("idempotency: New: no option may be negative")
	}
	if opts.Keep == 0 {
		opts.Keep = 24 * time.Hour
	}
	if opts.Lease == 0 {
		opts.Lease = time.Minute
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = 1 << 20
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	k := &keeper{subject: subject, unit: unit, store: store, opts: opts}
	return func(next http.Handler) http.Handler {
		return apierror.Handler(func(w http.ResponseWriter, r *http.Request) error { return k.serve(w, r, next) })
	}, nil
}

var (
	errKey = apierror.BadRequest(header, "key", header+" must be one value of 1 to 255 visible ASCII characters")
	errNo  = apierror.BadRequest(header, "required", header+" is required")

	errReused = &apierror.Error{
		Status: http.StatusUnprocessableEntity, Code: "validation_failed",
		Message: "The key was used for another request",
		Details: apierror.Details{Field: header, Code: "idempotency_key_reused"},
	}
)

func (k *keeper) serve(w http.ResponseWriter, r *http.Request, next http.Handler) error {
	if r.Method != http.MethodPost {
		next.ServeHTTP(w, r)
		return nil
	}
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	if key == "" {
		if k.opts.Require {
			return errNo
		}
		next.ServeHTTP(w, r)
		return nil
	}
	body, err := k.read(r)
	if err != nil {
		return err
	}
	id, request := k.digests(r, key, body)
	lease := time.Now().UTC().Add(k.opts.Lease).Truncate(time.Microsecond)
	taken, err := k.store.Begin(r.Context(), id, request, lease)
	switch {
	case err != nil:
		return err
	case taken == nil:
		return k.run(w, r, next, id, lease)
	case taken.Request != request:
		return errReused
	case taken.Answer == nil:
		return apierror.Conflict(header, "in_flight", "The first request with this key is still running").
			WithHeader("Retry-After", "1")
	}
	return replay(w, taken.Answer)
}

// keyOf returns the key, without the quotes that a structured field has, or "".
func keyOf(r *http.Request) (string, error) {
	values := r.Header[header]
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if unquoted, ok := strings.CutPrefix(key, `"`); ok {
		if key, ok = strings.CutSuffix(unquoted, `"`); !ok {
			return "", errKey
		}
	}
	if len(values) > 1 || key == "" || len(key) > 255 {
		return "", errKey
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", errKey
		}
	}
	return key, nil
}

// read reads the body and puts it back.
func (k *keeper) read(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > k.opts.MaxBody {
		// Unread, so that a client that asks first (Expect: 100-continue) keeps it.
		return nil, apierror.New(http.StatusRequestEntityTooLarge, "")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, k.opts.MaxBody+1))
	switch {
	case int64(len(body)) > k.opts.MaxBody:
		return nil, apierror.New(http.StatusRequestEntityTooLarge, "")
	case err != nil && r.Context().Err() == nil:
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, err
		}
		return nil, apierror.BadRequest("", "body", "Request body could not be read").Wrap(err)
	case err != nil:
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// digests returns what the key is kept under and what the request is told by.
func (k *keeper) digests(r *http.Request, key string, body []byte) (id, request string) {
	owner, known := k.subject(r)
	unit := k.unit(r)
	anonymous := "anonymous"
	if known {
		anonymous = ""
	}
	h := sha256.New()
	add(h, anonymous, owner, unit, key)
	id = string(h.Sum(nil))
	h.Reset()
	add(h, anonymous, owner, unit, r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"), string(body))
	return id, string(h.Sum(nil))
}

// add writes each part behind its length, so that no two lists look the same.
func add(h hash.Hash, parts ...string) {
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = h.Write(size[:])
		_, _ = io.WriteString(h, part)
	}
}
