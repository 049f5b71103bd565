// Command flood measures what honest callers, whom auth remembers, notice of an
// attacker who sends wrong secrets or bad tokens to the same handler.
//
//	GOWORK=off go run ./flood
//
// All of it happens in one process, without a network. One goroutine calls for 16
// honest callers, half of them Basic and half Bearer. The attacker has one
// goroutine for tokens, which takes a processor, and eight for secrets, of which all
// but MaxHashes wait for their turn. So with two processors the honest goroutine has
// one to itself, and what it loses is lost in the handler and not to the scheduler;
// where MaxHashes is 2, as it is by default on two processors, the hashes take both.
//
// Two times are taken of each honest call. "In the handler" is from the call to its
// return, back to back. "Since sent" is that of calls at a pace: another process
// says every millisecond what time it is, and the call is made as soon as that is
// read, as a server reads a request, so it counts the wait for a processor too.
// "Busy" is the control: the attacker's goroutines do not call the handler but
// compute SHA-256 on their own, as many as can run at a time.
//
// A ballast of 64 MB stands for the service's own data, or the garbage collector
// would run all the time.
//
// Quiet, busy and flood take turns in every round, and all rounds but the first are
// put together.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/tenetkit/tenet/auth"
)

func main() {
	rounds := flag.Int("rounds", 2, "`number` of rounds")
	period := flag.Duration("time", 200*time.Millisecond, "`time` of each measurement in a round")
	only := flag.String("only", "", "the one `flood` to measure, by a part of its name")
	ballast := flag.Int("ballast", 64, "`MB` of the service's own data")
	profile := flag.String("cpuprofile", "", "`file` for a CPU profile")
	clock := flag.Bool("clock", false, "tell the time on the standard output, for another flood")
	flag.Parse()
	if *clock {
		tellTime(os.Stdout)
		return
	}
	data := make([]byte, *ballast<<20)
	defer runtime.KeepAlive(data)
	defer runtime.KeepAlive(usePages(4 * len(data)))
	if err := run(os.Stdout, *rounds, *period, *only, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1)
	}
}

const (
	issuerURL = "https://api.example.com"
	audience  = "leads"
	password  = "correct horse battery staple"
	callers   = 8 // of each scheme
)

var secret = []byte(strings.Repeat("0123456789abcdef", 2))

// A flood is what an attacker does.
type flood struct {
	name      string
	hash      func() string // of the clients' secrets
	maxHashes int
	attackers int
	field     func(attacker, try int) string
}

func floods() []flood {
	wrong := func(attacker, try int) string {
		return basic(fmt.Sprint("client", try%callers), fmt.Sprintf("wrong %d %d", attacker, try))
	}
	good := token("mallory")
	forged := func(_, try int) string {
		cut := len(good) - 12
		return "Bearer " + good[:cut] + fmt.Sprintf("AAAA%08d", try)
	}
	noise := make([]byte, 880_000)
	rand.Read(noise)
	text := base64.RawURLEncoding.EncodeToString(noise)
	noisy := func(size int) func(int, int) string {
		return func(_, try int) string {
			third := text[try : try+size/3]
			return "Bearer " + third + "." + third + "." + third
		}
	}
	return []flood{
		{"wrong secrets, bcrypt, MaxHashes 1", bcryptHash, 1, 8, wrong},
		{"wrong secrets, argon2id, MaxHashes 1", argon2idHash, 1, 8, wrong},
		{"wrong secrets, bcrypt, MaxHashes by default", bcryptHash, 0, 8, wrong},
		{"wrong secrets, argon2id, MaxHashes by default", argon2idHash, 0, 8, wrong},
		{"forged HS256 tokens", bcryptHash, 0, 1, forged},
		{"garbage tokens of 8 KB", bcryptHash, 0, 1, noisy(8000)},
		{"garbage tokens of 880 KB", bcryptHash, 0, 1, noisy(880_000)},
	}
}

func bcryptHash() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), 10)
	if err != nil {
		panic(err) // a cost that there is not
	}
	return string(hash)
}

func argon2idHash() string {
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, 2, 19*1024, 1, 32)
	b64 := base64.RawStdEncoding
	return "$argon2id$v=19$m=19456,t=2,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(sum)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func token(subject string) string {
	now := time.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: issuerURL, Subject: subject, Audience: jwt.ClaimStrings{audience}, ID: "9f86d081884c7d65",
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
	}).SignedString(secret)
	if err != nil {
		panic(err) // the key is ours
	}
	return text
}

func request(field string) *http.Request {
	r := httptest.NewRequest("GET", "/leads", nil)
	r.Header.Set("Authorization", field)
	return r
}

// A target is a service with its honest callers.
type target struct {
	flood
	handler      http.Handler
	honest       [2][]*http.Request // Basic, Bearer
	hits, misses atomic.Int64
	tries        [600]atomic.Int64 // of the attacker, by the status of the answer
}

func newTarget(f flood) (*target, error) {
	t := &target{flood: f}
	onCache := func(hit bool) {
		if hit {
			t.hits.Add(1)
		} else {
			t.misses.Add(1)
		}
	}
	var list []auth.Client
	for i := range callers {
		id := fmt.Sprint("client", i)
		list = append(list, auth.Client{ID: id, Secrets: []auth.Secret{{Hash: f.hash()}}})
		t.honest[0] = append(t.honest[0], request(basic(id, password)))
		t.honest[1] = append(t.honest[1], request("Bearer "+token(id)))
	}
	clients, err := auth.Clients(list...)
	if err != nil {
		return nil, err
	}
	// Little room, so that one bad entry that got in would push a good one out.
	secrets, err := auth.NewBasic(clients, auth.BasicOptions{CacheSize: 256, OnCache: onCache, MaxHashes: f.maxHashes})
	if err != nil {
		return nil, err
	}
	tokens, err := auth.NewJWT(auth.JWTOptions{CacheSize: 256, OnCache: onCache}, auth.Issuer{
		URL: issuerURL, Audiences: []string{audience}, Algorithms: []string{"HS256"}, Keys: []auth.Key{{Key: secret}},
	})
	if err != nil {
		return nil, err
	}
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	t.handler = auth.Require(secrets, tokens)(served)
	return t, t.callAll()
}

// callAll calls once for each honest caller.
func (t *target) callAll() error {
	w := newSink()
	for _, list := range t.honest {
		for _, r := range list {
			if w.call(t.handler, r); w.status != http.StatusOK {
				return fmt.Errorf("%s: an honest caller is answered with %d", t.name, w.status)
			}
		}
	}
	return nil
}

// attack sends bad credentials until the func that it returns is called, which
// waits for those that are under way.
func (t *target) attack() (stop func()) {
	return concurrently(t.attackers, func(attacker int, stopped *atomic.Bool) {
		var list []*http.Request
		for try := range 64 {
			r := request(t.field(attacker, try))
			// From everywhere, so that the brake on one address does not end it.
			r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:4711", attacker, try)
			list = append(list, r)
		}
		w := newSink()
		for i := 0; !stopped.Load(); i++ {
			w.call(t.handler, list[i%len(list)])
			t.tries[w.status].Add(1)
		}
	})
}

// busy computes without the handler.
func (t *target) busy() (stop func()) {
	n := t.attackers
	if n > 1 {
		n = t.maxHashes
	}
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return concurrently(n, func(_ int, stopped *atomic.Bool) {
		var block [1024]byte
		for !stopped.Load() {
			sum := sha256.Sum256(block[:])
			copy(block[:], sum[:])
		}
	})
}

func concurrently(n int, f func(i int, stopped *atomic.Bool)) (stop func()) {
	var stopped atomic.Bool
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i, &stopped) })
	}
	return func() {
		stopped.Store(true)
		all.Wait()
	}
}

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

// A report is what came out of one flood.
type report struct {
	*target
	quiet, busy, flooded *experience
	grown                int64
	most                 uint64
	remembered           int64
}

func (f flood) run(rounds int, period time.Duration) (*report, error) {
	t, err := newTarget(f)
	if err != nil {
		return nil, err
	}
	r := &report{target: t, quiet: new(experience), busy: new(experience), flooded: new(experience)}
	states := []struct {
		begin func() (stop func())
		*experience
	}{{func() func() { return func() {} }, r.quiet}, {t.busy, r.busy}, {t.attack, r.flooded}}
	var before int64
	for round := range rounds + 1 {
		if round == 1 {
			// The first has only made what is made once, fresh pages of memory too.
			for _, state := range states {
				state.experience.reset()
			}
			before, r.most = heap(), 0
			for i := range t.tries {
				t.tries[i].Store(0)
			}
		}
		for _, state := range states {
			stop, most := state.begin(), watchHeap()
			err := t.measure(state.experience, period)
			stop()
			r.most = max(r.most, most())
			if err != nil {
				return nil, err
			}
		}
	}
	r.grown = heap() - before
	t.hits.Store(0)
	t.misses.Store(0)
	if err := t.callAll(); err != nil {
		return nil, err
	}
	r.remembered = t.hits.Load()
	return r, nil
}

func run(w io.Writer, rounds int, period time.Duration, only, profile string) error {
	if runtime.GOMAXPROCS(0) < 2 {
		return fmt.Errorf("it takes two processors to tell the handler from the scheduler")
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var reports []*report
	for _, f := range floods() {
		if !strings.Contains(f.name, only) {
			continue
		}
		fmt.Fprintln(os.Stderr, f.name)
		r, err := f.run(rounds, period)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	print(w, reports)
	return nil
}

func print(w io.Writer, reports []*report) {
	const us = float64(time.Microsecond)
	fmt.Fprintln(w, "| flood | time, µs | calls | quiet p50 | quiet p99 | busy p50 | busy p99 | flood p50 | flood p99 | p99: flood / quiet | flood / busy |")
	fmt.Fprintln(w, "| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |")
	for _, r := range reports {
		line := func(what string, quiet, busy, flooded *times) {
			fmt.Fprintf(w, "| %s | %s | %d", r.name, what, flooded.n)
			for _, t := range []*times{quiet, busy, flooded} {
				fmt.Fprintf(w, " | %.2f | %.2f", float64(t.percentile(0.5))/us, float64(t.percentile(0.99))/us)
			}
			p99 := float64(flooded.percentile(0.99))
			fmt.Fprintf(w, " | %.2f | %.2f |\n", p99/float64(quiet.percentile(0.99)), p99/float64(busy.percentile(0.99)))
		}
		line("Basic, in the handler", &r.quiet.inHandler[0], &r.busy.inHandler[0], &r.flooded.inHandler[0])
		line("Bearer, in the handler", &r.quiet.inHandler[1], &r.busy.inHandler[1], &r.flooded.inHandler[1])
		line("both, since sent", &r.quiet.sinceSent, &r.busy.sinceSent, &r.flooded.sinceSent)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "| flood | goroutines | tries answered with | heap grown | most heap | honest callers still remembered |")
	fmt.Fprintln(w, "| --- | --: | --- | --: | --: | --: |")
	for _, r := range reports {
		var answers []string
		for status := range r.tries {
			if n := r.tries[status].Load(); n > 0 {
				answers = append(answers, fmt.Sprintf("%d: %d", status, n))
			}
		}
		fmt.Fprintf(w, "| %s | %d | %s | %d KB | %d MB | %d of %d |\n", r.name, r.attackers, strings.Join(answers, ", "), r.grown>>10, r.most>>20, r.remembered, 2*callers)
	}
}
