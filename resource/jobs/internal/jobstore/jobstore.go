// Package jobstore is what a Runner of package jobs asks of a store that jobs
// outlive their process in.
package jobstore

import (
	"context"
	"time"
)

// What a job can be.
const (
	Queued    = "queued"
	Running   = "running"
	Succeeded = "succeeded"
	Failed    = "failed"
)

// A Job is what is kept of a job.
type Job struct {
	ID        string
	Owner     string
	Unit      string // that it was started in
	Operation string
	Input     []byte // until it has ended

	Status   string
	Created  time.Time
	Updated  time.Time
	Attempts int    // how often it has been begun
	Members  []byte // of the progress, the result or the errors
	Canceled bool   // by its owner, while it ran
}

// Bounds are how many jobs may be there for another to be added.
type Bounds struct {
	PerOwner int // that have not ended, in all units
	Queued   int // of all owners
}

// A Verdict says what became of a job that was to be added.
type Verdict int

// The verdicts.
const (
	Added   Verdict = iota
	TooMany         // of its owner
	Full
)

// A Store keeps jobs. Its methods are called concurrently, by several processes.
// Each is one atomic step. Times are in UTC and microseconds.
type Store interface {
	// Add keeps a job that waits, unless there are too many.
	Add(ctx context.Context, job Job, bounds Bounds) (Verdict, error)

	// Claim takes the job of one of the operations that has waited longest, and
	// makes it running until the lease ends, in the name of the token. A job
	// waits when it is queued and due, or running and its lease is over. It
	// returns nil where there is none.
	Claim(ctx context.Context, operations []string, token string, lease time.Time) (*Job, error)

	// Renew prolongs a claim and keeps the progress, where that is not nil. It
	// reports whether the claim still stands, and whether the job was canceled.
	Renew(ctx context.Context, id, token string, lease time.Time, members []byte) (held, canceled bool, err error)

	// Leave ends a claim: the job has ended and is kept until the time, or is
	// queued again, due at that time, or at once if it was canceled meanwhile. Of
	// the job its ID, Status, Attempts and Members count. It reports whether the claim still stood.
	Leave(ctx context.Context, job Job, token string, at time.Time) (held bool, err error)

	// Cancel makes the owner's job of the unit failed, with these members and
	// kept until the time, if it is queued, and canceled if it is running. It
	// returns the status that the job had, or "" where there is none.
	Cancel(ctx context.Context, id, owner, unit string, members []byte, until time.Time) (string, error)

	// Look returns the owner's job of the unit without its input, or nil.
	Look(ctx context.Context, id, owner, unit string) (*Job, error)

	// Sweep removes jobs that have ended and are kept no longer.
	Sweep(ctx context.Context) error
}
