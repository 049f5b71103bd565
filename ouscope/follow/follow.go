// Package follow lets a process hear of the changes that other processes make to
// units and roles, so that they hold there at once instead of after the cache
// time of package ouscope:
//
//	go follow.Changes(ctx, scoper, listen, follow.Options{})
//
// Whatever can carry a short text from one process to all others will do. With
// PostgreSQL and pgx, where the store of ouscope/sqlstore tells of its changes
// ([sqlstore.Options].Channel: "ou_changes"), listen is
//
//	func(ctx context.Context, notify func(subject string)) error {
//		conn, err := pgx.Connect(ctx, url)
//		if err != nil {
//			return err
//		}
//		defer conn.Close(context.WithoutCancel(ctx))
//		if _, err := conn.Exec(ctx, "LISTEN ou_changes"); err != nil {
//			return err
//		}
//		notify("") // heard from here on
//		for {
//			n, err := conn.WaitForNotification(ctx)
//			if err != nil {
//				return err
//			}
//			notify(n.Payload)
//		}
//	}
//
// With Redis and go-redis, where ouscope/admin publishes them
// ([admin.Options].Publish), it is
//
//	func(ctx context.Context, notify func(subject string)) error {
//		channel := rdb.Subscribe(ctx, "ou_changes")
//		defer channel.Close()
//		defer context.AfterFunc(ctx, func() { channel.Close() })() // a wait does not heed ctx
//		if _, err := channel.Receive(ctx); err != nil { // the confirmation
//			return err
//		}
//		notify("") // heard from here on
//		for {
//			message, err := channel.ReceiveMessage(ctx)
//			if err != nil {
//				return err
//			}
//			notify(message.Payload)
//		}
//	}
//
// Do not read from channel.Channel(), which connects again by itself and does not
// tell that messages were lost.
//
// # What is promised
//
// A change that is heard holds for every request that begins after notify has
// returned. Where nothing is heard, because the connection is gone or the message
// was never sent, it holds after [ouscope.Options].CacheTTL as ever: following
// makes changes hold earlier and is no reason to raise that time far.
//
// [sqlstore.Options]: https://pkg.go.dev/github.com/tenetkit/tenet/ouscope/sqlstore#Options
// [admin.Options]: https://pkg.go.dev/github.com/tenetkit/tenet/ouscope/admin#Options
// [ouscope.Options]: https://pkg.go.dev/github.com/tenetkit/tenet/ouscope#Options
package follow

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// A Listen hears of changes and passes each on to notify. It returns why it ended:
// ctx is done, or the connection lost. The subject is the one whose roles
// changed, or empty if units did or nobody knows. It calls notify with the empty
// text first, as soon as it hears: what was changed before went unheard. The func
// notify does not block, and may be called from any goroutine.
type Listen = func(ctx context.Context, notify func(subject string)) error

// Options adjusts [Changes]. The zero value is safe for production.
type Options struct {
	// MaxWait is the longest wait before another attempt to listen, after
	// attempts that failed. The first comes after up to 100 milliseconds, and
	// each takes up to twice as long as the one before. If zero, 5 seconds.
	MaxWait time.Duration

	// OnOutage is told once when changes are not heard any more, or not yet,
	// with the error, and once when they are again, with nil. It must not
	// block.
	OnOutage func(error)
}

const firstWait = 100 * time.Millisecond

// Changes makes the scoper forget what listen tells has changed. It returns when
// ctx is done, with its error: run it on a goroutine of its own, and wait for that
// before you close what listen uses. A listen that ends is called again.
//
// Everything is forgotten when listen begins to hear and when it has ended,
// since what was changed meanwhile went unheard, and at each attempt that
// fails: during an outage grants are at most MaxWait and the time of an attempt
// older than they would be without a cache.
//
// It fails at once if scoper or listen is nil or MaxWait is negative.
func Changes(ctx context.Context, scoper interface{ Invalidate(subjects ...string) }, listen Listen, opts Options) error {
	if scoper == nil || listen == nil || opts.MaxWait < 0 {
		return errors.New("follow: Changes: scoper and listen are required, and MaxWait is not negative")
	}
	if opts.MaxWait == 0 {
		opts.MaxWait = 5 * time.Second
	}
	o := outage{tell: opts.OnOutage}
	wait := min(firstWait, opts.MaxWait)
	for {
		heard := false // in this attempt; guarded by o
		err := listen(ctx, func(subject string) {
			if o.over(&heard) || subject == "" {
				scoper.Invalidate()
			} else {
				scoper.Invalidate(subject)
			}
		})
		scoper.Invalidate()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = errors.New("follow: listen ended without an error")
		}
		if o.begin(&heard, err) {
			wait = min(firstWait, opts.MaxWait)
		}
		// A random part keeps processes that lost one server from coming back in
		// step.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		}
		wait = min(2*wait, opts.MaxWait)
	}
}

// An outage knows whether changes are heard.
type outage struct {
	mu   sync.Mutex
	tell func(error)
	down bool
}

// over is told of each notification. It reports whether it is the first one of
// its attempt.
func (o *outage) over(heard *bool) (first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, *heard = !*heard, true
	if o.down && first && o.tell != nil {
		o.tell(nil)
	}
	o.down = o.down && !first
	return first
}

// begin is told of the end of each attempt. It reports whether the attempt had
// heard anything; what comes later from it is no sign that the outage is over.
func (o *outage) begin(heard *bool, err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down && o.tell != nil {
		o.tell(err)
	}
	o.down = true
	had := *heard
	*heard = true
	return had
}
