package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/authtest"
)

// clientsFile writes clients into a file, or anew into the one at path.
func clientsFile(t *testing.T, path string, list ...auth.Client) string {
	t.Helper()
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if path == "" {
		return file(t, "clients.json", string(data))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// client returns a client with a new secret.
func client(id string) (auth.Client, string) {
	secret, hash := auth.GenerateSecret()
	return auth.Client{ID: id, Secrets: []auth.Secret{{Hash: hash}}}, secret
}

// TestClients serves clients of a file beside the demo clients and in their place.
func TestClients(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		robot, robotSecret := client("robot")
		apac, apacSecret := client("demo-apac")
		s := startUnlimited(t, e, "-clients", clientsFile(t, "", robot, apac,
			auth.Client{ID: "demo-admin", Disabled: true, Secrets: []auth.Secret{}}))

		// A new client is known, and has no role yet.
		refused := s.want(t, 403, call{as: "robot", secret: robotSecret, target: "/leads"})
		if !strings.Contains(refused.body, `"missing_role"`) {
			t.Errorf("body %s, want code missing_role", refused.body)
		}
		s.want(t, 403, call{as: "bearer:" + s.token(t, "robot", robotSecret), target: "/leads"})
		s.want(t, 401, call{as: "robot", target: "/leads"})

		// A demo client with a secret of the operator's keeps its roles and loses
		// the secret that was printed.
		for _, as := range []call{{as: "demo-apac", secret: apacSecret}, {as: "bearer:" + s.token(t, "demo-apac", apacSecret)}} {
			as.target = "/leads?limit=1"
			var l list
			s.want(t, 200, as).decode(t, &l)
			if l.Total != 30 {
				t.Errorf("demo-apac sees %d leads, want 30", l.Total)
			}
		}
		wantErrorAnswer(t, s.want(t, 401, call{as: "demo-apac", target: "/leads"}))
		wantErrorAnswer(t, s.want(t, 401, call{as: "demo-admin", target: "/leads"}))
		s.want(t, 401, call{
			as: "demo-admin", method: "POST", target: "/oauth/token", body: "grant_type=client_credentials",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		})
		s.want(t, 200, call{as: "demo-emea", target: "/leads"})
	})
}

// TestBoundClients binds credentials to a unit: those of a client, and its tokens.
func TestBoundClients(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, e engine) {
		emea, emeaSecret := client("demo-emea")
		admin, adminSecret := client("demo-admin")
		multi, multiSecret := client("demo-multi")
		emea.Unit, admin.Unit, multi.Unit = "uk", "apac", "de"
		path := clientsFile(t, "", emea, admin, multi)
		s := startUnlimited(t, e, "-clients", path)
		token := "bearer:" + s.token(t, "demo-emea", emeaSecret)
		for _, as := range []call{{as: "demo-emea", secret: emeaSecret}, {as: token}} {
			as.target = "/leads?limit=100"
			var l list
			s.want(t, 200, as).decode(t, &l)
			if diff := cmp.Diff(map[string]int{"uk": 30}, l.units()); diff != "" {
				t.Errorf("leads mismatch (-want +got):\n%s", diff)
			}
			// The choice of a unit does not help, be it of one above or beside.
			as.method, as.target = "POST", "/org-units/active"
			for _, unit := range []string{"emea", "de", "apac"} {
				as.body = `{"org_unit_id":"` + unit + `"}`
				s.want(t, 403, as)
			}
			as.target, as.body = "/leads", `{"name":"Ada"}`
			var made struct {
				ID      string
				OrgUnit string `json:"org_unit"`
			}
			s.want(t, 201, as).decode(t, &made)
			if made.OrgUnit != "uk" {
				t.Errorf("a lead was made in %s, want uk", made.OrgUnit)
			}
			as.method, as.target, as.body = "DELETE", "/leads/"+made.ID, ""
			s.want(t, 204, as)
		}
		// An admin of everything, bound to apac, acts in apac.
		for unit, status := range map[string]int{"apac": 201, "uk": 403, "acme": 403} {
			c := grant("demo-none", unit, "reader")
			c.secret = adminSecret
			s.want(t, status, c)
		}
		// Bound to where it has no role, a client reaches nothing.
		s.want(t, 403, call{as: "demo-multi", secret: multiSecret, target: "/leads"})

		// A token is no way around a binding that is newer, and an older binding
		// is not lost with it.
		emea.Unit = "de"
		clientsFile(t, path, emea)
		s.reload()
		s.want(t, 401, call{as: token, target: "/leads"})
		fresh := "bearer:" + s.token(t, "demo-emea", emeaSecret)
		emea.Unit = ""
		clientsFile(t, path, emea)
		s.reload()
		if got := s.everything(t, fresh, "/leads").units(); !maps.Equal(got, map[string]int{"de": 30}) {
			t.Errorf("a token that is bound to de sees %v, want de alone", got)
		}
	})
}

// TestReload reads the file again: secrets rotate and clients come and go while
// the service runs.
func TestReload(t *testing.T) {
	t.Parallel()
	robot, first := client("robot")
	path := clientsFile(t, "", robot)
	s := startUnlimited(t, sqliteEngine(t), "-clients", path)
	const target = "/leads?limit=1"
	s.want(t, 201, grant("robot", "uk", "editor"))
	s.want(t, 200, call{as: "robot", secret: first, target: target})
	token := "bearer:" + s.token(t, "robot", first)

	// Both secrets are good, then the new one alone.
	second, hash := auth.GenerateSecret()
	robot.Secrets = append(robot.Secrets, auth.Secret{Hash: hash})
	clientsFile(t, path, robot)
	s.want(t, 401, call{as: "robot", secret: second, target: target})
	s.reload()
	s.want(t, 200, call{as: "robot", secret: first, target: target})
	s.want(t, 200, call{as: "robot", secret: second, target: target})
	robot.Secrets = robot.Secrets[1:]
	clientsFile(t, path, robot)
	s.reload()
	s.want(t, 401, call{as: "robot", secret: first, target: target})
	s.want(t, 200, call{as: "robot", secret: second, target: target})

	// A bad file changes nothing, nor does one that is gone.
	for _, text := range []string{"[", `[{"id":"robot","disabled":true},{"id":"robot"}]`, `[{"id":"robot","secrets":[{"hash":"hunter2"}]}]`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload()
		s.want(t, 200, call{as: "robot", secret: second, target: target})
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.reload()
	s.want(t, 200, call{as: "robot", secret: second, target: target})
	log := s.stderr.String()
	for _, want := range []string{"clients read again", "clients stay as they are", `offset 0`, `client \"robot\"`, "no such file"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "hunter2") || strings.Contains(log, hash) {
		t.Errorf("the log tells a secret or a hash:\n%s", log)
	}

	// A client that is disabled is out at once, with its tokens and what it had
	// begun; a demo client, too.
	s.want(t, 200, call{as: token, target: target})
	body := "[" + strings.Repeat(`{"name":"row"},`, 9_000) + `{"name":"last"}]`
	began := s.want(t, 202, call{as: token, method: "POST", target: "/leads/import", body: body}).header.Get("Location")
	adminToken := "bearer:" + s.token(t, "demo-admin")
	disabled := robot
	disabled.Disabled = true
	clientsFile(t, path, disabled, auth.Client{ID: "demo-admin", Disabled: true, Secrets: []auth.Secret{}})
	s.reload()
	s.want(t, 401, call{as: "robot", secret: second, target: target})
	s.want(t, 401, call{as: token, target: target})
	s.want(t, 401, call{as: "demo-admin", target: target})
	s.want(t, 401, call{as: adminToken, target: target})

	// Enabled again it is as before, and what was begun has ended.
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.stderr.String(), "job failed"); {
		if s.want(t, 200, call{target: "/healthz"}); time.Now().After(deadline) {
			t.Fatal("the import of a client that was disabled goes on")
		}
	}
	clientsFile(t, path, robot)
	s.reload()
	s.want(t, 200, call{as: "demo-admin", target: target})
	var j job
	s.want(t, 200, call{as: token, target: began}).decode(t, &j)
	if j.Status != "failed" || j.Counts.Succeeded == j.Counts.Total {
		t.Errorf("the import of a client that was disabled: %s with %+v, want failed before the end", j.Status, j.Counts)
	}

	// One that is gone from the file is nobody, and its tokens are nobody's.
	if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.reload()
	s.want(t, 401, call{as: "robot", secret: second, target: target})
	s.want(t, 401, call{as: token, target: target})
	s.want(t, 200, call{as: "demo-emea", target: target})
}

// TestBadClients ends the start with one line that says where the fault is and
// shows neither a secret nor a hash.
func TestBadClients(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"broken JSON":             {"[\n{\"id\":\"robot\",}]", `it is not JSON at line 2 (offset 16)`},
		"trailing data":           {"[]\n{}", `it is not JSON at line 2 (offset 3)`},
		"an unknown member":       {`[{"id":"robot","secret":"hunter2"}]`, `client "robot": the member "secret" is unknown`},
		"a member given twice":    {`[{"id":"robot","disabled":true,"disabled":false}]`, `the member "disabled" is given twice, at line 1 (offset 41)`},
		"two of one id":           {`[{"id":"robot","disabled":true},{"id":"robot","disabled":true}]`, `client "robot" is listed twice`},
		"a secret in plain text":  {`[{"id":"robot","secrets":[{"hash":"hunter2"}]}]`, `client "robot": secret 0: its hash is not $sha256$`},
		"a hash that was cut":     {`[{"id":"robot","secrets":[{"hash":"$sha256$aHVudGVyM"}]}]`, `client "robot": secret 0: its hash`},
		"a secret without braces": {`[{"id":"robot","secrets":["hunter2"]}]`, `client "robot": secrets has the wrong type`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, "clients.json", tt.text)
			wantFailure(t, []string{"-clients", path}, "leads: -clients: "+path+": ", tt.want)
		})
	}
	t.Run("a file that is missing", func(t *testing.T) {
		t.Parallel()
		wantFailure(t, []string{"-clients", filepath.Join(t.TempDir(), "clients.json")}, "leads: -clients: ", "no such file")
	})
	t.Run("a folder", func(t *testing.T) {
		t.Parallel()
		wantFailure(t, []string{"-clients", t.TempDir()}, "leads: -clients: ", "is a directory")
	})
	t.Run("a client with the name of a foreign subject", func(t *testing.T) {
		t.Parallel()
		path := file(t, "clients.json", `[{"id":"login.example.com|ada","disabled":true}]`)
		wantFailure(t, []string{"-clients", path, "-issuer", "https://LOGIN.example.com", "-audience", "api"}, `client "login.example.com|ada" has the name of a subject of -issuer`)
	})
}

// TestBanners prints commands that work whatever the flags, and no secret of a
// client that the file has.
func TestBanners(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: skipping")
	}
	iss := authtest.NewIssuer(t)
	all := []string{"demo-emea", "demo-reader", "demo-apac", "demo-admin", "demo-multi", "demo-none"}
	tests := map[string]struct {
		args     []string
		replaced []string
		caller   string // whose commands are shown
	}{
		"a client beside the demo clients":   {replaced: []string{"robot"}, caller: "demo-emea"},
		"the first demo client":              {replaced: []string{"demo-emea"}, caller: "demo-apac"},
		"all but one that may write":         {replaced: []string{"demo-emea", "demo-apac"}, caller: "demo-admin"},
		"all that may write":                 {replaced: []string{"demo-emea", "demo-apac", "demo-admin"}},
		"all demo clients":                   {replaced: all},
		"a foreign issuer and demo clients":  {args: trusting(iss), caller: "demo-emea"},
		"a foreign issuer and a demo client": {args: trusting(iss), replaced: []string{"demo-emea", "robot"}, caller: "demo-apac"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			path := ""
			if tt.replaced != nil {
				var list []auth.Client
				for _, id := range tt.replaced {
					c, _ := client(id)
					list = append(list, c)
				}
				path = clientsFile(t, "", list...)
				args = append(args, "-clients", path)
			}
			s := startUnlimited(t, sqliteEngine(t), append(args, "-demo-secret", "")...)
			banner := s.stdout.String()
			commands := 0
			for line := range strings.Lines(banner) {
				fields := strings.Fields(line)
				if len(fields) > 2 && strings.HasPrefix(fields[0], "demo-") {
					replaced := strings.Contains(line, path) && path != ""
					if want := slices.Contains(tt.replaced, fields[0]); replaced != want {
						t.Errorf("%q: replaced %t, want %t", line, replaced, want)
					}
					if replaced && fields[1] != "as" {
						t.Errorf("%q shows a secret", line)
					}
				}
				command, ok := strings.CutPrefix(strings.TrimSpace(line), "curl ")
				if !ok {
					continue
				}
				commands++
				if !strings.HasPrefix(command, "-u '"+tt.caller+":") {
					t.Errorf("curl %s: not as %q", command, tt.caller)
				}
				out, err := exec.CommandContext(t.Context(), "sh", "-c", "curl -sS --fail-with-body "+command).CombinedOutput()
				if err != nil || !strings.HasPrefix(string(out), "{") {
					t.Errorf("curl %s: %v: %s", command, err, out)
				}
			}
			want := 3
			if tt.caller == "" {
				want = 0
			}
			if commands != want {
				t.Errorf("the banner has %d curl commands, want %d:\n%s", commands, want, banner)
			}
			if path != "" && !strings.Contains(banner, fmt.Sprintf("Clients of %s: %d; kill -HUP %d reads it again\n", path, len(tt.replaced), os.Getpid())) {
				t.Errorf("the banner does not tell of the file:\n%s", banner)
			}
			if tt.args != nil && !strings.Contains(banner, "Tokens of "+iss.URL+" are accepted") {
				t.Errorf("the banner does not tell of the issuer:\n%s", banner)
			}
		})
	}
}

// TestNewSecret prints a file for -clients that serves the secret beside it.
func TestNewSecret(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		env  map[string]string
	}{
		"by a flag":           {args: []string{"-new-secret"}},
		"by the environment":  {env: map[string]string{"LEADS_NEW_SECRET": "true"}},
		"among other flags":   {args: []string{"-rate", "0", "-new-secret", "-clients", "missing.json"}},
		"with one that fails": {args: []string{"-issuer", "x", "-new-secret"}},
	}
	secrets := make(chan string, len(tests))
	t.Cleanup(func() {
		seen := make(map[string]bool)
		for range tests {
			s := <-secrets
			if seen[s] {
				t.Errorf("the secret %q was printed twice", s)
			}
			seen[s] = true
		}
	})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := &output{ready: make(chan struct{})}, &output{ready: make(chan struct{})}
			status := run(t.Context(), tt.args, func(name string) string { return tt.env[name] }, nil, stdout, stderr)
			if status != 0 || stderr.String() != "" {
				t.Fatalf("exit status %d with stderr %q, want 0 and nothing", status, stderr)
			}
			lines := strings.Split(stdout.String(), "\n")
			secret := lines[1]
			text := strings.Join(lines[4:], "\n")
			secrets <- secret
			s := startUnlimited(t, sqliteEngine(t), "-clients", file(t, "clients.json", text))
			s.want(t, 201, grant("my-client", "uk", "reader"))
			s.want(t, 200, call{as: "my-client", secret: secret, target: "/leads"})
			s.want(t, 401, call{as: "my-client", target: "/leads"})
		})
	}
}

// TestWeakHash tells the operator of a hash that wants to be replaced, once.
func TestWeakHash(t *testing.T) {
	t.Parallel()
	// bcrypt's of "weak", with the least cost
	const hash = "$2a$04$SgxoieTR/lwfpI5pb0j/euUpn6jEoyor2bPI7.32c5Uh5JHnWf0yu"
	s := startUnlimited(t, sqliteEngine(t), "-clients", clientsFile(t, "", auth.Client{ID: "robot", Secrets: []auth.Secret{{Hash: hash}}}))
	for range 3 {
		s.want(t, 403, call{as: "robot", secret: "weak", target: "/leads"})
	}
	if n := strings.Count(s.stderr.String(), "weaker than it should be"); n != 1 {
		t.Errorf("the log tells %d times that the hash is weak, want once:\n%s", n, s.stderr)
	}
	s.stop()
	if want := "secrets.hit=2 secrets.missed=1 tokens.hit=0 tokens.missed=0"; !strings.Contains(s.stderr.String(), want) {
		t.Errorf("the log lacks the caches' %q:\n%s", want, s.stderr)
	}
}
