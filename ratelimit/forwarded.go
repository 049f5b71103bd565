package ratelimit

import (
	"net/netip"
	"strings"
)

// A node is somebody on the way of a request.
type node struct {
	addr netip.Addr
	text string // of an IPv4 address, which has one form alone; else empty
}

// parseNode reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. IPv4 addresses that are mapped
// into IPv6 are IPv4 addresses, and zones, which mean nothing to others, go.
func parseNode(text string) (node, bool) {
	text = strings.Trim(text, " \t")
	host := text
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 || !validPort(text[end+1:]) {
			return node{}, false
		}
		host = text[1:end]
		if !strings.Contains(host, ":") {
			return node{}, false
		}
	} else if i := strings.IndexByte(text, ':'); i >= 0 && strings.LastIndexByte(text, ':') == i {
		if !validPort(text[i:]) {
			return node{}, false
		}
		host = text[:i]
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return node{}, false
	}
	if addr.Is4() {
		return node{addr: addr, text: host}, true
	}
	return node{addr: addr.Unmap().WithZone("")}, true
}

// validPort reports whether text is empty or a colon and a port, which may be
// obfuscated (RFC 7239, section 6.3).
func validPort(text string) bool {
	if text == "" {
		return true
	}
	if len(text) < 2 || text[0] != ':' {
		return false
	}
	return strings.Trim(text[1:], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == ""
}

// lastEntry cuts the last entry off an X-Forwarded-For field.
func lastEntry(field string) (rest, entry string, more bool) {
	if i := strings.LastIndexByte(field, ','); i >= 0 {
		return field[:i], field[i+1:], true
	}
	return "", field, false
}

// lastElement cuts the last element off a Forwarded field. It goes from the right
// because what a trusted proxy has appended is whole there, whatever the caller
// has sent before it: an opening quote on the left must not swallow it.
func lastElement(field string) (rest, element string, more bool) {
	quoted := false
	for i := len(field) - 1; i >= 0; i-- {
		switch field[i] {
		case '"':
			if !quoted || !escaped(field, i) {
				quoted = !quoted
			}
		case ',':
			if !quoted {
				return field[:i], field[i+1:], true
			}
		}
	}
	return "", field, false
}

// escaped reports whether an odd number of backslashes stands before field[i].
func escaped(field string, i int) bool {
	n := 0
	for i > n && field[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// forNode returns the value of the for parameter of a Forwarded element, or ""
// if there is none or more than one. Addresses need no escapes, so a value with
// a backslash is none.
func forNode(element string) string {
	node, found := "", false
	for element != "" {
		var pair string
		pair, element = cutPair(element)
		name, value, ok := strings.Cut(pair, "=")
		if !ok || !strings.EqualFold(strings.Trim(name, " \t"), "for") {
			continue
		}
		if found {
			return ""
		}
		found = true
		node = strings.Trim(value, " \t")
		if len(node) >= 2 && node[0] == '"' && node[len(node)-1] == '"' {
			node = node[1 : len(node)-1]
		}
	}
	return node
}

// cutPair cuts the first parameter off a Forwarded element.
func cutPair(element string) (pair, rest string) {
	quoted := false
	for i := 0; i < len(element); i++ {
		switch c := element[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			return element[:i], element[i+1:]
		}
	}
	return element, ""
}
