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
// where there is a hash on every processor, which is not the default, it has none.
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
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
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
		{"wrong secrets, bcrypt", bcryptHash, 0, 8, wrong},
		{"wrong secrets, argon2id", argon2idHash, 0, 8, wrong},
		{"wrong secrets, bcrypt on every processor", bcryptHash, runtime.GOMAXPROCS(0), 8, wrong},
		{"wrong secrets, argon2id on every processor", argon2idHash, runtime.GOMAXPROCS(0), 8, wrong},
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
