package jobs_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenetkit/tenet/resource/jobs/internal/jobstore"
)

// fakeStore does in memory what the one in SQL does, in the simulated time of a
// test.
type fakeStore struct {
	mu   sync.Mutex
	jobs map[string]*fakeJob
	fail func(method string) error // if not nil, asked before each step
}

type fakeJob struct {
	jobstore.Job
	token string
	due   time.Time
}

func newFakeStore() *fakeStore { return &fakeStore{jobs: map[string]*fakeJob{}} }

// begin locks the store, unless it fails.
func (s *fakeStore) begin(ctx context.Context, method string) error {
	s.mu.Lock()
	err := ctx.Err()
	if s.fail != nil && err == nil {
		err = s.fail(method)
	}
	if err != nil {
		s.mu.Unlock()
	}
	return err
}

func (s *fakeStore) setFail(fail func(string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

var errDown = errors.New("the store is down")

func (s *fakeStore) Add(ctx context.Context, job jobstore.Job, bounds jobstore.Bounds) (jobstore.Verdict, error) {
	if err := s.begin(ctx, "Add"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	open, queued := 0, 0
	for _, j := range s.jobs {
		if j.Owner == job.Owner && (j.Status == jobstore.Queued || j.Status == jobstore.Running) {
			open++
		}
		if j.Status == jobstore.Queued {
			queued++
		}
	}
	switch {
	case open >= bounds.PerOwner:
		return jobstore.TooMany, nil
	case queued >= bounds.Queued:
		return jobstore.Full, nil
	}
	s.jobs[job.ID] = &fakeJob{Job: job, due: job.Created}
	return jobstore.Added, nil
}

func (s *fakeStore) Claim(ctx context.Context, operations []string, token string, lease time.Time) (*jobstore.Job, error) {
	if err := s.begin(ctx, "Claim"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found *fakeJob
	for _, j := range s.jobs {
		waits := j.Status == jobstore.Queued || j.Status == jobstore.Running
		if !waits || j.due.After(time.Now()) || !slices.Contains(operations, j.Operation) {
			continue
		}
		if found == nil || cmp.Or(j.due.Compare(found.due), cmp.Compare(j.ID, found.ID)) < 0 {
			found = j
		}
	}
	if found == nil {
		return nil, nil
	}
	found.Status, found.token, found.due, found.Updated = jobstore.Running, token, lease, time.Now().UTC()
	found.Attempts++
	job := found.Job
	return &job, nil
}

func (s *fakeStore) claimed(id, token string) *fakeJob {
	j := s.jobs[id]
	if j == nil || j.token != token || j.Status != jobstore.Running {
		return nil
	}
	return j
}

func (s *fakeStore) Renew(ctx context.Context, id, token string, lease time.Time, members []byte) (held, canceled bool, err error) {
	if err := s.begin(ctx, "Renew"); err != nil {
		return false, false, err
	}
	defer s.mu.Unlock()
	j := s.claimed(id, token)
	if j == nil {
		return false, false, nil
	}
	j.due = lease
	if members != nil {
		j.Members, j.Updated = members, time.Now().UTC()
	}
	return true, j.Canceled, nil
}

func (s *fakeStore) Leave(ctx context.Context, job jobstore.Job, token string, at time.Time) (bool, error) {
	if err := s.begin(ctx, "Leave"); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	j := s.claimed(job.ID, token)
	if j == nil {
		return false, nil
	}
	if j.Canceled && job.Status == jobstore.Queued {
		at = time.Now()
	}
	j.Status, j.Members, j.Attempts, j.due, j.Updated, j.token = job.Status, job.Members, job.Attempts, at, time.Now().UTC(), ""
	return true, nil
}

func (s *fakeStore) Cancel(ctx context.Context, id, owner, unit string, members []byte, until time.Time) (string, error) {
	if err := s.begin(ctx, "Cancel"); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	j := s.jobs[id]
	if j == nil || j.Owner != owner || j.Unit != unit {
		return "", nil
	}
	was := j.Status
	switch was {
	case jobstore.Queued:
		j.Status, j.Members, j.due, j.Updated = jobstore.Failed, members, until, time.Now().UTC()
	case jobstore.Running:
		j.Canceled = true
	}
	return was, nil
}

func (s *fakeStore) Look(ctx context.Context, id, owner, unit string) (*jobstore.Job, error) {
	if err := s.begin(ctx, "Look"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	j := s.jobs[id]
	if j == nil || j.Owner != owner || j.Unit != unit {
		return nil, nil
	}
	job := j.Job
	return &job, nil
}

func (s *fakeStore) Sweep(ctx context.Context) error {
	if err := s.begin(ctx, "Sweep"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for id, j := range s.jobs {
		if (j.Status == jobstore.Succeeded || j.Status == jobstore.Failed) && !j.due.After(time.Now()) {
			delete(s.jobs, id)
		}
	}
	return nil
}

// mortal is a process's own way to a store, which ends when it dies: what it does
// afterwards is not heard of.
type mortal struct {
	*fakeStore
	dead atomic.Bool
}

func (m *mortal) Claim(ctx context.Context, operations []string, token string, lease time.Time) (*jobstore.Job, error) {
	if m.dead.Load() {
		return nil, errDown
	}
	return m.fakeStore.Claim(ctx, operations, token, lease)
}

func (m *mortal) Renew(ctx context.Context, id, token string, lease time.Time, members []byte) (held, canceled bool, err error) {
	if m.dead.Load() {
		return false, false, errDown
	}
	return m.fakeStore.Renew(ctx, id, token, lease, members)
}

func (m *mortal) Leave(ctx context.Context, job jobstore.Job, token string, at time.Time) (bool, error) {
	if m.dead.Load() {
		return false, errDown
	}
	return m.fakeStore.Leave(ctx, job, token, at)
}
