// Command hostile shows the hostile credentials of auth/authtest to Tenet and to
// each peer of internal/bench, wired as its documentation has it and with all its
// options, and prints which of them let what in.
//
//	GOWORK=off go run ./hostile
//
// It runs TestHostile of internal/bench, where the wiring is, and counts the
// subtests that fail.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// demanded says of some attacks which rule a service breaks that lets them in. The
// tokens are of the type at+jwt, so that those of RFC 9068 hold too. The others are
// house rules: the RFCs leave them open, or demand them of those who know the
// feature.
var demanded = map[string]string{
	"token: crit": "RFC 7515, 4.1.11",
	"token: crit of a name that is not there": "RFC 7515, 4.1.11",
	"token: b64 false":                        "RFC 7797, 7",
	"token: a kid that is a number":           "RFC 7515, 4.1.4",
	"token: a kid that is an object":          "RFC 7515, 4.1.4",
	"token: a character that is not base64":   "RFC 7515, 5.2",
	"token: padding":                          "RFC 7515, 5.2",
	"token: the JSON serialization":           "RFC 7519, 1",
	"token: claims that are an array":         "RFC 7519, 7.2",
	"token: claims that are null":             "RFC 7519, 7.2",
	"token: claims with trailing bytes":       "RFC 7519, 7.2",
	"token: invalid UTF-8":                    "RFC 7519, 7.2",
	"token: exp in the past":                  "RFC 7519, 4.1.4",
	"token: exp zero":                         "RFC 7519, 4.1.4",
	"token: exp negative":                     "RFC 7519, 4.1.4",
	"token: exp null":                         "RFC 7519, 4.1.4",
	"token: exp as a string":                  "RFC 7519, 4.1.4",
	"token: EXP beside an exp long ago":       "RFC 7519, 4.1.4",
	"token: nbf in the future":                "RFC 7519, 4.1.5",
	"token: another aud":                      "RFC 7519, 4.1.3",
	"token: an empty aud":                     "RFC 7519, 4.1.3",
	"token: aud of nobody":                    "RFC 7519, 4.1.3",
	"token: aud with a slash":                 "RFC 7519, 4.1.3",
	"token: another iss":                      "RFC 9068, 4",
	"token: iss with a slash":                 "RFC 9068, 4",
	"token: no iss":                           "RFC 9068, 4",
	"token: no aud":                           "RFC 9068, 4",
	"token: AUD in place of aud":              "RFC 9068, 4",
	"token: no exp":                           "RFC 9068, 4",
	"token: typ logout+jwt":                   "RFC 9068, 4",
	"token: typ dpop+jwt":                     "RFC 9068, 4",
	"token: no alg":                           "RFC 7515, 4.1.1",
	"token: alg null":                         "RFC 7515, 4.1.1",
	"token: alg in lower case":                "RFC 7515, 4.1.1",
	"token: alg of another curve":             "RFC 7515, 5.2",
	"token: alg of another kind of key":       "RFC 7515, 5.2",
	"token: a kid that is null":               "RFC 7515, 4.1.4",
	"token: crit null":                        "RFC 7515, 4.1.11",
	"token: a header that is not UTF-8":       "RFC 7515, 5.2",
	"token: a header with trailing bytes":     "RFC 7515, 5.2",
	"token: a line end at the end":            "RFC 7515, 5.2",
	"token: a line end in the payload":        "RFC 7515, 5.2",
	"token: a space inside":                   "RFC 7515, 5.2",
	"token: padding in the header":            "RFC 7515, 5.2",
	"token: the other alphabet":               "RFC 7515, 5.2",
	"token: a signature in ASN.1":             "RFC 7518, 3.4",
	"token: the general JSON serialization":   "RFC 7519, 1",
	"token: exp true":                         "RFC 7519, 4.1.4",
	"token: nbf as a string":                  "RFC 7519, 4.1.5",
	"token: iat null":                         "RFC 7519, 4.1.6",
	"token: aud with a number":                "RFC 7519, 4.1.3",
	"token: aud nested":                       "RFC 7519, 4.1.3",
	"token: aud an object":                    "RFC 7519, 4.1.3",
	"token: iss an array":                     "RFC 7519, 4.1.1",
	"token: iss in upper case":                "RFC 9068, 4",
	"token: EXP in place of exp":              "RFC 9068, 4",
	"token: a typ that is a number":           "RFC 9068, 4",
	"token: typ secevent+jwt":                 "RFC 9068, 4",
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	cmd := exec.Command("go", "test", "-count=1", "-json", "-run", "^TestHostile$", ".", "-hostile")
	cmd.Stderr = os.Stderr
	// It exits with 1, since the peers fail.
	out, err := cmd.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return err
	}
	r, err := read(out)
	if err != nil {
		return err
	}
	r.print(w)
	return nil
}

// A result is what one peer has let in.
type result struct {
	name  string
	all   int
	letIn []string
	note  string // a failure of another kind
}

type results []*result

// read takes the events of go test.
func read(out []byte) (results, error) {
	var all results
	byName := map[string]*result{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for decoder.More() {
		var event struct{ Action, Test, Output string }
		if err := decoder.Decode(&event); err != nil {
			return nil, fmt.Errorf("go test: %w\n%s", err, out)
		}
		parts := strings.SplitN(strings.ReplaceAll(event.Test, "_", " "), "/", 3)
		if len(parts) < 2 {
			continue
		}
		r := byName[parts[1]]
		if r == nil {
			r = &result{name: parts[1]}
			byName[r.name] = r
			all = append(all, r)
		}
		switch {
		case len(parts) == 2 && event.Action == "output" && strings.HasPrefix(event.Output, "    ") && !strings.Contains(event.Output, "---"):
			r.note = strings.TrimSpace(event.Output)
		case len(parts) == 3 && event.Action == "pass":
			r.all++
		case len(parts) == 3 && event.Action == "fail":
			r.all++
			r.letIn = append(r.letIn, parts[2])
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("go test ran nothing:\n%s", out)
	}
	return all, nil
}

func (all results) print(w io.Writer) {
	fmt.Fprintln(w, "| | peer | shown | let in | of which an RFC forbids | |")
	fmt.Fprintln(w, "| --- | --- | --: | --: | --: | --- |")
	by := map[string]string{} // letters of peers, by attack
	for i, r := range all {
		letter := string(rune('A' + i))
		forbidden := 0
		for _, attack := range r.letIn {
			by[attack] += letter
			if demanded[attack] != "" {
				forbidden++
			}
		}
		fmt.Fprintf(w, "| %s | %s | %d | %d | %d | %s |\n", letter, r.name, r.all, len(r.letIn), forbidden, r.note)
	}
	fmt.Fprintln(w, "\n| credential | forbidden by | let in by |")
	fmt.Fprintln(w, "| --- | --- | --- |")
	attacks := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(min(1, len(demanded[b])), min(1, len(demanded[a]))), cmp.Compare(a, b))
	})
	for _, attack := range attacks {
		fmt.Fprintf(w, "| %s | %s | %s |\n", attack, demanded[attack], by[attack])
	}
}
