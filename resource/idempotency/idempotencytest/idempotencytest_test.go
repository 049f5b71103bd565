package idempotencytest_test

import (
	"testing"

	"github.com/tenetkit/tenet/resource/idempotency"
	"github.com/tenetkit/tenet/resource/idempotency/idempotencytest"
)

func Example() {
	newStore := func(*testing.T) idempotency.Store { return idempotency.NewMemory(0) }

	// In a func TestStore(t *testing.T):
	_ = func(t *testing.T) { idempotencytest.TestStore(t, newStore) }
}

func TestMemory(t *testing.T) {
	t.Parallel()
	idempotencytest.TestStore(t, func(*testing.T) idempotency.Store { return idempotency.NewMemory(0) })
}
