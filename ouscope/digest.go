package ouscope

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
)

// Digest names what the scope allows in 22 characters of base64url: subject,
// active unit, units and roles. It is equal for equal scopes, also in another
// process or after a restart, and differs as soon as one of them differs. Bind
// to it what must not be used in another scope: cursors, ETags, idempotency
// keys, cached answers. The zero Scope has the empty digest.
func (s Scope) Digest() string {
	if s.s == nil {
		return ""
	}
	return s.s.digest()
}

func (s *scope) makeDigest() string {
	h := sha256.New()
	write(h, "ouscope 1", s.owner.organization, s.subject, Scope{s}.Active())
	units := clip(s.reach, s.cut)
	s.writeUnits(h, units)
	for _, role := range slices.Sorted(maps.Keys(s.roles)) {
		held := clip(s.roles[role], s.cut)
		if len(held) == 0 {
			continue
		}
		write(h, role)
		if slices.Equal(held, units) {
			write(h, "everywhere")
			continue
		}
		write(h, "on")
		s.writeUnits(h, held)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// writeUnits adds the sorted ids of the units, since positions change with
// units elsewhere in the tree.
func (s *scope) writeUnits(h hash.Hash, spans []span) {
	ids := make([]string, 0, size(spans))
	for _, sp := range spans {
		for i := sp.lo; i < sp.hi; i++ {
			ids = append(ids, s.tree.units[i].ID)
		}
	}
	slices.Sort(ids)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(ids)))
	h.Write(n[:])
	write(h, ids...)
}

// write adds each text with its length, so that no two lists read the same.
func write(h hash.Hash, texts ...string) {
	var n [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(text)))
		h.Write(n[:])
		h.Write([]byte(text))
	}
}
