package clientfile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/examples/leads/internal/clientfile"
)

func TestParse(t *testing.T) {
	t.Parallel()
	_, hash := auth.GenerateSecret()
	_, next := auth.GenerateSecret()
	tests := map[string]struct {
		text string
		want []auth.Client
	}{
		"nobody":                 {`[]`, []auth.Client{}},
		"a client":               {`[{"id":"a","secrets":[{"hash":"` + hash + `"}]}]`, []auth.Client{{ID: "a", Secrets: []auth.Secret{{Hash: hash}}}}},
		"one that is disabled":   {`[{"id":"a","disabled":true}]`, []auth.Client{{ID: "a", Disabled: true}}},
		"claims of their own":    {`[{"id":"a","disabled":true,"claims":{"Team":null,"a-b":[{"c":1}]}}]`, []auth.Client{{ID: "a", Disabled: true, Claims: map[string]any{"Team": nil, "a-b": []any{map[string]any{"c": 1.0}}}}}},
		"claims that are a null": {`[{"id":"a","disabled":true,"claims":null}]`, []auth.Client{{ID: "a", Disabled: true}}},
		"everything": {
			"\n[ {\"id\":\"a\",\"org_unit\":\"uk\",\"scopes\":[\"x\"],\"roles\":[\"y\"],\"disabled\":false,\"secrets\":[{\"hash\":\"" + hash +
				"\",\"not_after\":\"2026-12-31T23:59:59Z\"},{\"hash\":\"" + next + "\"}]},\n{\"id\":\"b\",\"disabled\":true}]\n",
			[]auth.Client{
				{ID: "a", Unit: "uk", Scopes: []string{"x"}, Roles: []string{"y"}, Secrets: []auth.Secret{
					{Hash: hash, NotAfter: time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)}, {Hash: next},
				}},
				{ID: "b", Disabled: true},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := clientfile.Parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("clients mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// refused are files that are refused, and what the message says of each.
var refused = map[string]struct{ text, want string }{
	"nothing":                   {``, `not JSON at line 1`},
	"a blank line":              {"\n", `not JSON at line 1`},
	"null":                      {`null`, `null at line 1 (offset 4)`},
	"an object":                 {`{"id":"robot"}`, `not an array of clients`},
	"broken JSON":               {"[\n{\"id\":\"robot\",}]", `not JSON at line 2 (offset 16)`},
	"cut JSON":                  {`[{"id":"robot"`, `not JSON at line 1 (offset 13)`},
	"trailing data":             {"[]\n{}", `not JSON at line 2 (offset 3)`},
	"invalid UTF-8":             {"[{\"id\":\"rob\xfft\"}]", `not UTF-8`},
	"an entry that is null":     {`[null]`, `null at line 1 (offset 5)`},
	"an entry that is a string": {`["hunter2"]`, `entry 1: it is not a client`},
	"a secret that is null":     {`[{"id":"robot","secrets":null}]`, `null at line 1 (offset 29)`},
	"an unknown member":         {`[{"id":"robot","secret":"hunter2"}]`, `client "robot": the member "secret" is unknown`},
	"an unknown member inside":  {`[{"id":"robot","secrets":[{"text":"hunter2"}]}]`, `client "robot": the member "text" is unknown`},
	"a member in another case":  {`[{"id":"robot","Disabled":true}]`, `the member "Disabled" is unknown, at line 1 (offset 25)`},
	"a hash for a name":         {`[{"id":"robot","secrets":{"$sha256$aHVudGVyM":""}}]`, `a member is unknown`},
	"a secret for a name":       {`[{"id":"robot","hunter2":{}}]`, `a member is unknown`},
	"a long secret for a name":  {`[{"id":"robot","huntertwohuntertwohunter":{}}]`, `client "robot": a member is unknown`},
	"a member that looks alike": {`[{"id":"robot","diſabled":true}]`, `a member is unknown, at line 1 (offset 26)`},
	"a member given twice":      {`[{"id":"robot","disabled":true,"disabled":false}]`, `the member "disabled" is given twice, at line 1 (offset 41)`},
	"a name in other letters":   {`[{"id":"robot","disabled":true,"\u0064isabled":false}]`, `is given twice`},
	"a hash given twice":        {`[{"id":"robot","secrets":[{"hash":"a","hash":"b"}]}]`, `is given twice`},
	"a claim given twice":       {`[{"id":"robot","disabled":true,"claims":{"a":1,"A":2,"a":3}}]`, `is given twice`},
	"no id":                     {`[{"disabled":true}]`, `an id has 1 to 256 bytes`},
	"an id that is a number":    {`[{"id":1}]`, `entry 1: id has the wrong type`},
	"an id with a colon":        {`[{"id":"a:b","disabled":true}]`, `client "a:b"`},
	"two of one id":             {`[{"id":"robot","disabled":true},{"id":"robot","disabled":true}]`, `client "robot" is listed twice`},
	"no secrets":                {`[{"id":"robot"}]`, `client "robot": it has no secrets`},
	"empty secrets":             {`[{"id":"robot","secrets":[]}]`, `client "robot": it has no secrets`},
	"a secret in plain text":    {`[{"id":"robot","secrets":[{"hash":"hunter2"}]}]`, `client "robot": secret 0: its hash is not $sha256$`},
	"a secret without a hash":   {`[{"id":"robot","secrets":[{}]}]`, `client "robot": secret 0: its hash`},
	"a secret without braces":   {`[{"id":"robot","secrets":["hunter2"]}]`, `client "robot": secrets has the wrong type`},
	"secrets without brackets":  {`[{"id":"robot","secrets":"hunter2"}]`, `client "robot": secrets has the wrong type`},
	"an id behind the slip":     {`[{"secrets":"hunter2","id":"robot"}]`, `client "robot": secrets has the wrong type`},
	"a hash that is a number":   {`[{"id":"robot","secrets":[{"hash":1}]}]`, `client "robot": secrets.hash has the wrong type`},
	"a hash that was cut":       {`[{"id":"robot","secrets":[{"hash":"$sha256$aHVudGVyM"}]}]`, `client "robot": secret 0`},
	"a costly hash":             {`[{"id":"robot","secrets":[{"hash":"$argon2id$v=19$m=99999999,t=2,p=1$aHVudGVyMg$aHVudGVyMmh1bnRlcjI"}]}]`, `client "robot": secret 0`},
	"an end that is no time":    {`[{"id":"robot","secrets":[{"hash":"x","not_after":"hunter2"}]}]`, `client "robot": not_after is not a time`},
	"an OAuth scope of two":     {`[{"id":"robot","disabled":true,"scopes":["a b"]}]`, `client "robot": "a b" is no OAuth scope`},
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := clientfile.Parse([]byte(tt.text))
			if err == nil {
				t.Fatalf("Parse(%s) = %v, want an error", tt.text, list)
			}
			got := err.Error()
			if !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("Parse(%s): %q, want %q in one line", tt.text, got, tt.want)
			}
			if strings.Contains(got, "hunter2") || strings.Contains(got, "aHVudGVyM") {
				t.Errorf("Parse(%s): %q tells a secret or a hash", tt.text, got)
			}
		})
	}
}

// FuzzParse: what is taken for clients reads the same when it is written
// again, and what is not is refused in one line that quotes no value.
func FuzzParse(f *testing.F) {
	for _, tt := range refused {
		f.Add([]byte(tt.text))
	}
	_, hash := auth.GenerateSecret()
	f.Add(fmt.Appendf(nil, `[{"id":"robot","secrets":[{"hash":%q,"not_after":"2026-12-31T23:59:59Z"}],"claims":{"A":null}}]`, hash))
	f.Add([]byte(`[{"id":"r","disabled":true,"org_unit":"uk","scopes":["a"],"roles":["b"],"secrets":[]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := clientfile.Parse(data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("clientfile.Parse(%q): %q, want one line", data, err)
			}
			return
		}
		if !json.Valid(data) {
			t.Errorf("clientfile.Parse(%q) takes what is not JSON", data)
		}
		for i := range list {
			if list[i].Secrets == nil {
				list[i].Secrets = []auth.Secret{} // else it is written as null
			}
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := clientfile.Parse(text)
		if err != nil {
			t.Fatalf("clientfile.Parse of what clientfile.Parse(%q) gave: %v", data, err)
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Errorf("clientfile.Parse(%q) reads otherwise when written again (-first +again):\n%s", data, diff)
		}
	})
}
