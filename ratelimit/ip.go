package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// IPOptions adjusts [IP].
type IPOptions struct {
	// Proxies are the addresses of the proxies in front of this server that are
	// trusted to say who called them, as prefixes (10.0.0.0/8) or single
	// addresses. By default nobody is, and the key is the peer of the
	// connection: behind a load balancer that is one bucket for everybody.
	Proxies []string

	// Forwarded makes the proxies be asked through the Forwarded field
	// (RFC 7239) instead of X-Forwarded-For. Choose the one that your proxies
	// set: the other comes from the caller as it is.
	Forwarded bool

	// IPv4Bits is the length of the prefix that counts as one caller. If zero,
	// 32: each address.
	IPv4Bits int

	// IPv6Bits is the same for IPv6. If zero, 64, since a single subscriber
	// has at least so many addresses to choose from.
	IPv6Bits int
}

// IP returns a KeyFunc that counts by the caller's address.
//
// The address is the peer of the connection, unless that is one of the trusted
// proxies. Then the forwarding field is read from the right, where each proxy
// has put its own caller, up to the first address that is no trusted proxy.
// What is further left was made up by whoever has that address, or by those
// before it, and is not looked at. An entry that is no address ends the search
// too, and the proxy that wrote it counts as the caller.
//
// A request whose peer has no IP address, as on a Unix socket, has no key. IP
// fails if a prefix cannot be read or a length is out of range.
//
// [RFC 7239]: https://www.rfc-editor.org/rfc/rfc7239
func IP(opts IPOptions) (KeyFunc, error) {
	c := callers{forwarded: opts.Forwarded, bits4: opts.IPv4Bits, bits6: opts.IPv6Bits}
	if c.bits4 == 0 {
		c.bits4 = 32
	}
	if c.bits6 == 0 {
		c.bits6 = 64
	}
	if c.bits4 < 0 || c.bits4 > 32 || c.bits6 < 0 || c.bits6 > 128 {
		return nil, errors.New("ratelimit: IP: the length of a prefix is out of range")
	}
	for _, text := range opts.Proxies {
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("ratelimit: IP: proxy %q is no prefix", text)
		}
		c.proxies = append(c.proxies, prefix)
	}
	return c.key, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errors.New("no address")
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("no prefix")
	}
	return prefix, nil
}

// callers finds out who called.
type callers struct {
	proxies      []netip.Prefix
	forwarded    bool
	bits4, bits6 int
}

func (c *callers) key(r *http.Request) (string, bool) {
	caller, ok := parseNode(r.RemoteAddr)
	if !ok {
		return "", false
	}
	if c.trusts(caller.addr) {
		caller = c.behind(caller, r.Header)
	}
	return c.name(caller), true
}

// behind returns the caller of a trusted proxy.
func (c *callers) behind(proxy node, h http.Header) node {
	fields := h["X-Forwarded-For"]
	if c.forwarded {
		fields = h["Forwarded"]
	}
	for i := len(fields) - 1; i >= 0; i-- {
		rest, element, more := fields[i], "", true
		for more {
			if c.forwarded {
				rest, element, more = lastElement(rest)
				element = forNode(element)
			} else {
				rest, element, more = lastEntry(rest)
			}
			caller, ok := parseNode(element)
			if !ok {
				return proxy
			}
			if !c.trusts(caller.addr) {
				return caller
			}
			proxy = caller
		}
	}
	return proxy
}

func (c *callers) trusts(addr netip.Addr) bool {
	for _, p := range c.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// name returns the prefix of the caller that is counted.
func (c *callers) name(caller node) string {
	bits := c.bits6
	if caller.addr.Is4() {
		bits = c.bits4
	}
	if bits == caller.addr.BitLen() {
		if caller.text != "" {
			return caller.text
		}
		return caller.addr.String()
	}
	// The length was checked by IP.
	prefix, _ := caller.addr.Prefix(bits)
	var room [48]byte // the longest is 43
	return string(prefix.AppendTo(room[:0]))
}
