package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tenetkit/tenet/auth/internal/phc"
)

// check is that of one secret.
type check struct {
	*Basic
	r       *http.Request
	s       *basicScratch
	now     time.Time
	decoy   *decoy
	secrets []Secret // the decoy if the client has none
	good    bool     // whether the right secret lets the client in
	hash    string   // the slow hash that was found to be the secret's just now
}

// run returns nil if the secret is one of those to check. What it costs does not
// tell whether there is a client.
func (c *check) run(try attempt) error {
	slow := false
	var sum phc.FastSum
	for i := range c.secrets {
		secret := &c.secrets[i]
		if !secret.live(c.now) {
			continue
		}
		fast, ok := sum.MatchesFast(secret.Hash, c.s.secret)
		if ok {
			return nil
		}
		slow = slow || !fast
	}
	if !slow && c.decoy.cost == 0 {
		return errWrongSecret
	}
	key := c.s.digest(c.digester)
	if c.remembered(&key) {
		return nil
	}
	if refused := try.refused(); refused != nil {
		return refused
	}
	secrets := c.secrets
	if !slow {
		// The others' hashes are slow: refuse no faster than they do.
		secrets = c.decoy.secrets
	}
	basic, secret, now := c.Basic, c.s.secret, c.now // so that c stays off the heap
	hash, first, err := basic.queue.do(c.r.Context(), flightKey(key, secrets), func() (string, error) { return basic.match(secrets, secret, now) })
	switch {
	case errors.Is(err, phc.ErrFormat) && hash == "":
		return fmt.Errorf("auth: client %q: wrong secret, and the %w", c.s.id, err)
	case err != nil && hash == "":
		return err
	case !slow || !has(c.secrets, hash, c.now):
		return errWrongSecret
	}
	if !c.good {
		return nil // for the caller to refuse
	}
	c.hash = hash
	c.verified.put(&key, hash)
	if first && c.outdated != nil && phc.Outdated(hash) {
		c.outdated(c.r.Context(), string(c.s.id), hash, string(c.s.secret))
	}
	return nil
}

// flightKey tells apart the checks of one credential before and after the client's
// secrets have changed: what one finds is no answer to the other.
func flightKey(credential digest, secrets []Secret) digest {
	h := sha256.New()
	h.Write(credential[:])
	for i := range secrets {
		h.Write([]byte(secrets[i].Hash))
		h.Write([]byte{0})
	}
	return digest(h.Sum(nil)[:len(digest{})])
}

// remembered reports whether the secret was checked before, against a hash that
// is still one of the client's.
func (c *check) remembered(key *digest) bool {
	hash, hit := c.verified.get(key)
	hit = hit && has(c.secrets, hash, c.now)
	if c.onCache != nil {
		c.onCache(hit)
	}
	return hit
}

// match returns the slow hash that is the secret's, or "". It computes all of
// them, so that the place of the right one does not show.
func (b *Basic) match(secrets []Secret, secret []byte, now time.Time) (match string, broken error) {
	cost := 0
	for i := range secrets {
		stored := &secrets[i]
		h, err := phc.Parse(stored.Hash)
		if err != nil {
			broken = err
			continue
		}
		if h.Kind == phc.SHA256 || !stored.live(now) {
			continue
		}
		cost += h.Cost()
		if h.Matches(secret) && match == "" {
			match = stored.Hash
		}
	}
	b.learn(cost, secrets, now)
	return match, broken
}

// learn makes the slow hashes the decoy if together they cost more than those at
// hand: a client with two secrets is to be no slower than nobody.
func (b *Basic) learn(cost int, secrets []Secret, now time.Time) {
	d := b.decoy.Load()
	if !b.learns || cost <= d.cost {
		return
	}
	learned := &decoy{cost: cost}
	for i := range secrets {
		if h, err := phc.Parse(secrets[i].Hash); err == nil && h.Kind != phc.SHA256 && secrets[i].live(now) {
			learned.secrets = append(learned.secrets, Secret{Hash: secrets[i].Hash})
		}
	}
	b.decoy.CompareAndSwap(d, learned)
}

// has reports whether the hash is still that of a live secret.
func has(secrets []Secret, hash string, now time.Time) bool {
	for i := range secrets {
		if secrets[i].Hash == hash && secrets[i].live(now) {
			return true
		}
	}
	return false
}
