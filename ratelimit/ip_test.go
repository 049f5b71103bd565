package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/tenetkit/tenet/ratelimit"
)

func ipKey(tb testing.TB, opts ratelimit.IPOptions) ratelimit.KeyFunc {
	tb.Helper()
	key, err := ratelimit.IP(opts)
	if err != nil {
		tb.Fatalf("IP(%+v) error = %v", opts, err)
	}
	return key
}

func TestIP(t *testing.T) {
	t.Parallel()
	// The load balancer is 10.0.0.9, behind a proxy at 192.0.2.7.
	proxies := []string{"10.0.0.0/8", "192.0.2.7", "2001:db8:f::/48"}
	tests := map[string]struct {
		opts ratelimit.IPOptions
		peer string
		xff  []string // X-Forwarded-For
		fwd  []string // Forwarded
		want string   // "" if there is no key
	}{
		"the peer":                                 {peer: "203.0.113.5:4711", want: "203.0.113.5"},
		"the peer's /64":                           {peer: "[2001:db8:1:2:3:4:5:6]:4711", want: "2001:db8:1:2::/64"},
		"another length for IPv6":                  {opts: ratelimit.IPOptions{IPv6Bits: 48}, peer: "[2001:db8:1:2:3:4:5:6]:4711", want: "2001:db8:1::/48"},
		"whole IPv6 addresses":                     {opts: ratelimit.IPOptions{IPv6Bits: 128}, peer: "[2001:db8::1]:4711", want: "2001:db8::1"},
		"another length for IPv4":                  {opts: ratelimit.IPOptions{IPv4Bits: 24}, peer: "203.0.113.5:4711", want: "203.0.113.0/24"},
		"IPv4 mapped into IPv6":                    {peer: "[::ffff:203.0.113.5]:4711", want: "203.0.113.5"},
		"a zone":                                   {peer: "[fe80::1%eth0]:4711", want: "fe80::/64"},
		"a whole address in a zone":                {opts: ratelimit.IPOptions{IPv6Bits: 128}, peer: "[fe80::1%eth0]:4711", want: "fe80::1"},
		"a trusted proxy in a zone":                {opts: ratelimit.IPOptions{Proxies: []string{"fe80::/10"}}, peer: "[fe80::1%eth0]:80", xff: []string{"203.0.113.5"}, want: "203.0.113.5"},
		"a trusted proxy mapped into IPv6":         {peer: "[::ffff:10.0.0.9]:80", xff: []string{"203.0.113.5"}, want: "203.0.113.5"},
		"a trusted proxy on the way with a port":   {peer: "10.0.0.9:80", xff: []string{"203.0.113.5:4711,  192.0.2.7:80\t"}, want: "203.0.113.5"},
		"an empty element on the left":             {peer: "10.0.0.9:80", xff: []string{", 203.0.113.5"}, want: "203.0.113.5"},
		"an empty element in between":              {peer: "10.0.0.9:80", xff: []string{"198.51.100.1, , 192.0.2.7"}, want: "192.0.2.7"},
		"an empty element on the right":            {peer: "10.0.0.9:80", xff: []string{"198.51.100.1, "}, want: "10.0.0.9"},
		"an empty field between two":               {peer: "10.0.0.9:80", xff: []string{"198.51.100.1", "", "192.0.2.7"}, want: "192.0.2.7"},
		"a Unix socket":                            {peer: "@"},
		"no peer":                                  {peer: ""},
		"a stranger's X-Forwarded-For":             {peer: "203.0.113.5:4711", xff: []string{"198.51.100.1"}, want: "203.0.113.5"},
		"nobody is trusted by default":             {opts: ratelimit.IPOptions{Proxies: []string{}}, peer: "10.0.0.9:80", xff: []string{"198.51.100.1"}, want: "10.0.0.9"},
		"behind the load balancer":                 {peer: "10.0.0.9:80", xff: []string{"203.0.113.5"}, want: "203.0.113.5"},
		"behind two proxies":                       {peer: "10.0.0.9:80", xff: []string{"203.0.113.5, 192.0.2.7"}, want: "203.0.113.5"},
		"in two fields":                            {peer: "10.0.0.9:80", xff: []string{"203.0.113.5", "192.0.2.7"}, want: "203.0.113.5"},
		"what a stranger has made up on the left":  {peer: "10.0.0.9:80", xff: []string{"198.51.100.1, 203.0.113.5"}, want: "203.0.113.5"},
		"a proxy's address made up on the left":    {peer: "10.0.0.9:80", xff: []string{"10.0.0.1, 203.0.113.5"}, want: "203.0.113.5"},
		"IPv6 behind the load balancer":            {peer: "10.0.0.9:80", xff: []string{"2001:db8:1:2::3"}, want: "2001:db8:1:2::/64"},
		"a trusted proxy with an IPv6 address":     {peer: "[2001:db8:f::1]:80", xff: []string{"203.0.113.5"}, want: "203.0.113.5"},
		"with a port":                              {peer: "10.0.0.9:80", xff: []string{"203.0.113.5:99"}, want: "203.0.113.5"},
		"IPv6 with a port":                         {peer: "10.0.0.9:80", xff: []string{"[2001:db8:1:2::3]:99"}, want: "2001:db8:1:2::/64"},
		"an open bracket":                          {peer: "10.0.0.9:80", xff: []string{"[2001:db8::1"}, want: "10.0.0.9"},
		"IPv4 in brackets":                         {peer: "10.0.0.9:80", xff: []string{"[203.0.113.5]"}, want: "10.0.0.9"},
		"something after a bracket":                {peer: "10.0.0.9:80", xff: []string{"[2001:db8::1]x"}, want: "10.0.0.9"},
		"a colon without a port":                   {peer: "10.0.0.9:80", xff: []string{"203.0.113.5:"}, want: "10.0.0.9"},
		"a port that is none":                      {peer: "10.0.0.9:80", xff: []string{"203.0.113.5:8 0"}, want: "10.0.0.9"},
		"leading zeros":                            {peer: "10.0.0.9:80", xff: []string{"203.0.113.05"}, want: "10.0.0.9"},
		"a host name":                              {peer: "10.0.0.9:80", xff: []string{"client.example.com"}, want: "10.0.0.9"},
		"a mapped address":                         {peer: "10.0.0.9:80", xff: []string{"::ffff:203.0.113.5"}, want: "203.0.113.5"},
		"without the field":                        {peer: "10.0.0.9:80", want: "10.0.0.9"},
		"an empty field":                           {peer: "10.0.0.9:80", xff: []string{""}, want: "10.0.0.9"},
		"a field that is no address":               {peer: "10.0.0.9:80", xff: []string{"203.0.113.5, unknown"}, want: "10.0.0.9"},
		"only proxies":                             {peer: "10.0.0.9:80", xff: []string{"10.0.0.2, 10.0.0.3"}, want: "10.0.0.2"},
		"Forwarded was not asked for":              {peer: "10.0.0.9:80", fwd: []string{"for=203.0.113.5"}, want: "10.0.0.9"},
		"Forwarded":                                {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{"for=203.0.113.5;proto=https;by=10.0.0.9"}, want: "203.0.113.5"},
		"X-Forwarded-For beside Forwarded":         {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", xff: []string{"198.51.100.1"}, want: "10.0.0.9"},
		"Forwarded by two proxies":                 {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`For="[2001:db8:1:2::3]:4711", for=192.0.2.7`}, want: "2001:db8:1:2::/64"},
		"Forwarded with an obfuscated node":        {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{"for=203.0.113.5, for=_hidden, for=192.0.2.7"}, want: "192.0.2.7"},
		"Forwarded with an open quote on the left": {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`for="198.51.100.1, for=203.0.113.5`}, want: "203.0.113.5"},
		"Forwarded with a comma in quotes":         {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`for=203.0.113.5;host="a,for=198.51.100.1"`}, want: "203.0.113.5"},
		"Forwarded with an escaped quote":          {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`for=198.51.100.1, host="\",";for=203.0.113.5`}, want: "203.0.113.5"},
		"Forwarded with two for parameters":        {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`for=203.0.113.5;for=198.51.100.1`}, want: "10.0.0.9"},
		"Forwarded without a for parameter":        {opts: ratelimit.IPOptions{Forwarded: true}, peer: "10.0.0.9:80", fwd: []string{`for=203.0.113.5, proto=https`}, want: "10.0.0.9"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.opts.Proxies == nil {
				tt.opts.Proxies = proxies
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.xff
			r.Header["Forwarded"] = tt.fwd
			got, ok := ipKey(t, tt.opts)(r)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("key = %q, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestIPRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]ratelimit.IPOptions{
		"a host name":           {Proxies: []string{"proxy.example.com"}},
		"an empty prefix":       {Proxies: []string{""}},
		"a prefix too long":     {Proxies: []string{"10.0.0.0/33"}},
		"a mapped prefix":       {Proxies: []string{"::ffff:10.0.0.0/104"}},
		"an address in a zone":  {Proxies: []string{"fe80::1%eth0"}},
		"33 bits of IPv4":       {IPv4Bits: 33},
		"129 bits of IPv6":      {IPv6Bits: 129},
		"a negative length":     {IPv6Bits: -1},
		"a negative length too": {IPv4Bits: -1},
	}
	for name, opts := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := ratelimit.IP(opts); err == nil {
				t.Errorf("IP(%+v) error = nil, want one", opts)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	key := ratelimit.Header("x-tenant")
	tests := map[string]struct {
		values []string
		want   string
	}{
		"a value":        {values: []string{"acme"}, want: "acme"},
		"no value":       {},
		"an empty value": {values: []string{""}},
		"two values":     {values: []string{"acme", "other"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := key(&http.Request{Header: http.Header{"X-Tenant": tt.values}})
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("key = %q, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestAnIPv4KeyAllocatesNothing(t *testing.T) {
	key := ipKey(t, ratelimit.IPOptions{Proxies: []string{"10.0.0.0/8"}})
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.9:80"
	r.Header.Set("X-Forwarded-For", "203.0.113.5, 10.0.0.8")
	if got := testing.AllocsPerRun(1000, func() { key(r) }); got != 0 {
		t.Errorf("the key allocates %v times, want 0", got)
	}
}

func TestAnIPv6KeyAllocatesItsText(t *testing.T) {
	key := ipKey(t, ratelimit.IPOptions{})
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "[2001:db8:1:2:3:4:5:6]:80"
	if got := testing.AllocsPerRun(1000, func() { key(r) }); got != 1 {
		t.Errorf("the key allocates %v times, want 1", got)
	}
}

func BenchmarkIP(b *testing.B) {
	for name, peer := range map[string]string{"IPv4": "203.0.113.5:80", "IPv6": "[2001:db8::1]:80", "behind a proxy": "10.0.0.9:80"} {
		b.Run(name, func(b *testing.B) {
			key := ipKey(b, ratelimit.IPOptions{Proxies: []string{"10.0.0.0/8"}})
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "203.0.113.5")
			b.ReportAllocs()
			for b.Loop() {
				key(r)
			}
		})
	}
}

// Whatever a caller sends, it is counted under its own address: the one that the
// trusted proxy has appended, or the peer's where that is no proxy.
func FuzzForwardedHeaders(f *testing.F) {
	for _, s := range []string{"", "198.51.100.1", "10.0.0.1", `for="`, `for="\`, `"`, `\"`, "for=10.0.0.2;", ",,", "[", "[::1", "1.2.3.4:x", `for="[::1]:1`, ";;for=1.1.1.1"} {
		f.Add(s, []byte{203, 0, 113, 5}, false)
		f.Add(s, []byte{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, true)
	}
	f.Fuzz(func(t *testing.T, sent string, caller []byte, twoFields bool) {
		addr, ok := netip.AddrFromSlice(caller)
		if !ok || strings.ContainsAny(sent, "\r\n") {
			t.Skip()
		}
		addr = addr.Unmap()
		if netip.MustParsePrefix("10.0.0.0/8").Contains(addr) {
			t.Skip() // an own proxy, which may say what it likes
		}
		want := addr.String()
		node := "for=" + want
		if addr.Is6() {
			prefix, _ := addr.Prefix(64)
			want = prefix.String()
			node = `for="[` + addr.String() + `]:4711"`
		}
		for _, forwarded := range []bool{false, true} {
			key := ipKey(t, ratelimit.IPOptions{Proxies: []string{"10.0.0.0/8"}, Forwarded: forwarded})
			appended := addr.String()
			if forwarded {
				appended = node
			}
			fields := []string{sent + ", " + appended}
			if twoFields {
				fields = []string{sent, appended}
			}
			r := &http.Request{RemoteAddr: "10.0.0.9:80", Header: http.Header{"X-Forwarded-For": fields, "Forwarded": fields}}
			if got, _ := key(r); got != want {
				t.Errorf("behind the proxy, %q: key = %q, want %q", fields, got, want)
			}
			r = &http.Request{RemoteAddr: netip.AddrPortFrom(addr, 1).String(), Header: http.Header{"X-Forwarded-For": {sent}, "Forwarded": {sent}}}
			if got, _ := key(r); got != want {
				t.Errorf("without a proxy, %q: key = %q, want %q", sent, got, want)
			}
		}
	})
}
