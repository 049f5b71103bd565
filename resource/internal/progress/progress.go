// Package progress carries what a piece of work tells of itself from package
// resource to package resource/jobs, which do not import each other.
package progress

import "context"

type key struct{}

// NewContext returns a context whose work is listened to by tell.
func NewContext(ctx context.Context, tell func(any)) context.Context {
	return context.WithValue(ctx, key{}, tell)
}

// Tell passes v to whoever listens, if anybody does.
func Tell(ctx context.Context, v any) {
	if tell, ok := ctx.Value(key{}).(func(any)); ok {
		tell(v)
	}
}
