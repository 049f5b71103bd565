package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
	"github.com/tenetkit/tenet/ouscope/ouscopetest"
	"github.com/tenetkit/tenet/ouscope/redisstore"
)

// server answers the three commands as Redis does. The tests against a real one
// are in internal/integration.
func server(text func(string) any) redisstore.Do {
	var mu sync.Mutex
	values := map[string]string{}
	return func(_ context.Context, args ...any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		key := args[1].(string)
		switch args[0] {
		case "MGET":
			if v, ok := values[key]; ok {
				return []any{text(v)}, nil
			}
			return []any{nil}, nil
		case "SET":
			values[key] = args[2].(string)
			return "OK", nil
		case "DEL":
			delete(values, key)
			return int64(1), nil
		}
		return nil, fmt.Errorf("ERR unknown command %v", args[0])
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]func(string) any{
		"text as string, as go-redis has it": func(s string) any { return s },
		"text as bytes, as redigo has it":    func(s string) any { return []byte(s) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ouscopetest.TestChoices(t, func(t *testing.T) ouscope.ChoiceStore {
				store, err := redisstore.New(server(text), redisstore.Options{Prefix: "test:"})
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				return store
			})
		})
	}
}

func TestAServerThatFails(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	for name, tt := range map[string]struct {
		answer any
		err    error
	}{
		"an error": {nil, down}, "no array": {"OK", nil}, "an empty array": {[]any{}, nil}, "a number": {[]any{int64(1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := redisstore.New(func(context.Context, ...any) (any, error) { return tt.answer, tt.err }, redisstore.Options{})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			unit, err := store.Choice(t.Context(), "", "ann")
			if unit != "" || err == nil || tt.err != nil && !errors.Is(err, down) || !strings.HasPrefix(err.Error(), "redisstore: Choice: ") {
				t.Errorf("Choice = %q, %v, want an error", unit, err)
			}
			if err := store.SetChoice(t.Context(), "", "ann", "uk"); !errors.Is(err, tt.err) {
				t.Errorf("SetChoice = %v, want %v", err, tt.err)
			}
		})
	}
	if _, err := redisstore.New(nil, redisstore.Options{}); err == nil {
		t.Error("New(nil) = nil, want an error")
	}
}

// With go-redis, do is
//
//	func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }
func Example() {
	ctx := context.Background()
	do := server(func(s string) any { return s })
	choices, err := redisstore.New(do, redisstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(choices.SetChoice(ctx, "acme", "ann", "uk"))
	fmt.Println(choices.Choice(ctx, "acme", "ann"))
	fmt.Println(choices.Choice(ctx, "acme", "bob"))
	// Output:
	// <nil>
	// uk <nil>
	//  <nil>
}
