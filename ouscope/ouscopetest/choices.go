package ouscopetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tenetkit/tenet/ouscope"
)

// TestChoices checks that a store keeps the promises of [ouscope.ChoiceStore].
// The open func returns an empty store.
func TestChoices(t *testing.T, open func(t *testing.T) ouscope.ChoiceStore) {
	t.Helper()
	check := func(t *testing.T, store ouscope.ChoiceStore, organization, subject, want string) {
		t.Helper()
		got, err := store.Choice(t.Context(), organization, subject)
		if err != nil || got != want {
			t.Errorf("Choice(%q, %q) = %q, %v, want %q", organization, subject, got, err, want)
		}
	}
	set := func(t *testing.T, store ouscope.ChoiceStore, organization, subject, unit string) {
		t.Helper()
		if err := store.SetChoice(t.Context(), organization, subject, unit); err != nil {
			t.Fatalf("SetChoice(%q, %q, %q): %v", organization, subject, unit, err)
		}
	}
	t.Run("nothing is chosen at first", func(t *testing.T) {
		check(t, open(t), "", "ann", "")
	})
	t.Run("the last choice counts", func(t *testing.T) {
		store := open(t)
		set(t, store, "", "ann", "uk")
		check(t, store, "", "ann", "uk")
		set(t, store, "", "ann", "de")
		check(t, store, "", "ann", "de")
	})
	t.Run("a choice can be taken back, and again", func(t *testing.T) {
		store := open(t)
		set(t, store, "", "ann", "uk")
		set(t, store, "", "ann", "")
		set(t, store, "", "ann", "")
		check(t, store, "", "ann", "")
	})
	t.Run("organizations and subjects are told apart", func(t *testing.T) {
		store := open(t)
		keys := [][2]string{
			{"", "ann"},
			{"acme", "ann"},
			{"acm", "eann"},
			{"acme:", "ann"},
			{"acme", ":ann"},
			{"acme", "Ann"},
			{"acme", "ann "},
			{"", "acme:ann"},
			{"", "\u00e9"},
			{"", "e\u0301"},
			{"", "4:acme"},
			{"", "a'b"},
			{"", "*"},
			{"", "a\nb"},
		}
		for i, key := range keys {
			set(t, store, key[0], key[1], fmt.Sprint("unit", i))
		}
		for i, key := range keys {
			check(t, store, key[0], key[1], fmt.Sprint("unit", i))
		}
		set(t, store, "acme", "ann", "")
		check(t, store, "", "ann", "unit0")
		check(t, store, "acme", "Ann", "unit5")
	})
	t.Run("units come back unchanged", func(t *testing.T) {
		store := open(t)
		for _, unit := range []string{" uk ", "UK", "'", `"`, "\u2028", "\U0001F600", "0", "null", "%", `\`} {
			set(t, store, "", "ann", unit)
			check(t, store, "", "ann", unit)
		}
	})
	t.Run("a subject that no engine can hold has chosen nothing", func(t *testing.T) {
		store := open(t)
		for _, subject := range []string{"", "\x00", "a\x00b", "\xff"} {
			check(t, store, "", subject, "")
			set(t, store, "", subject, "")
		}
	})
	t.Run("concurrent choices leave one of them", func(t *testing.T) {
		store := open(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 20 {
					if err := store.SetChoice(t.Context(), "", "ann", fmt.Sprint("unit", i)); err != nil {
						t.Errorf("SetChoice: %v", err)
					}
					if got, err := store.Choice(t.Context(), "", "ann"); err != nil || len(got) != len("unit0") {
						t.Errorf("Choice = %q, %v, want one of those set", got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}
