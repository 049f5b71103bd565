package ratelimit_test

import (
	"testing"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		store, err := ratelimit.NewMemory(ratelimit.MemoryOptions{})
		if err != nil {
			t.Fatalf("NewMemory error = %v", err)
		}
		return store
	}, ratelimittest.Options{Bubble: true})
}
