package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"time"
)

// A sink is a ResponseWriter that costs nothing and keeps no body.
type sink struct {
	header http.Header
	status int
}

func newSink() *sink { return &sink{header: make(http.Header, 16)} }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

func (s *sink) call(h http.Handler, r *http.Request) {
	clear(s.header)
	s.status = http.StatusOK
	h.ServeHTTP(s, r)
}

// times counts durations: by the nanosecond up to 128 µs, the longer ones one by one.
type times struct {
	count  [1 << 17]uint32
	longer []time.Duration
	n      int
}

func (t *times) add(d time.Duration) {
	t.n++
	if d < time.Duration(len(t.count)) {
		t.count[max(0, d)]++
		return
	}
	t.longer = append(t.longer, d)
}

func (t *times) reset() {
	clear(t.count[:])
	t.longer, t.n = t.longer[:0], 0
}

func (t *times) percentile(p float64) time.Duration {
	left := int(p * float64(t.n))
	for d, n := range t.count {
		if left -= int(n); left < 0 {
			return time.Duration(d)
		}
	}
	slices.Sort(t.longer)
	if left < len(t.longer) {
		return t.longer[left]
	}
	return 0
}

// An experience is what honest callers have of a target.
type experience struct {
	inHandler [2]times // by scheme
	sinceSent times
}

func (e *experience) reset() {
	e.inHandler[0].reset()
	e.inHandler[1].reset()
	e.sinceSent.reset()
}

// measure calls for the honest callers, first back to back and then at a pace.
func (t *target) measure(e *experience, period time.Duration) error {
	w := newSink()
	n := 0
	call := func() (scheme int, began, ended time.Time, err error) {
		scheme, n = n%2, n+1
		r := t.honest[scheme][n/2%callers]
		began = time.Now()
		w.call(t.handler, r)
		ended = time.Now()
		if w.status != http.StatusOK {
			err = fmt.Errorf("%s: an honest caller is answered with %d", t.name, w.status)
		}
		return scheme, began, ended, err
	}
	for end := time.Now().Add(period); ; {
		scheme, began, ended, err := call()
		if err != nil {
			return err
		}
		e.inHandler[scheme].add(ended.Sub(began))
		if ended.After(end) {
			break
		}
	}
	// Few calls need more time for as good a percentile.
	return t.measureSent(e, 2*period, call)
}

// measureSent calls when the other process says so.
func (t *target) measureSent(e *experience, period time.Duration, call func() (int, time.Time, time.Time, error)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	client := exec.Command(self, "-clock")
	pipe, err := client.StdoutPipe()
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	defer func() {
		_ = client.Process.Kill()
		_ = client.Wait()
	}()
	var first, sent time.Time
	var text [8]byte
	for sent.Sub(first) < period {
		if _, err := io.ReadFull(pipe, text[:]); err != nil {
			return fmt.Errorf("the clock: %w", err)
		}
		sent = time.Unix(0, int64(binary.BigEndian.Uint64(text[:])))
		_, _, ended, err := call()
		if err != nil {
			return err
		}
		if first.IsZero() {
			first = sent // and its call only warms up
			continue
		}
		e.sinceSent.add(ended.Sub(sent))
	}
	return nil
}

// tellTime writes the time every millisecond until nobody reads it.
func tellTime(w io.Writer) {
	for {
		time.Sleep(time.Millisecond)
		var text [8]byte
		binary.BigEndian.PutUint64(text[:], uint64(time.Now().UnixNano()))
		if _, err := w.Write(text[:]); err != nil {
			return
		}
	}
}

// usePages allocates so many bytes of garbage, so that the pages of the heap have been
// used before: the first use of one takes longer than ten calls of the handler.
func usePages(bytes int) (last []byte) {
	for range bytes / 512 {
		last = make([]byte, 512)
	}
	return last
}

// heap returns the bytes that are in use after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// watchHeap returns a func that stops it and tells the most bytes of objects, dead
// ones included, that there were.
func watchHeap() func() uint64 {
	var most atomic.Uint64
	stop := concurrently(1, func(_ int, stopped *atomic.Bool) {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for !stopped.Load() {
			metrics.Read(sample)
			most.Store(max(most.Load(), sample[0].Value.Uint64()))
			time.Sleep(5 * time.Millisecond)
		}
	})
	return func() uint64 {
		stop()
		return most.Load()
	}
}
