package ouscope_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/ouscope"
)

var (
	keyOne = []byte(strings.Repeat("1", 32))
	keyTwo = []byte(strings.Repeat("2", 32))
)

// choose sends the choice as a browser would and returns the Set-Cookie field.
func (s *service) choose(t testing.TB, subject, unit string, header ...string) string {
	t.Helper()
	w := s.do(subject, http.MethodPost, "/org-units/active", `{"org_unit_id":"`+unit+`"}`, header...)
	if w.Code != http.StatusOK {
		t.Fatalf("POST = %d %s, want 200", w.Code, w.Body)
	}
	return w.Header().Get("Set-Cookie")
}

// pair cuts a Set-Cookie field down to what a browser sends back.
func pair(setCookie string) string {
	p, _, _ := strings.Cut(setCookie, ";")
	return p
}

func (s *service) scopeWith(subject, cookie string, header ...string) string {
	return outcome(s.do(subject, http.MethodGet, "/scope", "", append([]string{"Cookie", cookie}, header...)...))
}

func TestBrowsersKeepTheirChoiceInACookie(t *testing.T) {
	t.Parallel()
	const unchosen, chosen = mustChoose, "apac: apac uk2"
	s := newService(t, map[string]string{"ann": "reader uk reader apac", "bob": "reader uk"}, ouscope.Options{CookieKeys: [][]byte{keyOne}})
	cookie := pair(s.choose(t, "ann", "apac"))
	other := pair(s.choose(t, "bob", "uk"))
	value := strings.TrimPrefix(cookie, "activeOu=")
	parts := strings.Split(value, ".")
	uk := base64.RawURLEncoding.EncodeToString([]byte("uk"))
	tests := map[string]struct{ subject, cookie, want string }{
		"the cookie as it was set":         {"ann", cookie, chosen},
		"among others":                     {"ann", "a=b; " + cookie + "; c=d", chosen},
		"no cookie":                        {"ann", "", unchosen},
		"a cookie of another name":         {"ann", "activeou=" + value, unchosen},
		"the plain id":                     {"ann", "activeOu=apac", unchosen},
		"the id of another unit put in":    {"ann", "activeOu=" + parts[0] + "." + uk + "." + parts[2] + "." + parts[3], unchosen},
		"the owner of another cookie":      {"ann", "activeOu=" + parts[0] + "." + parts[1] + "." + strings.Split(other, ".")[2] + "." + parts[3], unchosen},
		"without the signature":            {"ann", "activeOu=" + strings.Join(parts[:3], "."), unchosen},
		"with a cut signature":             {"ann", cookie[:len(cookie)-1], unchosen},
		"twice, as another site could":     {"ann", cookie + "; " + cookie, unchosen},
		"another subject's, several units": {"ann", other, unchosen},
		// A sole grant is active by itself, but not under a cookie that may
		// have named another unit.
		"no cookie, one unit":         {"bob", "", "uk: uk"},
		"another subject's, one unit": {"bob", cookie, "uk: uk"},
		"a broken one, one unit":      {"bob", "activeOu=broken", unchosen},
		"a long one, one unit":        {"bob", "activeOu=" + strings.Repeat("a.", 4000), unchosen},
		"an empty one, one unit":      {"bob", "activeOu=", unchosen},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.scopeWith(tt.subject, tt.cookie); got != tt.want {
				t.Errorf("scope with %q = %s, want %s", tt.cookie, got, tt.want)
			}
		})
	}
}

func TestCookieFields(t *testing.T) {
	t.Parallel()
	keys := [][]byte{keyOne}
	tests := map[string]struct {
		opts       ouscope.Options
		name, tail string
	}{
		"by default":  {ouscope.Options{CookieKeys: keys}, "activeOu", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"own name":    {ouscope.Options{CookieKeys: keys, CookieName: "ou"}, "ou", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"host":        {ouscope.Options{CookieKeys: keys, CookieHost: true}, "__Host-activeOu", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"without TLS": {ouscope.Options{CookieKeys: keys, CookieInsecure: true}, "activeOu", "; Path=/; HttpOnly; SameSite=Lax"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"ann": "reader uk reader apac"}, tt.opts)
			set := s.choose(t, "ann", "apac")
			name, rest, _ := strings.Cut(set, "=")
			_, tail, _ := strings.Cut(rest, ";")
			if diff := cmp.Diff([]string{tt.name, tt.tail}, []string{name, ";" + tail}); diff != "" {
				t.Errorf("Set-Cookie mismatch (-want +got):\n%s", diff)
			}
			if got, want := s.scopeWith("ann", pair(set)), "apac: apac uk2"; got != want {
				t.Errorf("scope = %s, want %s", got, want)
			}
			w := s.do("ann", http.MethodDelete, "/org-units/active", "", "Cookie", pair(set))
			want := tt.name + "=; Path=/; Max-Age=0" + strings.TrimPrefix(tt.tail, "; Path=/")
			if got := w.Header().Get("Set-Cookie"); w.Code != http.StatusNoContent || got != want {
				t.Errorf("DELETE = %d, Set-Cookie %q, want 204 and %q", w.Code, got, want)
			}
		})
	}
}

func TestCookieKeysRotate(t *testing.T) {
	t.Parallel()
	grants := map[string]string{"ann": "reader uk reader apac"}
	with := func(keys ...[]byte) *service { return newService(t, grants, ouscope.Options{CookieKeys: keys}) }
	before, during, after := with(keyOne), with(keyTwo, keyOne), with(keyTwo)
	old, next := pair(before.choose(t, "ann", "apac")), pair(during.choose(t, "ann", "apac"))
	for name, tt := range map[string]struct {
		s            *service
		cookie, want string
	}{
		"old key, during the rotation": {during, old, "apac: apac uk2"},
		"new key, during the rotation": {during, next, "apac: apac uk2"},
		"new key, after the rotation":  {after, next, "apac: apac uk2"},
		"old key, after the rotation":  {after, old, mustChoose},
		"new key, before the rotation": {before, next, mustChoose},
	} {
		if got := tt.s.scopeWith("ann", tt.cookie); got != tt.want {
			t.Errorf("%s: scope = %s, want %s", name, got, tt.want)
		}
	}
}

// A cookie is no permission: today's grants decide.
func TestAStaleCookieOpensNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{CookieKeys: [][]byte{keyOne}})
	cookie := pair(s.choose(t, "ann", "apac"))
	s.dir.set(func(d *directory) {
		d.assignments = without(d.assignments, func(a ouscope.Assignment) bool { return a.Unit == "apac" })
	})
	if got := s.scopeWith("ann", cookie); got != mustChoose {
		t.Errorf("scope after the role was revoked = %s, want %s", got, mustChoose)
	}
}

// Each browser has a choice of its own, and curl -u has the one on the server.
func TestBrowsersAndCurlSideBySide(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{CookieKeys: [][]byte{keyOne}})
	curl := []string{"Authorization", "Basic YW5uOnNlY3JldA=="}
	if set := s.choose(t, "ann", "uk", curl...); set != "" {
		t.Errorf("curl was sent a cookie: %s", set)
	}
	cookie := pair(s.choose(t, "ann", "apac"))
	if got, want := s.scopeWith("ann", cookie), "apac: apac uk2"; got != want {
		t.Errorf("the browser's scope = %s, want %s", got, want)
	}
	if got, want := s.scopeWith("ann", cookie, curl...), "uk: uk"; got != want {
		t.Errorf("curl's scope = %s, want %s", got, want)
	}
	if got := s.scopeWith("ann", ""); got != mustChoose {
		t.Errorf("another browser's scope = %s, want %s", got, mustChoose)
	}
	s.do("ann", http.MethodDelete, "/org-units/active", "", "Cookie", cookie)
	if got, want := s.scopeWith("ann", "", curl...), "uk: uk"; got != want {
		t.Errorf("curl's scope after the browser's DELETE = %s, want %s", got, want)
	}
}

func TestNewRefusesCookiesThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ouscope.Options{
		"a short key":                      {CookieKeys: [][]byte{keyOne, keyOne[:31]}},
		"a name without keys":              {CookieName: "ou"},
		"a prefix without keys":            {CookieHost: true},
		"a name that is no token":          {CookieKeys: [][]byte{keyOne}, CookieName: "a b"},
		"the host prefix, but without TLS": {CookieKeys: [][]byte{keyOne}, CookieHost: true, CookieInsecure: true},
	} {
		if _, err := ouscope.New(&directory{}, subject, opts); err == nil {
			t.Errorf("%s: New = nil, want an error", name)
		}
	}
}

// Only what was signed is ever read from a cookie, and the answer is always the
// contract's.
func FuzzCookie(f *testing.F) {
	s := newService(f, map[string]string{"ann": "reader uk reader apac"}, ouscope.Options{CookieKeys: [][]byte{keyOne}})
	genuine := pair(s.choose(f, "ann", "apac"))
	f.Add(genuine)
	f.Add("activeOu=1.dWs.AAAA.AAAA")
	f.Add("activeOu=....")
	f.Add(genuine + ";" + genuine)
	f.Add("activeOu=" + strings.Repeat("A", 600))
	f.Fuzz(func(t *testing.T, cookie string) {
		want := mustChoose
		for field := range strings.SplitSeq(cookie, ";") {
			name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
			if name != "activeOu" {
				continue
			}
			if want != mustChoose || name+"="+value != genuine {
				want = mustChoose
				break
			}
			want = "apac: apac uk2"
		}
		if got := s.scopeWith("ann", cookie); got != want {
			t.Errorf("scope with %q = %s, want %s", cookie, got, want)
		}
	})
}
