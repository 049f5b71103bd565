package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenetkit/tenet/auth/internal/httpauth"
	"github.com/tenetkit/tenet/auth/internal/phc"
)

// A Client is a program, or a person, that is known by an id and secrets. Its
// JSON is for files of clients.
type Client struct {
	ID       string   `json:"id"`
	Secrets  []Secret `json:"secrets"`            // all that live at this time; several while one replaces another
	Scopes   []string `json:"scopes,omitempty"`   // OAuth scopes that the client holds
	Roles    []string `json:"roles,omitempty"`    // for [RequireRole]
	Unit     string   `json:"org_unit,omitempty"` // the organizational unit that the client is bound to, if any
	Claims   any      `json:"claims,omitempty"`   // for [Claims]: what your own code wants to know of it
	Disabled bool     `json:"disabled,omitempty"` // refused, whatever its secret
}

// A ClientFunc returns the client with the id. For an id that nobody has it
// returns the zero Client and no error. An error means that the answer is not
// known, and is answered with 503, or as it is if it is an [*apierror.Error]. It is
// called on every request, for callers seen before too, and again after a slow
// hash, so that a client that is withdrawn is out at once; a store that is far away
// wants a cache of its own in front.
type ClientFunc func(ctx context.Context, id string) (Client, error)

// Clients returns a ClientFunc over a list in memory. It fails if an id is empty,
// used twice, or has a colon, which Basic cannot carry, if a hash is not one that
// [Secret] names, and if an OAuth scope has a space or another character that RFC
// 6749, section 3.3, does not allow: it would turn into several in a token.
func Clients(list ...Client) (ClientFunc, error) {
	byID := make(map[string]Client, len(list))
	for _, c := range list {
		if err := checkID(c.ID); err != nil {
			return nil, fmt.Errorf("auth: Clients: client %q: %w", c.ID, err)
		}
		if _, ok := byID[c.ID]; ok {
			return nil, fmt.Errorf("auth: Clients: client %q is listed twice", c.ID)
		}
		for i, s := range c.Secrets {
			if _, err := phc.Parse(s.Hash); err != nil { // the text of a hash stands in no message
				return nil, fmt.Errorf("auth: Clients: client %q: secret %d: its %w", c.ID, i, err)
			}
		}
		for _, scope := range c.Scopes {
			if !httpauth.ValidScope(scope) {
				return nil, fmt.Errorf("auth: Clients: client %q: %q is no OAuth scope", c.ID, scope)
			}
		}
		c.Secrets, c.Scopes, c.Roles = slices.Clone(c.Secrets), slices.Clone(c.Scopes), slices.Clone(c.Roles)
		byID[c.ID] = c
	}
	return func(_ context.Context, id string) (Client, error) { return byID[id], nil }, nil
}

// noID is as long as an id may be and none.
var noID = strings.Repeat("\x00", maxClientID)

// sameID reports whether a store's id is the caller's, and takes as long for one
// that is of another length.
func sameID(stored, id string) bool {
	text := stored
	if len(text) != len(id) && len(id) <= maxClientID {
		text = noID[:len(id)]
	}
	return text == id
}

func checkID(id string) error {
	switch {
	case id == "" || len(id) > maxClientID:
		return fmt.Errorf("an id has 1 to %d bytes", maxClientID)
	case !sound([]byte(id)):
		return errors.New("an id is UTF-8 without control characters")
	case strings.Contains(id, ":"):
		return errors.New("an id has no colon")
	}
	return nil
}

// principal is the client as a caller.
func (c *Client) principal() *Principal {
	return &Principal{
		Scheme:   schemeBasic,
		Subject:  c.ID,
		ClientID: c.ID,
		Scopes:   slices.Clip(c.Scopes), // what one request appends is not another's
		Roles:    slices.Clip(c.Roles),
		Unit:     c.Unit,
		claims:   c.Claims,
	}
}

// live reports whether the secret is good at this time.
func (s *Secret) live(now time.Time) bool {
	return s.NotAfter.IsZero() || now.Before(s.NotAfter)
}
