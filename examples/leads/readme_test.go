package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a fenced block of the README.
type block struct{ language, text string }

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	if len(blocks) == 0 {
		t.Fatal("the README has no blocks")
	}
	return blocks
}

// TestReadmeCommands pastes the README's curl commands into a shell and compares
// what comes back with what the README shows.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: skipping")
	}
	s := start(t, "-db", sqliteEngine(t).flag)
	blocks := readmeBlocks(t)
	curls := 0
	for i, b := range blocks {
		if b.language != "sh" {
			continue
		}
		command := strings.TrimSpace(b.text)
		switch {
		case command == "go run ./examples/leads": // is what this test runs
			continue
		case command == "go test work": // is what runs this test
			continue
		case strings.HasPrefix(command, newSecretCommand): // TestReadmeClients
			continue
		case !strings.HasPrefix(command, "curl "):
			t.Errorf("the README has a command that no test runs: %s", command)
			continue
		}
		curls++
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "http://127.0.0.1:8080", s.url))
		cmd.Env = append(os.Environ(), "SECRET="+secret)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		if i+1 < len(blocks) && blocks[i+1].language == "json" {
			if diff := cmp.Diff(mask(blocks[i+1].text), mask(string(out))); diff != "" {
				t.Errorf("%s\nmismatch (-README +answer):\n%s", command, diff)
			}
		}
	}
	if curls == 0 {
		t.Error("the README has no curl command")
	}
}

// mask replaces what differs from run to run.
func mask(body string) string {
	return regexp.MustCompile(`"(id|next_cursor)":"[^"]+"`).ReplaceAllString(strings.TrimSpace(body), `"$1":"..."`)
}

const newSecretCommand = "go run ./examples/leads -new-secret"

// TestReadmeClients makes a file of clients as the README says, and starts the
// service with the flags that it shows.
func TestReadmeClients(t *testing.T) {
	t.Parallel()
	blocks := readmeBlocks(t)
	i := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.text, newSecretCommand) })
	if i < 0 {
		t.Fatalf("the README has no block with %s", newSecretCommand)
	}
	newSecret, serve, _ := strings.Cut(strings.TrimSpace(blocks[i].text), "\n")
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(newSecret, "go run ./examples/leads", build(t), 1))
	cmd.Dir = dir
	shown, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", newSecret, err, shown)
	}
	flags, ok := strings.CutPrefix(serve, "go run ./examples/leads ")
	if !ok {
		t.Fatalf("the README has %q, want a start of the service", serve)
	}
	args := strings.Fields(strings.Replace(flags, "clients.json", filepath.Join(dir, "clients.json"), 1))
	s := startUnlimited(t, sqliteEngine(t), args...)
	s.want(t, 201, grant("my-client", "uk", "reader"))
	s.want(t, 200, call{as: "my-client", secret: strings.Split(string(shown), "\n")[1], target: "/leads"})
	if want := "their subjects are login.example.com|SUB\n"; !strings.Contains(s.stdout.String(), want) {
		t.Errorf("the banner lacks %q:\n%s", want, s.stdout)
	}
}

// TestReadmeProgram runs the README's program, which is examples/hello, and
// pastes the command that it prints.
func TestReadmeProgram(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var program strings.Builder
	for _, b := range readmeBlocks(t) {
		if b.language == "go" {
			program.WriteString(b.text)
		}
	}
	if diff := cmp.Diff(string(source), program.String()); diff != "" {
		t.Fatalf("examples/hello/main.go and the README's program differ (-hello +README):\n%s", diff)
	}

	// The same program on a free port.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	moved := filepath.Join(dir, "main.go")
	if err := os.WriteFile(moved, []byte(strings.ReplaceAll(program.String(), "127.0.0.1:8080", addr)), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs("../hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: moved}})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "hello")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlayFile, "-o", binary, "../hello").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the program printed nothing")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed: skipping the rest")
	}
	for command, want := range map[string][]string{
		lines.Text():                                   {"200 OK", "X-Ratelimit-Limit: 100", "X-Ratelimit-Remaining: 199", "Hello, Ada!"},
		"curl -i http://" + addr + "/hello/Ada":        {"401 Unauthorized", "Www-Authenticate: Basic", `{"error":"unauthorized"`},
		"curl -i http://" + addr + "/hello":            {"404 Not Found", `{"error":"not_found"`},
		"curl -i -X PUT http://" + addr + "/hello/Ada": {"405 Method Not Allowed", "Allow: GET, HEAD"},
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "curl", "curl -sS --retry 20 --retry-connrefused --retry-delay 0", 1)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
		for _, part := range want {
			if !strings.Contains(string(out), part) {
				t.Errorf("%s: answer lacks %q:\n%s", command, part, out)
			}
		}
	}
}
