// Command bodies sends bad bodies and mistyped queries to Tenet and to each peer,
// wired as its documentation has it and with all the options that it has against
// them, and prints who refuses what, and how.
//
//	GOWORK=off go run ./bodies
//
// A body is refused if the answer is a 4xx. What is let in was obeyed, or what the
// caller meant by it ignored without a word.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bodies:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	var all []verdict
	for _, p := range peers() {
		v, err := p.judge()
		if err != nil {
			return err
		}
		all = append(all, v)
	}

	fmt.Fprint(w, "| peer | refused |")
	for _, b := range badBodies {
		fmt.Fprintf(w, " %s |", b.name)
	}
	fmt.Fprintln(w, "\n| --- | --: |"+strings.Repeat(" --- |", len(badBodies)))
	for _, v := range all {
		fmt.Fprintf(w, "| %s | %d of %d |", v.peer, v.refused(), len(badBodies))
		for _, a := range v.bodies {
			fmt.Fprintf(w, " %s |", a.refusal())
		}
		fmt.Fprintln(w)
	}

	fmt.Fprintln(w, "\n| peer | `?lmit=3` | `?page=1&page=2` | no such route | no such method | a missing field is called |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	for _, v := range all {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", v.peer,
			v.unknownParameter.refusal(), v.repeatedParameter.refusal(), v.noRoute.form(), v.noMethod.form(), v.missing.calls())
	}
	return nil
}

// refusal is the status, or that the request was let in.
func (a answer) refusal() string {
	switch {
	case a.panicked:
		return "panic"
	case a.refused():
		return strconv.Itoa(a.status)
	}
	return "let in"
}

// form says what a client can make of a refusal.
func (a answer) form() string {
	kind := "text"
	switch {
	case a.isJSON():
		kind = "JSON"
	case len(a.body) == 0:
		kind = "empty"
	}
	kind = fmt.Sprintf("%d %s", a.status, kind)
	if a.status == 405 && a.header.Get("Allow") == "" {
		kind += " without Allow"
	}
	return kind
}

// calls says by which of its names an answer calls the field full_name.
func (a answer) calls() string {
	var names []string
	for _, name := range []string{"full_name", "FullName"} {
		if strings.Contains(string(a.body), name) {
			names = append(names, "`"+name+"`")
		}
	}
	if len(names) == 0 {
		names = []string{"nothing"}
	}
	return fmt.Sprintf("%d %s", a.status, strings.Join(names, ", "))
}
