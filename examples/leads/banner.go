package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tenetkit/tenet/auth"
)

// printBanner tells a newcomer everything that the first minute needs. It is
// written in one piece.
func printBanner(w io.Writer, baseURL string, c config, demo []demoClient, fromFile []auth.Client) {
	var b strings.Builder
	fmt.Fprintf(&b, "Leads is listening on %s\nDatabase: %s\n", baseURL, redacted(c.db))
	if c.clients != "" {
		fmt.Fprintf(&b, "Clients of %s: %d; kill -HUP %d reads it again\n", c.clients, len(fromFile), os.Getpid())
	}
	if c.issuer != "" {
		fmt.Fprintf(&b, "Tokens of %s are accepted; their subjects are %sSUB\n", c.issuer, c.subjectPrefix())
	}
	b.WriteString("\nDemo clients:\n")
	var caller *demoClient
	for i, d := range demo {
		if hasClient(fromFile, d.id) {
			fmt.Fprintf(&b, "  %-12s as %s has it  %s\n", d.id, c.clients, d.about)
			continue
		}
		fmt.Fprintf(&b, "  %-12s %s  %s\n", d.id, d.secret, d.about)
		if caller == nil && d.writes {
			caller = &demo[i]
		}
	}
	if caller != nil {
		// Pasted into a shell, a quote in the secret must not end the argument.
		user := strings.ReplaceAll(caller.id+":"+caller.secret, "'", `'\''`)
		fmt.Fprintf(&b, `
Try:
  curl -u '%[1]s' '%[2]s/leads?limit=2&filter=active=true'
  curl -u '%[1]s' -H 'Content-Type: application/json' -d '{"name":"Ada Lovelace","value":1200}' '%[2]s/leads'
  curl -u '%[1]s' -d grant_type=client_credentials '%[2]s/oauth/token'
`, user, baseURL)
	}
	_, _ = io.WriteString(w, b.String())
}

// printNewSecret prints a secret for a client, and what belongs into the file of
// -clients.
func printNewSecret(w io.Writer) {
	secret, hash := auth.GenerateSecret()
	fmt.Fprintf(w, `Secret, which the client keeps and nobody can see again:
%s

File for -clients, or an entry for the one that there is:
[
  {"id": "my-client", "secrets": [{"hash": "%s"}]}
]
`, secret, hash)
}
