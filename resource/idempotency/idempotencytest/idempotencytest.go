// Package idempotencytest tests whether a store keeps the promises of package
// idempotency:
//
//	func TestStore(t *testing.T) {
//		idempotencytest.TestStore(t, func(t *testing.T) idempotency.Store { return mystore.New(t) })
//	}
package idempotencytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenetkit/tenet/resource/idempotency"
)

// TestStore runs the conformance suite. The func returns an empty store that
// holds at least 100 keys, and is called for every part of the test. It waits for
// about a second where leases have to end.
func TestStore(t *testing.T, newStore func(*testing.T) idempotency.Store) {
	for name, test := range map[string]func(suite, *testing.T){
		"the first request claims an id, the next find it": suite.claims,
		"an answer is given back as it was":                suite.answers,
		"a released id is free":                            suite.releases,
		"a claim ends with its lease":                      suite.ends,
		"an answer ends with its time":                     suite.forgets,
		"only the claim that stands is finished":           suite.overtaken,
		"of many at once one claims an id":                 suite.races,
		"ids are any bytes and never mixed up":             suite.strange,
		"a canceled context claims nothing":                suite.canceled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(suite{newStore(t)}, t)
		})
	}
}

type suite struct{ store idempotency.Store }

// digest returns what a key or a request is told by.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return string(sum[:])
}

// in returns a time as the middleware makes it.
func in(d time.Duration) time.Time { return time.Now().UTC().Add(d).Truncate(time.Microsecond) }

// begin asks for an id and compares what comes with what is expected: nil for a
// claim.
func (s suite) begin(t *testing.T, id, request string, lease time.Time, want *idempotency.Record) {
	t.Helper()
	got, err := s.store.Begin(t.Context(), id, request, lease)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	switch {
	case (got == nil) != (want == nil):
		t.Fatalf("Begin = %s, want %s", shown(got), shown(want))
	case got == nil:
	case got.Request != want.Request || !bytes.Equal(got.Answer, want.Answer) || (got.Answer == nil) != (want.Answer == nil):
		t.Fatalf("Begin = %s, want %s", shown(got), shown(want))
	}
}

func shown(r *idempotency.Record) string {
	if r == nil {
		return "a claim"
	}
	return fmt.Sprintf("the request %x with the answer %q (nil: %t)", r.Request, r.Answer, r.Answer == nil)
}

func (s suite) finish(t *testing.T, id string, lease time.Time, answer string, until time.Time) {
	t.Helper()
	if err := s.store.Finish(t.Context(), id, lease, []byte(answer), until); err != nil {
		t.Fatalf("Finish: %v", err)
	}
}

func (s suite) release(t *testing.T, id string, lease time.Time) {
	t.Helper()
	if err := s.store.Release(t.Context(), id, lease); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

var (
	key   = digest("key")
	first = digest("the first request")
	other = digest("another request")
)

func (s suite) claims(t *testing.T) {
	lease := in(time.Minute)
	s.begin(t, key, first, lease, nil)
	s.begin(t, key, first, in(time.Hour), &idempotency.Record{Request: first})
	s.begin(t, key, other, in(time.Hour), &idempotency.Record{Request: first})
	s.begin(t, digest("another key"), first, lease, nil)
}

func (s suite) answers(t *testing.T) {
	lease := in(time.Minute)
	s.begin(t, key, first, lease, nil)
	answer := "{\"body\":\"\xff\x00 any bytes\"}"
	s.finish(t, key, lease, answer, in(time.Hour))
	for range 2 {
		s.begin(t, key, other, in(time.Minute), &idempotency.Record{Request: first, Answer: []byte(answer)})
	}
	// An answer is neither replaced nor released.
	s.finish(t, key, lease, "again", in(time.Hour))
	s.release(t, key, lease)
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: first, Answer: []byte(answer)})
	large := string(bytes.Repeat([]byte("0123456789"), 100_000))
	s.begin(t, other, other, lease, nil)
	s.finish(t, other, lease, large, in(time.Hour))
	s.begin(t, other, other, in(time.Minute), &idempotency.Record{Request: other, Answer: []byte(large)})
}

func (s suite) releases(t *testing.T) {
	lease := in(time.Minute)
	s.begin(t, key, first, lease, nil)
	s.release(t, key, in(time.Hour)) // of nobody's claim
	s.begin(t, key, other, in(time.Minute), &idempotency.Record{Request: first})
	s.release(t, key, lease)
	s.release(t, key, lease)
	s.begin(t, key, other, in(2*time.Minute), nil)
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other})
}

func (s suite) ends(t *testing.T) {
	s.begin(t, key, first, in(300*time.Millisecond), nil)
	time.Sleep(400 * time.Millisecond)
	s.begin(t, key, other, in(time.Minute), nil)
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other})
}

func (s suite) forgets(t *testing.T) {
	lease := in(time.Minute)
	s.begin(t, key, first, lease, nil)
	s.finish(t, key, lease, "done", in(300*time.Millisecond))
	time.Sleep(400 * time.Millisecond)
	lease = in(time.Minute)
	s.begin(t, key, other, lease, nil)
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other})
	s.finish(t, key, lease, "done anew", in(time.Minute))
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other, Answer: []byte("done anew")})
}

func (s suite) overtaken(t *testing.T) {
	late, lease := in(300*time.Millisecond), in(time.Minute)
	s.begin(t, key, first, late, nil)
	time.Sleep(400 * time.Millisecond)
	s.begin(t, key, other, lease, nil)
	s.finish(t, key, late, "too late", in(time.Hour))
	s.release(t, key, late)
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other})
	s.finish(t, key, lease, "in time", in(time.Hour))
	s.begin(t, key, first, in(time.Minute), &idempotency.Record{Request: other, Answer: []byte("in time")})
}

// races has many ask for a few ids at once, again and again while they are
// released: there is never more than one who has an id.
func (s suite) races(t *testing.T) {
	const ids, workers = 4, 8
	var holders [ids]atomic.Int32
	var claimed atomic.Int32
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for turn := range 24 {
				n := (worker + turn) % ids
				lease := in(time.Minute + time.Duration(worker)*time.Second)
				id := digest(fmt.Sprint("id ", n))
				taken, err := s.store.Begin(t.Context(), id, digest(fmt.Sprint(worker)), lease)
				if err != nil {
					t.Errorf("Begin: %v", err)
					return
				}
				if taken != nil {
					continue
				}
				claimed.Add(1)
				if had := holders[n].Add(1); had != 1 {
					t.Errorf("%d requests have claimed one id", had)
				}
				holders[n].Add(-1)
				if err := s.store.Release(t.Context(), id, lease); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if claimed.Load() < ids {
		t.Errorf("%d claims in all, want at least %d", claimed.Load(), ids)
	}
}

func (s suite) strange(t *testing.T) {
	lease := in(time.Minute)
	ids := []string{"", "\x00", "\xff\xfe", "a", "A", "a ", "' OR '1'='1", "%", "é", "e\u0301", key}
	for _, id := range ids {
		s.begin(t, id, "request of "+id, lease, nil)
	}
	for _, id := range ids {
		s.begin(t, id, first, lease, &idempotency.Record{Request: "request of " + id})
	}
}

func (s suite) canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.store.Begin(ctx, key, first, in(time.Minute)); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin with a canceled context: error = %v, want context.Canceled", err)
	}
	s.begin(t, key, other, in(time.Minute), nil)
}
