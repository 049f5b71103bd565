package ouscope

import (
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// A Unit is an organizational unit, a place in a tree.
type Unit struct {
	// ID names the unit in rows, choices and grants: 1 to 128 bytes of UTF-8
	// without control characters. It is compared byte by byte, so uk and UK
	// are two units, and no two units of a tree may share it.
	ID string

	// Organization is the organization that the unit belongs to. A unit and
	// its parent have the same one. It may be empty where there is only one.
	Organization string

	Parent      string // id of the unit above, empty at the top
	Name        string // for people
	Slug        string // for addresses
	ExternalRef string // the unit's key in another system
	Default     bool   // marks the unit for the application's own use; it chooses nothing here

	// Disabled takes the unit and all units below it out of use: they can
	// neither be chosen nor read, as if they were not there.
	Disabled bool
}

// An Assignment gives a subject a role on a unit and, unless NoInherit is set,
// on all units below it.
type Assignment struct {
	ID      string // names the assignment itself; free, may be empty
	Subject string

	// Organization is the organization of Unit. It may be empty where unit
	// ids are unique and [Options].Organization is not set.
	Organization string

	Unit      string
	Role      string
	NoInherit bool
}

// A Directory tells the units and who holds which role on them. It is read on
// requests, from many goroutines at once; what it returned must not be changed
// afterwards.
type Directory interface {
	// Units returns all units, disabled ones included, in any order. If they
	// make no tree (an id that is there twice, a parent that is not there, a
	// circle), requests are answered with 503 until they do: to leave out
	// some would move callers to other units.
	Units(ctx context.Context) ([]Unit, error)

	// Assignments returns the assignments of the subject, in any order. A
	// subject that is not known has none, which is not an error. Those that
	// name another subject, no role or a unit that is not there count nothing.
	Assignments(ctx context.Context, subject string) ([]Assignment, error)
}

// maxID bounds the length of a unit's id in bytes.
const maxID = 128

// checkID says what is wrong with the id of a unit. Control characters and
// invalid UTF-8 are refused because engines disagree on them: PostgreSQL cannot
// hold a NUL, JSON replaces a stray byte, and two ids would become one.
func checkID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("unit id %.32q has %d bytes, want 1 to %d", id, len(id), maxID)
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return checkUnicode(id)
		}
	}
	return nil
}

func checkUnicode(id string) error {
	if !utf8.ValidString(id) {
		return fmt.Errorf("unit id %q is not valid UTF-8", id)
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return fmt.Errorf("unit id %q has a control character", id)
		}
	}
	return nil
}
