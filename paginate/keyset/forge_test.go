package keyset_test

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/tenetkit/tenet/paginate/keyset"
)

// No change of a single character, at any position, is accepted.
func TestNoChangeOfACursorIsAccepted(t *testing.T) {
	t.Parallel()
	p := newPager(t, keyset.Options{})
	// Lengths in all three residues, so that the last character has 6, 4 and
	// 2 bits to spare.
	for _, name := range []string{"Ada", "Ada ", "Ada  "} {
		cursor := cursorFor(t, p, byName, []any{name, 7})
		try := func(changed string) {
			if changed == cursor {
				return
			}
			if _, err := parse(p, "cursor="+url.QueryEscape(changed), byName); err == nil {
				t.Errorf("%q is accepted, made of %q", changed, cursor)
			}
		}
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~ \n\r\x00\xff%"
		for i := range len(cursor) {
			for _, c := range []byte(alphabet) {
				try(cursor[:i] + string([]byte{c}) + cursor[i+1:])
				try(cursor[:i] + string([]byte{c}) + cursor[i:])
			}
			try(cursor[:i] + cursor[i+1:])
			if i > 0 {
				try(cursor[:i-1] + cursor[i:i+1] + cursor[i-1:i] + cursor[i+1:])
			}
		}
		for _, c := range []byte(alphabet) {
			try(cursor + string([]byte{c}))
		}
	}
}

// FuzzCursor accepts nothing but what was issued.
func FuzzCursor(f *testing.F) {
	p := newPager(f, keyset.Options{})
	issued := map[string]bool{}
	for _, values := range [][]any{{"Ada", 7}, {"", 0}, {"é", -1}} {
		cursor := cursorFor(f, p, byName, values)
		issued[cursor] = true
		f.Add(cursor)
		f.Add(cursor[:len(cursor)-1])
	}
	f.Add(cursorFor(f, newPager(f, keyset.Options{}, secretB), byName, []any{"Ada", 7}))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := parse(p, "cursor="+url.QueryEscape(cursor), byName)
		if (err == nil) != issued[cursor] {
			t.Errorf("ParseRequest(cursor=%q): %v; issued: %t", cursor, err, issued[cursor])
		}
		if err != nil && refusalOf(t, err) != (refusal{"cursor", "invalid"}) {
			t.Errorf("ParseRequest(cursor=%q): %v", cursor, err)
		}
	})
}

// FuzzValues reads what only a holder of the secret could have written, and
// writes it again.
func FuzzValues(f *testing.F) {
	f.Add([]byte("s\x03Adai\x0e"), 2)
	f.Add([]byte("nB\x01t\x00\x05b\x00f\x3f\xf0\x00\x00\x00\x00\x00\x00"), 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 || n > 10 {
			t.Skip()
		}
		values, again, ok, err := keyset.Recode(b, n)
		if !ok {
			return
		}
		if err != nil || len(values) != n {
			t.Fatalf("decode(%q) = %v, %v", b, values, err)
		}
		second, third, ok, err := keyset.Recode(again, n)
		if !ok || err != nil || !bytes.Equal(again, third) {
			t.Fatalf("decode(%q) = %v, %t, %v; want %v again", again, second, ok, err, values)
		}
	})
}
