package follow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/follow"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
)

// A diary notes what is forgotten, and when.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) Invalidate(subjects ...string) { d.note("forget %q", subjects) }

func (d *diary) since() time.Duration { return time.Since(d.start) }

var errLost = errors.New("connection lost")

func TestWhatIsHeardIsForgotten(t *testing.T) {
	t.Parallel()
	const all = "forget []"
	tests := map[string]struct {
		heard []string
		want  []string
	}{
		"the hearing begins":             {[]string{""}, []string{all}},
		"a subject":                      {[]string{"", "ann"}, []string{all, `forget ["ann"]`}},
		"units":                          {[]string{"", "ann", ""}, []string{all, `forget ["ann"]`, all}},
		"a subject with odd bytes":       {[]string{"", "a\x00\xff,b"}, []string{all, `forget ["a\x00\xff,b"]`}},
		"the first names a subject":      {[]string{"ann", "bob"}, []string{all, `forget ["bob"]`}},
		"nothing, the end is told alone": {nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &diary{}
				ctx, cancel := context.WithCancel(t.Context())
				err := follow.Changes(ctx, d, func(ctx context.Context, notify func(string)) error {
					for _, subject := range tt.heard {
						notify(subject)
					}
					cancel()
					<-ctx.Done()
					return ctx.Err()
				}, follow.Options{OnOutage: func(err error) { t.Errorf("OnOutage(%v) at the end", err) }})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Changes = %v, want %v", err, context.Canceled)
				}
				if diff := cmp.Diff(append(tt.want, all), d.lines); diff != "" {
					t.Errorf("mismatch (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What a lost connection may have swallowed is forgotten when it ends and when
// the next one hears.
func TestALostConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		ctx, cancel := context.WithCancel(t.Context())
		attempt := 0
		err := follow.Changes(ctx, d, func(ctx context.Context, notify func(string)) error {
			attempt++
			d.note("listen")
			switch attempt {
			case 1, 4:
				notify("")
				notify("ann")
				return errLost
			case 2, 3:
				return errLost
			case 5: // ends without an error
				notify("")
				return nil
			}
			cancel()
			return errLost
		}, follow.Options{OnOutage: func(err error) { d.note("outage: %v", err) }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Changes = %v, want %v", err, context.Canceled)
		}
		want := []string{
			"listen", "forget []", `forget ["ann"]`, "forget []", "outage: connection lost",
			"listen", "forget []",
			"listen", "forget []",
			"listen", "outage: <nil>", "forget []", `forget ["ann"]`, "forget []", "outage: connection lost",
			"listen", "outage: <nil>", "forget []", "forget []", "outage: follow: listen ended without an error",
			"listen", "forget []",
		}
		if diff := cmp.Diff(want, d.lines); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
	})
}

// While nothing is heard, grants are at most the longest wait too old: each
// attempt forgets them. The waits grow, and begin small after a success.
func TestAttemptsComeInTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ option, most time.Duration }{
		"5 seconds by default":            {0, 5 * time.Second},
		"what is set":                     {time.Minute, time.Minute},
		"less than the first wait":        {time.Millisecond, time.Millisecond},
		"a nanosecond, as short as it is": {1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var waits []time.Duration
				last, attempts := time.Now(), 0
				_ = follow.Changes(ctx, &diary{}, func(_ context.Context, notify func(string)) error {
					waits = append(waits, time.Since(last))
					last = time.Now()
					attempts++
					if attempts == 20 {
						notify("")
					}
					if attempts == 22 {
						cancel()
					}
					return errLost
				}, follow.Options{MaxWait: tt.option})
				for i, wait := range waits[1:] {
					longest := min(100*time.Millisecond<<min(i, 30), tt.most)
					if i >= 19 {
						longest = min(100*time.Millisecond<<(i-19), tt.most)
					}
					if wait < longest/2 || wait > longest+1 {
						t.Errorf("wait %d = %v, want %v to %v", i, wait, longest/2, longest)
					}
				}
				if waits[0] != 0 {
					t.Errorf("the first attempt came after %v", waits[0])
				}
			})
		})
	}
}

// A notification that comes after the end of its attempt ends no outage.
func TestALateNotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		ctx, cancel := context.WithCancel(t.Context())
		late := func(string) {}
		_ = follow.Changes(ctx, d, func(_ context.Context, notify func(string)) error {
			late("ann")
			if late = notify; len(d.lines) > 3 {
				cancel()
			}
			return errLost
		}, follow.Options{OnOutage: func(err error) { d.note("outage: %v", err) }})
		want := []string{"forget []", "outage: connection lost", `forget ["ann"]`, "forget []", `forget ["ann"]`, "forget []"}
		if diff := cmp.Diff(want, d.lines); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
	})
}

// The end of the context ends a wait, too.
func TestItEndsWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := &diary{start: time.Now()}
		err := follow.Changes(ctx, d, func(context.Context, func(string)) error { return errLost }, follow.Options{MaxWait: time.Hour})
		if !errors.Is(err, context.DeadlineExceeded) || d.since() != time.Second {
			t.Errorf("Changes = %v after %v, want %v after a second", err, d.since(), context.DeadlineExceeded)
		}
	})
}

func TestNotificationsFromManyGoroutines(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d := &diary{}
	var wg sync.WaitGroup
	_ = follow.Changes(ctx, d, func(_ context.Context, notify func(string)) error {
		for range 8 {
			wg.Go(func() {
				for range 100 {
					notify("ann")
				}
			})
		}
		cancel() // some come after it has ended
		return nil
	}, follow.Options{})
	wg.Wait()
	firsts := 0
	for _, line := range d.lines {
		if line == "forget []" {
			firsts++
		}
	}
	if firsts != 2 || len(d.lines) != 801 {
		t.Errorf("%d of %d forget everything, want 2 of 801", firsts, len(d.lines))
	}
}

func TestNothingToFollow(t *testing.T) {
	t.Parallel()
	listen := func(context.Context, func(string)) error { panic("called") }
	for name, err := range map[string]error{
		"no scoper":       follow.Changes(t.Context(), nil, listen, follow.Options{}),
		"no listen":       follow.Changes(t.Context(), &diary{}, nil, follow.Options{}),
		"a negative wait": follow.Changes(t.Context(), &diary{}, listen, follow.Options{MaxWait: -1}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "follow: Changes: ") {
			t.Errorf("%s: Changes = %v, want an error", name, err)
		}
	}
}

// Two processes on one directory: what one revokes, the other denies as soon as
// it has heard of it, though it would cache the role for an hour.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	directory := &ouscopetest.Directory{} // stands for the database
	units := []ouscope.Unit{{ID: "uk"}}
	_ = directory.Replace(ctx, units, []ouscope.Assignment{{Subject: "ann", Unit: "uk", Role: "editor"}})
	scoper, err := ouscope.New(directory, func(*http.Request) (string, bool) { return "ann", true }, ouscope.Options{CacheTTL: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}

	messages := make(chan string) // stands for the channel of PostgreSQL or Redis
	listen := func(ctx context.Context, notify func(subject string)) error {
		notify("")
		for {
			select {
			case subject := <-messages:
				notify(subject)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	done := make(chan error)
	go func() { done <- follow.Changes(ctx, scoper, listen, follow.Options{}) }()

	show := func() {
		scope, err := scoper.For(ctx, "ann", "")
		fmt.Println(scope.IDs(), err)
	}
	show()
	_ = directory.Replace(ctx, units, nil) // by the other process
	messages <- "ann"
	messages <- "bob" // ann's has been dealt with once this one is taken
	show()
	stop()
	fmt.Println(<-done)
	// Output:
	// [uk] <nil>
	// [] 403 forbidden: Your roles do not permit this here
	// context canceled
}
