package auth

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/tenetkit/tenet/apierror"
)

const (
	defaultFailures        = 300
	defaultAddressFailures = 1000

	brakeSets  = 2048
	brakeWays  = 4
	brakeLocks = 64
)

// brake counts failures by key in memory of fixed size. A key whose count is
// overwritten starts anew, so a flood of keys loosens the brake and never puts it
// on somebody else.
type brake struct {
	seed     maphash.Seed
	start    time.Time
	interval time.Duration // between failures that never put the brake on
	locks    [brakeLocks]sync.Mutex
	sets     [brakeSets][brakeWays]brakeSlot
}

// brakeSlot holds when a key's failures are forgotten, since start.
type brakeSlot struct {
	tag   uint64
	until time.Duration
}

// newBrake returns a brake for so many failures a minute, or nil, which never
// brakes, if it is negative.
func newBrake(perMinute, usual int) *brake {
	if perMinute < 0 {
		return nil
	}
	if perMinute == 0 {
		perMinute = usual
	}
	return &brake{seed: maphash.MakeSeed(), start: time.Now(), interval: time.Minute / time.Duration(perMinute)}
}

// key returns the tag of two texts that belong together. It is random to those
// who do not know the seed.
func (b *brake) key(address, id string) uint64 {
	if b == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(b.seed)
	_, _ = h.WriteString(address)
	_ = h.WriteByte(0) // in no address
	_, _ = h.WriteString(id)
	return max(h.Sum64(), 1)
}

// wait returns how long the key has to wait before it may fail again, or zero.
func (b *brake) wait(key uint64) time.Duration {
	if b == nil || key == 0 {
		return 0
	}
	now := time.Since(b.start)
	slots, lock := b.slots(key)
	lock.Lock()
	defer lock.Unlock()
	for i := range slots {
		if slots[i].tag == key {
			return max(0, slots[i].until-now-time.Minute+b.interval)
		}
	}
	return 0
}

// failed counts a failure of the key.
func (b *brake) failed(key uint64) {
	if b == nil || key == 0 {
		return
	}
	now := time.Since(b.start)
	slots, lock := b.slots(key)
	lock.Lock()
	defer lock.Unlock()
	oldest := 0
	for i := range slots {
		if slots[i].tag == key {
			slots[i].until = min(max(slots[i].until, now)+b.interval, now+time.Minute+b.interval)
			return
		}
		if slots[i].until < slots[oldest].until {
			oldest = i
		}
	}
	slots[oldest] = brakeSlot{key, now + b.interval}
}

func (b *brake) slots(key uint64) (*[brakeWays]brakeSlot, *sync.Mutex) {
	set := key % brakeSets
	return &b.sets[set], &b.locks[set%brakeLocks]
}

// brakes are those of Basic: for an address with a client id, and for an address.
type brakes struct {
	address func(*http.Request) string
	both    *brake
	alone   *brake // nil without a func that knows the address
}

// attempt is one try of a caller to be let in. What it is counted under is found
// out when it comes to counting.
type attempt struct {
	brakes *brakes
	r      *http.Request
	id     string
}

func (a attempt) keys() (both, alone uint64) {
	address := ""
	if a.brakes.address != nil {
		address = network(a.brakes.address(a.r))
	} else if pair, err := netip.ParseAddrPort(a.r.RemoteAddr); err == nil {
		address = network(pair.Addr().String())
	}
	if address == "" {
		return 0, 0 // without an address the brake would be on a client id alone
	}
	return a.brakes.both.key(address, a.id), a.brakes.alone.key(address, "")
}

// refused returns the 429 if there were too many failures, or nil.
func (a attempt) refused() error { return a.brakes.refused(a.keys()) }

// failed counts a failure for that reason, which it returns, or the 429 if there
// were too many.
func (a attempt) failed(reason error) error {
	both, alone := a.keys()
	if refused := a.brakes.refused(both, alone); refused != nil {
		return refused
	}
	a.brakes.both.failed(both)
	a.brakes.alone.failed(alone)
	return reason
}

func (b *brakes) refused(both, alone uint64) error {
	wait := max(b.both.wait(both), b.alone.wait(alone))
	if wait <= 0 {
		return nil
	}
	return apierror.TooManyRequests("too_many_failures", "Too many failed attempts", wait)
}

// network returns the address, an IPv6 one by its first 64 bits: whoever has one
// has them all.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if pair, pairErr := netip.ParseAddrPort(address); pairErr == nil {
		ip, err = pair.Addr(), nil // each connection has a port of its own
	}
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64)
		return prefix.String()
	}
	return ip.String()
}
