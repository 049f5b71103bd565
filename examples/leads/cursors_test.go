package main

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walk reads a list by its cursors, each page from the next of the servers, and
// returns the names, and the cursor of the second page.
func walk(t *testing.T, as, query string, servers ...*server) (names []string, cursor string) {
	t.Helper()
	target := "/leads?limit=7&" + query
	for i := 0; ; i++ {
		l := servers[i%len(servers)].list(t, as, target)
		for _, row := range l.Data {
			names = append(names, row.Name+" "+row.ID)
		}
		if i == 0 {
			cursor = l.NextCursor
			if l.Total != 30 || l.PrevCursor != "" {
				t.Errorf("the first page has total %d and prev_cursor %q, want 30 and none", l.Total, l.PrevCursor)
			}
		}
		if l.NextCursor == "" {
			return names, cursor
		}
		target = "/leads?limit=7&" + query + "&cursor=" + url.QueryEscape(l.NextCursor)
	}
}

// TestCursors reads a list by cursors, which all instances on one database have in
// common, and those that are given the same key.
func TestCursors(t *testing.T) {
	t.Parallel()
	key := func(c string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32))) }
	const query = "sort=name,-value"
	forEachEngine(t, func(t *testing.T, e engine) {
		first, second := startUnlimited(t, e), startUnlimited(t, e)
		names, cursor := walk(t, "demo-reader", query, first, second)
		var want []string
		for _, row := range first.everything(t, "demo-reader", "/leads?"+query).Data {
			want = append(want, row.Name+" "+row.ID)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("the list by pages and by cursors (-pages +cursors):\n%s", diff)
		}

		target := "/leads?limit=7&" + query + "&cursor=" + url.QueryEscape(cursor)
		back := second.list(t, "demo-reader", "/leads?limit=7&"+query+"&cursor="+url.QueryEscape(second.list(t, "demo-reader", target).PrevCursor))
		if len(back.Data) != 7 || back.Data[0].Name+" "+back.Data[0].ID != want[0] {
			t.Errorf("prev_cursor of the second page leads to %+v, want the first page", back.Data)
		}
		first.stop()
		first = startUnlimited(t, e)
		first.want(t, 200, call{as: "demo-reader", target: target})

		// A cursor opens nothing to another caller, and none of another key is taken.
		forged := first.want(t, 400, call{as: "demo-reader", target: "/leads?cursor=AQ"})
		for who, got := range map[string]answer{
			"another caller":            first.want(t, 400, call{as: "demo-emea", target: target}),
			"a server with another key": startUnlimited(t, e, "-cursor-key", key("a")).want(t, 400, call{as: "demo-reader", target: target}),
		} {
			if got.body != forged.body {
				t.Errorf("%s: %s, want %s", who, got.body, forged.body)
			}
		}
	})

	t.Run("of keys that are replaced", func(t *testing.T) {
		t.Parallel()
		e := sqliteEngine(t)
		before := startUnlimited(t, e, "-cursor-key", key("a"))
		after := startUnlimited(t, e, "-cursor-key", file(t, "keys", key("b")+"\n"+key("a")+"\n"))
		_, cursor := walk(t, "demo-reader", query, before)
		after.want(t, 200, call{as: "demo-reader", target: "/leads?limit=7&" + query + "&cursor=" + url.QueryEscape(cursor)})
		_, cursor = walk(t, "demo-reader", query, after)
		before.want(t, 400, call{as: "demo-reader", target: "/leads?limit=7&" + query + "&cursor=" + url.QueryEscape(cursor)})
	})
}

// TestBadCursorKeys ends the start with a line that does not tell the key.
func TestBadCursorKeys(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ value, want string }{
		"too short":              {base64.StdEncoding.EncodeToString([]byte("hunter2")), "no such file"},
		"a word":                 {"hunter2", "no such file"},
		"a folder":               {t.TempDir(), "is a directory"},
		"a file that is empty":   {file(t, "empty", "\n"), "there is no key in it"},
		"a file with a bad line": {file(t, "bad", base64.StdEncoding.EncodeToString(make([]byte, 32))+"\nhunter2\n"), "key 2 is no base64 of 32 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFailure(t, []string{"-cursor-key", tt.value}, "-cursor-key", tt.want)
		})
	}
}
