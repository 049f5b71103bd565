// Package redisstore keeps the chosen units of package ouscope in Redis, Valkey
// or whatever else speaks the protocol, through the client that the program has:
//
//	do := func(ctx context.Context, args ...any) (any, error) { return rdb.Do(ctx, args...).Result() }
//	choices, err := redisstore.New(do, redisstore.Options{})
//	scoper, err := ouscope.New(directory, auth.Subject, ouscope.Options{Choices: choices})
//
// Each choice is a string under ou:choice:<length of the organization>:<organization>:<subject>.
// A request costs one MGET, a choice one SET or DEL.
//
// # Choices do not expire
//
// A choice that is lost is not a choice that was never made: the caller would go
// on in the only granted unit, where there is one, without having said so. Keys
// get no time to live; let the server evict none of them (noeviction, or a
// volatile policy), and keep them on disk.
//
// # Concurrency
//
// A [Store] is safe for concurrent use if the func it was given is.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// A Do sends one command and returns its answer: a string or []byte for text,
// []any for an array, nil for nothing. The context ends the wait; go-redis heeds
// it if ContextTimeoutEnabled is set.
type Do = func(ctx context.Context, args ...any) (any, error)

// Options adjusts a [Store].
type Options struct {
	Prefix string // begins every key; if empty, ou:choice:
}

// A Store is an [ouscope.ChoiceStore] in Redis.
//
// [ouscope.ChoiceStore]: https://pkg.go.dev/github.com/tenetkit/tenet/ouscope#ChoiceStore
type Store struct {
	do     Do
	prefix string
}

// New returns a Store that sends its commands through do. It fails only if do is
// nil, and reaches for no server.
func New(do Do, opts Options) (*Store, error) {
	if do == nil {
		return nil, errors.New("redisstore: New: do is required")
	}
	if opts.Prefix == "" {
		opts.Prefix = "ou:choice:"
	}
	return &Store{do: do, prefix: opts.Prefix}, nil
}

// key tells the organization from the subject by its length.
func (s *Store) key(organization, subject string) string {
	return s.prefix + strconv.Itoa(len(organization)) + ":" + organization + ":" + subject
}

// Choice returns the unit that the subject chose last, or the empty string.
func (s *Store) Choice(ctx context.Context, organization, subject string) (string, error) {
	// MGET answers a missing key inside of an array. To GET clients answer with
	// an error of their own, which could not be told from others here.
	answer, err := s.do(ctx, "MGET", s.key(organization, subject))
	if err != nil {
		return "", fmt.Errorf("redisstore: Choice: %w", err)
	}
	if values, ok := answer.([]any); ok && len(values) == 1 {
		switch unit := values[0].(type) {
		case nil:
			return "", nil
		case string:
			return unit, nil
		case []byte:
			return string(unit), nil
		}
	}
	return "", fmt.Errorf("redisstore: Choice: unexpected answer of type %T to MGET", answer)
}

// SetChoice replaces the choice of the subject; an empty unit takes it back.
func (s *Store) SetChoice(ctx context.Context, organization, subject, unit string) error {
	var err error
	if key := s.key(organization, subject); unit == "" {
		_, err = s.do(ctx, "DEL", key)
	} else {
		_, err = s.do(ctx, "SET", key, unit)
	}
	if err != nil {
		return fmt.Errorf("redisstore: SetChoice: %w", err)
	}
	return nil
}
