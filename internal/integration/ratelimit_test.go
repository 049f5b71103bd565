package integration

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tenetkit/tenet/ratelimit"
	"github.com/tenetkit/tenet/ratelimit/ratelimittest"
	"github.com/tenetkit/tenet/ratelimit/redisstore"
)

// doWith is the line that the documentation of redisstore names.
func doWith(rdb redis.Cmdable) redisstore.Do {
	client := rdb.(interface {
		Do(ctx context.Context, args ...any) *redis.Cmd
	})
	return func(ctx context.Context, args ...any) (any, error) { return client.Do(ctx, args...).Result() }
}

func redisLimitStore(t testing.TB) (*redisstore.Store, *redis.Client) {
	t.Helper()
	rdb, prefix := redisClient(t)
	store, err := redisstore.New(doWith(rdb), redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatalf("redisstore.New error = %v", err)
	}
	return store, rdb
}

func TestRedisStoreIsAStore(t *testing.T) {
	t.Parallel()
	ratelimittest.TestStore(t, func(t *testing.T) ratelimit.Store {
		store, _ := redisLimitStore(t)
		return store
	}, ratelimittest.Options{})
}
