package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/auth/authtest"
	"github.com/tenetkit/tenet/auth/jwks"
)

// trusting are the flags under which the issuer's tokens are accepted.
func trusting(iss *authtest.Issuer, more ...string) []string {
	return append([]string{"-issuer", iss.URL, "-audience", iss.Audience}, more...)
}

// subject is what the service calls a subject of the issuer.
func subject(iss *authtest.Issuer, sub string) string {
	return strings.TrimPrefix(iss.URL, "http://") + "|" + sub
}

func grant(subject, unit, role string) call {
	body := fmt.Sprintf(`{"subject":%q,"org_unit_id":%q,"role":%q}`, subject, unit, role)
	return call{as: "demo-admin", method: "POST", target: "/role-assignments", body: body}
}

// TestForeignTokens lets a subject of another issuer in: it is known, has no role
// until it is granted one, and is nobody else.
func TestForeignTokens(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		iss := authtest.NewIssuer(t)
		s := startUnlimited(t, e, trusting(iss)...)
		ada := "bearer:" + iss.Token("ada")

		refused := s.want(t, 403, call{as: ada, target: "/leads"})
		wantErrorAnswer(t, refused)
		if !strings.Contains(refused.body, `"missing_role"`) {
			t.Errorf("body %s, want code missing_role", refused.body)
		}
		var granted struct{ ID, Subject string }
		s.want(t, 201, grant(subject(iss, "ada"), "emea", "editor")).decode(t, &granted)
		if granted.Subject != subject(iss, "ada") {
			t.Errorf("granted to %q, want %q", granted.Subject, subject(iss, "ada"))
		}
		want := map[string]int{"de": 30, "emea": 30, "uk": 30}
		if diff := cmp.Diff(want, s.everything(t, ada, "/leads").units()); diff != "" {
			t.Errorf("leads mismatch (-want +got):\n%s", diff)
		}
		s.want(t, 201, call{as: ada, method: "POST", target: "/leads", body: `{"name":"Ada"}`})
		s.want(t, 403, call{as: "bearer:" + iss.Token("grace"), target: "/leads"})

		// A name that somebody has here is another's there.
		for _, sub := range []string{"demo-admin", "demo-emea", "ada"} {
			token := "bearer:" + iss.Token(sub, map[string]any{"client_id": "demo-admin", "roles": []string{"admin"}})
			if sub != "ada" {
				s.want(t, 403, call{as: token, target: "/leads"})
			}
			s.want(t, 403, call{as: token, target: "/role-assignments"})
		}
		// The binding of a token counts, and beats the choice of its subject.
		s.want(t, 200, call{as: ada, method: "POST", target: "/org-units/active", body: `{"org_unit_id":"de"}`})
		bound := func(unit string) string { return "bearer:" + iss.Token("ada", map[string]any{"org_unit": unit}) }
		if got := s.everything(t, bound("uk"), "/leads").units(); !maps.Equal(got, map[string]int{"uk": 30}) {
			t.Errorf("a token bound to uk sees %v, want uk alone", got)
		}
		s.want(t, 403, call{as: bound("uk"), method: "POST", target: "/org-units/active", body: `{"org_unit_id":"de"}`})
		for _, unit := range []string{"apac", "acme", "sales"} {
			s.want(t, 403, call{as: bound(unit), target: "/leads"})
		}

		s.want(t, 204, call{as: "demo-admin", method: "DELETE", target: "/role-assignments/" + granted.ID})
		s.want(t, 403, call{as: ada, target: "/leads"})
	})
}

// TestForeignTokenRefusals: what the issuer did not sign, for this service, is a
// 401 that says no more than any other.
func TestForeignTokenRefusals(t *testing.T) {
	t.Parallel()
	iss, stranger := authtest.NewIssuer(t), authtest.NewIssuer(t)
	s := startUnlimited(t, sqliteEngine(t), "-issuer", iss.URL, "-audience", "https://first.test , "+iss.Audience)
	s.want(t, 403, call{as: "bearer:" + iss.Token("ada"), target: "/leads"})
	s.want(t, 403, call{as: "bearer:" + iss.Token("ada", map[string]any{"aud": "https://first.test"}), target: "/leads"})

	now := time.Now().Unix()
	tests := map[string]string{
		"another audience":            iss.Token("ada", map[string]any{"aud": "https://other.test"}),
		"both audiences in one":       iss.Token("ada", map[string]any{"aud": "https://first.test , " + iss.Audience}),
		"the service's own audience":  iss.Token("ada", map[string]any{"aud": "leads"}),
		"the service as the issuer":   iss.Token("demo-admin", map[string]any{"iss": "leads", "aud": "leads"}),
		"an issuer that is not known": stranger.Token("ada"),
		"a stranger's signature":      stranger.Token("ada", map[string]any{"iss": iss.URL}),
		"a slash behind the issuer":   iss.Token("ada", map[string]any{"iss": iss.URL + "/"}),
		"a token that has ended":      iss.Token("ada", map[string]any{"exp": now - 60}),
		"an ID token":                 iss.Token("ada", map[string]any{"at_hash": "x"}),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.want(t, 401, call{as: "bearer:" + token, target: "/leads"})
			wantErrorAnswer(t, got)
			if want := `{"error":"unauthorized","message":"Missing or invalid credentials"}`; got.body != want {
				t.Errorf("body %s, want %s", got.body, want)
			}
			want := []string{`Basic realm="api", charset="UTF-8"`, `Bearer realm="api", error="invalid_token"`}
			if diff := cmp.Diff(want, got.header.Values("WWW-Authenticate")); diff != "" {
				t.Errorf("WWW-Authenticate mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForeignKeys finds the issuer's keys wherever -jwks says.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	iss := authtest.NewIssuer(t)
	set := fetch(t, iss.URL+"/keys")
	keys, err := jwks.ParseSet(set)
	if err != nil {
		t.Fatal(err)
	}
	single := strings.TrimSuffix(strings.TrimPrefix(string(set), `{"keys":[`), `]}`)
	tests := map[string][]string{
		"by discovery":           nil,
		"at a URL":               {"-jwks", iss.URL + "/keys"},
		"in a file, as a set":    {"-jwks", file(t, "keys.json", string(set))},
		"in a file, as one key":  {"-jwks", file(t, "key.json", single)},
		"in a file, as PEM":      {"-jwks", file(t, "keys.pem", "The key of the issuer:\n"+pemOf(t, keys[0].Key))},
		"in a file, with spaces": {"-jwks", file(t, "keys.json", "\n\n "+string(set)+"\n")},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUnlimited(t, sqliteEngine(t), trusting(iss, args...)...)
			s.want(t, 403, call{as: "bearer:" + iss.Token("ada"), target: "/leads"})
			s.want(t, 201, grant(subject(iss, "ada"), "uk", "reader"))
			if total := s.list(t, "bearer:"+iss.Token("ada"), "/leads?limit=1").Total; total != 30 {
				t.Errorf("total %d, want 30", total)
			}
			forged := iss.Token("ada")
			s.want(t, 401, call{as: "bearer:" + forged[:len(forged)-8] + "AAAAAAAA", target: "/leads"})
			want := "Tokens of " + iss.URL + " are accepted; their subjects are " + subject(iss, "SUB") + "\n"
			if !strings.Contains(s.stdout.String(), want) {
				t.Errorf("the banner lacks %q:\n%s", want, s.stdout)
			}
		})
	}
}

// TestForeignIssuerDown starts while the issuer does not answer: its tokens are
// asked to come back, everybody else is served.
func TestForeignIssuerDown(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"by discovery": "", "at a URL": "/keys"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			iss := authtest.NewIssuer(t)
			iss.SetDown(true)
			args := trusting(iss)
			if path != "" {
				args = trusting(iss, "-jwks", iss.URL+path)
			}
			s := startUnlimited(t, sqliteEngine(t), args...)
			got := s.want(t, 503, call{as: "bearer:" + iss.Token("ada"), target: "/leads"})
			wantErrorAnswer(t, got)
			if want := `{"error":"service_unavailable","message":"Service temporarily unavailable"}`; got.body != want {
				t.Errorf("body %s, want %s", got.body, want)
			}
			if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 || after > 10 {
				t.Errorf("Retry-After %q, want from 1 to 10", got.header.Get("Retry-After"))
			}
			s.want(t, 200, call{as: "demo-emea", target: "/leads"})
			s.want(t, 200, call{as: "bearer:" + s.token(t, "demo-emea"), target: "/leads"})
			s.want(t, 401, call{as: "bearer:abc.def.ghi", target: "/leads"})
			s.stop()
			if log := s.stderr.String(); !strings.Contains(log, "keys of the foreign issuer") || !strings.Contains(log, iss.URL) {
				t.Errorf("log %s, want it to tell that the keys of %s are missing", log, iss.URL)
			}
		})
	}
}

// TestForeignKeysChange rotates the issuer's key, and lets an issuer come back.
// Time is simulated: a key that is missed is fetched at most once in 10 seconds.
func TestForeignKeysChange(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, iss *authtest.Issuer, status func(token string) (int, time.Duration)){
		"rotated": func(t *testing.T, iss *authtest.Issuer, status func(token string) (int, time.Duration)) {
			before := iss.Token("ada")
			if got, _ := status(before); got != 403 {
				t.Fatalf("status %d, want 403", got)
			}
			iss.Rotate()
			after := iss.Token("ada")
			time.Sleep(10 * time.Second)
			if got, _ := status(after); got != 403 {
				t.Errorf("a token of the new key: status %d, want 403", got)
			}
			if got, _ := status(before); got != 401 {
				t.Errorf("a token of the old key: status %d, want 401", got)
			}
		},
		"down from the start": func(t *testing.T, iss *authtest.Issuer, status func(token string) (int, time.Duration)) {
			iss.SetDown(true)
			got, wait := status(iss.Token("ada"))
			if got != 503 || wait <= 0 {
				t.Fatalf("status %d, Retry-After %v, want 503 and a time", got, wait)
			}
			iss.SetDown(false)
			time.Sleep(wait)
			if got, _ := status(iss.Token("ada")); got != 403 {
				t.Errorf("after Retry-After: status %d, want 403", got)
			}
		},
		"down later": func(t *testing.T, iss *authtest.Issuer, status func(token string) (int, time.Duration)) {
			if got, _ := status(iss.Token("ada")); got != 403 {
				t.Fatalf("status %d, want 403", got)
			}
			iss.SetDown(true)
			time.Sleep(30 * time.Minute)
			if got, _ := status(iss.Token("grace")); got != 403 {
				t.Errorf("half an hour after the issuer went down: status %d, want 403", got)
			}
		},
	}
	for name, walk := range tests {
		for where, path := range map[string]string{"discovery": "", "a URL": "/keys"} {
			t.Run(name+", keys by "+where, func(t *testing.T) {
				t.Parallel()
				iss := authtest.NewIssuer(t)
				c := config{issuer: iss.URL, audience: iss.Audience}
				if path != "" {
					c.jwks = iss.URL + path
				}
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					// Simulated time stands still while a connection is open.
					client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
					c.db = filepath.Join(dir, "leads.db")
					h := newHandler(t, c, client)
					walk(t, iss, func(token string) (int, time.Duration) {
						r := httptest.NewRequest("GET", "/leads", nil)
						r.Header.Set("Authorization", "Bearer "+token)
						w := httptest.NewRecorder()
						h.ServeHTTP(w, r)
						after, _ := strconv.Atoi(w.Header().Get("Retry-After"))
						return w.Code, time.Duration(after) * time.Second
					})
				})
			})
		}
	}
}

// TestAttack sends the hostile credentials of authtest to the service's handler.
func TestAttack(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"keys by discovery": "", "keys at a URL": "/keys"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			iss := authtest.NewIssuer(t)
			c := config{issuer: iss.URL, audience: iss.Audience}
			if path != "" {
				c.jwks = iss.URL + path
			}
			h := newHandler(t, c, nil)
			for _, target := range []string{"/leads", "/org-units"} {
				authtest.Attack(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.URL.Path = target
					h.ServeHTTP(w, r)
				}), iss)
			}
		})
	}
}

// The subjects of one issuer are never those of another on the same host.
func TestSubjectsOfAnIssuer(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		"":                                   "",
		"https://Login.example.com":          "login.example.com|",
		"https://login.example.com/":         "login.example.com|",
		"https://login.example.com:8443":     "login.example.com:8443|",
		"https://login.example.com/realms/a": "login.example.com/realms/a|",
		"https://login.example.com/realms/B": "login.example.com/realms/B|",
	} {
		if got := (config{issuer: issuer}).subjectPrefix(); got != want {
			t.Errorf("subjectPrefix of %q = %q, want %q", issuer, got, want)
		}
	}
}
